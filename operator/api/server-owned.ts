/** What belongs to the database server or to whoever runs it, and where a privilege can be granted at all. Source: MySQL and MariaDB manuals. */

const RESERVED_ACCOUNTS: ReadonlySet<string> = new Set([
  'root',
  'mysql',
  'public',
  'debian-sys-maint',
  'mariadb-backup',
  'rdsadmin',
  'rdsrepladmin',
  'azure_superuser',
  'azure_sys',
]);
const RESERVED_PREFIXES = ['mysql.', 'mariadb.', 'cloudsql'];

/** Whether no application may have an account of this name. */
export function isReservedAccount(username: string): boolean {
  const name = username.toLowerCase();
  return RESERVED_ACCOUNTS.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set([
  'mysql',
  'sys',
  'information_schema',
  'performance_schema',
  // Where we keep what is ours.
  'webpool_ledger',
]);

/** Whether no application has any business in a schema of this name. */
export function isSystemSchema(schema: string): boolean {
  return SYSTEM_SCHEMAS.has(schema.toLowerCase());
}

/** What can be granted on a column. */
export const COLUMN_PRIVILEGES: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']);
/** What can be granted on a whole schema only. */
export const SCHEMA_ONLY_PRIVILEGES: ReadonlySet<string> = new Set([
  'CREATE TEMPORARY TABLES',
  'LOCK TABLES',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'EXECUTE',
  'EVENT',
]);
