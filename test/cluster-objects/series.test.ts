/** A series of inputs gives what each of them gives alone, and what did not change is the same object. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointSlice, WebPool } from '../../operator/api/resources.ts';
import { clusterObjects, createClusterBuilder, type ClusterInput } from '../../operator/cluster/build.ts';
import { createSurplus, type SurplusInput } from '../../operator/cluster/surplus.ts';
import { createTopologyBuilder } from '../../operator/topology/build.ts';
import type { Server } from '../../operator/topology/topology.ts';
import { byKey, metadata, NO_NAMES, resources, rule, secret } from '../topology/objects.ts';
import { asApplied, input, installation, machines, pool, reached, slicesOf } from './sample.ts';

const NAMES = ['blog', 'site', 'shop'];
const OURS = { 'app.kubernetes.io/managed-by': 'webpool' };
type Service = 'None' | 'Ours' | 'Foreign' | 'OfAnother';

const fields = {
  /** By name: how many machines; 0 = no such pool. */
  pools: fc.array(fc.nat({ max: 3 }), { minLength: NAMES.length, maxLength: NAMES.length }),
  services: fc.array(fc.constantFrom<Service[]>('None', 'Ours', 'Ours', 'Foreign', 'OfAnother'), {
    minLength: NAMES.length,
    maxLength: NAMES.length,
  }),
  seen: fc.subarray(NAMES.map((name) => `default/${name}`)),
  /** Whether the copy shows what was wanted last. */
  applied: fc.boolean(),
  foreign: fc.boolean(),
  certificates: fc.subarray(['www', 'shop']),
  image: fc.constantFrom('one', 'one', 'two'),
  gone: fc.subarray(NAMES.map((name) => `default/${name}`)),
};
const full = fc.record(fields);
/** What changes from one round to the next. */
const partial = fc.record(fields, { requiredKeys: [] });
type Step = typeof full extends fc.Arbitrary<infer T> ? T : never;

/** Objects that stay the same as long as their content does, as a source gives them. */
function createKeep() {
  const known = new Map<string, unknown>();
  return <T>(value: T): T => {
    const text = JSON.stringify(value);
    if (!known.has(text)) known.set(text, value);
    return known.get(text) as T;
  };
}
type World = ReturnType<typeof createWorld>;

const stray: EndpointSlice = {
  metadata: metadata('stray', {
    labels: {
      'kubernetes.io/service-name': 'blog',
      'webpool.dev/pool': 'blog',
      'endpointslice.kubernetes.io/managed-by': 'webpool.dev',
    },
  }),
  addressType: 'IPv4',
  endpoints: [],
  ports: [],
};

const SERVICES: Readonly<Record<Exclude<Service, 'None'>, (name: string) => Readonly<Record<string, string>>>> = {
  Ours: (name) => ({ ...OURS, 'webpool.dev/pool': name }),
  Foreign: () => ({}),
  OfAnother: () => ({ ...OURS, 'webpool.dev/pool': 'other' }),
};

/** Everything as it would come from round to round. */
function createWorld() {
  const keep = createKeep();
  const build = createTopologyBuilder();
  const rules = [rule('site', { rules: [{ name: 'all', pools: [{ name: 'blog' }] }] })];
  const common = resources({ rules });
  return { keep, topologyOf: (pools: readonly WebPool[]) => build({ ...common, pools: byKey(pools) }, NO_NAMES) };
}

const INSTALLATION = installation();
const NO_PAGES: ClusterInput['pages'] = [];
const HEALTH = new WeakMap<readonly Server[], ReadonlyMap<string, { readonly health: 'Up' }>>();

/** All in reach; of the same servers the same map. */
function healthOf(servers: readonly Server[]): ReadonlyMap<string, { readonly health: 'Up' }> {
  const known = HEALTH.get(servers) ?? new Map(servers.map(({ id }) => [id, { health: 'Up' as const }]));
  HEALTH.set(servers, known);
  return known;
}

