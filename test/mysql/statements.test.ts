import { describe, expect, test } from 'vitest';
import type { ChangeGroup } from '../../operator/mysql/groups.ts';
import { stepsOf } from '../../operator/mysql/statements.ts';
import { accountOf, dialectFor } from './samples.ts';

const NEW = accountOf();
const OTHER = accountOf({ host: '10.0.0.2' });
const LIMITED = accountOf({ requireTLS: 'SSL', limits: { ...NEW.limits, maxUserConnections: 5 } });
const NAMES = "'shop'@'10.0.0.1', 'shop'@'10.0.0.2'";
const KEEP = { plugin: 'mysql_native_password', hash: '*OLD' };

/** The statements of a group, without our own table's; a kill reads `KILL`. */
function sqlOf(version: string, group: ChangeGroup): readonly string[] {
  return stepsOf(group, { dialect: dialectFor(version), cluster: 'local' })
    .map((step) => (step.kind === 'kill' ? 'KILL' : step.sql.replace(/ATTRIBUTE .*/, 'ATTRIBUTE …')))
    .filter((sql) => !sql.includes('webpool_ledger'));
}

const MARIADB = '10.11.19-MariaDB';

describe('a new account', () => {
  test.each([
    [
      '5.1.73',
      LIMITED,
      [
        "CREATE USER 'shop'@'10.0.0.1' IDENTIFIED BY PASSWORD '*NEW'",
        "GRANT USAGE ON *.* TO 'shop'@'10.0.0.1' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 5",
      ],
    ],
    ['5.1.73', NEW, ["CREATE USER 'shop'@'10.0.0.1' IDENTIFIED BY PASSWORD '*NEW'"]],
    [
      '5.7.44',
      LIMITED,
      [
        "CREATE USER 'shop'@'10.0.0.1' IDENTIFIED WITH mysql_native_password AS '*NEW' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5",
      ],
    ],
    ['10.3.39-MariaDB', NEW, ["CREATE USER 'shop'@'10.0.0.1' IDENTIFIED BY PASSWORD '*NEW'"]],
    [MARIADB, NEW, ["CREATE USER 'shop'@'10.0.0.1' IDENTIFIED VIA mysql_native_password USING '*NEW'"]],
    [
      '9.7.4',
      LIMITED,
      [
        "CREATE USER 'shop'@'10.0.0.1' IDENTIFIED WITH mysql_native_password AS '*NEW' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 ATTRIBUTE …",
      ],
    ],
  ])('on %s', (version, account, expected) => {
    expect(sqlOf(version, { kind: 'create', accounts: [account] })).toEqual(expected);
  });

  test('is written ahead and noted where the mark has a table, and carries its mark elsewhere', () => {
    const steps = (version: string) =>
      stepsOf({ kind: 'create', accounts: [NEW] }, { dialect: dialectFor(version), cluster: 'c1' });
    expect(
      steps(MARIADB).map((step) => (step.kind === 'sql' ? step.sql.split(' ').slice(0, 3).join(' ') : '')),
    ).toEqual([
      'INSERT INTO webpool_ledger.accounts',
      "CREATE USER 'shop'@'10.0.0.1'",
      'UPDATE webpool_ledger.accounts SET',
    ]);
    const [only] = steps('9.7.4');
    expect(steps('9.7.4')).toHaveLength(1);
    const attribute = /ATTRIBUTE '(.*)'$/.exec(only?.kind === 'sql' ? only.sql : '')?.[1]?.replaceAll('\\"', '"') ?? '';
    expect(JSON.parse(attribute)).toEqual({
      webpool: {
        cluster: 'c1',
        owners: 'default/shop',
        deletionPolicy: 'Delete',
        killSessions: true,
        secretVersion: '1',
        passwords: NEW.proof,
        applied: '',
      },
    });
  });
});

describe('an account that goes', () => {
  const drop = (killSessions: boolean): ChangeGroup => ({ kind: 'drop', killSessions, accounts: [NEW, OTHER] });

  test.each([
    ['5.1.73', [`DROP USER ${NAMES}`, 'KILL']],
    [MARIADB, [`DROP USER IF EXISTS ${NAMES}`, 'KILL']],
    ['9.7.4', [`ALTER USER IF EXISTS ${NAMES} ACCOUNT LOCK`, 'KILL', `DROP USER IF EXISTS ${NAMES}`]],
  ])('on %s', (version, expected) => {
    expect(sqlOf(version, drop(true))).toEqual(expected);
    expect(sqlOf(version, drop(false))).toEqual(expected.filter((sql) => sql.startsWith('DROP')));
  });

  test('on 5.1.73 is gone all the same when it was gone before', () => {
    const [step] = stepsOf(drop(true), { dialect: dialectFor('5.1.73'), cluster: 'local' });
    expect(step).toMatchObject({ kind: 'sql', done: 1396 });
  });

  test('only in part: locked, unlocked, forgotten', () => {
    expect(sqlOf(MARIADB, { kind: 'lock', killSessions: true, accounts: [NEW, OTHER] })).toEqual([
      `ALTER USER ${NAMES} ACCOUNT LOCK`,
      'KILL',
    ]);
    expect(sqlOf(MARIADB, { kind: 'unlock', accounts: [NEW] })).toEqual([
      "ALTER USER 'shop'@'10.0.0.1' ACCOUNT UNLOCK",
    ]);
    expect(sqlOf('9.7.4', { kind: 'forget', accounts: [NEW] })).toEqual(["ALTER USER 'shop'@'10.0.0.1' ATTRIBUTE …"]);
    expect(sqlOf(MARIADB, { kind: 'forget', accounts: [NEW] })).toEqual([]);
  });
});

