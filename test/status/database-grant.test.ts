import { describe, expect, test } from 'vitest';
import type { AccountObserved, DatabaseObserved, GrantObserved } from '../../operator/status/observed.ts';
import { GRANT, life, messageOf, metadataOf, proxyOf, statusOf, told, VM, type Written } from './world.ts';

const VALID = 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs';
const WRITTEN: Written = { pools: { blog: VM }, grants: { db: GRANT }, secrets: ['admin', 'app'] };

function account(host: string, state: AccountObserved['state'], message?: string): AccountObserved {
  return { host, state, ...(message !== undefined && { message }) };
}

const READY = [account('192.0.2.1', 'Ready'), account('192.0.2.2', 'Ready')];

function statusWith(grant: GrantObserved | undefined, over: Partial<DatabaseObserved> = {}, written = WRITTEN) {
  const round = life().at(0, written, (topology) => {
    const id = topology.accounts[0]?.server.id ?? 'db01:3306';
    const grants = new Map(grant === undefined ? [] : [['default/db', grant]]);
    return { proxy: proxyOf(topology), databases: new Map([[id, { grants, ...over }]]) };
  });
  return statusOf(round, 'DatabaseGrant', 'db');
}

describe('a DatabaseGrant tells how it is', () => {
  const cases: readonly (readonly [string, readonly AccountObserved[], string])[] = [
    ['all accounts ready', READY, 'True Synced=True/Synced'],
    [
      'one still to come',
      [account('192.0.2.1', 'Ready')],
      'PartiallySynced Synced=False/PartiallySynced Reconciling=True/Progressing',
    ],
    [
      'one failed',
      [...READY.slice(1), account('192.0.2.1', 'Failed', 'Error 1396.')],
      'PartiallySynced Synced=False/PartiallySynced Reconciling=True/Progressing',
    ],
    [
      'one exists and is not ours',
      [...READY.slice(1), account('192.0.2.1', 'Conflicting', 'not ours')],
      'AccountExists Synced=False/AccountExists Reconciling=True/Progressing',
    ],
    [
      'many would go',
      [...READY, account('192.0.2.9', 'Held')],
      'RemovalHeld Synced=False/RemovalHeld Stalled=True/RemovalHeld',
    ],
    ['one leaves', [...READY, account('192.0.2.9', 'Leaving')], 'True Synced=True/Synced'],
  ];
  test.each(cases)('%s', (_, accounts, says) => {
    const [ready = '', synced = '', ...rest] = says.split(' ');
    const head = ready === 'True' ? 'Ready=True/Ready' : `Ready=False/${ready}`;
    expect(told(statusWith({ accounts }))).toBe([head, VALID, synced, ...rest].join(' '));
  });

  test.each([
    'ServerUnreachable',
    'AdminAuthenticationFailed',
    'AdminPrivilegeMissing',
    'ReadOnlyServer',
    'SQLError',
  ] as const)('its server has the problem %s: told, worked on, never stalled at once', (reason) => {
    const status = statusWith({ accounts: READY }, { problem: { reason, message: 'firewall?' } });
    expect(told(status)).toBe(`Ready=False/${reason} ${VALID} Synced=False/${reason} Reconciling=True/Progressing`);
    expect(messageOf(status, 'Ready')).toBe('firewall?');
  });

  test.each([
    [
      'Accepted',
      'Conflicted',
      'Accepted=False/Conflicted ResolvedRefs=True/ResolvedRefs Synced=False/Invalid Reconciling=True/Progressing',
    ],
    [
      'Accepted',
      'UnsupportedPrivilege',
      'Accepted=False/UnsupportedPrivilege ResolvedRefs=True/ResolvedRefs Synced=False/Invalid Stalled=True/UnsupportedPrivilege',
    ],
    [
      'ResolvedRefs',
      'SecretKeyMissing',
      'Accepted=True/Accepted ResolvedRefs=False/SecretKeyMissing Synced=True/Synced Reconciling=True/Progressing',
    ],
    [
      'Synced',
      'DriftDetected',
      'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Synced=False/DriftDetected Reconciling=True/Progressing',
    ],
  ] as const)('the server says about it: %s %s', (condition, reason, says) => {
    const status = statusWith({ accounts: READY, problem: { condition, reason, message: 'why' } });
    expect(told(status)).toBe(`Ready=False/${reason} ${says}`);
    expect(messageOf(status, condition)).toBe('why');
  });

  test('before anybody asked the server', () => {
    expect(told(statusWith(undefined))).toBe(
      `Ready=False/Pending ${VALID} Synced=Unknown/Pending Reconciling=True/Progressing`,
    );
  });

  test('without its Secret it waits, and drops nothing', () => {
    const status = statusWith(undefined, {}, { ...WRITTEN, secrets: ['admin'] });
    expect(told(status)).toBe(
      'Ready=False/SecretNotFound Accepted=True/Accepted ResolvedRefs=False/SecretNotFound Synced=Unknown/Pending Reconciling=True/Progressing',
    );
    expect(status.accounts).toBeUndefined();
  });

  test('refused by its own rules', () => {
    const finding = {
      object: { kind: 'DatabaseGrant', key: 'default/db' },
      condition: 'Accepted',
      reason: 'ReservedAccount',
      message: 'no',
    } as const;
    const held = [
      {
        kind: 'DatabaseGrant',
        key: 'default/db',
        metadata: metadataOf('db', 2),
        findings: [finding],
        paused: false,
        fallback: false,
      } as const,
    ];
    const status = statusWith(undefined, {}, { ...WRITTEN, grants: {}, held });
    expect(told(status)).toBe(
      'Ready=False/ReservedAccount Accepted=False/ReservedAccount ResolvedRefs=Unknown/Pending Synced=False/Invalid Stalled=True/ReservedAccount',
    );
  });
});

