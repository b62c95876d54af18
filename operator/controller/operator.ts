/**
 * The operator of a cluster: picture → topology → our objects in the cluster and the accounts in the databases, and statuses of what the proxies
 * and databases were seen to hold. Only the leader does anything; proxies go on without it.
 */
import type { Finding } from '../api/finding.ts';
import { createSelection } from '../api/groups.ts';
import { keyOf, namesIn, type DatabaseGrant, type EndpointSlice, type Key, type Resources } from '../api/resources.ts';
import { POOL_LABEL, SLICE_MANAGER_LABEL, sliceKey } from '../api/slice-labels.ts';
import { changedKeys, lastOf } from '../api/stable.ts';
import { createClusterBuilder, type ClusterObjects } from '../cluster/build.ts';
import { isExternalSlice, registeredServers } from '../cluster/external-slices.ts';
import { createMirrored, heldCopies } from '../cluster/mirrored-secret.ts';
import type { EndpointSliceObject, KubeObject } from '../cluster/object.ts';
import type { Installation } from '../cluster/proxy-pod.ts';
import { createSurplus } from '../cluster/surplus.ts';
import type { ClusterMarks } from '../driver/cluster-marks.ts';
import type { ClusterObjectsDriver } from '../driver/cluster-objects.ts';
import type { NameResolver } from '../driver/names.ts';
import type { ClusterPod } from '../source/cluster-objects.ts';
import type { ClusterWorld } from '../source/cluster-world.ts';
import type { KubernetesSource } from '../source/kubernetes.ts';
import { createStatusBuilder } from '../status/build.ts';
import type { Leaving, StatusDocument } from '../status/document.ts';
import type { Observed, ProxyObserved, ServerObserved } from '../status/observed.ts';
import { createReportsReader, STALE, type ProxySeen, type ReportsSeen } from '../status/proxy-reports.ts';
import { transitionsOf, type Transition } from '../status/transitions.ts';
import { databaseServer } from '../topology/accounts.ts';
import { createTopologyBuilder } from '../topology/build.ts';
import { namesByServers } from '../topology/servers.ts';
import type { Topology } from '../topology/topology.ts';

