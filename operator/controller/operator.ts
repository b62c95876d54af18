/**
 * The operator of a cluster: picture → topology → our objects in the cluster and the accounts in the databases, and statuses of what the proxies
 * and databases were seen to hold. Only the leader does anything; proxies go on without it.
 */
import type { Finding } from '../api/finding.ts';
import { keyOf, namesIn, type DatabaseGrant, type EndpointSlice, type Key, type Resources } from '../api/resources.ts';
import { isOurSlice, POOL_LABEL, sliceKey } from '../api/slice-labels.ts';
import { createClusterBuilder, type ClusterObjects } from '../cluster/build.ts';
import { isExternalSlice, registeredServers } from '../cluster/external-slices.ts';
import { certificatesOf, heldCopies, pagesOf } from '../cluster/mirrored-secret.ts';
import { isManaged, objectId } from '../cluster/object.ts';
import type { EndpointSliceObject, KubeObject } from '../cluster/object.ts';
import type { Installation } from '../cluster/proxy-pod.ts';
import type { ClusterMarks } from '../driver/cluster-marks.ts';
import type { ClusterObjectsDriver, ExistingObject } from '../driver/cluster-objects.ts';
import type { NameResolver } from '../driver/names.ts';
import type { ClusterWorld } from '../source/cluster-world.ts';
import type { KubernetesSource } from '../source/kubernetes.ts';
import { createStatusBuilder } from '../status/build.ts';
import type { Leaving, StatusDocument } from '../status/document.ts';
import type { Observed, ProxyObserved } from '../status/observed.ts';
import {
  createReportsReader,
  STALE,
  type ProxySeen,
  type ReportsSeen,
  type Requirement,
} from '../status/proxy-reports.ts';
import { transitionsOf, type Transition } from '../status/transitions.ts';
import { databaseServer } from '../topology/accounts.ts';
import { createTopologyBuilder } from '../topology/build.ts';
import { namesByServers } from '../topology/servers.ts';
import type { Topology } from '../topology/topology.ts';

import type { DatabaseRail, ServerPlace } from './database-rail.ts';
import { createGate } from './gate.ts';
import { reachOf } from './reach.ts';
import { lingeringHosts } from './lingering.ts';
import { startRounds, type RoundsOptions } from './rounds.ts';

export interface OperatorOptions {
  readonly source: KubernetesSource;
  readonly world: ClusterWorld;
  readonly resolver: NameResolver;
  readonly databases: DatabaseRail;
  readonly objects: ClusterObjectsDriver;
  readonly marks: ClusterMarks;
  /** Asked for no sooner than `ready`. */
  readonly installation: () => Installation;
  /** Nothing is done before. */
  readonly ready: Promise<unknown>;
  readonly finalizer: string;
  /** Whether this process may write at this moment. */
  readonly leads: () => boolean;
  readonly reached: (version: string, wanted: string) => boolean;
  /** RFC 3339, UTC, whole seconds. */
  readonly now: () => string;
  readonly tell: (document: Pick<StatusDocument, 'kind' | 'key'>, transition: Transition) => void;
  readonly onRound: RoundsOptions['onRound'];
  readonly onError: (error: unknown, what: string) => void;
}

/** What is known at one moment. */
export interface OperatorSnapshot {
  readonly resources: Resources;
  readonly topology: Topology;
  readonly observed: Observed;
  readonly documents: readonly StatusDocument[];
}

export interface Operator {
  /** Undefined until the first statuses were built. */
  readonly snapshot: OperatorSnapshot | undefined;
  /** Rounds that failed since the last good one. */
  readonly failures: number;
  /** What the proxies hold; undefined while one of them has not told lately. */
  readonly proxies: ProxyObserved | undefined;
  wake(): void;
  stop(): Promise<void>;
}

/** Milliseconds between two writings of status; the first of a burst waits for nothing. */
const STATUS_HOLD_OFF = 200;
/** Milliseconds after which everything is looked at again. */
const RESYNC = 30_000;
/** Whoever cannot wait for a database that will not come back says so on the grant. */
const ABANDON = 'webpool.dev/abandon-cleanup';
const GATE = 'webpool.dev/';

