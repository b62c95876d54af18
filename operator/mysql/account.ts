/**
 * What MySQL should hold, what it holds, and the difference: the data of this rail.
 * In: AccountNeed of the topology and password hashes. Out: Account[] (desired), AccountState[] (read back),
 * AccountChange[] (plan), statements. Never: a socket, a password.
 */

/** The part of MySQL's privilege system that is granted to one account at one place. */
export interface GrantSet {
  readonly schema: string;
  /** `*` = the whole schema. */
  readonly table: string;
  /** undefined = the table or schema as a whole. */
  readonly column?: string;
  /** Upper case as SQL writes them, sorted. */
  readonly privileges: readonly string[];
}

/** One account as it should be. */
export interface Account {
  readonly user: string;
  readonly host: string;
  /** The DatabaseGrant (`namespace/name`) that owns it. */
  readonly owner: string;
  readonly plugin: 'mysql_native_password' | 'caching_sha2_password';
  /** As the server stores it: `*HEX` (native) or `$A$005$…` (caching_sha2). */
  readonly hash: string;
  /** Sorted by schema, table, column; one entry a place. */
  readonly grants: readonly GrantSet[];
  readonly locked: boolean;
}
