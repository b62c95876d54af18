import { accountKey, nameOfKey, NO_LIMITS } from './account.ts';
import type { AccountName, AccountState, Credential, DeletionPolicy, GrantSet, Limits, Mark } from './account.ts';
import { fingerprint } from './fingerprint.ts';

/** Cells of a result, by position. */
export type Row = readonly (string | number | null)[];

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

/** The bit of GRANT OPTION in MariaDB's `access`. */
const GRANT_OPTION_BIT = 1024;

interface Identity extends Pick<AccountState, 'passwordChanged' | 'requireTLS' | 'limits' | 'locked'>, Credential {
  readonly second?: Credential;
  /** What the account may do on the whole server, which is never of our making. */
  readonly global: readonly GrantSet[];
  readonly mark: Mark | undefined;
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

function text(cell: string | number | null | undefined): string {
  return cell === null || cell === undefined ? '' : String(cell);
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

/** Whatever is not one of the three leaves the account alone. */
function policyOf(value: unknown): DeletionPolicy {
  return value === 'Delete' || value === 'Lock' ? value : 'Orphan';
}

interface Way {
  readonly plugin?: string;
  readonly authentication_string?: string;
}

interface GlobalPriv extends Way {
  readonly access?: number;
  readonly account_locked?: boolean;
  readonly password_last_changed?: number;
  readonly ssl_type?: number;
  readonly max_questions?: number;
  readonly max_updates?: number;
  readonly max_connections?: number;
  readonly max_user_connections?: number;
  /** Ways in, the first that is tried first; an empty one stands for the one beside this list. */
  readonly auth_or?: readonly Way[];
}

/** Reads mysql.global_priv. Accounts that were made together have the same text, which is then read once. */
function globalPrivIdentity(): (row: Row) => Identity {
  const known = new Map<string, Identity>();
  return (row) => {
    const json = text(row[2]) || '{}';
    const identity = known.get(json) ?? identityOf(JSON.parse(json) as GlobalPriv);
    known.set(json, identity);
    return identity;
  };
}

const SSL_TYPES = ['None', 'SSL', 'X509'] as const;

function identityOf({ access = 0, ...priv }: GlobalPriv): Identity {
  return {
    ...waysOf(priv),
    locked: priv.account_locked === true,
    passwordChanged: priv.password_last_changed ?? 0,
    requireTLS: SSL_TYPES[priv.ssl_type ?? 0] ?? 'Specified',
    limits: limitsOf([priv.max_user_connections, priv.max_questions, priv.max_updates, priv.max_connections]),
    global: globalGrants(access !== 0, (access & GRANT_OPTION_BIT) !== 0),
    mark: undefined,
  };
}

/** An account with more than two ways in counts as none of ours: it differs from all we would make. */
function waysOf(priv: GlobalPriv): Credential & { readonly second?: Credential } {
  const ways = (priv.auth_or ?? [priv]).map((way) => credentialOf(way.plugin === undefined ? priv : way));
  const [first, second] = ways;
  if (!first || ways.length > 2) return { plugin: 'several', hash: '' };
  return second ? { ...first, second } : first;
}

function credentialOf({ plugin = 'mysql_native_password', authentication_string: hash = '' }: Way): Credential {
  return { plugin, hash };
}

function limitsOf(counts: readonly (number | undefined)[]): Limits {
  const [maxUserConnections = 0, maxQueriesPerHour = 0, maxUpdatesPerHour = 0, maxConnectionsPerHour = 0] = counts;
  if (counts.every((count = 0) => count === 0)) return NO_LIMITS;
  return { maxUserConnections, maxQueriesPerHour, maxUpdatesPerHour, maxConnectionsPerHour };
}

const SSL_WORDS: Readonly<Record<string, AccountState['requireTLS']>> = { '': 'None', ANY: 'SSL', X509: 'X509' };

/** Reads mysql.user. */
function userIdentity(row: Row): Identity {
  const [plugin, hash, locked, changed, tls, limits, privileges, attributes] = row.slice(2).map(text);
  const { webpool, old } = attributesOf(attributes ?? '');
  return {
    plugin: plugin ?? '',
    hash: hash ?? '',
    ...(old !== undefined && { second: { plugin: plugin ?? '', hash: old } }),
    locked: locked === '1',
    passwordChanged: Number(changed),
    requireTLS: SSL_WORDS[tls ?? ''] ?? 'Specified',
    limits: limitsOf((limits ?? '').split(',').map(Number)),
    global: globalGrants(privileges !== '', privileges?.includes('GRANT OPTION') === true),
    mark: webpool && markOfAttribute(webpool),
  };
}

type Attribute = Readonly<Record<string, unknown>>;

function attributesOf(json: string): { readonly webpool?: Attribute; readonly old?: string } {
  if (json === '') return {};
  const { metadata, additional_password: old } = JSON.parse(json) as {
    readonly metadata?: { readonly webpool?: Attribute };
    readonly additional_password?: string;
  };
  return { ...(metadata?.webpool && { webpool: metadata.webpool }), ...(old !== undefined && { old }) };
}

function markOfAttribute(webpool: Attribute): Mark {
  const word = (name: string): string => (typeof webpool[name] === 'string' ? webpool[name] : '');
  return {
    cluster: word('cluster'),
    owners: word('owners').split(','),
    deletionPolicy: policyOf(webpool['deletionPolicy']),
    killSessions: webpool['killSessions'] !== false,
    passwords: word('passwords').split(','),
    state: 'Owned',
    applied: word('applied'),
  };
}

/** We never grant anything on the whole server, so all that matters is whether there is something to take back. */
function globalGrants(any: boolean, grantOption: boolean): readonly GrantSet[] {
  if (!any) return NO_GRANTS;
  const privileges = grantOption ? ['ALL PRIVILEGES', 'GRANT OPTION'] : ['ALL PRIVILEGES'];
  return [{ schema: '*', table: '*', privileges }];
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
