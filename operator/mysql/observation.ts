import type { AccountName } from './account.ts';
import type { Dialect } from './dialect.ts';
import { ledgerRows } from './ledger.ts';
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
 * Shape: variables (read-only 0/1, the server's clock), accounts, schemas, tables, columns, then the ledger where there is one.
 * Their columns are those of `AccountRows`.
 */
export function observation(scope: ObservationScope, dialect: Dialect, columns: PrivilegeColumns): readonly string[] {
  const where = condition(scope);
  const flags = `CONCAT(${columns.db.map(identifier).join(', ')})`;
  return [
    `SELECT ${readOnlyExpression(dialect)}, UNIX_TIMESTAMP()`,
    accountRows(where, dialect, columns),
    `SELECT User, Host, Db, ${flags} FROM mysql.db WHERE ${where}`,
    `SELECT User, Host, Db, Table_name, Table_priv FROM mysql.tables_priv WHERE ${where}`,
    `SELECT User, Host, Db, Table_name, Column_name, Column_priv FROM mysql.columns_priv WHERE ${where}`,
    ...(dialect.mark === 'Ledger' ? [ledgerRows(where)] : []),
  ];
}

/** 1 where the server takes no changes. */
export function readOnlyExpression({ innodbReadOnly }: Dialect): string {
  return innodbReadOnly ? '@@global.read_only OR @@global.innodb_read_only' : '@@global.read_only';
}

/** Plugin, hash, lock and the time of the password, as expressions on mysql.user. */
const CREDENTIAL_COLUMNS: Readonly<Record<Exclude<Dialect['accounts'], 'GlobalPriv'>, string>> = {
  AuthenticationString: `plugin, authentication_string, account_locked = 'Y', UNIX_TIMESTAMP(password_last_changed)`,
  PasswordAndPlugin:
    `IF(plugin IN ('', 'mysql_native_password'), 'mysql_native_password', plugin), ` +
    `IF(Password = '', authentication_string, Password), 0, 0`,
  Password: `'mysql_native_password', Password, 0, 0`,
};

function accountRows(where: string, dialect: Dialect, { user }: PrivilegeColumns): string {
  if (dialect.accounts === 'GlobalPriv') return `SELECT User, Host, Priv FROM mysql.global_priv WHERE ${where}`;
  const held = user.map((column) => `IF(${identifier(column)} = 'Y', ${literal(privilegeOfColumn(column))}, NULL)`);
  const dynamic = `(SELECT GROUP_CONCAT(g.PRIV) FROM mysql.global_grants g WHERE g.USER = u.User AND g.HOST = u.Host)`;
  const global = `CONCAT_WS(',', ${[...held, ...(dialect.dynamicPrivileges ? [dynamic] : [])].join(', ')})`;
  const limits = `CONCAT_WS(',', max_user_connections, max_questions, max_updates, max_connections)`;
  const attributes = dialect.attributes ? 'User_attributes' : 'NULL';
  return (
    `SELECT User, Host, ${CREDENTIAL_COLUMNS[dialect.accounts]}, ssl_type, ${limits}, ${global}, ${attributes} ` +
    `FROM mysql.user u WHERE ${where}`
  );
}

/** The scope that covers these accounts. */
export function scopeOf(accounts: readonly AccountName[]): ObservationScope {
  return {
    users: [...new Set(accounts.map(({ user }) => user))],
    hosts: [...new Set(accounts.map(({ host }) => host))],
  };
}
