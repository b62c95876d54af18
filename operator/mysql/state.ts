import { accountKey, nameOfKey, NO_LIMITS } from './account.ts';
import type { AccountName, AccountState, GrantSet, Mark } from './account.ts';
import { fingerprint } from './fingerprint.ts';
import { globalPrivIdentity, policyOf, text, userIdentity } from './identity.ts';
import type { Identity, Row } from './identity.ts';

/**
 * What one look at the server gave. The columns are those of `observation`:
 * accounts: user, host, JSON of mysql.global_priv (`source` GlobalPriv); else user, host, plugin, hash, locked (0/1), time of
 * the password, ssl_type, limits (connections at a time, queries, updates, connections an hour), global privileges, attributes (JSON).
 * schemas: user, host, schema, flags (Y and N in the order of `schemaPrivileges`). tables: user, host, schema, table, set.
 * columns: user, host, schema, table, column, set. ledger: user, host, and with NUL in between: cluster, owners, policy, kill (no, yes),
 * state, applied, passwords, and of an intent its time.
 */
export interface AccountRows {
  readonly source: 'GlobalPriv' | 'User';
  readonly accounts: readonly Row[];
  readonly schemas: readonly Row[];
  readonly tables: readonly Row[];
  readonly columns: readonly Row[];
  readonly ledger: readonly Row[];
  readonly schemaPrivileges: readonly string[];
}

const NO_GRANTS: readonly GrantSet[] = [];

/** The accounts that the rows speak of, by accountKey. Roles and routine-level grants are not looked at. */
export function accountStates(rows: AccountRows): Map<string, AccountState> {
  const marks = marksOf(rows.ledger);
  const grants = grantsOf(rows);
  const identify = rows.source === 'GlobalPriv' ? globalPrivIdentity() : userIdentity;
  const states = new Map<string, AccountState>();
  for (const row of rows.accounts) {
    const key = keyOfRow(row);
    const identity = identify(row);
    const { plugin, hash, second, locked, passwordChanged, requireTLS, limits, global } = identity;
    const own = grants.get(key) ?? NO_GRANTS;
    states.set(key, {
      user: text(row[0]),
      host: text(row[1]),
      exists: true,
      plugin,
      hash,
      locked,
      passwordChanged,
      requireTLS,
      limits,
      ...(second && { second }),
      grants: global.length === 0 ? own : [...global, ...own],
      mark: identity.mark ?? proven(marks.get(key), identity),
    });
  }
  for (const [key, note] of marks) if (!states.has(key)) states.set(key, absent(key, note.mark));
  return states;
}

function absent(key: string, mark: Mark): AccountState {
  return { ...NOTHING, ...nameOfKey(key), mark };
}

const NOTHING: Omit<AccountState, keyof AccountName | 'mark'> = {
  exists: false,
  plugin: '',
  hash: '',
  locked: false,
  passwordChanged: 0,
  requireTLS: 'None',
  limits: NO_LIMITS,
  grants: NO_GRANTS,
};

/**
 * An intent proves itself when the account holds the hash that was meant and got it after the intent was written: then
 * the crash came between making the account and noting it. Where the server keeps no time, the hash has to do.
 */
function proven(note: LedgerNote | undefined, { hash, passwordChanged }: Identity): Mark | undefined {
  if (note?.mark.state !== 'Intent') return note?.mark;
  const { mark, intended } = note;
  const since = passwordChanged === 0 || passwordChanged >= intended;
  return since && mark.passwords.includes(fingerprint(hash)) ? { ...mark, state: 'Proven' } : mark;
}

function keyOfRow(row: Row): string {
  return accountKey({ user: text(row[0]), host: text(row[1]) });
}

interface LedgerNote {
  readonly mark: Mark;
  /** Seconds since 1970 by the server's clock. */
  readonly intended: number;
}

/** Thousands of rows say the same: equal marks are one object. */
function marksOf(ledger: readonly Row[]): Map<string, LedgerNote> {
  const known = new Map<string, LedgerNote>();
  const marks = new Map<string, LedgerNote>();
  for (const row of ledger) {
    const words = text(row[2]);
    const note = known.get(words) ?? noteOf(words);
    known.set(words, note);
    marks.set(keyOfRow(row), note);
  }
  return marks;
}

function noteOf(words: string): LedgerNote {
  const [cluster = '', owners = '', policy, kill, state, applied = '', passwords = '', intended] = words.split('\0');
  const mark: Mark = {
    cluster,
    owners: owners.split(','),
    deletionPolicy: policyOf(policy),
    killSessions: kill !== 'no',
    passwords: passwords.split(','),
    state: state === 'owned' ? 'Owned' : 'Intent',
    applied,
  };
  return { mark, intended: Number(intended ?? 0) };
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
