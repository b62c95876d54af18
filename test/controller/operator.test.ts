/** A new leader: what it does before it has heard of proxies, databases and names. The cluster is one in memory. */
import { afterEach, describe, expect, it } from 'vitest';
import { keyOf, type Resources } from '../../operator/api/resources.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import type { EndpointSliceObject } from '../../operator/cluster/object.ts';
import type { DatabaseRail } from '../../operator/controller/database-rail.ts';
import { startOperator, type Operator } from '../../operator/controller/operator.ts';
import { createNameResolver, type NameResolver } from '../../operator/driver/names.ts';
import type { ClusterPod } from '../../operator/source/cluster-objects.ts';
import type { ClusterWorld } from '../../operator/source/cluster-world.ts';
import type { KubernetesSource } from '../../operator/source/kubernetes.ts';
import { asApplied, input, installation, pool, reached, slicesOf } from '../cluster-objects/sample.ts';
import { eventually } from '../support/wait.ts';
import { grant, resources, secret, slice } from '../topology/objects.ts';

const SECRETS = [secret('admin', ['username', 'password']), secret('app', ['password'])];
const NAMES = new Map([['web02.example.com', ['192.0.2.2', '192.0.2.3']]]);
const BLOG = pool('blog', {
  port: 80,
  externalEndpoints: [
    { name: 'web01', address: '192.0.2.1' },
    { name: 'web02', address: 'web02.example.com' },
  ],
});

/** What another leader wrote when it knew everything. */
function written(): readonly EndpointSliceObject[] {
  const known = input([BLOG], { names: NAMES });
  return slicesOf(clusterObjects({ ...known, health: reached(known) }).objects);
}

function sourceOf(picture: Resources): KubernetesSource {
  return {
    synced: Promise.resolve(),
    read: async () => picture,
    changes: () => () => undefined,
    versions: () => ({ all: {}, namespaces: new Map() }),
    secretValue: () => undefined,
    writeStatus: async () => undefined,
    statusOf: () => undefined,
    object: (kind, key) => sourceOf(picture).objects(kind).get(key),
    objects: (kind) => {
      const found = { WebPool: picture.pools, RoutingRule: picture.rules, DatabaseGrant: picture.grants }[kind];
      const about = { version: '1', generationVersion: '1', problems: [], finalizers: [], deleting: false };
      const read = { ...about, servedBefore: false, status: undefined };
      return new Map([...found].map(([key, object]) => [key, { ...read, object }]));
    },
    takeRewritten: () => new Set(),
    freshness: () => [],
    close: async () => undefined,
  };
}

/** A home without a proxy that has told anything. */
const SILENT: ClusterWorld = {
  synced: Promise.resolve(),
  pods: () => new Map(),
  nodes: () => new Map(),
  services: () => new Map(),
  managed: () => new Map(),
  front: () => undefined,
  proxies: () => new Map(),
  reports: () => new Map(),
  changes: () => undefined,
  departed: () => new Set(),
  freshness: () => [],
  close: async () => undefined,
};

/** Databases that say nothing. */
const DATABASES: DatabaseRail = {
  update: () => undefined,
  left: () => [],
  wake: () => undefined,
  observed: new Map(),
  settled: false,
  stop: async () => undefined,
};

const running: Pick<Operator, 'stop'>[] = [];
const resolvers: NameResolver[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  for (const one of resolvers.splice(0)) one.close();
});

type Options = Parameters<typeof startOperator>[0];

/** Begins to lead; everything that it wanted the cluster to hold, round by round. */
function lead(picture: Resources, world: Partial<Options> = {}) {
  const rounds: { readonly slices: readonly EndpointSliceObject[]; readonly surplus: readonly string[] }[] = [];
  const resolver = createNameResolver({
    onChange: () => operator.wake(),
    resolve: () => Promise.reject(new Error('no name server answers')),
  });
  resolvers.push(resolver);
  const operator = startOperator({
    source: sourceOf(picture),
    world: SILENT,
    resolver,
    databases: DATABASES,
    objects: {
      apply: async (wanted, existing) => {
        rounds.push({ slices: slicesOf([...wanted.values()]), surplus: existing.map(({ name }) => name) });
        return { applied: new Set(), removed: 0, failures: new Map() };
      },
      versionOf: () => undefined,
      forget: () => undefined,
    },
    marks: { openGates: async () => undefined, setFinalizers: async () => undefined },
    installation: () => installation(),
    ready: Promise.resolve(),
    finalizer: 'webpool.dev/accounts',
    leads: () => true,
    reached: () => true,
    now: () => '2026-01-01T00:00:00Z',
    tell: () => undefined,
    onRound: () => undefined,
    onError: (error) => {
      throw error;
    },
    ...world,
  });
  running.push(operator);
  return { rounds, operator };
}

it.each([
  ['that hears of no proxy and no database', resources({ grants: [grant('app', { pools: [{ name: 'blog' }] })] })],
  ['that finds no address for a name', resources({})],
])('a new leader %s leaves every machine in its slice', async (_, { grants }) => {
  const before = written();
  expect(before.flatMap(({ endpoints }) => endpoints)).toHaveLength(3);
  const around = resources({ pools: [BLOG], secrets: SECRETS });
  const { rounds } = lead({ ...around, grants, slices: asApplied(before) });
  await eventually('a round', () => rounds.length > 0);
  expect(rounds[0]).toEqual({ slices: before, surplus: [] });
});

