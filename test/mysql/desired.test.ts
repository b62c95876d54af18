import { describe, expect, test } from 'vitest';
import { accountKey } from '../../operator/mysql/account.ts';
import { desiredAccounts } from '../../operator/mysql/desired.ts';
import { DEFAULT_DIALECT } from '../../operator/mysql/dialect.ts';
import type { Dialect } from '../../operator/mysql/dialect.ts';
import { need } from './needs.ts';
import type { NeedOptions } from './needs.ts';
import { dialectFor } from './samples.ts';

const ADMIN = 'operator';

function desired(
  options: readonly (NeedOptions & { readonly at?: readonly string[] })[],
  dialect: Dialect = DEFAULT_DIALECT,
) {
  const needs = options.map(({ at = ['h1'], ...own }) => need(at, own));
  const hashes = new Map(needs.map(({ grant }) => [grant, '*HASH']));
  return desiredAccounts({ needs, hashes, dialect, adminUser: ADMIN });
}

const account = (result: ReturnType<typeof desired>, host = 'h1') =>
  result.accounts.get(accountKey({ user: 'shop', host }));

describe('a need', () => {
  test('comes to one account a host, alike in all but the host', () => {
    const result = desired([{ at: ['h2', 'h1'] }]);
    expect([...result.accounts.keys()]).toEqual(['shop\0h1', 'shop\0h2']);
    expect({ ...account(result, 'h2'), host: 'h1' }).toEqual(account(result));
    expect(account(result)).toMatchObject({
      owners: ['default/shop'],
      plugin: 'mysql_native_password',
      hash: '*HASH',
      requireTLS: 'None',
      keepOldPassword: 86_400,
      adopt: false,
      killSessions: true,
      deletionPolicy: 'Delete',
      driftPolicy: 'Enforce',
    });
  });

  test.each<[string, NeedOptions, object]>([
    ['rotation.mode', { rotation: { mode: 'Immediate' } }, { keepOldPassword: 0 }],
    ['rotation.discardAfter', { rotation: { discardAfter: '90s' } }, { keepOldPassword: 90 }],
    ['rotation.discardAfter below a second', { rotation: { discardAfter: '1500ms' } }, { keepOldPassword: 2 }],
    ['existingAccounts', { existingAccounts: 'Adopt' }, { adopt: true }],
    ['removal', { removal: { killSessions: false } }, { killSessions: false }],
    ['requireTLS', { requireTLS: 'X509' }, { requireTLS: 'X509' }],
    [
      'limits',
      { limits: { maxUpdatesPerHour: 3 } },
      { limits: { maxUserConnections: 0, maxQueriesPerHour: 0, maxUpdatesPerHour: 3, maxConnectionsPerHour: 0 } },
    ],
    ['deletionPolicy', { deletionPolicy: 'Lock' }, { deletionPolicy: 'Lock' }],
  ])('says %s', (_, options, expected) => {
    expect(account(desired([options]))).toMatchObject(expected);
  });

  test('keeps no old password where the server has no room for two', () => {
    expect(account(desired([{}], dialectFor('5.7.44')))?.keepOldPassword).toBe(0);
  });

  test('has another fingerprint when anything differs that the server holds', () => {
    const print = (options: NeedOptions) => account(desired([options]))?.applied;
    const prints = [
      {},
      { requireTLS: 'SSL' },
      { limits: { maxUpdatesPerHour: 3 } },
      { grants: [{ schema: 'x', privileges: ['SELECT'] }] },
    ] as const;
    expect(new Set(prints.map((options) => print(options as NeedOptions))).size).toBe(4);
    expect(print({ deletionPolicy: 'Lock' })).toBe(print({}));
  });
});

describe('a need that cannot be carried out refuses itself alone', () => {
  test.each<[string, NeedOptions, string]>([
    ['a reserved account', { username: 'Root' }, 'ReservedAccount'],
    ['an account of MySQL', { username: 'mysql.sys' }, 'ReservedAccount'],
    ['our own account', { username: ADMIN }, 'ReservedAccount'],
    ['a name too long', { username: 'a'.repeat(129) }, 'UnsupportedValue'],
    ['a plugin that is not there', { authPlugin: 'caching_sha2_password' }, 'UnsupportedAuthPlugin'],
    ['a system schema', { grants: [{ schema: 'mysql', privileges: ['SELECT'] }] }, 'UnsupportedValue'],
    [
      'a privilege of another level',
      { grants: [{ schema: 's', table: 't', privileges: ['EVENT'] }] },
      'UnsupportedPrivilege',
    ],
  ])('%s', (_, options, reason) => {
    const result = desired([{ ...options, grant: 'default/bad' }, { at: ['h2'] }]);
    expect(result.problems.get('default/bad')).toMatchObject({ condition: 'Accepted', reason });
    expect([...result.accounts.keys()]).toEqual(['shop\0h2']);
  });

  test('without a password', () => {
    const result = desiredAccounts({
      needs: [need(['h1'])],
      hashes: new Map(),
      dialect: DEFAULT_DIALECT,
      adminUser: ADMIN,
    });
    expect(result.problems.get('default/shop')).toEqual({
      condition: 'ResolvedRefs',
      reason: 'SecretKeyMissing',
      message: 'Secret default/shop-db has no password under password: an empty one is not accepted',
    });
  });

  test('with a host that is none, only that host', () => {
    const result = desired([{ at: ['', '%', 'h1'] }]);
    expect([...result.accounts.keys()]).toEqual(['shop\0h1']);
    expect([...(result.badHosts.get('default/shop') ?? [])].map(([host]) => host)).toEqual(['', '%']);
  });
});

describe('two needs on one account', () => {
  const second = { grant: 'default/z', grants: [{ schema: 'log', privileges: ['INSERT' as const] }] };

  test('are united', () => {
    const result = desired([{}, second]);
    expect(account(result)?.owners).toEqual(['default/shop', 'default/z']);
    expect(account(result)?.grants.map(({ schema }) => schema)).toEqual(['log', 'shop']);
    expect(account(desired([{}, { ...second, driftPolicy: 'Report' }]))?.driftPolicy).toBe('Report');
    expect(account(desired([{}, { ...second, existingAccounts: 'Adopt' }]))?.adopt).toBe(true);
  });

  test.each<[string, NeedOptions]>([
    ['another Secret', { passwordSecret: { name: 'other', key: 'password' } }],
    ['another key', { passwordSecret: { name: 'shop-db', key: 'other' } }],
    ['another plugin', { authPlugin: 'mysql_native_password' }],
    ['other TLS', { requireTLS: 'SSL' }],
    ['other limits', { limits: { maxUserConnections: 1 } }],
  ])('with %s the later is refused, and nothing of it is granted', (_, options) => {
    const result = desired([{}, { ...second, at: ['h1', 'h2'], ...options }]);
    expect(result.problems.get('default/z')).toMatchObject({ condition: 'Accepted', reason: 'Conflicted' });
    expect([...result.accounts.keys()]).toEqual(['shop\0h1']);
    expect(account(result)?.owners).toEqual(['default/shop']);
  });
});