describe('a new password', () => {
  const change = (more: object): ChangeGroup => ({ kind: 'password', hadSecond: false, accounts: [NEW], ...more });

  test.each<[string, object, readonly string[]]>([
    ['5.1.73', {}, ["SET PASSWORD FOR 'shop'@'10.0.0.1' = '*NEW'"]],
    ['5.7.44', {}, ["ALTER USER 'shop'@'10.0.0.1' IDENTIFIED WITH mysql_native_password AS '*NEW'"]],
    ['10.3.39-MariaDB', {}, ["ALTER USER 'shop'@'10.0.0.1' IDENTIFIED BY PASSWORD '*NEW'"]],
    [
      MARIADB,
      { keep: KEEP },
      [
        "ALTER USER 'shop'@'10.0.0.1' IDENTIFIED VIA mysql_native_password USING '*NEW' OR mysql_native_password USING '*OLD'",
      ],
    ],
    [MARIADB, { hadSecond: true }, ["ALTER USER 'shop'@'10.0.0.1' IDENTIFIED VIA mysql_native_password USING '*NEW'"]],
    [
      '8.4.0',
      { keep: KEEP, hadSecond: true },
      ["ALTER USER 'shop'@'10.0.0.1' IDENTIFIED WITH mysql_native_password AS '*NEW' RETAIN CURRENT PASSWORD"],
    ],
    [
      '8.4.0',
      { hadSecond: true },
      [
        "ALTER USER 'shop'@'10.0.0.1' IDENTIFIED WITH mysql_native_password AS '*NEW'",
        "ALTER USER 'shop'@'10.0.0.1' DISCARD OLD PASSWORD",
      ],
    ],
  ])('on %s with %j', (version, more, expected) => {
    expect(sqlOf(version, change(more))).toEqual(expected);
  });

  test('ends the one before', () => {
    const group: ChangeGroup = { kind: 'discard', due: true, accounts: [NEW, OTHER] };
    expect(sqlOf('8.4.0', group)).toEqual([
      "ALTER USER 'shop'@'10.0.0.1' DISCARD OLD PASSWORD, 'shop'@'10.0.0.2' DISCARD OLD PASSWORD",
    ]);
    expect(sqlOf(MARIADB, group)[0]).not.toContain(' OR ');
  });
});

describe('options and privileges', () => {
  test('options say what is not limited any more', () => {
    expect(sqlOf(MARIADB, { kind: 'options', accounts: [NEW] })).toEqual([
      "ALTER USER 'shop'@'10.0.0.1' REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0",
    ]);
    expect(sqlOf('5.6.51', { kind: 'options', accounts: [LIMITED] })[0]).toMatch(
      /^GRANT USAGE ON \*\.\* TO .* REQUIRE SSL WITH/,
    );
  });

  test.each([
    [{ schema: 'a\\_b', table: '*', privileges: ['INSERT', 'SELECT'] }, 'INSERT, SELECT ON `a\\_b`.*'],
    [{ schema: 'a_b', table: 'x`y', privileges: ['SELECT'] }, 'SELECT ON `a_b`.`x``y`'],
    [
      { schema: 's', table: 't', column: 'c', privileges: ['SELECT', 'UPDATE'] },
      'SELECT (`c`), UPDATE (`c`) ON `s`.`t`',
    ],
  ])('%j', (set, words) => {
    expect(sqlOf(MARIADB, { kind: 'grant', set, accounts: [NEW, OTHER] })).toEqual([`GRANT ${words} TO ${NAMES}`]);
    expect(sqlOf(MARIADB, { kind: 'revoke', set, accounts: [NEW] })).toEqual([
      `REVOKE ${words} FROM 'shop'@'10.0.0.1'`,
    ]);
  });

  test('what holds for the whole server is taken word by word: in one, it would be the statement that takes all', () => {
    const set = { schema: '*', table: '*', privileges: ['ALL PRIVILEGES', 'GRANT OPTION'] };
    expect(sqlOf(MARIADB, { kind: 'revoke', set, accounts: [NEW] })).toEqual([
      "REVOKE ALL PRIVILEGES ON *.* FROM 'shop'@'10.0.0.1'",
      "REVOKE GRANT OPTION ON *.* FROM 'shop'@'10.0.0.1'",
    ]);
  });
});