it('a machine that no leader let in yet waits for its account all the same', async () => {
  const grants = resources({ grants: [grant('app', { pools: [{ name: 'blog' }] })] });
  const { rounds } = lead({ ...resources({ pools: [BLOG], secrets: SECRETS }), grants: grants.grants });
  await eventually('a round', () => rounds.length > 0);
  expect(rounds[0]?.slices).toEqual([]);
  await eventually('its limit', () => rounds.at(-1)?.slices.flatMap(({ endpoints }) => endpoints).length === 1);
});

const blogGrant = (name: string) => grant(name, { pools: [{ name: 'blog' }] });

/** A Pod of the pool that waits for its account. */
const waitingPod = (name: string, address: string): ClusterPod => ({
  key: `default/${name}`,
  uid: name,
  labels: {},
  addresses: [address],
  nodeAddresses: [],
  ready: false,
  started: true,
  ended: false,
  deleting: false,
  gates: { 'webpool.dev/app': false },
});

const PODS = [waitingPod('pod-1', '10.0.0.1'), waitingPod('pod-2', '10.0.0.2')];
/** A pool with these two Pods, and a database that has their accounts. */
const OF_PODS = resources({
  pools: [pool('blog', { port: 80, selector: { matchLabels: { app: 'blog' } } })],
  grants: [blogGrant('app')],
  slices: [
    slice(
      'blog-1',
      { pool: 'blog' },
      PODS.map(({ uid: name, addresses }) => ({ addresses, targetRef: { kind: 'Pod', name } })),
    ),
  ],
  secrets: SECRETS,
});

describe('what the API server refuses', () => {
  const refusal = new Error('denied by somebody');

  it('of one grant keeps no other waiting, nor anything else, and no account is made that could not be let go', async () => {
    const [marked, told, needs]: [Set<string>, unknown[], string[]] = [new Set(), [], []];
    const grants = [blogGrant('a'), blogGrant('b')];
    const { rounds, operator } = lead(resources({ pools: [BLOG], grants, secrets: SECRETS }), {
      marks: {
        openGates: async () => undefined,
        setFinalizers: ({ name }) => (name === 'a' ? Promise.reject(refusal) : Promise.resolve(void marked.add(name))),
      },
      databases: { ...DATABASES, update: (_, { accounts }) => void needs.push(...accounts.map((one) => one.grant)) },
      onError: (error) => told.push(error),
    });
    await eventually('a round', () => rounds.length > 0);
    expect([...marked]).toEqual(['b']);
    expect(new Set(needs)).toEqual(new Set(['default/b']));
    expect(told).toContain(refusal);
    await eventually('more tries', () => rounds.length > 3);
    expect(operator.failures).toBe(0);
  });

  const READY = { accounts: PODS.map(({ addresses }) => ({ host: addresses[0] ?? '', state: 'Ready' as const })) };
  const pods = {
    world: { ...SILENT, pods: () => new Map(PODS.map((pod) => [pod.key, pod])) },
    databases: {
      ...DATABASES,
      observed: new Map([['db01.example.com:3306 as default/admin', { grants: new Map([['default/app', READY]]) }]]),
    },
  };

  it.each(['a Service', 'a Pod'])('of %s keeps no other Pod from being ready', async (what) => {
    const opened = new Set<string>();
    lead(OF_PODS, {
      ...pods,
      objects: {
        apply: async () => ({
          applied: new Set(),
          removed: 0,
          failures: new Map(what === 'a Service' ? [['Service default/blog', refusal]] : []),
        }),
        versionOf: () => undefined,
        forget: () => undefined,
      },
      marks: {
        setFinalizers: async () => undefined,
        openGates: ({ name }) =>
          what === 'a Pod' && name === 'pod-1' ? Promise.reject(refusal) : Promise.resolve(void opened.add(name)),
      },
      onError: () => undefined,
    });
    await eventually('an open gate', () => opened.has('pod-2'));
  });
});

it.each([
  ['the label of its pool', { labels: { 'webpool.dev/pool': 'other' }, conditions: { ready: false, serving: false } }],
  ['whether a machine is ready', { labels: {}, conditions: { ready: false, serving: true } }],
])('a slice of ours of which somebody changed %s is written again', async (_, { labels, conditions }) => {
  const [first, ...others] = [...asApplied(written()).values()];
  if (first === undefined) throw new Error('there is a slice');
  const metadata = { ...first.metadata, labels: { ...first.metadata.labels, ...labels } };
  const endpoints = first.endpoints.map((one) => ({ ...one, conditions: { ...one.conditions, ...conditions } }));
  const touched = { ...first, metadata, endpoints };
  const forgotten: string[] = [];
  lead(resources({ pools: [BLOG], slices: [touched, ...others] }), {
    objects: {
      apply: async () => ({ applied: new Set(), removed: 0, failures: new Map() }),
      versionOf: () => undefined,
      forget: (id) => forgotten.push(id),
    },
  });
  await eventually('a look', () => forgotten.includes(`EndpointSlice ${keyOf(first.metadata)}`));
});

describe('a proxy Pod', () => {
  const proxy = (fields: Partial<ClusterPod>): ClusterPod => ({
    ...waitingPod('proxy', '10.0.0.9'),
    gates: {},
    ...fields,
  });

  it.each([
    ['that has never begun holds nothing, so nobody waits for what it tells', { started: false }, true],
    ['that runs and tells nothing may hold anything', { started: true }, false],
  ])('%s', async (_, fields, isKnown) => {
    const { rounds, operator } = lead(resources({}), {
      world: { ...SILENT, proxies: () => new Map([['proxy', proxy(fields)]]) },
    });
    await eventually('a round', () => rounds.length > 0);
    expect(operator.proxies !== undefined).toBe(isKnown);
  });
});