interface Picture {
  readonly resources: Resources;
  readonly topology: Topology;
}

/** Starts to keep the cluster as its objects say. */
export function startOperator(options: OperatorOptions): Operator {
  const { source, world, resolver, databases, objects, marks } = options;
  const build = createTopologyBuilder({ external: 'Names', pods: 'All' });
  const buildObjects = createClusterBuilder();
  const buildStatuses = createStatusBuilder();
  const readReports = createReportsReader();
  const gate = createGate();
  const startedAt = options.now();
  let stale = true;
  let resources: Resources | undefined;
  let current: Picture | undefined;
  let made: ClusterObjects = { objects: [], findings: [] };
  let seen: ReportsSeen | undefined;
  let snapshot: OperatorSnapshot | undefined;
  let lastDrain = '';

  const readProxies = ({ resources: { slices }, topology: { pools } }: Picture): ReportsSeen => {
    const reports = world.reports();
    const now = performance.now();
    const proxies = [...world.proxies()].flatMap(([name, pod]): ProxySeen[] => {
      if (pod.ended) return [];
      const report = reports.get(name);
      const silentFor = report === undefined ? Infinity : now - report.seenAt;
      return [{ name, ready: pod.ready, silentFor, ...(report !== undefined && { report: report.spec }) }];
    });
    return readReports({
      proxies,
      pools,
      slices,
      requirements: requirements(),
      reached: options.reached,
      reach: reach(),
    });
  };

  const reach = () => {
    const nodes = [...world.proxies().values()].filter(({ ready }) => ready).flatMap((pod) => pod.nodeAddresses);
    return reachOf(options.installation().namespace, world.front(), nodes);
  };

  const requirements = (): readonly Requirement[] => {
    const slices = newestSlices(made.objects, objects);
    return (['WebPool', 'RoutingRule'] as const).flatMap((kind) =>
      [...source.objects(kind)].map(([key, { object, generationVersion }]) => ({
        kind,
        key,
        generation: object.metadata.generation,
        version: generationVersion,
        slices: kind === 'WebPool' ? (slices.get(key) ?? '') : '',
      })),
    );
  };

  const round = async (): Promise<number | undefined> => {
    if (stale || resources === undefined) {
      stale = false;
      const first = resources === undefined;
      resources = await source.read();
      if (first) recallNames(resources);
    }
    const topology = build(resources, resolver.names, world.nodes());
    current = { resources, topology };
    resolver.want(topology.hostnames);
    seen = readProxies(current);
    await keepFinalizers();
    databases.update(resources, topology, leavingServers());
    // Accounts wait for servers to drain, and for proxies to tell: whoever looks after them has to hear of both.
    const drain = [
      drainOf(seen),
      ...[...lingeringHosts(resources, world.pods().values()).values()].flatMap((hosts) => [...hosts]),
    ].join(' ');
    if (drain !== lastDrain) databases.wake();
    lastDrain = drain;
    const now = performance.now();
    const joined = hasJoined(seen.observed, resources);
    const admitted = gate.admit(topology, { databases: databases.observed, joined, now });
    await keepObjects(current, admitted.topology);
    await openGates(current);
    return Math.min(RESYNC, admitted.againAfter ?? Infinity);
  };

  /** A name that resolved once keeps its addresses, whoever looked it up. */
  const recallNames = ({ pools, slices }: Resources) => {
    const registered = registeredServers(slices);
    resolver.recall(namesByServers(pools, (pool) => registered.get(pool)));
  };

  const keepObjects = async ({ resources, topology }: Picture, admitted: Topology) => {
    made = buildObjects({
      installation: options.installation(),
      pools: resources.pools,
      topology: { pools: admitted.pools, listeners: topology.listeners },
      services: world.services(),
      slices: resources.slices,
      reachable: reachable(seen?.observed),
      certificates: certificatesOf(topology, resources.secrets),
      pages: pagesOf(resources.pools, resources.configMaps),
    });
    for (const object of made.objects) {
      if (object.kind === 'EndpointSlice' && !isAsWanted(object, resources)) objects.forget(objectId(object));
    }
    await write(made.objects, resources, followsPools());
  };

  /** Of pools that cannot be followed only what was made before is kept up. */
  const write = async (all: readonly KubeObject[], resources: Resources, follows: boolean) => {
    const slices = follows ? ownSlices(resources, isGone) : [];
    const services = follows ? goneServices() : [];
    const held = heldCopies(resources);
    const there = existing(slices).filter(({ kind, name }) => kind !== 'Secret' || !held.has(name));
    const result = await objects.apply(follows ? all : all.filter(wasMade), [...there, ...services]);
    for (const stray of slices) if (!isExternalSlice(stray) && !isGone(sliceKey(stray))) tellRemoved(stray);
    for (const [id, error] of result.failures) options.onError(error, id);
    if (result.failures.size > 0) throw new Error(`${result.failures.size} objects of the cluster were not written`);
  };

  /**
   * Whether the pools that we know are those that there are. Where their kind is being taken away, what belonged to them goes, and whatever
   * was made anew then would stay: nobody collects what belongs to an object of no kind.
   */
  const followsPools = () => source.freshness().every(({ kind, failing }) => kind !== 'WebPool' || !failing);

  const wasMade = (object: KubeObject) =>
    object.metadata.labels[POOL_LABEL] === undefined || objects.versionOf(objectId(object)) !== undefined;

  /** Not even refused or waiting: it is no more. */
  const isGone = (pool: Key) => source.object('WebPool', pool) === undefined;

  /** Services of pools that are no more. Kubernetes would collect them too, but not while the kind itself goes. */
  const goneServices = (): readonly ExistingObject[] =>
    [...world.services()].flatMap(([key, { labels, uid }]): ExistingObject[] => {
      const { [POOL_LABEL]: pool } = labels;
      const { namespace, name } = namesIn(key);
      const gone = pool !== undefined && isManaged({ labels }) && isGone(keyOf({ namespace, name: pool }));
      return gone ? [{ kind: 'Service', namespace, name, uid }] : [];
    });

  /** Objects of ours that are there: what nobody wants any more is ours to remove. */
  const existing = (slices: readonly EndpointSlice[]): readonly ExistingObject[] => [
    ...slices.map(({ metadata: { namespace, name } }) => ({ kind: 'EndpointSlice', namespace, name }) as const),
    ...[...world.managed()].flatMap(([kind, found]) =>
      [...found].flatMap(([key, { labels, uid }]): ExistingObject[] => {
        const { namespace, name } = namesIn(key);
        return isManaged({ labels }) && namespace === options.installation().namespace
          ? [{ kind, namespace, name, uid }]
          : [];
      }),
    ),
  ];

  const tellRemoved = (slice: EndpointSlice) => {
    const note = `EndpointSlice "${slice.metadata.name}" had the labels of ours and was removed: no server of this pool stands in it.`;
    options.tell({ kind: 'WebPool', key: sliceKey(slice) }, { type: 'Warning', reason: 'SliceRemoved', note });
  };

  const keepFinalizers = async () => {
    for (const [key, { object, finalizers, deleting }] of source.objects('DatabaseGrant')) {
      const { namespace, name, annotations } = object.metadata;
      const has = finalizers.includes(options.finalizer);
      const set = (after: readonly string[]) => marks.setFinalizers({ namespace, name }, finalizers, after);
      if (!deleting && !has) await set([...finalizers, options.finalizer]);
      if (!deleting || !has) continue;
      const server = databaseServer(object as DatabaseGrant);
      const done = annotations?.[ABANDON] === 'true' || databases.isClean(key, server.id);
      if (done) await set(finalizers.filter((one) => one !== options.finalizer));
    }
  };

  /** Grants that somebody deleted and that stay until their accounts are gone. */
  const leavingGrants = (): readonly (readonly [Key, DatabaseGrant])[] =>
    [...source.objects('DatabaseGrant')]
      .filter(([, { deleting, finalizers }]) => deleting && finalizers.includes(options.finalizer))
      .map(([key, { object }]) => [key, object as DatabaseGrant]);

  const leavingServers = (): readonly ServerPlace[] => leavingGrants().map(([, grant]) => databaseServer(grant));

  const leaving = (): ReadonlyMap<Key, Leaving> | undefined => {
    const grants = leavingGrants();
    if (grants.length === 0) return undefined;
    return new Map(
      grants.map(([key, grant]) => {
        const { id } = databaseServer(grant);
        const problem = databases.observed.get(id)?.problem;
        const { metadata } = grant;
        if (problem === undefined) return [key, { metadata }];
        const blocked = `Deleting waits for database server ${id}: ${problem.message} Set the annotation ${ABANDON}: "true" to leave its accounts behind.`;
        return [key, { metadata, blocked }];
      }),
    );
  };

  /** A gate is only ever opened: no trouble of a database takes a Pod that serves out of service. */
  const openGates = async ({ topology }: Picture) => {
    const ready = readyServers(topology, databases);
    for (const pod of world.pods().values()) {
      const gates = Object.entries(pod.gates);
      if (gates.every(([, open]) => open)) continue;
      const { namespace, name } = namesIn(pod.key);
      const open = gates.filter(([type, isOpen]) => {
        const grant = keyOf({ namespace, name: type.slice(GATE.length) });
        const has = (address: string) => ready.get(grant)?.has(`${name}_${address}`) === true;
        return isOpen || pod.addresses.some(has);
      });
      if (open.length === gates.filter(([, isOpen]) => isOpen).length) continue;
      await marks.openGates(
        { namespace, name },
        open.map(([type]) => type),
        options.now(),
      );
    }
  };

  const writeStatus = async (): Promise<number | undefined> => {
    if (current === undefined) return undefined;
    seen = readProxies(current);
    const picture = { ...current, resources: withFindings(current.resources, made.findings) };
    const observed: Observed = { proxy: seen.observed, databases: databases.observed };
    const { documents, changed, recheckAfterMs } = buildStatuses({
      ...picture,
      observed,
      leaving: leaving(),
      previous: (kind, key) => source.statusOf(kind, key),
      now: options.now(),
      startedAt,
    });
    snapshot = { ...picture, observed, documents };
    const before = new Map(changed.map((document) => [document, source.statusOf(document.kind, document.key)]));
    await source.writeStatus(changed, documents, []);
    for (const [document, status] of before) {
      for (const transition of transitionsOf(status, document.status)) options.tell(document, transition);
    }
    return Math.min(untilDoubt(), recheckAfterMs ?? Infinity);
  };

  /** Milliseconds until a report becomes stale without anything happening. */
  const untilDoubt = (): number => {
    const now = performance.now();
    const left = [...world.reports().values()].map(({ seenAt }) => seenAt + STALE - now);
    return Math.min(...left.filter((milliseconds) => milliseconds > 0));
  };

  const withFindings = rememberFindings();
  const rounds = startRounds({
    make: round,
    tell: writeStatus,
    holdOff: STATUS_HOLD_OFF,
    ready: Promise.all([options.ready, source.synced, world.synced]),
    allowed: options.leads,
    onRound: options.onRound,
    onError: options.onError,
  });
  const unwatch = source.changes(() => {
    stale = true;
    rounds.wake();
  });
  world.changes((what, key, now) => {
    // A report changes what is told, and sometimes which accounts and slices are right.
    const id = `${what} ${key}`;
    if (now !== undefined && objects.versionOf(id) !== now.version) objects.forget(id);
    if (now === undefined) objects.forget(id);
    rounds.wake();
  });

  return {
    get snapshot() {
      return snapshot;
    },
    get failures() {
      return rounds.failures;
    },
    get proxies() {
      return seen?.complete === true ? seen.observed : undefined;
    },
    wake: () => rounds.wake(),
    async stop() {
      unwatch();
      await rounds.stop(() => databases.stop());
    },
  };
}

