import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../operator/mysql/fingerprint.ts';
import { accountStates } from '../../operator/mysql/state.ts';
import type { AccountRows } from '../../operator/mysql/state.ts';

const EMPTY: AccountRows = {
  source: 'GlobalPriv',
  accounts: [],
  schemas: [],
  tables: [],
  columns: [],
  ledger: [],
  schemaPrivileges: ['SELECT', 'INSERT', 'GRANT OPTION'],
};
const KEY = 'shop\0h';

const stateOf = (rows: Partial<AccountRows>) => accountStates({ ...EMPTY, ...rows }).get(KEY);
const global = (priv: object) => stateOf({ accounts: [['shop', 'h', JSON.stringify(priv)]] });
const note = (...cells: string[]): AccountRows['ledger'] => [['shop', 'h', cells.join('\0')]];

describe('an account of mysql.global_priv', () => {
  test.each<[string, object, object]>([
    [
      'nothing at all',
      {},
      { plugin: 'mysql_native_password', hash: '', locked: false, requireTLS: 'None', grants: [] },
    ],
    [
      'a password',
      { plugin: 'ed25519', authentication_string: 'X', password_last_changed: 7 },
      { plugin: 'ed25519', hash: 'X', passwordChanged: 7 },
    ],
    ['a lock', { account_locked: true }, { locked: true }],
    ['TLS', { ssl_type: 1 }, { requireTLS: 'SSL' }],
    ['a certificate', { ssl_type: 2 }, { requireTLS: 'X509' }],
    ['one certain certificate', { ssl_type: 3 }, { requireTLS: 'Specified' }],
    [
      'limits',
      { max_questions: 1, max_updates: 2, max_connections: 3, max_user_connections: 4 },
      { limits: { maxQueriesPerHour: 1, maxUpdatesPerHour: 2, maxConnectionsPerHour: 3, maxUserConnections: 4 } },
    ],
    [
      'two ways in, its own first',
      { plugin: 'p', authentication_string: 'A', auth_or: [{}, { plugin: 'q', authentication_string: 'B' }] },
      { plugin: 'p', hash: 'A', second: { plugin: 'q', hash: 'B' } },
    ],
    [
      'two ways in, its own last',
      { plugin: 'p', authentication_string: 'A', auth_or: [{ plugin: 'q', authentication_string: 'B' }, {}] },
      { plugin: 'q', hash: 'B', second: { plugin: 'p', hash: 'A' } },
    ],
    ['one way in that was two', { plugin: 'p', authentication_string: 'A', auth_or: [{}] }, { plugin: 'p', hash: 'A' }],
    [
      'three ways in',
      { plugin: 'p', authentication_string: 'A', auth_or: [{}, { plugin: 'q' }, { plugin: 'r' }] },
      { plugin: 'several', hash: '' },
    ],
    ['all privileges', { access: 4 }, { grants: [{ schema: '*', table: '*', privileges: ['ALL PRIVILEGES'] }] }],
    [
      'all privileges with grant',
      { access: 1025 },
      { grants: [{ schema: '*', table: '*', privileges: ['ALL PRIVILEGES', 'GRANT OPTION'] }] },
    ],
  ])('with %s', (_, priv, expected) => {
    expect(global(priv)).toMatchObject({ exists: true, mark: undefined, ...expected });
  });

  test('keeps no second way that is not there', () => {
    expect(global({ plugin: 'p', auth_or: [{}] })).not.toHaveProperty('second');
  });
});

