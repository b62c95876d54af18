import type { AccountName } from './account.ts';
import type { Dialect } from './dialect.ts';

/** A string that SQL cannot carry safely. It is our own mistake when it is thrown: names are checked before. */
export class QuoteError extends Error {
  override readonly name = 'QuoteError';
}

/** Control characters, halves of a surrogate pair. */
const UNQUOTABLE = /[\p{Cc}\p{Cs}]/u;

/**
 * A string literal, for a session with `sql_mode=''` and utf8mb4.
 * Errors: QuoteError on control characters.
 * Source: MySQL reference manual, "String Literals".
 */
export function literal(text: string): string {
  if (UNQUOTABLE.test(text)) throw new QuoteError('control characters cannot be quoted');
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

/**
 * An identifier between backticks.
 * Errors: QuoteError on control characters.
 * Source: MySQL reference manual, "Schema Object Names".
 */
export function identifier(name: string): string {
  if (name === '' || UNQUOTABLE.test(name)) throw new QuoteError('control characters cannot be quoted');
  return `\`${name.replaceAll('`', '``')}\``;
}

/** `'user'@'host'`. */
export function accountName({ user, host }: AccountName): string {
  return `${literal(user)}@${literal(host)}`;
}

/** Several accounts, as statements list them. */
export function accountNames(accounts: readonly AccountName[]): string {
  return accounts.map(accountName).join(', ');
}

/**
 * The schema as a schema-level grant stores it: an underscore is an underscore only when it is escaped, except on
 * MySQL with partial_revokes, where an escaped name grants nothing.
 * Source: MySQL reference manual, "GRANT Statement", database privileges.
 */
export function schemaPattern(schema: string, { literalSchemas }: Pick<Dialect, 'literalSchemas'>): string {
  return literalSchemas ? schema : schema.replace(/[\\_%]/g, '\\$&');
}

/** Why this cannot be the user part of an account, or undefined. */
export function userProblem(user: string, { maxUser }: Pick<Dialect, 'maxUser'>): string | undefined {
  return nameProblem('user name', user, maxUser);
}

/** What hosts may consist of: numeric addresses and DNS names. No pattern, no netmask, no zone. */
const HOST = /^[0-9a-z:](?:[-0-9a-z:.]*[0-9a-z:])?$/;

/** Why this cannot be the host part of an account of ours, or undefined. An empty host would be everybody. */
export function hostProblem(host: string, { maxHost }: Pick<Dialect, 'maxHost'>): string | undefined {
  if (host === '') return 'the host is empty';
  if (host.length > maxHost) return `the host has more than ${maxHost} characters`;
  return HOST.test(host) ? undefined : 'the host is neither an address nor a lower-case DNS name';
}

/** Why this cannot be the name of a schema, table or column, or undefined. */
export function identifierProblem(what: 'schema' | 'table' | 'column', name: string): string | undefined {
  // The server reads this prefix as "a name in the encoding of version 5.0".
  if (name.startsWith('#mysql50#')) return `the ${what} name begins with #mysql50#`;
  return nameProblem(`${what} name`, name, 64);
}

function nameProblem(what: string, name: string, max: number): string | undefined {
  if (name === '') return `the ${what} is empty`;
  if (UNQUOTABLE.test(name)) return `the ${what} has control characters`;
  // The grant tables are utf8mb3: what lies beyond would be stored as question marks.
  if (/[\u{10000}-\u{10ffff}]/u.test(name)) return `the ${what} has characters outside Unicode's basic plane`;
  // CHAR columns lose spaces at the end, and the server trims user names.
  if (name !== name.trim()) return `the ${what} begins or ends with white space`;
  return name.length > max ? `the ${what} has more than ${max} characters` : undefined;
}
