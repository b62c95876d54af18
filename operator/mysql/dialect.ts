import type { AuthPlugin } from './account.ts';

/** What differs between servers, as far as we make use of it. */
export interface Dialect {
  readonly flavor: 'MySQL' | 'MariaDB';
  /** The version that the dialect was chosen for. */
  readonly version: string;
  /** Where ownership stands: in the account itself, or in a table of ours. */
  readonly mark: 'Attribute' | 'Ledger';
  /** The first is what `Auto` means. */
  readonly plugins: readonly [AuthPlugin, ...AuthPlugin[]];
  /** Characters. */
  readonly maxUser: number;
  readonly maxHost: number;
  /** The schema part of a schema-level grant is taken literally, not as a pattern (MySQL with partial_revokes=ON). */
  readonly literalSchemas: boolean;
  /** Schema and table names are stored in lower case (lower_case_table_names=1). */
  readonly lowerCaseNames: boolean;
}

/** The server's variables on which the dialect depends. */
export interface DialectVariables {
  readonly partialRevokes: boolean;
  readonly lowerCaseNames: boolean;
}

type Version = readonly [number, number, number];
type Family = Pick<Dialect, 'mark' | 'plugins' | 'maxUser' | 'maxHost'>;

/** Newest first; the first whose version the server reaches is its family. A further dialect is a row here. */
const FAMILIES: Readonly<Record<Dialect['flavor'], readonly { readonly since: Version; readonly family: Family }[]>> = {
  MySQL: [
    { since: [9, 0, 0], family: { mark: 'Attribute', plugins: ['caching_sha2_password'], maxUser: 32, maxHost: 255 } },
    {
      since: [8, 0, 21],
      family: {
        mark: 'Attribute',
        plugins: ['caching_sha2_password', 'mysql_native_password'],
        maxUser: 32,
        maxHost: 255,
      },
    },
  ],
  MariaDB: [
    { since: [10, 6, 0], family: { mark: 'Ledger', plugins: ['mysql_native_password'], maxUser: 128, maxHost: 255 } },
    { since: [10, 4, 0], family: { mark: 'Ledger', plugins: ['mysql_native_password'], maxUser: 80, maxHost: 60 } },
  ],
};

/** The dialect for a server that can hold nothing special: for what is rendered without a server. */
export const DEFAULT_DIALECT: Dialect = {
  flavor: 'MariaDB',
  version: '10.11',
  mark: 'Ledger',
  plugins: ['mysql_native_password'],
  maxUser: 128,
  maxHost: 255,
  literalSchemas: false,
  lowerCaseNames: false,
};

/**
 * The dialect of the server whose VERSION() is `version`, or the reason why there is none.
 * Source: VERSION() ends in `-MariaDB…` on MariaDB; clients may see it prefixed with `5.5.5-`.
 */
export function dialectOf(version: string, variables: DialectVariables): Dialect | { readonly unsupported: string } {
  const flavor = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
  const parsed = parseVersion(version.replace(/^5\.5\.5-(?=\d+\.\d+\.\d+-mariadb)/i, ''));
  const found = parsed && FAMILIES[flavor].find(({ since }) => reaches(parsed, since));
  if (!found) {
    return {
      unsupported: `${flavor} ${parsed?.join('.') ?? 'of unknown version'} is not supported: use MySQL 8.0.21 or later, or MariaDB 10.4 or later`,
    };
  }
  return {
    flavor,
    version: parsed.join('.'),
    ...found.family,
    literalSchemas: variables.partialRevokes,
    lowerCaseNames: variables.lowerCaseNames,
  };
}

function parseVersion(version: string): Version | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

/** Versions are numbers, not text: 10.11 comes after 10.4. */
function reaches(version: Version, since: Version): boolean {
  for (const [index, part] of version.entries()) {
    const limit = since[index] ?? 0;
    if (part !== limit) return part > limit;
  }
  return true;
}
