import type { AccountName } from './account.ts';
import type { Dialect } from './dialect.ts';
import { LEDGER_TABLE } from './ledger.ts';
import { identifier, literal } from './quote.ts';

/** What to look at. */
export interface ObservationScope {
  /** All accounts of these users; empty looks at nothing. */
  readonly users: readonly string[];
  /** Only these hosts of them; absent = all. */
  readonly hosts?: readonly string[];
}

/** The columns of mysql.db (or mysql.user) that hold one privilege each. */
export interface PrivilegeColumns {
  readonly db: readonly string[];
  readonly user: readonly string[];
}

const COLUMN_WORDS: Readonly<Record<string, string>> = {
  GRANT: 'GRANT OPTION',
  'CREATE TMP TABLE': 'CREATE TEMPORARY TABLES',
};

/** The privilege that a column such as `Create_view_priv` stands for. */
export function privilegeOfColumn(column: string): string {
  const word = column
    .replace(/_priv$/i, '')
    .replaceAll('_', ' ')
    .toUpperCase();
  return COLUMN_WORDS[word] ?? word;
}

/** The names of all accounts of `scope` as a condition on columns `User` and `Host`. */
function condition({ users, hosts }: ObservationScope): string {
  const list = (values: readonly string[]): string => values.map(literal).join(', ') || 'NULL';
  const byUser = `User IN (${list(users)})`;
  return hosts ? `${byUser} AND Host IN (${list(hosts)})` : byUser;
}

/**
 * Statements that read all there is to know about the accounts of `scope`, for one round trip.
 * Shape: variables (read-only 0/1, partial_revokes 0/1), accounts, schemas, tables, columns, then the ledger where there is one.
 * Their columns are those of `AccountRows`.
 */
export function observation(scope: ObservationScope, dialect: Dialect, columns: PrivilegeColumns): readonly string[] {
  const where = condition(scope);
  const mariadb = dialect.flavor === 'MariaDB';
  const flags = `CONCAT(${columns.db.map(identifier).join(', ')})`;
  return [
    `SELECT @@global.read_only OR @@global.innodb_read_only, ${mariadb ? '0' : '@@global.partial_revokes'}`,
    mariadb ? `SELECT User, Host, Priv FROM mysql.global_priv WHERE ${where}` : mysqlAccounts(where, columns),
    `SELECT User, Host, Db, ${flags} FROM mysql.db WHERE ${where}`,
    `SELECT User, Host, Db, Table_name, Table_priv FROM mysql.tables_priv WHERE ${where}`,
    `SELECT User, Host, Db, Table_name, Column_name, Column_priv FROM mysql.columns_priv WHERE ${where}`,
    ...(dialect.mark === 'Ledger' ? [ledgerRows(where)] : []),
  ];
}

function mysqlAccounts(where: string, { user }: PrivilegeColumns): string {
  const held = user.map((column) => `IF(${identifier(column)} = 'Y', ${literal(privilegeOfColumn(column))}, NULL)`);
  const dynamic = `(SELECT GROUP_CONCAT(g.PRIV) FROM mysql.global_grants g WHERE g.USER = u.User AND g.HOST = u.Host)`;
  return (
    `SELECT User, Host, plugin, authentication_string, account_locked = 'Y', CONCAT_WS(',', ${held.join(', ')}, ${dynamic}), ` +
    `JSON_EXTRACT(User_attributes, '$.metadata') FROM mysql.user u WHERE ${where}`
  );
}

/**
 * An intent proves itself when the account holds the hash that was meant and got it after the intent was written:
 * then the crash came between making the account and noting it.
 */
function ledgerRows(where: string): string {
  const proof =
    `(SELECT 1 FROM mysql.global_priv p WHERE p.User = l.user AND p.Host = l.host AND l.proof = BINARY SHA2(JSON_VALUE(p.Priv, '$.authentication_string'), 256)` +
    ` AND JSON_VALUE(p.Priv, '$.password_last_changed') >= l.intended)`;
  const note = `CONCAT_WS('\\0', cluster, owners, deletion_policy, IF(state = 'intent' AND EXISTS ${proof}, 'proven', state), applied)`;
  return `SELECT user, host, ${note} FROM ${LEDGER_TABLE} l WHERE ${where}`;
}

/** The scope that covers these accounts. */
export function scopeOf(accounts: readonly AccountName[]): ObservationScope {
  return {
    users: [...new Set(accounts.map(({ user }) => user))],
    hosts: [...new Set(accounts.map(({ host }) => host))],
  };
}
