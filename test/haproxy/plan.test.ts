import { describe, expect, it, test } from 'vitest';
import { planProxy, type PlanContext } from '../../operator/haproxy/plan.ts';
import type { ProxyConfig, ProxyState, ServerState } from '../../operator/haproxy/proxy.ts';
import { settled } from './simulate.ts';
import { configOf, pool, rule } from './worlds.ts';

const BACKEND = 'http_default_p';
const A = 'a_192.0.2.1:80';
const B = 'b_192.0.2.2:80';
const objects = (endpoints: readonly object[], spec: object = {}) => [
  pool('p', { externalEndpoints: endpoints, drainTimeout: '10s', ...spec }),
  rule('r', { rules: [{ name: 'all', pools: [{ name: 'p' }] }] }),
];
const endpoint = (name: 'a' | 'b', more: object = {}) => ({
  name,
  address: name === 'a' ? '192.0.2.1' : '192.0.2.2',
  ...more,
});
const ONE = configOf(objects([endpoint('a')]));
const TWO = configOf(objects([endpoint('a'), endpoint('b')]));

/** A HAProxy that is as `config` says, except for what `change` makes of a server. */
function stateOf(config: ProxyConfig, change: Readonly<Record<string, Partial<ServerState>>> = {}): ProxyState {
  const { state } = settled(config);
  const servers = new Map(state.backends.get(BACKEND));
  for (const [name, server] of servers) servers.set(name, { ...server, ...change[name] });
  return { ...state, backends: new Map(state.backends).set(BACKEND, servers) };
}

const context = (more: Partial<PlanContext> = {}): PlanContext => ({
  now: 100_000,
  leaving: new Map(),
  runningSkeleton: ONE.skeleton,
  ...more,
});
/** The plan in words. */
const words = (state: ProxyState, config: ProxyConfig, more: Partial<PlanContext> = {}) =>
  planProxy(state, config, context(more)).map((change) => {
    if (change.kind === 'add-server') return `add ${change.server.name}`;
    if (change.kind === 'set-state') return `${change.state} ${change.server}`;
    if (change.kind === 'set-weight') return `weight ${change.server} ${change.weight}`;
    if (change.kind === 'set-max-connections') return `limit ${change.server} ${change.maxConnections}`;
    if (change.kind === 'reload') return `reload ${change.reason}`;
    return 'server' in change ? `${change.kind} ${change.server}` : change.kind;
  });

test.each<[string, Partial<ServerState>, object, readonly string[]]>([
  ['nothing', {}, {}, []],
  ['its weight', { weight: 3 }, {}, [`weight ${A} 100`]],
  ['its limit', { maxConnections: 3 }, {}, [`limit ${A} 0`]],
  ['a check that is off', { health: 'Unchecked' }, {}, [`enable-health ${A}`]],
  ['maintenance that nobody asked for', { admin: 'maint' }, {}, [`drain ${A}`]],
  ['drain, and its check passes', { admin: 'drain', health: 'Up' }, {}, [`ready ${A}`]],
  ['drain, and its check has not passed', { admin: 'drain', health: 'Starting' }, {}, []],
  ['drain, and its check fails', { admin: 'drain', health: 'Down' }, {}, []],
  ['that it is down', { health: 'Down' }, {}, []],
  ['that it should drain', {}, { state: 'Drain' }, [`drain ${A}`]],
  ['that it should rest', {}, { state: 'Maintenance' }, [`maint ${A}`]],
  ['that it should rest and drains', { admin: 'drain' }, { state: 'Maintenance' }, [`maint ${A}`]],
])('a server that differs in %s', (...[, has, wants, plan]) => {
  expect(words(stateOf(ONE, { [A]: has }), configOf(objects([endpoint('a', wants)])))).toEqual(plan);
});

it('knows no limit in a worker that somebody else drove', () => {
  const state = stateOf(ONE);
  const stranger = { name: A, address: '192.0.2.1', port: 80, weight: 100, admin: 'ready', health: 'Up' } as const;
  expect(words({ ...state, backends: new Map([[BACKEND, new Map([[A, stranger]])]]) }, ONE)).toEqual([`limit ${A} 0`]);
});

describe('a server that leaves', () => {
  const leaving = (since: number, idleSince?: number) => ({
    leaving: new Map([[`${BACKEND}/${B}`, { since, ...(idleSince === undefined ? {} : { idleSince }) }]]),
  });
  const leave = (has: Partial<ServerState>, more: Partial<PlanContext> = {}) =>
    words(stateOf(TWO, { [B]: has }), ONE, more);

  test.each<[string, Partial<ServerState>, Partial<PlanContext>, readonly string[]]>([
    ['drains first', {}, {}, [`drain ${B}`]],
    ['waits until somebody has looked', { admin: 'drain' }, {}, []],
    ['waits while it is busy', { admin: 'drain' }, leaving(95_000), []],
    ['waits until it was idle for a second', { admin: 'drain' }, leaving(95_000, 99_500), []],
    ['rests once it was idle for a second', { admin: 'drain' }, leaving(95_000, 99_000), [`maint ${B}`]],
    [
      'rests and is cut when its time is up',
      { admin: 'drain' },
      leaving(90_000),
      [`maint ${B}`, `shutdown-sessions ${B}`],
    ],
    ['goes when it rests and is idle', { admin: 'maint' }, leaving(95_000, 99_000), [`delete-server ${B}`]],
    ['stays while it rests and is busy', { admin: 'maint' }, leaving(95_000), []],
    ['is cut again while it rests, is busy and late', { admin: 'maint' }, leaving(90_000), [`shutdown-sessions ${B}`]],
  ])('%s', (...[, has, more, plan]) => {
    expect(leave(has, more)).toEqual(plan);
  });
});

