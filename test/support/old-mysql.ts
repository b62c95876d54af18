import { startWireServer } from './mysql-wire.ts';
import type { Answer, WireServer } from './mysql-wire.ts';

/** A server of a version that cannot be had any more: it keeps accounts and refuses the grammar that the version lacks. */
export interface OldMySql extends WireServer {
  /** Statements that it refused, with the reason. */
  readonly refused: readonly string[];
  /** By `user@host`. */
  readonly accounts: ReadonlyMap<string, OldAccount>;
}

export interface OldAccount {
  readonly user: string;
  readonly host: string;
  hash: string;
  second: string;
  locked: boolean;
  tls: string;
  readonly limits: Record<string, number>;
  /** Place → privileges. */
  readonly grants: Map<string, Set<string>>;
}

type Version = readonly [flavor: 'MySQL' | 'MariaDB', ...numbers: number[]];

/**
 * Words of statements and the versions that take them: `since` for what came, `until` for what went. undefined = never.
 * Source: the reference manuals of MySQL 5.1, 5.5, 5.6, 5.7 and 8.0 and MariaDB's knowledge base, each statement's page.
 */
const GRAMMAR: readonly {
  readonly words: RegExp;
  readonly errno: number;
  readonly MySQL: Range;
  readonly MariaDB: Range;
}[] = [
  { words: /^ALTER USER/, errno: 1064, MySQL: { since: [5, 7, 6] }, MariaDB: { since: [10, 2, 0] } },
  { words: /^ALTER USER IF EXISTS/, errno: 1064, MySQL: { since: [5, 7, 8] }, MariaDB: { since: [10, 2, 0] } },
  { words: /ACCOUNT (LOCK|UNLOCK)/, errno: 1064, MySQL: { since: [5, 7, 6] }, MariaDB: { since: [10, 4, 2] } },
  { words: /^DROP USER IF EXISTS/, errno: 1064, MySQL: { since: [5, 7, 8] }, MariaDB: { since: [10, 1, 3] } },
  {
    words: /^CREATE USER .* (REQUIRE|WITH MAX_)/,
    errno: 1064,
    MySQL: { since: [5, 7, 6] },
    MariaDB: { since: [10, 2, 0] },
  },
  { words: /^GRANT .* (REQUIRE|WITH MAX_)/, errno: 1064, MySQL: { until: [8, 0, 0] }, MariaDB: {} },
  { words: /IDENTIFIED BY PASSWORD/, errno: 1064, MySQL: { until: [8, 0, 0] }, MariaDB: {} },
  { words: /IDENTIFIED WITH \w+ AS/, errno: 1064, MySQL: { since: [5, 5, 7] }, MariaDB: { since: [5, 2, 0] } },
  { words: /IDENTIFIED VIA/, errno: 1064, MySQL: { since: [99] }, MariaDB: { since: [5, 2, 0] } },
  { words: /IDENTIFIED VIA .* OR /, errno: 1064, MySQL: { since: [99] }, MariaDB: { since: [10, 4, 0] } },
  // From 5.7.6 on the text after = is a password in the clear.
  { words: /^SET PASSWORD .* = '\*/, errno: 1064, MySQL: { until: [5, 7, 6] }, MariaDB: {} },
  {
    words: /(RETAIN CURRENT|DISCARD OLD) PASSWORD/,
    errno: 1064,
    MySQL: { since: [8, 0, 14] },
    MariaDB: { since: [99] },
  },
  { words: / ATTRIBUTE /, errno: 1064, MySQL: { since: [8, 0, 21] }, MariaDB: { since: [99] } },
  { words: /\butf8mb4\b/, errno: 1115, MySQL: { since: [5, 5, 3] }, MariaDB: { since: [5, 5, 0] } },
  { words: /utf8mb3/, errno: 1115, MySQL: { since: [8, 0, 0] }, MariaDB: { since: [10, 6, 1] } },
  { words: /lock_wait_timeout/, errno: 1193, MySQL: { since: [5, 5, 3] }, MariaDB: { since: [5, 5, 0] } },
  { words: /innodb_read_only/, errno: 1193, MySQL: { since: [5, 6, 7] }, MariaDB: { since: [10, 0, 2] } },
  { words: /NO_AUTO_CREATE_USER/, errno: 1231, MySQL: { until: [8, 0, 11] }, MariaDB: {} },
  { words: /SHA2\(/, errno: 1305, MySQL: { since: [5, 5, 5] }, MariaDB: { since: [5, 5, 0] } },
  { words: /JSON_\w+\(/, errno: 1305, MySQL: { since: [5, 7, 8] }, MariaDB: { since: [10, 2, 3] } },
  { words: /JSON_VALUE\(/, errno: 1305, MySQL: { since: [8, 0, 21] }, MariaDB: { since: [10, 2, 3] } },
  { words: /mysql\.global_priv/, errno: 1146, MySQL: { since: [99] }, MariaDB: { since: [10, 4, 1] } },
  { words: /mysql\.global_grants/, errno: 1146, MySQL: { since: [8, 0, 0] }, MariaDB: { since: [99] } },
  { words: /\bPassword\b.*FROM mysql\.user/, errno: 1054, MySQL: { until: [5, 7, 6] }, MariaDB: { until: [10, 4, 1] } },
  { words: /\bplugin\b.*FROM mysql\.user/, errno: 1054, MySQL: { since: [5, 5, 7] }, MariaDB: { since: [5, 2, 0] } },
  {
    words: /(account_locked|password_last_changed).*FROM mysql\.user/,
    errno: 1054,
    MySQL: { since: [5, 7, 6] },
    MariaDB: { since: [99] },
  },
  { words: /User_attributes.*FROM mysql\.user/, errno: 1054, MySQL: { since: [8, 0, 14] }, MariaDB: { since: [99] } },
];

interface Range {
  readonly since?: readonly number[];
  readonly until?: readonly number[];
}

function reaches(version: readonly number[], limit: readonly number[]): boolean {
  for (const [index, part] of limit.entries()) {
    const own = version[index] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}

function takes(version: readonly number[], { since, until }: Range): boolean {
  return (since === undefined || reaches(version, since)) && (until === undefined || !reaches(version, until));
}

/** Starts a stand-in for the server whose VERSION() is `text`. */
export async function startOldMySql(text: string): Promise<OldMySql> {
  const flavor = text.includes('MariaDB') ? 'MariaDB' : 'MySQL';
  const version: Version = [flavor, ...text.replace(/-.*/, '').split('.').map(Number)];
  const refused: string[] = [];
  const accounts = new Map<string, OldAccount>();
  const answer = makeAnswers(text, accounts);
  const wire = await startWireServer(flavor === 'MariaDB' && version[1] !== 5 ? `5.5.5-${text}` : text, (sql) => {
    const [, ...numbers] = version;
    const lacks = GRAMMAR.find(({ words, [flavor]: range }) => words.test(sql) && !takes(numbers, range));
    const result = lacks ? { errno: lacks.errno, message: `not in ${text}` } : answer(sql);
    if (result && 'errno' in result) refused.push(`${result.errno} ${sql}`);
    return result;
  });
  return { ...wire, refused, accounts };
}

const NAME = String.raw`'((?:[^'\\]|\\.)*)'@'((?:[^'\\]|\\.)*)'`;
const LIMITS = ['max_user_connections', 'max_questions', 'max_updates', 'max_connections'] as const;
const LIMIT_WORDS: Readonly<Record<string, (typeof LIMITS)[number]>> = {
  MAX_USER_CONNECTIONS: 'max_user_connections',
  MAX_QUERIES_PER_HOUR: 'max_questions',
  MAX_UPDATES_PER_HOUR: 'max_updates',
  MAX_CONNECTIONS_PER_HOUR: 'max_connections',
};
const FLAGS = ['Select_priv', 'Insert_priv', 'Update_priv', 'Delete_priv', 'Grant_priv', 'Index_priv', 'Create_priv'];

type Handler = readonly [RegExp, (match: RegExpExecArray) => Answer];

/** What the server does with statements whose grammar it has. */
function makeAnswers(version: string, accounts: Map<string, OldAccount>): (sql: string) => Answer {
  const ledger = new Map<string, string[]>();
  const named = (text: string): [string, string][] =>
    [...text.matchAll(new RegExp(NAME, 'g'))].map(([, user = '', host = '']) => [user, host]);
  const find = (text: string): readonly OldAccount[] | undefined => {
    const found = named(text).map(([user, host]) => accounts.get(`${user}@${host}`));
    return found.every((account) => account !== undefined) ? found : undefined;
  };
  const missing: Answer = { errno: 1396, message: 'Operation failed' };
  const each = (text: string, work: (account: OldAccount) => void): Answer => {
    const found = find(text);
    if (!found) return missing;
    for (const account of found) work(account);
    return undefined;
  };
  const setOptions = (account: OldAccount, text: string): void => {
    const tls = /REQUIRE (\w+)/.exec(text)?.[1];
    if (tls !== undefined) account.tls = { NONE: '', SSL: 'ANY', X509: 'X509' }[tls] ?? '';
    for (const [, word = '', count] of text.matchAll(/(MAX_\w+) (\d+)/g)) {
      const limit = LIMIT_WORDS[word];
      if (limit) account.limits[limit] = Number(count);
    }
  };
  const scope = (sql: string): readonly OldAccount[] => {
    const list = (column: string): readonly string[] | undefined =>
      new RegExp(`${column} IN \\((.*?)\\)`)
        .exec(sql)?.[1]
        ?.split(', ')
        .map((quoted) => quoted.slice(1, -1));
    const [users, hosts] = [list('User'), list('Host')];
    return [...accounts.values()].filter(
      ({ user, host }) => users?.includes(user) === true && hosts?.includes(host) !== false,
    );
  };
  const places = (sql: string, isSchema: boolean): Answer => ({
    rows: scope(sql).flatMap(({ user, host, grants }) =>
      [...grants].flatMap(([place, words]) => {
        const [schema = '', table = ''] = place.split('\0');
        if ((table === '*') !== isSchema) return [];
        const flags = FLAGS.map((flag) => (words.has(flag.replace('_priv', '').toUpperCase()) ? 'Y' : 'N')).join('');
        return [isSchema ? [user, host, schema, flags] : [user, host, schema, table, [...words].join(',')]];
      }),
    ),
  });
  const userRows = (sql: string): Answer => ({
    rows: scope(sql).map(({ user, host, hash, second, locked, tls, limits }) => {
      const plugin = hash.startsWith('$A$') ? 'caching_sha2_password' : 'mysql_native_password';
      const counts = LIMITS.map((limit) => limits[limit] ?? 0).join(',');
      const attributes = second === '' ? null : JSON.stringify({ additional_password: second });
      return [user, host, plugin, hash, locked ? 1 : 0, 1_700_000_000, tls, counts, '', attributes];
    }),
  });
  const unquote = (text: string): string => text.replace(/\\(.)/g, '$1');

  const handlers: readonly Handler[] = [
    [/^SELECT VERSION\(\)/, () => ({ rows: [[version, 0]] })],
    [/^SHOW GLOBAL VARIABLES/, () => ({ rows: [] })],
    [/^SET NAMES/, () => undefined],
    [/^SELECT COUNT\(\*\) FROM information_schema\.TABLES/, () => ({ rows: [[1]] })],
    [/^SELECT @@global\.read_only/, () => ({ rows: [[0, 1_700_000_060]] })],
    [
      /^SELECT TABLE_NAME, COLUMN_NAME/,
      () => ({
        rows: FLAGS.flatMap((flag) => [
          ['db', flag],
          ['user', flag],
        ]),
      }),
    ],
    [
      /^SELECT DISTINCT user FROM webpool_ledger/,
      () => ({ rows: [...new Set([...ledger.keys()].map((key) => key.split('@')[0] ?? ''))].map((user) => [user]) }),
    ],
    [/^SELECT User, Host, .* FROM mysql\.user/, ({ input }) => userRows(input)],
    [/FROM mysql\.db/, ({ input }) => places(input, true)],
    [/FROM mysql\.tables_priv/, ({ input }) => places(input, false)],
    [/FROM mysql\.columns_priv/, () => ({ rows: [] })],
    [
      /^SELECT user, host, CONCAT_WS.* FROM webpool_ledger/,
      () => ({ rows: [...ledger].map(([key, cells]) => [...key.split('@'), cells.join('\0')]) }),
    ],
    [
      /^INSERT INTO webpool_ledger/,
      ({ input }) => {
        for (const [, row = ''] of input.matchAll(/\(('.*?'), UNIX_TIMESTAMP\(\)\)/g)) {
          const [user, host, cluster, owners, policy, kill, state, , applied, passwords] = row
            .split(', ')
            .map((cell) => unquote(cell.slice(1, -1)));
          const note = [cluster, owners, policy, kill, state, applied, passwords, state === 'intent' ? '1' : ''];
          ledger.set(
            `${user}@${host}`,
            note.map((cell) => cell ?? ''),
          );
        }
        return undefined;
      },
    ],
    [
      /^UPDATE webpool_ledger.* WHERE \(user, host\) IN \((.*)\)$/,
      ([, list = '']) => {
        for (const [, user, host] of list.matchAll(/\('(.*?)', '(.*?)'\)/g)) {
          const note = ledger.get(`${user}@${host}`);
          if (note) note.splice(4, 1, 'owned');
        }
        return undefined;
      },
    ],
    [
      /^DELETE FROM webpool_ledger.* WHERE \(user, host\) IN \((.*)\)$/,
      ([, list = '']) => {
        for (const [, user, host] of list.matchAll(/\('(.*?)', '(.*?)'\)/g)) ledger.delete(`${user}@${host}`);
        return undefined;
      },
    ],
    [
      /^CREATE USER (.*)$/,
      ([input, text = '']) => {
        if (named(text).some(([user, host]) => accounts.has(`${user}@${host}`))) return missing;
        const one = new RegExp(`${NAME} IDENTIFIED (?:BY PASSWORD|WITH \\w+ AS|VIA \\w+ USING) '(.*?)'`, 'g');
        for (const [, user = '', host = '', hash = ''] of text.matchAll(one)) {
          const account = { user, host, hash, second: '', locked: false, tls: '', limits: {}, grants: new Map() };
          accounts.set(`${user}@${host}`, account);
          setOptions(account, input);
        }
        return undefined;
      },
    ],
    [
      /^ALTER USER (?:IF EXISTS )?(.*)$/,
      ([, text = '']) =>
        each(text.replace(/ATTRIBUTE .*/, ''), (account) => {
          const name = `'${account.user}'@'${account.host}'`;
          const own = text.slice(text.indexOf(name) + name.length).split(/, '[^']*'@/)[0] ?? '';
          const hash = /(?:AS|USING|BY PASSWORD) '(.*?)'/.exec(own)?.[1];
          if (own.includes('RETAIN CURRENT PASSWORD')) account.second = account.hash;
          if (own.includes('DISCARD OLD PASSWORD')) account.second = '';
          if (hash !== undefined) account.hash = hash;
          if (/ACCOUNT LOCK/.test(text)) account.locked = true;
          if (/ACCOUNT UNLOCK/.test(text)) account.locked = false;
          setOptions(account, text);
        }),
    ],
    [
      /^SET PASSWORD FOR (\S+) = '(.*)'$/,
      ([, name = '', hash = '']) =>
        each(name, (account) => {
          account.hash = hash;
        }),
    ],
    [/^GRANT USAGE ON \*\.\* TO (.*)$/, ([, text = '']) => each(text, (account) => setOptions(account, text))],
    [
      /^(GRANT|REVOKE) (.*) ON `(.*)`\.(\*|`.*`) (?:TO|FROM) (.*)$/,
      ([, verb, list = '', schema = '', table = '', names = '']) =>
        each(names, ({ grants }) => {
          const place = `${schema}\0${table.replaceAll('`', '')}`;
          const words = grants.get(place) ?? new Set<string>();
          for (const word of list.split(', ')) words[verb === 'GRANT' ? 'add' : 'delete'](word);
          grants.set(place, words);
        }),
    ],
    [
      /^DROP USER (IF EXISTS )?(.*)$/,
      ([, lenient, text = '']) => {
        const gone = named(text).filter(([user, host]) => !accounts.delete(`${user}@${host}`));
        return gone.length > 0 && lenient === undefined ? missing : undefined;
      },
    ],
    [/^SELECT ID, USER, HOST FROM information_schema\.PROCESSLIST/, () => ({ rows: [] })],
  ];
  return (sql) => {
    for (const [pattern, handle] of handlers) {
      const match = pattern.exec(sql);
      if (match) return handle(match);
    }
    return { errno: 1064, message: 'You have an error in your SQL syntax' };
  };
}
