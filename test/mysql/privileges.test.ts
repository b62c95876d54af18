import { describe, expect, test } from 'vitest';
import { DEFAULT_DIALECT } from '../../operator/mysql/dialect.ts';
import { entryProblem, grantSets } from '../../operator/mysql/privileges.ts';

type Entry = Parameters<typeof entryProblem>[0];

describe('an entry of spec.grants', () => {
  test.each<[string, Entry, string, string]>([
    ['every schema', { schema: '*', privileges: ['SELECT'] }, 'UnsupportedValue', 'every schema has to be named'],
    ['a system schema', { schema: 'MySQL', privileges: ['SELECT'] }, 'UnsupportedValue', 'belongs to the server'],
    [
      'our own schema',
      { schema: 'webpool_ledger', privileges: ['SELECT'] },
      'UnsupportedValue',
      'belongs to the server',
    ],
    [
      'columns of no table',
      { schema: 's', columns: ['c'], privileges: ['SELECT'] },
      'UnsupportedValue',
      'columns without a table',
    ],
    [
      'a name that has no room to be escaped',
      { schema: `${'a'.repeat(63)}_`, privileges: ['SELECT'] },
      'UnsupportedValue',
      'too long',
    ],
    [
      'a name with a newline',
      { schema: 's', table: 'a\nb', privileges: ['SELECT'] },
      'UnsupportedValue',
      'control characters',
    ],
    [
      'schema privileges on a table',
      { schema: 's', table: 't', privileges: ['SELECT', 'EVENT'] },
      'UnsupportedPrivilege',
      'EVENT cannot be granted on a table',
    ],
    [
      'table privileges on columns',
      { schema: 's', table: 't', columns: ['c'], privileges: ['DROP'] },
      'UnsupportedPrivilege',
      'DROP cannot be granted on columns',
    ],
    ['no privilege', { schema: 's', privileges: [] }, 'UnsupportedPrivilege', 'is empty'],
  ])('is refused for %s', (...[, entry, reason, text]) => {
    expect(entryProblem(entry, DEFAULT_DIALECT)).toEqual({ reason, message: expect.stringContaining(text) as string });
  });

  test.each<Entry>([
    { schema: 'a_b', privileges: ['SELECT', 'EVENT', 'CREATE TEMPORARY TABLES'] },
    { schema: `${'a'.repeat(63)}_`, table: 't', privileges: ['TRIGGER'] },
    { schema: 's', table: 't', columns: ['c'], privileges: ['REFERENCES'] },
  ])('is taken: %j', (entry) => {
    expect(entryProblem(entry, DEFAULT_DIALECT)).toBe(undefined);
  });
});

describe('what entries come to', () => {
  test('one set a place, privileges united and sorted', () => {
    expect(
      grantSets(
        [
          { schema: 'b_c', privileges: ['UPDATE', 'SELECT'] },
          { schema: 'b_c', privileges: ['SELECT', 'INSERT'] },
          { schema: 'a', table: 't_1', columns: ['y', 'x'], privileges: ['SELECT'] },
          { schema: 'a', table: 't_1', columns: ['X'], privileges: ['UPDATE'] },
        ],
        DEFAULT_DIALECT,
      ),
    ).toEqual([
      { schema: 'a', table: 't_1', column: 'x', privileges: ['SELECT', 'UPDATE'] },
      { schema: 'a', table: 't_1', column: 'y', privileges: ['SELECT'] },
      { schema: 'b\\_c', table: '*', privileges: ['INSERT', 'SELECT', 'UPDATE'] },
    ]);
  });

  test('names as the server stores them', () => {
    const entries: Entry[] = [{ schema: 'Shop', table: 'Orders', privileges: ['SELECT'] }];
    expect(grantSets(entries, { ...DEFAULT_DIALECT, lowerCaseNames: true })).toMatchObject([
      { schema: 'shop', table: 'orders' },
    ]);
    expect(grantSets(entries, DEFAULT_DIALECT)).toMatchObject([{ schema: 'Shop', table: 'Orders' }]);
    const pattern: Entry[] = [{ schema: 'a_b', privileges: ['SELECT'] }];
    expect(grantSets(pattern, { ...DEFAULT_DIALECT, literalSchemas: true })).toMatchObject([{ schema: 'a_b' }]);
  });
});
