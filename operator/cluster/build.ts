/**
 * What Kubernetes should hold because of us.
 * In: pools in force, topology, what exists, what the proxies saw. Out: objects to apply, sorted. Never: the API server.
 */
import type { Finding } from '../api/finding.ts';
import { createGroups } from '../api/groups.ts';
import { withChanges } from '../api/patched-map.ts';
import { keyOf, type EndpointSlice, type Key, type SecretInfo, type WebPool } from '../api/resources.ts';
import { labelledPool } from '../api/slice-labels.ts';
import { changedKeys, compareText, keepIdentity, keepList, sameItems } from '../api/stable.ts';
import type { Server, Topology } from '../topology/topology.ts';
import { externalSlices, unregistered, type ServerHealth } from './external-slices.ts';
import { mirroredPages, mirroredSecret, type PageSource } from './mirrored-secret.ts';
import { objectId, type KubeObject } from './object.ts';
import { ownsService, poolService, serviceConflicts, type Services } from './pool-service.ts';
import { peersService, proxyBudget, proxyDeployment, proxyService } from './proxy-objects.ts';
import type { Installation } from './proxy-pod.ts';

/** Everything that the objects are made of. */
export interface ClusterInput {
  readonly installation: Installation;
  /** In force. */
  readonly pools: ReadonlyMap<Key, WebPool>;
  readonly topology: Pick<Topology, 'pools' | 'listeners'>;
  /** Services and slices that exist in the namespaces of the pools. */
  readonly services: Services;
  readonly slices: ReadonlyMap<Key, EndpointSlice>;
  /** Pool → server id → what the proxies' checks say of it. */
  readonly health: ReadonlyMap<Key, ServerHealth>;
  /** Certificates that accepted rules name; the same list as long as it has the same. */
  readonly certificates: readonly SecretInfo[];
  /** Pages that pools name; likewise. */
  readonly pages: readonly PageSource[];
}

/** What to tell of pools for which no objects could be made, and the objects. */
export interface ClusterObjects {
  /** By `objectId`. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Sorted by pool. */
  readonly findings: readonly Finding[];
}

/** What Kubernetes should hold, sorted by kind, namespace and name. */
export function clusterObjects(input: ClusterInput): Pick<ClusterObjects, 'findings'> & {
  readonly objects: readonly KubeObject[];
} {
  const { objects, findings } = createClusterBuilder()(input);
  return { objects: [...objects].sort(([a], [b]) => compareText(a, b)).map(([, object]) => object), findings };
}

interface PoolPart {
  readonly inputs: readonly unknown[];
  readonly objects: readonly KubeObject[];
  readonly findings: readonly Finding[];
}

type Seen = Pick<ClusterInput, 'pools' | 'services' | 'health'> & { readonly servers: Topology['pools'] };

const NOTHING: Seen = { pools: new Map(), services: new Map(), health: new Map(), servers: new Map() };
const NO_SERVERS: readonly Server[] = [];
/** Of a pool that is not there. */
const NO_PART: PoolPart = { inputs: [], objects: [], findings: [] };
const NOTHING_SEEN: ServerHealth = new Map();

/**
 * `clusterObjects` for a series of inputs, which looks again only at pools of which something changed. Shape: an object that is as before
 * is the one before (`===`), and so is the map of all.
 */
export function createClusterBuilder(): (input: ClusterInput) => ClusterObjects {
  const slicesOf = createGroups(({ metadata }: EndpointSlice) => labelledPool(metadata));
  const collection = createCollection();
  const parts = new Map<Key, PoolPart>();
  const told = new Map<Key, readonly Finding[]>();
  let last = NOTHING;
  let proxies: Pick<PoolPart, 'inputs' | 'objects'> = NO_PART;
  let findings: readonly Finding[] = [];
  return (input) => {
    const { changed, keysOf } = slicesOf(input.slices);
    const now: Seen = { ...input, servers: input.topology.pools };
    for (const key of new Set([...changed, ...changedPools(last, now)])) {
      const pool = input.pools.get(key);
      const before = parts.get(key) ?? NO_PART;
      const current = keysOf(key).flatMap((slice) => input.slices.get(slice) ?? []);
      const part = pool === undefined ? NO_PART : poolPart(input, pool, { current, last: before });
      if (part === before) continue;
      const objects = collection.replace(before.objects, part.objects);
      if (part === NO_PART) parts.delete(key);
      else parts.set(key, { ...part, objects });
      if (part.findings.length === 0) told.delete(key);
      else told.set(key, part.findings);
    }
    last = now;
    const inputs = proxyInputs(input);
    if (!sameItems(proxies.inputs, inputs))
      proxies = { inputs, objects: collection.replace(proxies.objects, proxyObjects(input)) };
    const all = [...told].sort(([a], [b]) => compareText(a, b)).flatMap(([, found]) => found);
    findings = keepList(findings, all);
    return { objects: collection.take(), findings };
  };
}

/** All objects by their id, of which those that are as before stay the ones before. */
function createCollection() {
  const changes = new Map<string, KubeObject | undefined>();
  let objects: ClusterObjects['objects'] = new Map();
  return {
    /** Puts objects in the place of others; returns those that stand there now. */
    replace(before: readonly KubeObject[], next: readonly KubeObject[]): readonly KubeObject[] {
      for (const object of before) changes.set(objectId(object), undefined);
      const kept = next.map((object) => keepIdentity(objects.get(objectId(object)), object));
      for (const object of kept) changes.set(objectId(object), object);
      return kept;
    },
    take(): ClusterObjects['objects'] {
      objects = withChanges(objects, changes);
      changes.clear();
      return objects;
    },
  };
}

/** Pools of which anything but a slice came, changed or went. */
function changedPools(last: Seen, now: Seen): readonly Key[] {
  return [
    ...changedKeys(last.pools, now.pools),
    ...changedKeys(last.servers, now.servers),
    ...changedKeys(last.services, now.services),
    ...changedKeys(last.health, now.health),
  ];
}

/** What the objects that stand for all proxies are made of. */
function proxyInputs({ installation, topology, certificates, pages }: ClusterInput): readonly unknown[] {
  const { namespace, image, config } = installation;
  return [namespace, image, config, topology.listeners, certificates, pages];
}

function proxyObjects({ installation, topology, certificates, pages }: ClusterInput): readonly KubeObject[] {
  const budget = proxyBudget(installation);
  return [
    proxyDeployment(installation),
    proxyService(installation, topology.listeners),
    peersService(installation),
    ...(budget === undefined ? [] : [budget]),
    ...certificates.map((original) => mirroredSecret(installation.namespace, original)),
    ...pages.map((page) => mirroredPages(installation.namespace, page)),
  ];
}

interface Around {
  /** Slices that carry the pool's name. */
  readonly current: readonly EndpointSlice[];
  readonly last: PoolPart;
}

function poolPart(input: ClusterInput, pool: WebPool, { current, last }: Around): PoolPart {
  const key = keyOf(pool.metadata);
  const own = ownsService(pool, input.services);
  const servers = input.topology.pools.get(key)?.servers ?? NO_SERVERS;
  const health = input.health.get(key) ?? NOTHING_SEEN;
  const inputs = [pool, own, servers, health, ...current];
  if (sameItems(last.inputs, inputs)) return last;
  if (!own) return { inputs, objects: [], findings: serviceConflicts([pool], input.services) };
  const sources = { pool, servers, current, health };
  return { inputs, objects: [poolService(pool), ...externalSlices(sources)], findings: unregistered(sources) };
}
