import { describe, expect, test } from 'vitest';
import type { ExternalEndpoint } from '../../operator/api/kinds.gen.ts';
import type { ServerObserved } from '../../operator/status/observed.ts';
import { isReady } from '../../operator/status/instance.ts';
import { figuresOf } from '../../operator/status/figures.ts';
import { buildStatuses } from '../../operator/status/build.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { database, EVERYTHING, instance } from './instances.ts';
import { DOWN, proxyOf, resourcesOf, STARTING, timeAt, UP } from './world.ts';

const DRAINED: ServerObserved = { admin: 'drain', health: 'Up', leaving: false };
const OUT: ServerObserved = { admin: 'maint', health: 'Up', leaving: false };

function rowOf(endpoint: Partial<ExternalEndpoint>, observed: ServerObserved | undefined) {
  const externalEndpoints = [{ name: 'web01', address: '192.0.2.1', ...endpoint }];
  const { servers } = instance({ pools: { blog: { port: 80, externalEndpoints } } }, (topology) => ({
    proxy: proxyOf(topology, () => observed),
    databases: new Map(),
  }));
  return servers[0];
}

describe('one server in one row', () => {
  test.each([
    ['serving', {}, UP, 'Ready', 'Up', undefined],
    ['checked by nobody', {}, { ...UP, health: 'Unchecked' }, 'Ready', 'Unchecked', undefined],
    [
      'failing its check',
      {},
      DOWN,
      'Unhealthy',
      'Down',
      'Its health check fails: connect to 192.0.2.1:80 every 10 s. It serves again after 2 passed checks.',
    ],
    [
      'not checked yet',
      {},
      STARTING,
      'Starting',
      'Starting',
      'Waits for its first passed check: connect to 192.0.2.1:80 every 10 s.',
    ],
    [
      'not in HAProxy yet',
      {},
      undefined,
      'Starting',
      'Unknown',
      'Waits for its first passed check: connect to 192.0.2.1:80 every 10 s.',
    ],
    [
      'taken out in HAProxy by hand',
      {},
      OUT,
      'Starting',
      'Up',
      'Waits for its first passed check: connect to 192.0.2.1:80 every 10 s.',
    ],
    [
      'serving though its last check failed',
      {},
      { ...UP, failure: 'Timeout' },
      'Ready',
      'Up',
      'It serves, but its last check failed: connect to 192.0.2.1:80 every 10 s; it takes the connection, but did not answer within 2 s. It is taken out after 3 in a row.',
    ],
    [
      'failing a check before it was ever promoted',
      {},
      { ...DRAINED, failure: 'Answer' },
      'Starting',
      'Up',
      'Waits for its first passed check: connect to 192.0.2.1:80 every 10 s.',
    ],
    ['to be drained', { state: 'Drain' }, UP, 'Draining', 'Up', 'state is Drain.'],
    ['drained and failing', { state: 'Drain' }, DOWN, 'Draining', 'Down', 'state is Drain.'],
    ['without weight', { weight: 0 }, UP, 'Draining', 'Up', 'weight is 0.'],
    ['drained by hand', {}, DRAINED, 'Draining', 'Up', 'Draining.'],
    ['in maintenance', { state: 'Maintenance' }, OUT, 'Maintenance', 'Up', 'state is Maintenance.'],
    [
      'in maintenance, not in HAProxy yet',
      { state: 'Maintenance' },
      undefined,
      'Maintenance',
      'Unknown',
      'state is Maintenance.',
    ],
    [
      'IPv6',
      { address: '2001:db8::1' },
      DOWN,
      'Unhealthy',
      'Down',
      'Its health check fails: connect to [2001:db8::1]:80 every 10 s. It serves again after 2 passed checks.',
    ],
  ] as const)('%s', (...[, endpoint, observed, standing, health, why]) => {
    expect(rowOf(endpoint, observed)).toMatchObject({ pool: 'default/blog', standing, health });
    expect(rowOf(endpoint, observed)?.why).toBe(why);
  });

  test.each([
    ['Refused', 'no connection'],
    ['Unreachable', 'no connection within 2 s'],
    ['Handshake', 'no TLS handshake'],
    ['Timeout', 'it takes the connection, but "+PONG" did not come within 2 s'],
    ['Answer', 'another answer than that of a healthy server'],
  ] as const)('says how far its check comes: %s', (failure, words) => {
    const healthCheck = { type: 'TCP', send: 'PING', receive: '+PONG' } as const;
    const externalEndpoints = [{ name: 'web01', address: '192.0.2.1' }];
    const { servers } = instance({ pools: { blog: { port: 80, externalEndpoints, healthCheck } } }, (topology) => ({
      proxy: proxyOf(topology, () => ({ ...DOWN, failure })),
      databases: new Map(),
    }));
    expect(servers[0]?.why).toBe(
      `Its health check fails: connect to 192.0.2.1:80 every 10 s, expecting "+PONG"; ${words}. It serves again after 2 passed checks.`,
    );
  });

  test('that left and only finishes its connections', () => {
    const { servers } = instance(EVERYTHING, (topology) => {
      const proxy = proxyOf(topology);
      const seen = new Map([
        ...(proxy.pools.get('default/blog') ?? []),
        ['web00_[2001:db8::9]:80', { ...UP, leaving: true }],
      ]);
      return { proxy: { ...proxy, pools: new Map([['default/blog', seen]]) } };
    });
    expect(servers.at(-1)).toEqual({
      pool: 'default/blog',
      id: 'web00_[2001:db8::9]:80',
      address: '[2001:db8::9]:80',
      weight: 0,
      state: 'Leaving',
      standing: 'Draining',
      health: 'Up',
      grants: [],
      why: 'It left the pool and finishes its connections.',
    });
  });

  test('whose account is not there yet says so, and which grant', () => {
    const pending = [{ host: '192.0.2.1', state: 'Failed', message: 'Error 1396.' }];
    const { servers } = instance(EVERYTHING, (topology) => ({
      proxy: proxyOf(topology, () => STARTING),
      databases: database(pending),
    }));
    expect(servers[0]).toMatchObject({
      account: 'Failed',
      grants: ['default/db'],
      why: "Waits for its database account at '192.0.2.1' of DatabaseGrant default/db (Failed): Error 1396.",
    });
    expect(servers[1]).toMatchObject({
      account: 'Pending',
      why: "Waits for its database account at '192.0.2.2' of DatabaseGrant default/db (Pending)",
    });
    const ready = instance(EVERYTHING).servers[0];
    expect(ready).toMatchObject({ account: 'Ready', grants: ['default/db'], standing: 'Ready' });
  });
});

