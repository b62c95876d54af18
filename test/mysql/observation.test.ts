import { describe, expect, test } from 'vitest';
import { observation, privilegeOfColumn, scopeOf } from '../../operator/mysql/observation.ts';
import { dialectFor } from './samples.ts';

const COLUMNS = { db: ['Select_priv', 'Grant_priv'], user: ['Select_priv', 'Super_priv'] };
const all = (version: string) => observation({ users: ["o'x"] }, dialectFor(version), COLUMNS);

test.each([
  ['Select_priv', 'SELECT'],
  ['Create_tmp_table_priv', 'CREATE TEMPORARY TABLES'],
  ['Grant_priv', 'GRANT OPTION'],
  ['Create_view_priv', 'CREATE VIEW'],
  ['Delete_history_priv', 'DELETE HISTORY'],
])('%s is %s', (column, word) => {
  expect(privilegeOfColumn(column)).toBe(word);
});

describe('one look', () => {
  test.each([
    ['10.11.19-MariaDB', 6, 'SELECT User, Host, Priv FROM mysql.global_priv'],
    ['9.7.4', 5, 'mysql.global_grants'],
    ['8.0.19', 6, 'User_attributes FROM mysql.user'],
    ['8.0.11', 6, 'NULL FROM mysql.user'],
    ['5.7.44', 6, "account_locked = 'Y', UNIX_TIMESTAMP(password_last_changed)"],
    ['5.6.51', 6, "IF(Password = '', authentication_string, Password)"],
    ['5.1.73', 6, "'mysql_native_password', Password"],
  ])('at %s', (version, statements, words) => {
    const sql = all(version);
    expect(sql).toHaveLength(statements);
    expect(sql[1]).toContain(words);
    for (const statement of sql.slice(1)) expect(statement).toContain(String.raw`User IN ('o\'x')`);
  });

  test('asks old servers nothing that they do not know', () => {
    expect(all('5.1.73').join('\n')).not.toMatch(
      /plugin|account_locked|innodb_read_only|global_grants|User_attributes/,
    );
  });

  test('at nobody looks at nothing', () => {
    const [, accounts] = observation({ users: [] }, dialectFor('10.11.0-MariaDB'), COLUMNS);
    expect(accounts).toContain('User IN (NULL)');
  });

  test('at some accounts names each part once', () => {
    const scope = scopeOf([
      { user: 'a', host: '1' },
      { user: 'a', host: '2' },
      { user: 'b', host: '1' },
    ]);
    expect(scope).toEqual({ users: ['a', 'b'], hosts: ['1', '2'] });
    expect(observation(scope, dialectFor('10.11.0-MariaDB'), COLUMNS)[2]).toContain(
      "User IN ('a', 'b') AND Host IN ('1', '2')",
    );
  });
});
