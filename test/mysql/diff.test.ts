import { describe, expect, test } from 'vitest';
import type { AccountState } from '../../operator/mysql/account.ts';
import { accountChanges, compareGrants, describeChanges } from '../../operator/mysql/diff.ts';
import { accountOf, markOf, stateOf } from './samples.ts';

const NOW = 1060;
const set = (schema: string, privileges: string[], more: object = {}) => ({ schema, table: '*', privileges, ...more });

describe('grants', () => {
  test.each([
    ['the same', [set('a', ['SELECT'])], [set('a', ['SELECT'])], [], []],
    ['another order', [set('a', ['SELECT']), set('b', ['DROP'])], [set('b', ['DROP']), set('a', ['SELECT'])], [], []],
    ['one missing', [set('a', ['INSERT', 'SELECT'])], [set('a', ['SELECT'])], [set('a', ['INSERT'])], []],
    ['one too much', [set('a', ['SELECT'])], [set('a', ['DROP', 'SELECT'])], [], [set('a', ['DROP'])]],
    [
      'the escaped twin',
      [set('a\\_b', ['SELECT'])],
      [set('a_b', ['SELECT'])],
      [set('a\\_b', ['SELECT'])],
      [set('a_b', ['SELECT'])],
    ],
    [
      'a table is not its schema',
      [set('a', ['SELECT'])],
      [set('a', ['SELECT'], { table: 't' })],
      [set('a', ['SELECT'])],
      [set('a', ['SELECT'], { table: 't' })],
    ],
    [
      'columns without case',
      [set('a', ['SELECT'], { table: 't', column: 'Id' })],
      [set('a', ['SELECT'], { table: 't', column: 'id' })],
      [],
      [],
    ],
    [
      'tables with case',
      [set('a', ['SELECT'], { table: 'T' })],
      [set('a', ['SELECT'], { table: 't' })],
      [set('a', ['SELECT'], { table: 'T' })],
      [set('a', ['SELECT'], { table: 't' })],
    ],
  ])('%s', (...[, desired, current, missing, surplus]) => {
    expect(compareGrants(desired, current)).toEqual({ missing, surplus });
  });
});

describe('one account', () => {
  const kinds = (state: Partial<AccountState>, more = {}) =>
    accountChanges(accountOf(more), stateOf(state), NOW).map(({ kind }) => kind);

  test.each<[string, Partial<AccountState>, readonly string[]]>([
    ['nothing', {}, []],
    ['the lock', { locked: true }, ['unlock']],
    ['a limit', { limits: { ...stateOf().limits, maxUpdatesPerHour: 1 } }, ['options']],
    ['TLS', { requireTLS: 'Specified' }, ['options']],
    ['the mark’s owners', { mark: markOf({ owners: ['default/other'] }) }, ['mark']],
    ['the mark’s policy', { mark: markOf({ deletionPolicy: 'Lock' }) }, ['mark']],
    ['what ends with it', { mark: markOf({ killSessions: false }) }, ['mark']],
    ['what was applied', { mark: markOf({ applied: '' }) }, ['mark']],
    ['an intent that proved itself', { mark: markOf({ state: 'Proven' }) }, ['mark']],
    [
      'all',
      { hash: '*OLD', requireTLS: 'SSL', locked: true, grants: [set('x', ['DROP'])], mark: markOf({ applied: '' }) },
      ['password', 'options', 'unlock', 'grant', 'revoke', 'mark'],
    ],
  ])('%s differs', (_, state, expected) => {
    expect(kinds(state)).toEqual(expected);
  });

  test('says in words what somebody has changed, and nothing of marks', () => {
    const state = stateOf({
      hash: '*HAND',
      locked: true,
      requireTLS: 'SSL',
      grants: [set('shop', ['DROP']), set('a\\_b', ['SELECT'])],
    });
    expect(describeChanges(accountChanges(accountOf(), state, NOW))).toBe(
      'the password differs; required TLS or limits differ; the account is locked; INSERT, SELECT missing on shop.*; DROP too much on shop.*; SELECT too much on a_b.*',
    );
    expect(describeChanges(accountChanges(accountOf(), stateOf({ mark: markOf({ applied: '' }) }), NOW))).toBe('');
  });
});