function inputAt(now: Step, { keep, topologyOf }: World, slices: ReadonlyMap<string, EndpointSlice>): ClusterInput {
  const pools = NAMES.flatMap((name, index) => {
    const count = now.pools[index] ?? 0;
    return count === 0 ? [] : [keep(pool(name, { port: 80, externalEndpoints: machines(count) }))];
  });
  const services = NAMES.flatMap((name, index) => {
    const service = now.services[index] ?? 'None';
    const key = `default/${name}`;
    return service === 'None' ? [] : [[key, keep({ labels: SERVICES[service](name), uid: name })] as const];
  });
  const topology = topologyOf(pools);
  const health = [...topology.pools.values()].filter(({ key }) => now.seen.includes(key));
  return {
    installation: { ...INSTALLATION, image: now.image },
    pools: byKey(pools),
    topology,
    services: new Map(services),
    slices: new Map([...slices, ...(now.foreign ? [['default/stray', stray] as const] : [])]),
    health: new Map(health.map(({ key, servers }) => [key, healthOf(servers)])),
    certificates: keep(now.certificates.map((name) => secret(name, ['tls.crt']))),
    pages: NO_PAGES,
  };
}

function surplusAt(now: Step, built: ClusterInput, wanted: SurplusInput['wanted']): SurplusInput {
  const services = built.services as SurplusInput['services'];
  return {
    wanted,
    slices: built.slices,
    services,
    managed: new Map([['Secret', new Map([['webpool-system/copy.default.old', { labels: OURS, uid: 'x' }]])]]),
    held: () => new Set(now.image === 'two' ? ['copy.default.old'] : []),
    isGone: (key) => now.gone.includes(key),
    isInForce: (key) => built.pools.has(key),
  };
}

describe('a series of inputs', () => {
  it('gives what a computation from nothing gives', () => {
    fc.assert(
      fc.property(full, fc.array(partial, { maxLength: 8 }), (first, changes) => {
        const build = createClusterBuilder();
        const surplusOf = createSurplus();
        const world = createWorld();
        let slices: ReadonlyMap<string, EndpointSlice> = new Map();
        let now = first;
        for (const change of changes) {
          now = { ...now, ...change };
          const next = inputAt(now, world, slices);
          const { objects, findings } = build(next);
          const alone = clusterObjects(next);
          expect([...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)).toEqual(alone.objects);
          expect(findings).toEqual(alone.findings);
          const asked = surplusAt(now, next, objects);
          const surplus = surplusOf(asked);
          expect(sorted(surplus)).toEqual(sorted(createSurplus()(asked)));
          expect(build(next)).toEqual({ objects, findings });
          if (now.applied)
            slices = new Map(Object.entries(world.keep(Object.fromEntries(asApplied(slicesOf(alone.objects))))));
        }
      }),
    );
  });

  it('removes what nobody wants and nothing else', () => {
    const [blog] = [pool('blog', { port: 80, externalEndpoints: machines(1) })];
    const wanted = createClusterBuilder()(input([blog])).objects;
    const slices = new Map([...asApplied(slicesOf([...wanted.values()])), ['default/stray', stray] as const]);
    const ours = { labels: { ...OURS, 'webpool.dev/pool': 'old' }, uid: 'u' };
    const ask = (more: Partial<SurplusInput> = {}) =>
      createSurplus()({
        wanted,
        slices,
        services: new Map([['default/old', ours]]),
        managed: new Map(),
        held: () => new Set(),
        isGone: (key) => key === 'default/old',
        isInForce: (key) => key === 'default/blog',
        ...more,
      });
    expect(ask().slices).toEqual([stray]);
    expect(ask().others).toEqual([{ kind: 'Service', namespace: 'default', name: 'old', uid: 'u' }]);
    // A pool that is refused has no version in force, and is not gone.
    expect(ask({ isInForce: () => false, isGone: () => false })).toEqual({ slices: [], others: [] });
  });

  it('gives the same objects where nothing changed', () => {
    const build = createClusterBuilder();
    const pools = [
      pool('blog', { port: 80, externalEndpoints: machines(3) }),
      pool('site', { port: 81, externalEndpoints: machines(2) }),
    ];
    const first = input(pools);
    const before = build(first);
    const next: ClusterInput = {
      ...first,
      health: new Map([['default/blog', reached(first).get('default/blog') ?? new Map()]]),
    };
    const after = build(next);
    const same = [...after.objects].flatMap(
      ([
        id,
        {
          metadata: { name },
        },
      ]) => (before.objects.get(id) === after.objects.get(id) ? [name] : []),
    );
    expect(same.filter((name) => name.startsWith('site'))).toEqual(['site', 'site-vm-ipv4-81-1']);
    expect(same.filter((name) => name.startsWith('blog'))).toEqual(['blog']);
  });
});

function sorted({ slices, others }: ReturnType<ReturnType<typeof createSurplus>>): readonly string[] {
  return [...slices.map(({ metadata: { name } }) => name), ...others.map(({ kind, name }) => `${kind} ${name}`)].sort();
}
