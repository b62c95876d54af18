/** From what proxies told to what is said: as good as the worst of them, never better than what was told lately. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProxyReportSpec } from '../../operator/api/kinds.gen.ts';
import type { EndpointSlice } from '../../operator/api/resources.ts';
import { keepIdentity } from '../../operator/api/stable.ts';
import { reached } from '../../operator/kube/resource.ts';
import type { ProxyObserved } from '../../operator/status/observed.ts';
import { createReportBuilder } from '../../operator/status/proxy-report.ts';
import type { Requirement } from '../../operator/status/awaited.ts';
import { createReportsReader, STALE, type ProxySeen } from '../../operator/status/proxy-reports.ts';
import { buildTopology, createTopologyBuilder } from '../../operator/topology/build.ts';
import { pool, resources, slice } from '../topology/objects.ts';

const POOL = pool('blog', {
  port: 80,
  externalEndpoints: [
    { name: 'a', address: '10.0.0.1' },
    { name: 'b', address: '10.0.0.2' },
  ],
});
const [A, B, P] = ['a_10.0.0.1:80', 'b_10.0.0.2:80', 'p_10.1.0.1:8080'];
const pod = (conditions: EndpointSlice['endpoints'][number]['conditions'] = {}): EndpointSlice =>
  slice('blog-1', { pool: 'blog' }, [{ addresses: ['10.1.0.1'], conditions, targetRef: { kind: 'Pod', name: 'p' } }]);

const report = (more: Partial<ProxyReportSpec> = {}): ProxyReportSpec => ({
  heartbeatTime: '2026-01-01T00:00:00Z',
  programmed: { webPools: '100', routingRules: '100', endpointSlices: '100' },
  pools: [{ key: 'default/blog', total: 3, ready: 3, readyExternal: [A, B] }],
  ...more,
});
const proxy = (name: string, more: Partial<ProxySeen> = {}): ProxySeen => ({
  name,
  ready: true,
  report: report(),
  silentFor: 0,
  ...more,
});
const needs = (more: Partial<Requirement> = {}): Requirement => ({
  kind: 'WebPool',
  key: 'default/blog',
  generation: 1,
  version: '100',
  slices: '',
  ...more,
});

function read(proxies: readonly ProxySeen[], more: { requirements?: Requirement[]; slices?: EndpointSlice[] } = {}) {
  const { requirements = [needs()], slices = [pod()] } = more;
  const input = resources({ pools: [POOL], slices });
  const { pools } = createTopologyBuilder({ external: 'Names', pods: 'All' })(input, new Map());
  return createReportsReader(reached)({
    proxies,
    pools,
    slices: input.slices,
    requirements: new Map(requirements.map((one) => [`${one.kind}/${one.key}`, one])),
    reach: { bind: 'proxy' },
  });
}
const servers = (observed: ProxyObserved) => Object.fromEntries(observed.pools.get('default/blog') ?? []);
const READY = { admin: 'ready', health: 'Up', leaving: false };

describe('programmed', () => {
  test('when every ready proxy told lately and has all', () => {
    const { observed, complete } = read([proxy('x'), proxy('y')]);
    expect(observed).toMatchObject({ programmed: true, bind: 'proxy' });
    expect(observed.awaited).toEqual(new Map());
    expect(complete).toBe(true);
    expect(servers(observed)).toEqual({ [A]: READY, [B]: READY, [P]: READY });
  });

  test('not while no proxy is ready', () => {
    expect(read([]).observed.problem?.reason).toBe('NoProxies');
    expect(read([proxy('x', { ready: false })]).observed.problem?.reason).toBe('NoProxies');
  });

  test.each([
    ['a stale report', { silentFor: STALE }],
    ['no report', { report: undefined, silentFor: Infinity }],
  ] as const)('%s of a ready proxy is a doubt about everything', (_, { silentFor, ...more }) => {
    const silent = 'report' in more ? { name: 'y', ready: true, silentFor } : proxy('y', { silentFor });
    const { observed, complete } = read([proxy('x'), silent]);
    expect(observed).toMatchObject({ programmed: false, doubt: '1 of 2 proxies did not report lately: y.' });
    expect(observed.problem).toBeUndefined();
    expect(complete).toBe(false);
  });

  test('one that is not ready is not asked whether it has all, but what it still holds counts', () => {
    const { observed, complete } = read([proxy('x'), proxy('y', { ready: false, silentFor: STALE })]);
    expect(observed.programmed).toBe(true);
    expect(complete).toBe(false);
  });

  test('the trouble of any proxy is told with its name', () => {
    const problem = { reason: 'ConfigRejected', message: 'no such thing' } as const;
    const { observed } = read([proxy('x'), proxy('y', { report: report({ problem }) })]);
    expect(observed.problem).toEqual({ reason: 'ConfigRejected', message: 'Proxy y: no such thing' });
  });

  test.each<[string, Partial<Requirement>, Partial<ProxyReportSpec>, boolean]>([
    ['the version reached', {}, {}, false],
    ['a version not reached', { version: '101' }, {}, true],
    ['more digits', { version: '99' }, {}, false],
    ['slices not reached', { slices: '101' }, {}, true],
    ['slices reached', { slices: '100' }, {}, false],
    [
      'a namespace that has come so far, beside a quiet one',
      { slices: '100' },
      { programmed: { webPools: '7', namespaces: { default: { webPools: '100', endpointSlices: '100' } } } },
      false,
    ],
    [
      'a namespace that has not, beside others',
      {},
      { programmed: { webPools: '100', namespaces: { default: { webPools: '7' }, other: { webPools: '100' } } } },
      true,
    ],
    ['a kind that was never programmed', {}, { programmed: {} }, true],
    [
      'a refusal of this generation',
      {},
      { refused: [{ kind: 'WebPool', key: 'default/blog', generation: 1, reason: 'InvalidSpec', message: '' }] },
      true,
    ],
    [
      'a refusal of another generation',
      {},
      { refused: [{ kind: 'WebPool', key: 'default/blog', generation: 2, reason: 'InvalidSpec', message: '' }] },
      false,
    ],
  ])('an object waits for the last proxy: %s', (...[, requirement, told, waits]) => {
    const { observed } = read([proxy('x', { report: report(told) }), proxy('y')], {
      requirements: [needs(requirement)],
    });
    expect(observed.awaited?.has('WebPool/default/blog')).toBe(waits);
  });
});

describe('servers', () => {
  test('count as well as the proxy that is worst off', () => {
    const told = {
      key: 'default/blog',
      total: 3,
      ready: 2,
      readyExternal: [B],
      others: [{ id: A, health: 'Down', failure: 'Timeout' }],
    } as const;
    const { observed } = read([proxy('x'), proxy('y', { report: report({ pools: [told] }) })]);
    expect(servers(observed)[A]).toEqual({ ...READY, health: 'Down', failure: 'Timeout' });
    expect(servers(observed)[B]).toEqual(READY);
  });

  test('one that a proxy does not have yet has not begun', () => {
    const told = { key: 'default/blog', total: 1, ready: 1, readyExternal: [B] };
    const { observed } = read([proxy('x'), proxy('y', { report: report({ pools: [told] }) })]);
    expect(servers(observed)[A]?.health).toBe('Starting');
  });

  test('one that left and still finishes connections in any proxy is there: its account stays', () => {
    const others = [{ id: 'old_10.0.0.9:80', health: 'Up', admin: 'Drain', leaving: true }] as const;
    const told = { key: 'default/blog', total: 3, ready: 2, readyExternal: [A, B], others };
    const { observed } = read([proxy('x'), proxy('y', { report: report({ pools: [told] }) })]);
    expect(servers(observed)['old_10.0.0.9:80']).toEqual({ admin: 'drain', health: 'Up', leaving: true });
  });

  test.each([
    ['ready', {}, READY],
    ['not ready', { ready: false }, { ...READY, health: 'Starting' }],
    ['terminating', { ready: false, terminating: true }, { admin: 'drain', health: 'Up', leaving: true }],
  ])('a Pod is %s as its slice says', (_, conditions, expected) => {
    expect(servers(read([proxy('x')], { slices: [pod(conditions)] }).observed)[P]).toEqual(expected);
  });

  test('a Pod that a proxy cannot reach is down', () => {
    const told = {
      key: 'default/blog',
      total: 3,
      ready: 2,
      readyExternal: [A, B],
      others: [{ id: P, health: 'Down' }],
    } as const;
    expect(servers(read([proxy('x', { report: report({ pools: [told] }) })]).observed)[P]?.health).toBe('Down');
  });

  test('of a pool that nobody told of nothing is known', () => {
    const { observed } = read([proxy('x', { report: report({ pools: [] }) })]);
    expect(observed.pools.has('default/blog')).toBe(false);
  });
});

test('a series of reports says what the last of them says alone', () => {
  const versions = fc.constantFrom('7', '99', '100', '101');
  const versionsOf = fc.record({ webPools: versions, endpointSlices: versions }, { requiredKeys: [] });
  const told = fc.record({
    programmed: fc.oneof(
      versionsOf,
      fc.record({ webPools: versions, namespaces: fc.record({ default: versionsOf }, { requiredKeys: [] }) }),
    ),
    refused: fc.constantFrom([], [
      { kind: 'WebPool', key: 'default/blog', generation: 1, reason: 'InvalidSpec', message: '' },
    ] as const),
    ready: fc.subarray([A, B]),
    silentFor: fc.constantFrom(0, 0, 0, STALE),
  });
  const first = { x: undefined, y: undefined, version: '100' as const, slices: '' as const, pod: {}, pool: true };
  const step = fc.record(
    {
      x: fc.option(told, { nil: undefined }),
      y: fc.option(told, { nil: undefined }),
      version: versions,
      slices: fc.constantFrom('', '100'),
      pod: fc.constantFrom({}, { ready: false }, undefined),
      pool: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 10 }), (changes) => {
      const readAll = createReportsReader(reached);
      const build = createTopologyBuilder({ external: 'Names', pods: 'All' });
      let last = new Map<string, unknown>();
      let now: Required<(typeof changes)[number]> = first;
      let requirement = needs();
      for (const change of changes) {
        now = { ...now, ...change };
        const objects = { pools: now.pool ? [POOL] : [], slices: now.pod === undefined ? [] : [pod(now.pod)] };
        const input = resources(objects);
        const { pools } = build(input, new Map());
        const proxies = (['x', 'y'] as const).flatMap((name) => {
          if (now[name] === undefined) return [];
          const { programmed, refused, ready, silentFor } = now[name];
          const own = { key: 'default/blog', total: 2, ready: ready.length, readyExternal: ready };
          const pools = ready.length === 0 ? [] : [own];
          const next = report({ programmed, pools, ...(refused.length > 0 && { refused }) });
          return [proxy(name, { report: keepIdentity(last.get(name), next), silentFor })];
        });
        last = new Map(proxies.map(({ name, report: kept }) => [name, kept]));
        const { version, slices } = now;
        requirement = keepIdentity(requirement, needs({ version, slices }));
        const requirements = new Map([['WebPool/default/blog', requirement]]);
        const all = { proxies, pools, slices: input.slices, requirements, reach: { bind: 'proxy' } };
        expect(readAll(all)).toEqual(createReportsReader(reached)(all));
      }
    }),
    { numRuns: 500 },
  );
});

test('what is as it was is the same: pools of which nobody tells anything new, and what is waited for', () => {
  const readAll = createReportsReader(reached);
  const input = resources({ pools: [POOL], slices: [pod()] });
  const { pools } = createTopologyBuilder({ external: 'Names', pods: 'All' })(input, new Map());
  const asked = { pools, slices: input.slices, requirements: new Map([['WebPool/default/blog', needs()]]) };
  const first = report({ programmed: { webPools: '7' } });
  const ask = (told: ProxyReportSpec) =>
    readAll({ ...asked, proxies: [proxy('x', { report: told })], reach: { bind: '' } }).observed;
  const before = ask(first);
  const after = ask({ ...first, heartbeatTime: '2026-01-01T00:00:10Z' });
  expect([after.pools, after.awaited]).toEqual([before.pools, before.awaited]);
  expect(after.pools).toBe(before.pools);
  expect(after.awaited).toBe(before.awaited);
});

test('an object that a proxy had and has no more is waited for, as when it begins anew from an old copy', () => {
  const readAll = createReportsReader(reached);
  const requirements = new Map([['WebPool/default/blog', needs()]]);
  const awaited = (webPools: string) => {
    const told = report({ programmed: { webPools } });
    const all = { proxies: [proxy('x', { report: told })], pools: new Map(), slices: new Map(), requirements };
    return readAll({ ...all, reach: { bind: '' } }).observed.awaited?.size;
  };
  expect(['100', '101', '99', '100'].map(awaited)).toEqual([0, 0, 1, 0]);
});

test('what an agent tells is what an operator reads', () => {
  const input = resources({ pools: [POOL], slices: [pod()] });
  const topology = buildTopology(input, new Map());
  const observed: ProxyObserved = {
    programmed: true,
    bind: '*',
    pools: new Map([
      [
        'default/blog',
        new Map([
          [A, { admin: 'drain', health: 'Up', leaving: false }],
          [B, { admin: 'ready', health: 'Down', leaving: false }],
          [P, { admin: 'ready', health: 'Up', leaving: false }],
          ['gone_10.0.0.9:80', { admin: 'maint', health: 'Up', leaving: true }],
        ] as const),
      ],
    ]),
  };
  const programmed = { webPools: '100' };
  const build = createReportBuilder();
  const args = { resources: input, topology, worker: undefined, programmed, corrected: undefined };
  const told = build({ ...args, proxy: observed, now: '2026-01-01T00:00:00Z' });
  expect(told.pools).toEqual([
    {
      key: 'default/blog',
      total: 4,
      ready: 1,
      others: [
        { id: A, health: 'Up', admin: 'Drain' },
        { id: B, health: 'Down' },
        { id: 'gone_10.0.0.9:80', health: 'Up', admin: 'Maintenance', leaving: true },
      ],
    },
  ]);
  expect(servers(read([proxy('x', { report: told })]).observed)).toEqual(
    Object.fromEntries(observed.pools.get('default/blog') ?? []),
  );
  const again = build({ ...args, proxy: observed, now: '2026-01-01T00:00:10Z' });
  expect(again.pools).toBe(told.pools);
  const later = build({
    ...args,
    programmed: { webPools: '101' },
    proxy: { ...observed, pools: new Map(observed.pools) },
    now: '',
  });
  expect(later.pools).toBe(told.pools);
  expect(later.programmed).not.toBe(told.programmed);
  const same = build({ ...args, programmed: { webPools: '101' }, proxy: observed, now: '' });
  expect(same.programmed).toBe(later.programmed);
});
