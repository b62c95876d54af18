import { accountKey, nameOfKey } from './account.ts';
import type { AccountState, DeletionPolicy, GrantSet, Mark } from './account.ts';

/** Cells of a result, by position. */
export type Row = readonly (string | number | null)[];

/**
 * What one look at the server gave. The columns are those of `observation`:
 * accounts: user, host, plugin, hash, locked (0/1), global privileges (text), attributes (JSON) on MySQL; user, host, JSON on MariaDB.
 * schemas: user, host, schema, flags (Y and N in the order of `schemaPrivileges`). tables: user, host, schema, table, set.
 * columns: user, host, schema, table, column, set. ledger: user, host, and cluster, owners, policy, state, applied with NUL in between.
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

interface Identity {
  readonly plugin: string;
  readonly hash: string;
  readonly locked: boolean;
  /** What the account may do on the whole server, which is never of our making. */
  readonly global: readonly GrantSet[];
  readonly mark: Mark | undefined;
}

const NO_GRANTS: readonly GrantSet[] = [];

/** The accounts that the rows speak of, by accountKey. Roles and routine-level grants are not looked at. */
export function accountStates(rows: AccountRows): Map<string, AccountState> {
  const marks = marksOf(rows.ledger);
  const grants = grantsOf(rows);
  const identify = rows.flavor === 'MariaDB' ? mariadbIdentity() : mysqlIdentity;
  const states = new Map<string, AccountState>();
  for (const row of rows.accounts) {
    const key = keyOfRow(row);
    const { plugin, hash, locked, global, mark } = identify(row);
    const own = grants.get(key) ?? NO_GRANTS;
    states.set(key, {
      user: text(row[0]),
      host: text(row[1]),
      exists: true,
      plugin,
      hash,
      locked,
      grants: global.length === 0 ? own : [...global, ...own],
      mark: mark ?? marks.get(key),
    });
  }
  for (const [key, mark] of marks) if (!states.has(key)) states.set(key, absent(key, mark));
  return states;
}

function absent(key: string, mark: Mark): AccountState {
  return { ...nameOfKey(key), exists: false, plugin: '', hash: '', locked: false, grants: NO_GRANTS, mark };
}

function text(cell: string | number | null | undefined): string {
  return cell === null || cell === undefined ? '' : String(cell);
}

function keyOfRow(row: Row): string {
  return accountKey({ user: text(row[0]), host: text(row[1]) });
}

const MARK_STATES: Readonly<Record<string, Mark['state']>> = { owned: 'Owned', proven: 'Proven' };

/** Thousands of rows say the same: equal marks are one object. */
function marksOf(ledger: readonly Row[]): Map<string, Mark> {
  const known = new Map<string, Mark>();
  const marks = new Map<string, Mark>();
  for (const row of ledger) {
    const note = text(row[2]);
    const mark = known.get(note) ?? markOfNote(note);
    known.set(note, mark);
    marks.set(keyOfRow(row), mark);
  }
  return marks;
}

function markOfNote(note: string): Mark {
  const [cluster = '', owners = '', policy, state = '', applied = ''] = note.split('\0');
  return {
    cluster,
    owners: owners.split(','),
    deletionPolicy: policyOf(policy),
    state: MARK_STATES[state] ?? 'Intent',
    applied,
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

/**
 * Reads mysql.global_priv. An account with several ways in counts as none of ours: it differs from all we would make.
 * Accounts that were made together have the same text, which is then read once.
 */
function mariadbIdentity(): (row: Row) => Identity {
  const known = new Map<string, Identity>();
  return (row) => {
    const json = text(row[2]) || '{}';
    const identity = known.get(json) ?? identityOf(JSON.parse(json) as GlobalPriv);
    known.set(json, identity);
    return identity;
  };
}

function identityOf({ access = 0, ...priv }: GlobalPriv): Identity {
  return {
    plugin: priv.auth_or ? 'several' : (priv.plugin ?? 'mysql_native_password'),
    hash: priv.authentication_string ?? '',
    locked: priv.account_locked === true,
    global: globalGrants(access !== 0, (access & GRANT_OPTION_BIT) !== 0),
    mark: undefined,
  };
}

function mysqlIdentity(row: Row): Identity {
  const privileges = text(row[5]);
  return {
    plugin: text(row[2]),
    hash: text(row[3]),
    locked: row[4] === 1 || row[4] === '1',
    global: globalGrants(privileges !== '', privileges.includes('GRANT OPTION')),
    mark: markOfAttribute(text(row[6])),
  };
}

/** We never grant anything on the whole server, so all that matters is whether there is something to take back. */
function globalGrants(any: boolean, grantOption: boolean): readonly GrantSet[] {
  if (!any) return NO_GRANTS;
  const privileges = grantOption ? ['ALL PRIVILEGES', 'GRANT OPTION'] : ['ALL PRIVILEGES'];
  return [{ schema: '*', table: '*', privileges }];
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