describe('the accounts', () => {
  test('are counted: what leaves is not one of those that are wanted', () => {
    const accounts = [
      account('192.0.2.1', 'Ready'),
      account('192.0.2.2', 'Conflicting'),
      account('192.0.2.9', 'Leaving'),
      account('192.0.2.8', 'Held'),
    ];
    expect(statusWith({ accounts }).accounts).toEqual({
      desired: 2,
      ready: 1,
      pending: 0,
      conflicting: 1,
      leaving: 2,
      summary: '1/2',
    });
  });

  test('are listed, problems first, at most a hundred', () => {
    const hosts = Array.from({ length: 150 }, (_, index) => `10.0.0.${index}`);
    const accounts = hosts.map((host, index) =>
      account(
        host,
        index === 149 ? 'Failed' : index === 148 ? 'Held' : 'Ready',
        index === 149 ? 'a\u001bb' : undefined,
      ),
    );
    const { hosts: listed = [] } = statusWith(
      { accounts },
      {},
      { ...WRITTEN, grants: { db: { ...GRANT, pools: [], hosts } } },
    );
    expect(listed).toHaveLength(100);
    expect(listed.slice(0, 3)).toEqual([
      { host: '10.0.0.149', state: 'Failed', message: 'a\\u{1b}b' },
      { host: '10.0.0.148', state: 'Held' },
      { host: '10.0.0.0', state: 'Ready' },
    ]);
  });

  test('that nobody needs are well', () => {
    const status = statusWith(undefined, {}, { ...WRITTEN, pools: { blog: { port: 80, externalEndpoints: [] } } });
    expect(messageOf(status, 'Ready')).toBe('No server needs an account.');
    expect(status.accounts?.summary).toBe('0/0');
  });
});

describe('a deleted DatabaseGrant', () => {
  const { pools = {}, secrets = [] } = WRITTEN;
  const statusAfter = (accounts: readonly AccountObserved[], blocked?: string) => {
    const leaving = new Map([
      ['default/db', { metadata: metadataOf('db'), ...(blocked !== undefined && { blocked }) }],
    ]);
    const round = life().at(0, { pools, secrets, leaving }, (topology) => ({
      proxy: proxyOf(topology),
      databases: new Map([['db01:3306', { grants: new Map([['default/db', { accounts }]]) }]]),
    }));
    return statusOf(round, 'DatabaseGrant', 'db');
  };

  test('says how many accounts are left and what they wait for', () => {
    const status = statusAfter([account('192.0.2.1', 'Leaving', 'waits until the server has drained')]);
    expect(told(status)).toBe('Ready=False/Deleting Reconciling=True/Deleting');
    expect(messageOf(status, 'Ready')).toBe("1 account left; '192.0.2.1' waits until the server has drained.");
    expect(status.accounts).toMatchObject({ desired: 0, leaving: 1, summary: '0/0' });
  });

  test('says what keeps them', () => {
    const status = statusAfter([], 'The server is away. Set the annotation.');
    expect(told(status)).toBe('Ready=False/CleanupBlocked Reconciling=True/Deleting');
    expect(messageOf(status, 'Ready')).toBe('The server is away. Set the annotation.');
  });
});

test('the server says of itself what it is', () => {
  expect(statusWith({ accounts: READY }, { flavor: 'MariaDB', version: '10.11.6' }).server).toEqual({
    flavor: 'MariaDB',
    version: '10.11.6',
  });
  expect(statusWith({ accounts: READY }).server).toBeUndefined();
});
