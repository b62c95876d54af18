import type { AuthPlugin } from './account.ts';

/** What differs between servers, as far as we make use of it. */
export interface Dialect extends Grammar {
  readonly flavor: 'MySQL' | 'MariaDB';
  /** The version that the dialect was chosen for. */
  readonly version: string;
  /** The schema part of a schema-level grant is taken literally, not as a pattern (MySQL with partial_revokes=ON). */
  readonly literalSchemas: boolean;
  /** Schema and table names are stored in lower case (lower_case_table_names=1). */
  readonly lowerCaseNames: boolean;
}

/** What depends on the version alone. */
export interface Grammar {
  /** Where ownership stands: in the account itself, or in a table of ours. */
  readonly mark: 'Attribute' | 'Ledger';
  /** The first is what `Auto` means. */
  readonly plugins: readonly [AuthPlugin, ...AuthPlugin[]];
  /** Characters. */
  readonly maxUser: number;
  readonly maxHost: number;
  /** How a statement gives a hash: `IDENTIFIED VIA p USING`, `IDENTIFIED WITH p AS`, `IDENTIFIED BY PASSWORD`. */
  readonly credential: 'Via' | 'As' | 'ByPassword';
  /** ALTER USER takes passwords, REQUIRE and limits; else SET PASSWORD and GRANT USAGE do. */
  readonly alterUser: boolean;
  readonly dropIfExists: boolean;
  /** Two passwords at a time. */
  readonly dual: boolean;
  /** ACCOUNT LOCK. */
  readonly lock: boolean;
  /** Where accounts are read: mysql.global_priv, or these columns of mysql.user. */
  readonly accounts: 'GlobalPriv' | 'AuthenticationString' | 'PasswordAndPlugin' | 'Password';
  /** mysql.user has User_attributes. */
  readonly attributes: boolean;
  /** mysql.global_grants exists. */
  readonly dynamicPrivileges: boolean;
  /** GRANT makes accounts that are not there, unless sql_mode has NO_AUTO_CREATE_USER. */
  readonly grantCreates: boolean;
  readonly innodbReadOnly: boolean;
  readonly lockWaitTimeout: boolean;
  /** The widest character set of connections. */
  readonly charset: 'utf8' | 'utf8mb4';
}

/** The server's variables on which the dialect depends. */
export interface DialectVariables {
  readonly partialRevokes: boolean;
  readonly lowerCaseNames: boolean;
}

type Version = readonly [number, number, number];

const OLDEST: Grammar = {
  mark: 'Ledger',
  plugins: ['mysql_native_password'],
  maxUser: 16,
  maxHost: 60,
  credential: 'ByPassword',
  alterUser: false,
  dropIfExists: false,
  dual: false,
  lock: false,
  accounts: 'Password',
  attributes: false,
  dynamicPrivileges: false,
  grantCreates: true,
  innodbReadOnly: false,
  lockWaitTimeout: false,
  charset: 'utf8',
};

interface Step {
  readonly since: Version;
  readonly brings: Partial<Grammar>;
}

/** What each version brought, oldest first. The first is the oldest that we work with. */
const HISTORY: Readonly<Record<Dialect['flavor'], readonly [Step, ...Step[]]>> = {
  MySQL: [
    { since: [5, 1, 7], brings: {} },
    { since: [5, 5, 8], brings: { accounts: 'PasswordAndPlugin', charset: 'utf8mb4', lockWaitTimeout: true } },
    { since: [5, 6, 7], brings: { innodbReadOnly: true } },
    {
      since: [5, 7, 8],
      brings: {
        accounts: 'AuthenticationString',
        credential: 'As',
        alterUser: true,
        dropIfExists: true,
        lock: true,
        maxUser: 32,
      },
    },
    {
      since: [8, 0, 11],
      brings: {
        plugins: ['caching_sha2_password', 'mysql_native_password'],
        dynamicPrivileges: true,
        grantCreates: false,
      },
    },
    { since: [8, 0, 14], brings: { dual: true, attributes: true } },
    { since: [8, 0, 17], brings: { maxHost: 255 } },
    { since: [8, 0, 21], brings: { mark: 'Attribute' } },
    { since: [9, 0, 0], brings: { plugins: ['caching_sha2_password'] } },
  ],
  MariaDB: [
    {
      since: [5, 5, 20],
      brings: { accounts: 'PasswordAndPlugin', charset: 'utf8mb4', lockWaitTimeout: true, maxUser: 80 },
    },
    { since: [10, 0, 10], brings: { innodbReadOnly: true } },
    { since: [10, 1, 3], brings: { dropIfExists: true } },
    { since: [10, 2, 3], brings: { alterUser: true } },
    {
      since: [10, 4, 2],
      brings: {
        accounts: 'GlobalPriv',
        credential: 'Via',
        dual: true,
        lock: true,
        plugins: ['mysql_native_password', 'ed25519'],
      },
    },
    { since: [10, 6, 0], brings: { maxUser: 128, maxHost: 255 } },
  ],
};

/** The dialect for a server that can hold nothing special: for what is rendered without a server. */
export const DEFAULT_DIALECT: Dialect = {
  ...grammarOf('MariaDB', [10, 11, 0]),
  flavor: 'MariaDB',
  version: '10.11',
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
  if (!parsed || !reaches(parsed, HISTORY[flavor][0].since)) {
    const oldest = (of: Dialect['flavor']): string => `${of} ${HISTORY[of][0].since.join('.')}`;
    return {
      unsupported: `${flavor} ${parsed?.join('.') ?? 'of unknown version'} is not supported: use ${oldest('MySQL')} or later, or ${oldest('MariaDB')} or later`,
    };
  }
  return {
    ...grammarOf(flavor, parsed),
    flavor,
    version: parsed.join('.'),
    literalSchemas: variables.partialRevokes,
    lowerCaseNames: variables.lowerCaseNames,
  };
}

function grammarOf(flavor: Dialect['flavor'], version: Version): Grammar {
  return HISTORY[flavor]
    .filter(({ since }) => reaches(version, since))
    .reduce((grammar, { brings }) => ({ ...grammar, ...brings }), OLDEST);
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