import type { DatabaseRail, ServerPlace } from './database-rail.ts';
import { createGate } from './gate.ts';
import { reachOf } from './reach.ts';
import { lingeringHosts } from './lingering.ts';
import { createRequirements } from './requirements.ts';
import { RefusedError, startRounds, type RoundsOptions } from './rounds.ts';

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
  /** Rounds that failed since the last one that was good but for refusals. */
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
  const mirrored = createMirrored();
  const buildObjects = createClusterBuilder();
  const surplusOf = createSurplus();
  const buildStatuses = createStatusBuilder();
  const readReports = createReportsReader(options.reached);
  const requirements = createRequirements({
    newest: (kind, key) => source.object(kind, key),
    versionOf: (id) => objects.versionOf(id),
  });
  const leavingOf = createSelection(leavingServerIds);
  const closedOf = createSelection((pod: ClusterPod) => (Object.values(pod.gates).includes(false) ? pod : undefined));
  const gate = createGate();
  const startedAt = options.now();
  let stale = true;
  let resources: Resources | undefined;
  let current: Picture | undefined;
  let made: ClusterObjects = { objects: new Map(), findings: [] };
  /** Objects that were written since the proxies were last asked what they have. */
  let written = new Set<string>();
  /** The slices that were compared with ours. */
  let compared: Resources['slices'] = new Map();
  let seen: ReportsSeen | undefined;
  let snapshot: OperatorSnapshot | undefined;
  let lastDrain = '';
  /** What of the round that runs was refused. */
  let refusals = 0;

  const readProxies = ({ resources, topology: { pools } }: Picture): ReportsSeen => {
    const reports = world.reports();
    const now = performance.now();
    const proxies = [...world.proxies()].flatMap(([name, pod]): ProxySeen[] => {
      const report = reports.get(name);
      // One that waits for its node or its image, for days if need be, has nothing to tell.
      if (pod.ended || (!pod.started && report === undefined)) return [];
      const silentFor = report === undefined ? Infinity : now - report.seenAt;
      return [{ name, ready: pod.ready, silentFor, ...(report !== undefined && { report: report.spec }) }];
    });
    const asked = requirements({ resources, made: made.objects, written });
    written = new Set();
    return readReports({ proxies, pools, slices: resources.slices, requirements: asked, reach: reach() });
  };

  const reach = () => {
    const nodes = [...world.proxies().values()].filter(({ ready }) => ready).flatMap((pod) => pod.nodeAddresses);
    return reachOf(options.installation().namespace, world.front(), nodes);
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
    refusals = 0;
    const unmarked = await keepFinalizers();
    databases.update(resources, withoutGrants(topology, unmarked), leavingServers());
    // Accounts wait for servers to drain, and for proxies to tell: whoever looks after them has to hear of both.
    const drain = [
      seen.complete,
      ...leavingOf(seen.observed.pools).values(),
      ...[...lingeringHosts(resources, world.pods().values()).values()].flatMap((hosts) => [...hosts]),
    ].join(' ');
    if (drain !== lastDrain) databases.wake();
    lastDrain = drain;
    const now = performance.now();
    const joined = hasJoined(seen.observed, resources);
    const admitted = gate.admit(topology, { databases: databases.observed, joined, now });
    await keepObjects(current, admitted.topology);
    await openGates(current);
    if (refusals > 0) throw new RefusedError(`${refusals} objects were not written: trying again`);
    return Math.min(RESYNC, admitted.againAfter ?? Infinity);
  };

  const noteRefusal = (error: unknown, what: string) => {
    refusals += 1;
    options.onError(error, what);
  };

  /** Whether it was written. What is refused of one object is told and tried again, and keeps no other waiting. */
  const mark = async (what: string, work: Promise<void>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      noteRefusal(error, what);
      return false;
    }
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
      health: seen?.observed.pools ?? NOTHING_SEEN,
      ...mirrored(topology, resources),
    });
    for (const key of changedKeys(compared, resources.slices)) {
      const id = `EndpointSlice ${key}`;
      const wanted = made.objects.get(id);
      if (wanted?.kind === 'EndpointSlice' && !isAsWanted(wanted, resources)) objects.forget(id);
    }
    compared = resources.slices;
    await write(made.objects, resources, followsPools());
  };

  /** Of pools that cannot be followed only what was made before is kept up. */
  const write = async (all: ClusterObjects['objects'], resources: Resources, follows: boolean) => {
    const { slices, others } = surplusOf({
      wanted: all,
      slices: follows ? resources.slices : NOTHING_THERE,
      services: follows ? world.services() : NOTHING_THERE,
      managed: world.managed(),
      held: () => heldCopies(resources),
      isGone,
      isInForce: (pool) => resources.pools.has(pool),
    });
    const there = slices.map(
      ({ metadata: { namespace, name } }) => ({ kind: 'EndpointSlice', namespace, name }) as const,
    );
    const result = await objects.apply(follows ? all : new Map([...all].filter(wasMade)), [...there, ...others]);
    for (const id of result.applied) written.add(id);
    for (const stray of slices) if (!isExternalSlice(stray) && !isGone(sliceKey(stray))) tellRemoved(stray);
    for (const [id, error] of result.failures) noteRefusal(error, id);
  };

  /**
   * Whether the pools that we know are those that there are. Where their kind is being taken away, what belonged to them goes, and whatever
   * was made anew then would stay: nobody collects what belongs to an object of no kind.
   */
  const followsPools = () => source.freshness().every(({ kind, failing }) => kind !== 'WebPool' || !failing);

  const wasMade = ([id, object]: readonly [string, KubeObject]) =>
    object.metadata.labels[POOL_LABEL] === undefined || objects.versionOf(id) !== undefined;

  /** Not even refused or waiting: it is no more. */
  const isGone = (pool: Key) => source.object('WebPool', pool) === undefined;

  const tellRemoved = (slice: EndpointSlice) => {
    const note = `EndpointSlice "${slice.metadata.name}" had the labels of ours and was removed: no server of this pool stands in it.`;
    options.tell({ kind: 'WebPool', key: sliceKey(slice) }, { type: 'Warning', reason: 'SliceRemoved', note });
  };

  /** Where something may be left of a grant that was deleted. */
  const serversLeft = (key: Key, grant: DatabaseGrant) => databases.left(key, databaseServer(grant).id);

  /** Returns grants that could not be marked: whoever deletes one now would leave its accounts behind. */
  const keepFinalizers = async (): Promise<ReadonlySet<Key>> => {
    const unmarked = new Set<Key>();
    for (const [key, { object, finalizers, deleting }] of source.objects('DatabaseGrant')) {
      const { namespace, name, annotations } = object.metadata;
      const has = finalizers.includes(options.finalizer);
      const set = (after: readonly string[]) =>
        mark(`DatabaseGrant ${key}`, marks.setFinalizers({ namespace, name }, finalizers, after));
      if (!deleting && !has && !(await set([...finalizers, options.finalizer]))) unmarked.add(key);
      if (!deleting || !has) continue;
      const done = annotations?.[ABANDON] === 'true' || serversLeft(key, object as DatabaseGrant).length === 0;
      if (done) await set(finalizers.filter((one) => one !== options.finalizer));
    }
    return unmarked;
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
        const { metadata } = grant;
        const [blocked] = serversLeft(key, grant).flatMap((id) => {
          const problem = databases.observed.get(id)?.problem;
          if (problem === undefined) return [];
          return `Deleting waits for database server ${id}: ${problem.message} Set the annotation ${ABANDON}: "true" to leave its accounts behind.`;
        });
        return [key, { metadata, ...(blocked !== undefined && { blocked }) }];
      }),
    );
  };

  /** A gate is only ever opened: no trouble of a database takes a Pod that serves out of service. */
  const openGates = async ({ topology }: Picture) => {
    const closed = closedOf(world.pods());
    if (closed.size === 0) return;
    const ready = readyServers(topology, databases);
    for (const pod of closed.values()) {
      const gates = Object.entries(pod.gates);
      const { namespace, name } = namesIn(pod.key);
      const open = gates.filter(([type, isOpen]) => {
        const grant = keyOf({ namespace, name: type.slice(GATE.length) });
        const has = (address: string) => ready.get(grant)?.has(`${name}_${address}`) === true;
        return isOpen || pod.addresses.some(has);
      });
      if (open.length === gates.filter(([, isOpen]) => isOpen).length) continue;
      const types = open.map(([type]) => type);
      await mark(`Pod ${pod.key}`, marks.openGates({ namespace, name, uid: pod.uid }, types, options.now()));
    }
  };

  const writeStatus = async (): Promise<number | undefined> => {
    if (current === undefined) return undefined;
    seen = readProxies(current);
    const picture = { ...current, resources: pictureWith(current.resources, made.findings) };
    const observed: Observed = { proxy: seen.observed, databases: databases.observed };
    const { documents, changed, recheckAfterMs } = buildStatuses({
      ...picture,
      observed,
      leaving: leaving(),
      previous: (kind, key) => source.statusOf(kind, key),
      rewritten: source.takeRewritten(),
      now: options.now(),
      startedAt,
    });
    snapshot = { ...picture, observed, documents };
    const before = new Map(changed.map((document) => [document, source.statusOf(document.kind, document.key)]));
    await source.writeStatus(changed, documents, { errors: [] });
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

  const pictureWith = lastOf(withFindings);
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
    if (now !== undefined && objects.versionOf(id) !== now.version) objects.forget(id, now.version);
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

const NOTHING_SEEN: ProxyObserved['pools'] = new Map();
const NOTHING_THERE: ReadonlyMap<Key, never> = new Map<Key, never>();

/** The servers of a pool that still drain; undefined when none does. */
function leavingServerIds(servers: ReadonlyMap<string, ServerObserved>, pool: Key): string | undefined {
  const leaving = [...servers].flatMap(([id, server]) => (server.leaving ? [`${pool}/${id}`] : []));
  return leaving.length === 0 ? undefined : leaving.join(' ');
}

/** Whether the copy shows a slice as we want it; one that is not there (any more) is not. */
function isAsWanted(wanted: EndpointSliceObject, { slices }: Resources): boolean {
  const found = slices.get(keyOf(wanted.metadata));
  return found !== undefined && sayingOf(found) === sayingOf(wanted);
}

/** What a slice of ours says, as far as a copy keeps it. */
function sayingOf({ metadata, endpoints, ports }: EndpointSlice | EndpointSliceObject): string {
  const all = endpoints.map(({ addresses, hostname, zone, conditions }) => [
    addresses[0],
    hostname,
    zone,
    conditions?.ready,
    conditions?.serving,
  ]);
  return JSON.stringify([metadata.labels?.[POOL_LABEL], metadata.labels?.[SLICE_MANAGER_LABEL], all, ports[0]?.port]);
}

/** Accounts are made for grants that cannot go without us. */
function withoutGrants(topology: Topology, grants: ReadonlySet<Key>): Topology {
  if (grants.size === 0) return topology;
  return { ...topology, accounts: topology.accounts.filter(({ grant }) => !grants.has(grant)) };
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
function withFindings(resources: Resources, findings: readonly Finding[]): Resources {
  return findings.length === 0 ? resources : { ...resources, findings: [...resources.findings, ...findings] };
}
