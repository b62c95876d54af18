/**
 * What MySQL should hold, what it holds, and the difference: the data of this rail.
 * In: AccountNeed of the topology and password hashes. Out: Account[] (desired), AccountState[] (read back),
 * AccountChange[] (plan), statements. Never: a socket, a password.
 */

/** How an account proves who it is. */
export type AuthPlugin = 'mysql_native_password' | 'caching_sha2_password' | 'ed25519';

/** What a connection needs beside the password. */
export type TlsRequirement = 'None' | 'SSL' | 'X509';

/** What one account may use; 0 = no limit. */
export interface Limits {
  /** Connections at a time. */
  readonly maxUserConnections: number;
  readonly maxQueriesPerHour: number;
  readonly maxUpdatesPerHour: number;
  readonly maxConnectionsPerHour: number;
}

/** One password of an account, as the server stores it. */
export interface Credential {
  readonly plugin: string;
  /** `*HEX` (native), `$A$005$…` (caching_sha2) or 43 characters of base64 (ed25519). */
  readonly hash: string;
}

/** What becomes of an account whose DatabaseGrant is deleted. */
export type DeletionPolicy = 'Delete' | 'Lock' | 'Orphan';

/** The two parts that name an account; users compare with case, hosts are lower case. */
export interface AccountName {
  readonly user: string;
  readonly host: string;
}

/** The part of MySQL's privilege system that is granted to one account at one place. */
export interface GrantSet {
  /**
   * As the server stores it: with `\_` and `\%` escaped where `table` is `*` (there it is a pattern), else literal.
   * `*` = the whole server, which only ever occurs in what is read back.
   */
  readonly schema: string;
  /** `*` = the whole schema. */
  readonly table: string;
  /** undefined = the table or schema as a whole. */
  readonly column?: string;
  /** Upper case as SQL writes them, sorted. */
  readonly privileges: readonly string[];
}

/** One account as it should be. */
export interface Account extends AccountName {
  /** The DatabaseGrants (`namespace/name`) that want it, sorted; never empty. */
  readonly owners: readonly string[];
  readonly plugin: AuthPlugin;
  /** As the server stores it: `*HEX` (native) or `$A$005$…` (caching_sha2). */
  readonly hash: string;
  /** Fingerprint of `hash`, by which a mark knows a password of ours. */
  readonly proof: string;
  /** Sorted by schema, table, column; one entry a place. */
  readonly grants: readonly GrantSet[];
  readonly requireTLS: TlsRequirement;
  readonly limits: Limits;
  readonly locked: boolean;
  /** Seconds for which the password before a change stays valid beside the new one; 0 = it ends at once. */
  readonly keepOldPassword: number;
  /** An account of this name that somebody else made becomes ours. */
  readonly adopt: boolean;
  readonly deletionPolicy: DeletionPolicy;
  /** The sessions of the account end when it is dropped or locked. */
  readonly killSessions: boolean;
  /** Report: what was changed by hand is shown, not undone. */
  readonly driftPolicy: 'Enforce' | 'Report';
  readonly secretVersion: string;
  /** Fingerprint of all that the server is asked to hold: equal to the mark's while only somebody else's hand can have made a difference. */
  readonly applied: string;
}

/** What the server keeps of us about one account: our ownership. */
export interface Mark {
  /** The installation of webpool that owns the account. */
  readonly cluster: string;
  readonly owners: readonly string[];
  readonly deletionPolicy: DeletionPolicy;
  readonly killSessions: boolean;
  /** Fingerprints of the password hashes that are of our making; anything else was set by hand. */
  readonly passwords: readonly string[];
  /**
   * Intent: written before the account was made. Proven: the account that is there now is the one that was meant.
   * Owned: the account was made by us.
   */
  readonly state: 'Intent' | 'Proven' | 'Owned';
  /** `Account.applied` of the last complete change; empty before the first. */
  readonly applied: string;
}

/** One account as it was read back. */
export interface AccountState extends AccountName {
  /** false: only the mark is there. */
  readonly exists: boolean;
  readonly plugin: string;
  readonly hash: string;
  /** A further password that lets in as well. */
  readonly second?: Credential;
  /** Seconds since 1970 by the server's clock; 0 where it keeps no such time. */
  readonly passwordChanged: number;
  /** Specified: something that we never ask for, such as one certain cipher. */
  readonly requireTLS: TlsRequirement | 'Specified';
  readonly limits: Limits;
  readonly locked: boolean;
  readonly grants: readonly GrantSet[];
  readonly mark: Mark | undefined;
}

/** One step from what MySQL holds to what it should hold. */
export type AccountChange =
  /** The account goes. */
  | { readonly kind: 'drop'; readonly account: AccountName; readonly killSessions: boolean }
  /** The account stays but nobody logs in any more. */
  | { readonly kind: 'lock'; readonly account: AccountName; readonly killSessions: boolean }
  /** Our mark goes; the account, if there is one, is no longer ours. */
  | { readonly kind: 'forget'; readonly account: AccountName }
  | { readonly kind: 'create'; readonly account: Account }
  /** An account that somebody else made carries our mark from now on; `passwords` are the fingerprints of what it has. */
  | { readonly kind: 'adopt'; readonly account: Account; readonly passwords: readonly string[] }
  /** Another password; `keep` stays valid beside it, and whatever else was valid no longer is. */
  | { readonly kind: 'password'; readonly account: Account; readonly keep?: Credential; readonly hadSecond: boolean }
  /** The further password ends; `due`: because its time is over, else because it is not of our making. */
  | { readonly kind: 'discard'; readonly account: Account; readonly due: boolean }
  /** Required TLS and limits. */
  | { readonly kind: 'options'; readonly account: Account }
  | { readonly kind: 'unlock'; readonly account: AccountName }
  | { readonly kind: 'grant'; readonly account: AccountName; readonly set: GrantSet }
  | { readonly kind: 'revoke'; readonly account: AccountName; readonly set: GrantSet }
  /** The mark says what was applied; `passwords` are the fingerprints of all that lets in now. */
  | { readonly kind: 'mark'; readonly account: Account; readonly passwords: readonly string[] };

/** What an account without limits has. */
export const NO_LIMITS: Limits = {
  maxUserConnections: 0,
  maxQueriesPerHour: 0,
  maxUpdatesPerHour: 0,
  maxConnectionsPerHour: 0,
};

/** The key by which accounts are compared: neither part may hold a NUL. */
export function accountKey({ user, host }: AccountName): string {
  return `${user}\0${host}`;
}

/** The account of a key. */
export function nameOfKey(key: string): AccountName {
  const end = key.indexOf('\0');
  return { user: key.slice(0, end), host: key.slice(end + 1) };
}

/** The key of the place that a set speaks of; columns compare without case, as the server does. */
export function placeKey({ schema, table, column }: GrantSet): string {
  return column === undefined ? `${schema}\0${table}` : `${schema}\0${table}\0${column.toLowerCase()}`;
}

/** How a place reads in a message: `shop.*`, `shop.orders`, `shop.orders(total)`. */
export function placeText({ schema, table, column }: GrantSet): string {
  const name = `${table === '*' ? schema.replace(/\\(.)/g, '$1') : schema}.${table}`;
  return column === undefined ? name : `${name}(${column})`;
}
