import { accountKey } from './account.ts';
import type { AccountName, AccountState, DeletionPolicy, GrantSet, Mark } from './account.ts';

/** Cells of a result, by position. */
export type Row = readonly (string | number | null)[];

/**
 * What one look at the server gave. The columns are those of `observation`:
 * accounts: user, host, plugin, hash, locked (0/1), global privileges (text), attributes (JSON) on MySQL; user, host, JSON on MariaDB.
 * schemas: user, host, schema, flags (Y and N in the order of `schemaPrivileges`). tables: user, host, schema, table, set.
 * columns: user, host, schema, table, column, set. ledger: user, host, cluster, owners, policy, state, applied.
 */
export interface AccountRows {
  readonly flavor: 'MySQL' | 'MariaDB';
  readonly accounts: readonly Row[];
  readonly schemas: readonly Row[];
  readonly tables: readonly Row[];
  readonly columns: readonly Row[];
  readonly ledger: readonly Row[];
  readonly schemaPrivileges: readonly string[];
}

/** The bit of GRANT OPTION in MariaDB's `access`. */
const GRANT_OPTION_BIT = 1024;

type Identity = Pick<AccountState, 'plugin' | 'hash' | 'locked'> & { readonly mark?: Mark; readonly global?: GrantSet };

/** The accounts that the rows speak of, by accountKey. Roles and routine-level grants are not looked at. */
export function accountStates(rows: AccountRows): Map<string, AccountState> {
  const ledger = new Map(rows.ledger.map((row) => [keyOfRow(row), row]));
  const grants = grantsOf(rows);
  const identify = rows.flavor === 'MariaDB' ? mariadbIdentity() : mysqlIdentity;
  const states = new Map<string, AccountState>();
  for (const row of rows.accounts) {
    const key = keyOfRow(row);
    const { global, mark: attribute, ...identity } = identify(row);
    const noted = ledger.get(key);
    const mark = attribute ?? (noted && markOfRow(noted));
    const own = grants.get(key) ?? [];
    states.set(key, {
      ...nameOf(row),
      exists: true,
      ...identity,
      grants: global ? [global, ...own] : own,
      ...(mark && { mark }),
    });
  }
  for (const [key, row] of ledger) if (!states.has(key)) states.set(key, absent(row));
  return states;
}

function absent(row: Row): AccountState {
  return { ...nameOf(row), exists: false, plugin: '', hash: '', locked: false, grants: [], mark: markOfRow(row) };
}

function text(cell: string | number | null | undefined): string {
  return cell === null || cell === undefined ? '' : String(cell);
}

function nameOf(row: Row): AccountName {
  return { user: text(row[0]), host: text(row[1]) };
}

function keyOfRow(row: Row): string {
  return accountKey(nameOf(row));
}

function markOfRow(row: Row): Mark {
  const states: Readonly<Record<string, Mark['state']>> = { owned: 'Owned', proven: 'Proven' };
  return {
    cluster: text(row[2]),
    owners: text(row[3]).split(','),
    deletionPolicy: policyOf(row[4]),
    state: states[text(row[5])] ?? 'Intent',
    applied: text(row[6]),
  };
}

/** Whatever is not one of the three leaves the account alone. */
function policyOf(value: unknown): DeletionPolicy {
  return value === 'Delete' || value === 'Lock' ? value : 'Orphan';
}

interface GlobalPriv {
  readonly access?: number;
  readonly plugin?: string;
  readonly authentication_string?: string;
  readonly account_locked?: boolean;
  readonly auth_or?: readonly unknown[];
}

/** Reads mysql.global_priv. An account with several ways in counts as none of ours: it differs from all we would make. */
function mariadbIdentity(): (row: Row) => Identity {
  const globals = new Map<number, GrantSet | undefined>();
  return (row) => {
    const priv = JSON.parse(text(row[2]) || '{}') as GlobalPriv;
    const access = priv.access ?? 0;
    if (!globals.has(access)) globals.set(access, globalSet(access !== 0, (access & GRANT_OPTION_BIT) !== 0));
    const global = globals.get(access);
    return {
      plugin: priv.auth_or ? 'several' : (priv.plugin ?? 'mysql_native_password'),
      hash: priv.authentication_string ?? '',
      locked: priv.account_locked === true,
      ...(global && { global }),
    };
  };
}

function mysqlIdentity(row: Row): Identity {
  const privileges = text(row[5]);
  const global = globalSet(privileges !== '', privileges.includes('GRANT OPTION'));
  const mark = markOfAttribute(text(row[6]));
  return {
    plugin: text(row[2]),
    hash: text(row[3]),
    locked: row[4] === 1 || row[4] === '1',
    ...(global && { global }),
    ...(mark && { mark }),
  };
}

/** We never grant anything on the whole server, so all that matters is whether there is something to take back. */
function globalSet(any: boolean, grantOption: boolean): GrantSet | undefined {
  if (!any) return undefined;
  return { schema: '*', table: '*', privileges: grantOption ? ['ALL PRIVILEGES', 'GRANT OPTION'] : ['ALL PRIVILEGES'] };
}

function markOfAttribute(json: string): Mark | undefined {
  if (json === '') return undefined;
  const { webpool } = JSON.parse(json) as { readonly webpool?: Readonly<Record<string, string>> };
  if (!webpool) return undefined;
  return {
    cluster: text(webpool['cluster']),
    owners: text(webpool['owners']).split(','),
    deletionPolicy: policyOf(webpool['deletionPolicy']),
    state: 'Owned',
    applied: text(webpool['applied']),
  };
}

/** Sets by accountKey. Thousands of accounts have the same few: equal ones are one object. */
function grantsOf(rows: AccountRows): Map<string, GrantSet[]> {
  const sets = new Map<string, GrantSet>();
  const grants = new Map<string, GrantSet[]>();
  const add = (row: Row, schemaPrivileges?: readonly string[]): void => {
    const id = row.slice(2).join('\0');
    let set = sets.get(id);
    if (!set) {
      set = setOfRow(row, schemaPrivileges);
      sets.set(id, set);
    }
    if (set.privileges.length === 0) return;
    const key = keyOfRow(row);
    const own = grants.get(key);
    if (own) own.push(set);
    else grants.set(key, [set]);
  };
  for (const row of rows.schemas) add(row, rows.schemaPrivileges);
  for (const row of rows.tables) add(row);
  for (const row of rows.columns) add(row);
  return grants;
}

function setOfRow(row: Row, schemaPrivileges: readonly string[] | undefined): GrantSet {
  const schema = text(row[2]);
  if (schemaPrivileges) return { schema, table: '*', privileges: fromFlags(text(row[3]), schemaPrivileges) };
  const table = text(row[3]);
  if (row.length === 5) return { schema, table, privileges: fromSet(text(row[4])) };
  return { schema, table, column: text(row[4]), privileges: fromSet(text(row[5])) };
}

function fromFlags(flags: string, privileges: readonly string[]): readonly string[] {
  return privileges.filter((_, index) => flags[index] === 'Y').sort();
}

const SET_WORDS: Readonly<Record<string, string>> = {
  GRANT: 'GRANT OPTION',
  'DELETE VERSIONING ROWS': 'DELETE HISTORY',
};

function fromSet(set: string): readonly string[] {
  if (set === '') return [];
  const words = set.split(',').map((word) => word.toUpperCase());
  return words.map((word) => SET_WORDS[word] ?? word).sort();
}