describe('an account of mysql.user', () => {
  const user = (cells: readonly (string | number | null)[]) =>
    stateOf({ source: 'User', accounts: [['shop', 'h', ...cells]] });

  test('is read cell by cell', () => {
    const attributes = {
      additional_password: '*OLD',
      metadata: {
        webpool: {
          cluster: 'c',
          owners: 'a/b,c/d',
          deletionPolicy: 'Lock',
          killSessions: false,
          passwords: 'x,y',
          applied: 'z',
        },
      },
    };
    expect(user(['p', '*A', 1, 77, 'ANY', '4,1,2,3', 'SELECT,FILE', JSON.stringify(attributes)])).toEqual({
      user: 'shop',
      host: 'h',
      exists: true,
      plugin: 'p',
      hash: '*A',
      second: { plugin: 'p', hash: '*OLD' },
      locked: true,
      passwordChanged: 77,
      requireTLS: 'SSL',
      limits: { maxUserConnections: 4, maxQueriesPerHour: 1, maxUpdatesPerHour: 2, maxConnectionsPerHour: 3 },
      grants: [{ schema: '*', table: '*', privileges: ['ALL PRIVILEGES'] }],
      mark: {
        cluster: 'c',
        owners: ['a/b', 'c/d'],
        deletionPolicy: 'Lock',
        killSessions: false,
        passwords: ['x', 'y'],
        state: 'Owned',
        applied: 'z',
      },
    });
  });

  test.each([
    [null, undefined],
    ['{"metadata": {"other": 1}}', undefined],
    [
      '{"metadata": {"webpool": {"cluster": "c", "deletionPolicy": "Burn"}}}',
      { cluster: 'c', deletionPolicy: 'Orphan', killSessions: true },
    ],
  ])('with the attributes %s', (attributes, mark) => {
    const state = user(['p', '*A', 0, null, '', '0,0,0,0', '', attributes]);
    if (mark === undefined) expect(state?.mark).toBe(undefined);
    else expect(state?.mark).toMatchObject(mark);
  });
});

describe('privileges', () => {
  test('of schemas, tables and columns, in the words of SQL', () => {
    const rows: Partial<AccountRows> = {
      accounts: [['shop', 'h', '{}']],
      schemas: [
        ['shop', 'h', 'a\\_b', 'YNY'],
        ['shop', 'h', 'none', 'NNN'],
      ],
      tables: [
        ['shop', 'h', 'a', 't', 'Select,Grant,Delete versioning rows'],
        ['shop', 'h', 'a', 'u', ''],
      ],
      columns: [['shop', 'h', 'a', 'u', 'c', 'Update,Insert']],
    };
    expect(stateOf(rows)?.grants).toEqual([
      { schema: 'a\\_b', table: '*', privileges: ['GRANT OPTION', 'SELECT'] },
      { schema: 'a', table: 't', privileges: ['DELETE HISTORY', 'GRANT OPTION', 'SELECT'] },
      { schema: 'a', table: 'u', column: 'c', privileges: ['INSERT', 'UPDATE'] },
    ]);
  });
});

describe('a note of the ledger', () => {
  test('is a mark, also without an account', () => {
    const ledger = note('c', 'a/b', 'Delete', 'no', 'owned', 'z', 'x,y', '');
    const mark = {
      cluster: 'c',
      owners: ['a/b'],
      deletionPolicy: 'Delete',
      killSessions: false,
      passwords: ['x', 'y'],
      state: 'Owned',
      applied: 'z',
    };
    expect(stateOf({ ledger })).toMatchObject({ exists: false, grants: [], mark });
    expect(stateOf({ ledger, accounts: [['shop', 'h', '{}']] })).toMatchObject({ exists: true, mark });
  });

  test.each<[string, string, number, string]>([
    ['the hash that was meant, and got it later', '*MEANT', 100, 'Proven'],
    ['the hash that was meant, in the same second', '*MEANT', 50, 'Proven'],
    ['the hash that was meant, but had it before', '*MEANT', 49, 'Intent'],
    ['another hash', '*OTHER', 100, 'Intent'],
    ['the hash that was meant, where no time is kept', '*MEANT', 0, 'Proven'],
  ])('that is an intent proves itself when the account has %s', (...[, hash, changed, state]) => {
    const priv = { plugin: 'p', authentication_string: hash, ...(changed > 0 && { password_last_changed: changed }) };
    const ledger = note('c', 'a/b', 'Delete', 'yes', 'intent', '', fingerprint('*MEANT'), '50');
    expect(stateOf({ ledger, accounts: [['shop', 'h', JSON.stringify(priv)]] })?.mark?.state).toBe(state);
  });
});