describe('an instance', () => {
  test('is ready when every object is and every document could be read', () => {
    expect(instance().ready).toBe(true);
    expect(instance({}).ready).toBe(true);
    expect(instance(EVERYTHING, () => ({}), ['no kind']).ready).toBe(false);
    expect(instance(EVERYTHING, () => ({ databases: new Map() })).ready).toBe(false);
  });

  test('says of each object what its spec says in short', () => {
    const { pools, rules, grants, errors, databases } = instance(EVERYTHING, () => ({}), ['no kind']);
    expect(pools[0]).toMatchObject({ namespace: 'default', name: 'blog', generation: 1, protocol: 'HTTP' });
    expect(rules[0]).toMatchObject({ name: 'site', listener: 'HTTP/80', hosts: ['*'], pools: ['default/blog'] });
    expect(grants[0]).toMatchObject({
      name: 'db',
      account: 'app',
      server: 'db01:3306 as default/admin',
      pools: ['default/blog'],
    });
    expect(databases).toEqual([{ server: 'db01:3306 as default/admin', flavor: 'MariaDB', version: '10.11.6' }]);
    expect(errors).toEqual(['a.yaml:3: no kind']);
  });

  test('is plain JSON', () => {
    const seen = instance();
    expect(JSON.parse(JSON.stringify(seen))).toEqual(seen);
  });

  test.each([
    [{}, false],
    [{ conditions: [] }, false],
    [{ conditions: [{ type: 'Ready', status: 'True' }] }, true],
    [{ conditions: [{ type: 'Ready', status: 'Unknown' }] }, false],
    [{ conditions: [{ type: 'Accepted', status: 'True' }] }, false],
  ])('an object with %j is ready: %s', (status, ready) => {
    expect(isReady(status as Parameters<typeof isReady>[0])).toBe(ready);
  });
});

test('the figures are those of the statuses', () => {
  const resources = {
    ...resourcesOf({
      ...EVERYTHING,
      findings: [{ condition: 'PartiallyInvalid', reason: 'InvalidRegex', message: 'x' }],
    }),
    unnamed: [1, 2].map((line) => ({ condition: 'Accepted', reason: 'InvalidSpec', message: 'x', line }) as const),
  };
  const topology = buildTopology(resources, new Map());
  const proxy = proxyOf(topology, (id) => (id.startsWith('web01') ? UP : STARTING));
  const observed = {
    proxy,
    databases: database([
      { host: '192.0.2.1', state: 'Ready' },
      { host: '192.0.2.2', state: 'Conflicting' },
    ]),
  };
  const documents = buildStatuses({
    resources,
    topology,
    observed,
    previous: () => undefined,
    now: timeAt(0),
    startedAt: timeAt(0),
  });
  const { programmed, endpoints, accounts, findings } = figuresOf({ documents, resources, topology, observed });
  const counted = (list: readonly { readonly state: string; readonly count: number }[]) =>
    Object.fromEntries(list.map(({ state, count }) => [state, count]));
  expect(programmed).toBe(true);
  expect(counted(endpoints)).toEqual({ ready: 1, draining: 0, unhealthy: 0, other: 1 });
  expect(counted(accounts)).toEqual({ ready: 1, pending: 0, conflicting: 1, leaving: 0 });
  expect(findings).toEqual([
    { reason: 'InvalidRegex', count: 1 },
    { reason: 'InvalidSpec', count: 2 },
  ]);
});