describe('the last server that serves', () => {
  /** `wants` instead of A, which still is there and serves. */
  const after = (wants: readonly object[], has: Readonly<Record<string, Partial<ServerState>>>, spec: object = {}) => {
    const config = configOf(objects(wants, spec));
    const running = stateOf(config, has).backends.get(BACKEND) ?? new Map<string, ServerState>();
    const there = [...running].filter(([name]) => name in has);
    const before = stateOf(ONE).backends.get(BACKEND) ?? new Map<string, ServerState>();
    return { config, state: { ...stateOf(config), backends: new Map([[BACKEND, new Map([...before, ...there])]]) } };
  };

  it.each<[string, readonly object[], Readonly<Record<string, Partial<ServerState>>>, readonly string[]]>([
    ['goes on while its successor is not there', [endpoint('b')], {}, [`add ${B}`]],
    [
      'goes on while its successor has not passed',
      [endpoint('b')],
      { [B]: { admin: 'drain', health: 'Starting' } },
      [],
    ],
    ['goes on as its successor has passed', [endpoint('b')], { [B]: { admin: 'drain' } }, [`ready ${B}`]],
    ['goes on while its successor comes back', [endpoint('b')], { [B]: { admin: 'maint' } }, [`drain ${B}`]],
    ['leaves when its successor serves', [endpoint('b')], { [B]: {} }, [`drain ${A}`]],
    ['goes on while its successor fails', [endpoint('b')], { [B]: { admin: 'drain', health: 'Down' } }, []],
    ['leaves when its successor served and is down', [endpoint('b')], { [B]: { health: 'Down' } }, [`drain ${A}`]],
    ['leaves when none is to serve', [endpoint('b', { state: 'Drain' })], { [B]: { admin: 'drain' } }, [`drain ${A}`]],
    ['leaves when none is to have a share', [endpoint('b', { weight: 0 })], { [B]: { weight: 0 } }, [`drain ${A}`]],
    ['leaves when there is no other', [], {}, [`drain ${A}`]],
    ['goes on while it comes in another tier', [endpoint('a', { tier: 'Backup' })], {}, [`add ${A}_backup`]],
  ])('%s', (...[, wants, has, plan]) => {
    const { state, config } = after(wants, has);
    expect(words(state, config)).toEqual(plan);
  });

  it('goes on while others wait for their accounts', () => {
    const { state, config } = after([], {});
    const backend = config.backends.get(BACKEND);
    if (backend === undefined) throw new Error('no backend');
    const incomplete = new Map([[BACKEND, { ...backend, incomplete: true as const }]]);
    expect(words(state, { ...config, backends: incomplete })).toEqual([]);
  });

  it('leaves when it does not serve itself', () => {
    const { config } = after([endpoint('b')], {});
    const down = stateOf(ONE, { [A]: { health: 'Down' } }).backends;
    expect(words({ ...stateOf(config), backends: down }, config)).toEqual([`add ${B}`, `drain ${A}`]);
  });

  it('leaves when its time is up', () => {
    const { state, config } = after([endpoint('b')], { [B]: { admin: 'drain', health: 'Starting' } });
    const late = { leaving: new Map([[`${BACKEND}/${A}`, { since: 90_000 }]]) };
    expect(words(state, config, late)).toEqual([`drain ${A}`]);
  });
});

describe('routes', () => {
  const other = configOf([
    ...objects([endpoint('a')]).slice(0, 1),
    rule('r', { rules: [{ name: 'all', respond: { status: 204 } }] }),
  ]);

  it('are replaced when they differ', () => {
    expect(words(stateOf(ONE), other)).toEqual(['replace-routes']);
  });

  it('come after what joins and before what leaves', () => {
    const { backends } = configOf(objects([endpoint('a'), endpoint('b', { tier: 'Backup' })]));
    expect(words(stateOf(TWO), { ...other, backends })).toEqual([`add ${B}_backup`, 'replace-routes', `drain ${B}`]);
  });

  it('wait for a reload, which brings them', () => {
    const slow = configOf(objects([endpoint('a')], { slowStart: '1s' }));
    expect(words(stateOf(ONE), { ...slow, routes: other.routes })).toEqual(['reload pool-options']);
  });

  it('do not wait for a configuration that was refused', () => {
    const slow = configOf(objects([endpoint('a')], { slowStart: '1s' }));
    expect(words(stateOf(ONE), { ...slow, routes: other.routes }, { refused: slow.checksum })).toEqual([
      'replace-routes',
    ]);
  });
});

describe('another structure', () => {
  const more = configOf([
    ...objects([endpoint('a'), endpoint('b')]),
    pool('q', { externalEndpoints: [endpoint('a')] }),
  ]);

  it('is one reload, and servers of backends that are there join before it', () => {
    expect(words(stateOf(ONE), more)).toEqual([`add ${B}`, 'reload pools']);
  });

  it('that was refused leaves servers of backends that are not there alone', () => {
    expect(words(stateOf(ONE), more, { refused: more.checksum })).toEqual([`add ${B}`]);
  });

  it('of a HAProxy that is not ours is a reload', () => {
    expect(words({ ...stateOf(ONE), checksum: '' }, ONE, { runningSkeleton: '' })).toEqual(['reload listeners']);
  });
});