/** Which servers still drain, and whether every proxy has told. */
function drainOf({ complete, observed }: ReportsSeen): string {
  const leaving = [...observed.pools].flatMap(([key, servers]) =>
    [...servers].flatMap(([id, server]) => (server.leaving ? [`${key}/${id}`] : [])),
  );
  return [complete, ...leaving].join(' ');
}

/** The slices of ours of pools that are in force or no more; those of a pool of which no version is known to be good stay as they are. */
function ownSlices({ slices, pools }: Resources, isGone: (pool: Key) => boolean): readonly EndpointSlice[] {
  return [...slices.values()].filter((slice) => {
    const pool = sliceKey(slice);
    return isOurSlice(slice) && (pools.has(pool) || isGone(pool));
  });
}

/** By pool, the newest version of the slices that we wrote for it. */
function newestSlices(made: readonly KubeObject[], objects: ClusterObjectsDriver): ReadonlyMap<Key, string> {
  const newest = new Map<Key, string>();
  for (const object of made) {
    if (object.kind !== 'EndpointSlice') continue;
    const { namespace, labels } = object.metadata;
    const version = objects.versionOf(objectId(object)) ?? '';
    const pool = keyOf({ namespace, name: labels[POOL_LABEL] ?? '' });
    const before = newest.get(pool) ?? '';
    if (version.length > before.length || (version.length === before.length && version > before))
      newest.set(pool, version);
  }
  return newest;
}

