/** A new leader: what it does before it has heard of proxies, databases and names. The cluster is one in memory. */
import { afterEach, expect, it } from 'vitest';
import type { Resources } from '../../operator/api/resources.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import type { EndpointSliceObject } from '../../operator/cluster/object.ts';
import { startOperator, type Operator } from '../../operator/controller/operator.ts';
import { createNameResolver, type NameResolver } from '../../operator/driver/names.ts';
import type { ClusterWorld } from '../../operator/source/cluster-world.ts';
import type { KubernetesSource } from '../../operator/source/kubernetes.ts';
import { asApplied, input, installation, pool, reached, slicesOf } from '../cluster-objects/sample.ts';
import { eventually } from '../support/wait.ts';
import { grant, resources, secret } from '../topology/objects.ts';

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
      const found = { WebPool: picture.pools, RoutingRule: picture.rules, DatabaseGrant: new Map() }[kind];
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

const running: Pick<Operator, 'stop'>[] = [];
const resolvers: NameResolver[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  for (const one of resolvers.splice(0)) one.close();
});

/** Begins to lead; everything that it wanted the cluster to hold, round by round. */
function lead(picture: Resources) {
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
    databases: {
      update: () => undefined,
      isClean: () => true,
      wake: () => undefined,
      observed: new Map(),
      settled: false,
      stop: async () => undefined,
    },
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
  });
  running.push(operator);
  return rounds;
}

it.each([
  ['that hears of no proxy and no database', resources({ grants: [grant('app', { pools: [{ name: 'blog' }] })] })],
  ['that finds no address for a name', resources({})],
])('a new leader %s leaves every machine in its slice', async (_, { grants }) => {
  const before = written();
  expect(before.flatMap(({ endpoints }) => endpoints)).toHaveLength(3);
  const around = resources({ pools: [BLOG], secrets: SECRETS });
  const rounds = lead({ ...around, grants, slices: asApplied(before) });
  await eventually('a round', () => rounds.length > 0);
  expect(rounds[0]).toEqual({ slices: before, surplus: [] });
});

it('a machine that no leader let in yet waits for its account all the same', async () => {
  const grants = resources({ grants: [grant('app', { pools: [{ name: 'blog' }] })] });
  const rounds = lead({ ...resources({ pools: [BLOG], secrets: SECRETS }), grants: grants.grants });
  await eventually('a round', () => rounds.length > 0);
  expect(rounds[0]?.slices).toEqual([]);
  await eventually('its limit', () => rounds.at(-1)?.slices.flatMap(({ endpoints }) => endpoints).length === 1);
});
