/**
 * What Kubernetes should hold because of us.
 * In: pools in force, topology, what exists, what the proxies saw. Out: objects to apply, sorted. Never: the API server.
 */
import type { Finding } from '../api/finding.ts';
import { keyOf, type EndpointSlice, type Key, type SecretInfo, type WebPool } from '../api/resources.ts';
import { POOL_LABEL } from '../api/slice-labels.ts';
import { compareText, sameItems } from '../api/stable.ts';
import type { Server, Topology } from '../topology/topology.ts';
import { externalSlices, unregistered } from './external-slices.ts';
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
  /** Pool → server id → whether the proxies can reach it. */
  readonly reachable: ReadonlyMap<Key, ReadonlyMap<string, boolean>>;
  /** Certificates that accepted rules name. */
  readonly certificates: readonly SecretInfo[];
  /** Pages that pools name. */
  readonly pages: readonly PageSource[];
}

/** Objects to apply, and what to tell of pools for which none could be made. */
export interface ClusterObjects {
  /** Sorted by kind, namespace and name. */
  readonly objects: readonly KubeObject[];
  readonly findings: readonly Finding[];
}

/** What Kubernetes should hold. */
export function clusterObjects(input: ClusterInput): ClusterObjects {
  return createClusterBuilder()(input);
}

interface PoolPart extends ClusterObjects {
  readonly inputs: readonly unknown[];
}

const NO_SLICES: readonly EndpointSlice[] = [];
const NO_SERVERS: readonly Server[] = [];
const NOTHING_SEEN: ReadonlyMap<string, boolean> = new Map();

/** `clusterObjects` for a series of inputs: the objects of a pool keep their identity as long as nothing that they are made of changes. */
export function createClusterBuilder(): (input: ClusterInput) => ClusterObjects {
  let parts: ReadonlyMap<Key, PoolPart> = new Map();
  return (input) => {
    const slices = slicesByPool(input.slices);
    parts = new Map(
      [...input.pools].map(([key, pool]) => [key, poolPart(input, pool, { slices, last: parts.get(key) })]),
    );
    const all = [...parts.values()];
    const objects = [...proxyObjects(input), ...all.flatMap((part) => part.objects)];
    return {
      objects: objects.sort((a, b) => compareText(objectId(a), objectId(b))),
      findings: all.flatMap((part) => part.findings),
    };
  };
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

function slicesByPool(slices: ClusterInput['slices']): ReadonlyMap<Key, readonly EndpointSlice[]> {
  return Map.groupBy(slices.values(), ({ metadata }) =>
    keyOf({ namespace: metadata.namespace, name: metadata.labels?.[POOL_LABEL] ?? '' }),
  );
}

interface Around {
  readonly slices: ReadonlyMap<Key, readonly EndpointSlice[]>;
  readonly last: PoolPart | undefined;
}

function poolPart(input: ClusterInput, pool: WebPool, { slices, last }: Around): PoolPart {
  const key = keyOf(pool.metadata);
  const own = ownsService(pool, input.services);
  const servers = input.topology.pools.get(key)?.servers ?? NO_SERVERS;
  const current = slices.get(key) ?? NO_SLICES;
  const reachable = input.reachable.get(key) ?? NOTHING_SEEN;
  const inputs = [pool, own, servers, reachable, ...current];
  if (last !== undefined && sameItems(last.inputs, inputs)) return last;
  if (!own) return { inputs, objects: [], findings: serviceConflicts([pool], input.services) };
  const sources = { pool, servers, current, reachable };
  return { inputs, objects: [poolService(pool), ...externalSlices(sources)], findings: unregistered(sources) };
}