/** Whether the copy shows a slice as we want it; one that is not there (any more) is not. */
function isAsWanted(wanted: EndpointSliceObject, { slices }: Resources): boolean {
  const found = slices.get(keyOf(wanted.metadata));
  if (found === undefined) return false;
  const seen = found.endpoints.map(({ addresses, hostname, conditions }) => [
    addresses[0],
    hostname,
    conditions?.serving,
  ]);
  const asked = wanted.endpoints.map(({ addresses, hostname, conditions }) => [
    addresses[0],
    hostname,
    conditions.serving,
  ]);
  return JSON.stringify([seen, found.ports[0]?.port]) === JSON.stringify([asked, wanted.ports[0]?.port]);
}

/**
 * Whether a proxy has a server, or may have: what stands in a slice of ours was let in before, by whoever led then. A new leader has often
 * heard of no database yet, and of no proxy lately.
 */
function hasJoined({ pools }: ProxyObserved, { slices }: Resources): (pool: Key, id: string) => boolean {
  let registered: ReadonlyMap<Key, ReadonlySet<string>> | undefined;
  return (pool, id) =>
    pools.get(pool)?.has(id) === true || (registered ??= registeredServers(slices)).get(pool)?.has(id) === true;
}

/** Servers that every proxy reaches. */
function reachable(proxy: ProxyObserved | undefined): ReadonlyMap<Key, ReadonlyMap<string, boolean>> {
  return new Map(
    [...(proxy?.pools ?? [])].map(([key, servers]) => [
      key,
      new Map([...servers].map(([id, { health }]) => [id, health === 'Up'] as const)),
    ]),
  );
}

/** By grant, the servers of which an account exists, as `<endpoint>_<address>`. */
function readyServers({ accounts }: Topology, databases: DatabaseRail): ReadonlyMap<Key, ReadonlySet<string>> {
  return new Map(
    accounts.map(({ grant, server, hosts }) => {
      const report = databases.observed.get(server.id)?.grants.get(grant);
      const ready = new Set((report?.accounts ?? []).filter(({ state }) => state === 'Ready').map(({ host }) => host));
      const served = hosts.filter(({ host }) => ready.has(host)).flatMap(({ servers }) => servers);
      return [grant, new Set(served.map(({ id }) => id.slice(0, id.lastIndexOf(':'))))];
    }),
  );
}

/** The picture with what the cluster's objects had to say; the same as before when neither changed. */
function rememberFindings(): (resources: Resources, findings: readonly Finding[]) => Resources {
  let last: { readonly inputs: readonly [Resources, string]; readonly result: Resources } | undefined;
  return (resources, findings) => {
    if (findings.length === 0) return resources;
    const text = JSON.stringify(findings);
    if (last?.inputs[0] !== resources || last.inputs[1] !== text) {
      last = { inputs: [resources, text], result: { ...resources, findings: [...resources.findings, ...findings] } };
    }
    return last.result;
  };
}
