/** What an operator watches beside the kinds of users: Pods, Services, and the reports of its proxies. */
import { PROXY_NAME } from '../api/agent-port.ts';
import type { ProxyReportSpec } from '../api/kinds.gen.ts';
import { createSelection } from '../api/groups.ts';
import { MANAGED_SELECTOR } from '../api/object-marks.ts';
import type { Key } from '../api/resources.ts';
import { keepIdentity, keepMap } from '../api/stable.ts';
import type { Client } from '../kube/client.ts';
import { startReflector, type Reflector, type ReflectorTiming, type StoreChange } from '../kube/reflector.ts';
import type { KubeObject } from '../kube/resource.ts';
import { TYPES } from '../kube/types.ts';
import { readClusterPod, type ClusterPod } from './cluster-objects.ts';
import { createPicture, freshnessOf, type Freshness } from './copies.ts';
import type { Log } from './source.ts';

export interface ClusterWorldOptions {
  readonly client: Client;
  /** Namespaces of the users; empty = all. */
  readonly namespaces: readonly string[];
  /** Where proxies and operator are. */
  readonly home: string;
  readonly log: Log;
  readonly timing?: ReflectorTiming;
}

/** An object, as far as its owner and its version are concerned. */
export interface ClusterService {
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  readonly uid: string;
}

/** The Service in front of the proxies, as far as it says where they are reached. */
export interface ClusterFront extends ClusterService {
  readonly type: string;
  readonly clusterIPs: readonly string[];
  /** Addresses or names that a load balancer gave it. */
  readonly external: readonly string[];
  /** Port → the port at every node. */
  readonly nodePorts: ReadonlyMap<number, number>;
}

/** A report and since when it has been as it is, by our own clock. */
export interface ClusterReport {
  readonly spec: ProxyReportSpec;
  /** performance.now(). */
  readonly seenAt: number;
}

export interface ClusterWorld {
  readonly synced: Promise<void>;
  /** The same map as long as none of them changes, as with the others below. */
  readonly pods: () => ReadonlyMap<Key, ClusterPod>;
  /** Addresses of the nodes on which Pods run. */
  readonly nodes: () => ReadonlyMap<Key, readonly string[]>;
  readonly services: () => ReadonlyMap<Key, ClusterService>;
  /** Objects at home that an operator of ours made, by kind. */
  readonly managed: () => ReadonlyMap<ManagedKind, ReadonlyMap<Key, ClusterService>>;
  /** The Service in front of the proxies. */
  readonly front: () => ClusterFront | undefined;
  /** Pods of the proxies, by name. */
  readonly proxies: () => ReadonlyMap<string, ClusterPod>;
  /** By name of the Pod. */
  readonly reports: () => ReadonlyMap<string, ClusterReport>;
  /** Calls `wake` when something of that sort changed. */
  changes(wake: (what: WorldPart, key: Key, now: ClusterService | undefined) => void): void;
  /** Addresses of Pods that were seen to go within the last minutes, and of their nodes. */
  departed(): ReadonlySet<string>;
  freshness(): readonly Freshness[];
  close(): Promise<void>;
}

/** Kinds of which an operator makes objects in its own namespace. */
export type ManagedKind = 'Secret' | 'Deployment' | 'PodDisruptionBudget';
export type WorldPart = 'Pod' | 'Service' | 'Proxy' | 'Report' | ManagedKind;

const MANAGED: readonly ManagedKind[] = ['Secret', 'Deployment', 'PodDisruptionBudget'];
const PROXY_SELECTOR = 'app.kubernetes.io/name=webpool,app.kubernetes.io/component=proxy';
/** Milliseconds between two reports after which somebody may have doubted the first. */
const IN_TIME = 12_000;
/** Milliseconds that a Pod which went explains why its account is not wanted any more. */
const EVIDENCE = 600_000;

/** Begins to watch. */
export function createClusterWorld(options: ClusterWorldOptions): ClusterWorld {
  const { client, namespaces, home, log } = options;
  const { promise: synced, resolve: allSynced } = Promise.withResolvers<void>();
  const gone = new Map<string, number>();
  let wake: (what: WorldPart, key: Key, now: ClusterService | undefined) => void = () => {};

  const isSynced = () => all.every(({ health }) => health.synced);
  const common = {
    transport: client.transport,
    log,
    ...(options.timing !== undefined && { timing: options.timing }),
    // The last one may say so while the list of all is still being made.
    onSynced: () =>
      queueMicrotask(() => {
        if (isSynced()) allSynced();
      }),
  };
  const rooms = namespaces.length === 0 ? [{}] : namespaces.map((namespace) => ({ namespace }));

  const podPicture = createPicture<ClusterPod>();
  const servicePicture = createPicture<ClusterService>();
  const nodesOf = createSelection(({ nodeAddresses }: ClusterPod) => nodeAddresses);
  const onPod = (change: StoreChange<ClusterPod>) => {
    const { key, before, now } = change;
    podPicture.note(change);
    const left = before !== undefined && (now === undefined || (now.ended && !before.ended));
    if (left)
      for (const address of [...before.addresses, ...before.nodeAddresses]) gone.set(address, performance.now());
    for (const address of now?.ended === false ? now.addresses : []) gone.delete(address);
    wake('Pod', key, undefined);
  };
  const pods = rooms.map((room) =>
    startReflector<ClusterPod>({ ...common, ...room, type: TYPES.Pod, slim: readClusterPod, onChange: onPod }),
  );
  const services = rooms.map((room) =>
    startReflector<ClusterService>({
      ...common,
      ...room,
      type: TYPES.Service,
      slim: readService,
      onChange: (change) => {
        servicePicture.note(change);
        wake('Service', change.key, change.now);
      },
    }),
  );
  const proxies = startReflector<ClusterPod>({
    ...common,
    namespace: home,
    labelSelector: PROXY_SELECTOR,
    type: TYPES.Pod,
    slim: readClusterPod,
    onChange: ({ key }) => wake('Proxy', key, undefined),
  });
  const reports = startReflector<ClusterReport>({
    ...common,
    namespace: home,
    type: TYPES.ProxyReport,
    slim: readReport,
    onChange: ({ key, before, now }) => {
      if (isNews(before, now)) wake('Report', key, undefined);
    },
  });
  const front = startReflector<ClusterFront>({
    ...common,
    namespace: home,
    labelSelector: PROXY_SELECTOR,
    type: TYPES.Service,
    slim: readFront,
    onChange: ({ key, now }) => wake('Service', key, now),
  });
  const managed = MANAGED.map(
    (kind) =>
      [
        kind,
        startReflector<ClusterService>({
          ...common,
          namespace: home,
          labelSelector: MANAGED_SELECTOR,
          type: TYPES[kind],
          slim: readService,
          onChange: ({ key, now }) => wake(kind, key, now),
        }),
      ] as const,
  );
  const all: readonly Reflector<unknown>[] = [
    ...pods,
    ...services,
    proxies,
    reports,
    front,
    ...managed.map(([, reflector]) => reflector),
  ];

  return {
    synced,
    pods: () => podPicture.map,
    nodes: () => nodesOf(podPicture.map),
    services: () => servicePicture.map,
    managed: () => new Map(managed.map(([kind, { store }]) => [kind, store])),
    front: () => front.store.get(`${home}/${PROXY_NAME}`),
    proxies: () => byName(proxies.store),
    reports: () => byName(reports.store),
    changes(onChange) {
      wake = onChange;
    },
    departed() {
      const now = performance.now();
      for (const [address, at] of gone) if (now - at > EVIDENCE) gone.delete(address);
      return new Set(gone.keys());
    },
    freshness: () => all.map(freshnessOf),
    async close() {
      await Promise.all(all.map((reflector) => reflector.stop()));
    },
  };
}

function byName<T>(store: ReadonlyMap<Key, T>): ReadonlyMap<string, T> {
  return new Map([...store].map(([key, value]) => [key.slice(key.indexOf('/') + 1), value]));
}

function readService({ metadata }: KubeObject, previous: ClusterService | undefined): ClusterService {
  const { labels = {}, resourceVersion: version = '', uid = '' } = metadata;
  return keepIdentity(previous, { labels, version, uid });
}

interface ServiceFields {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIPs?: readonly string[];
    readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

function readFront(json: KubeObject, previous: ClusterFront | undefined): ClusterFront {
  const { spec = {}, status = {} } = json as ServiceFields;
  const ports = (spec.ports ?? []).flatMap(({ port, nodePort }) =>
    nodePort === undefined ? [] : [[port, nodePort] as const],
  );
  return keepIdentity(previous, {
    ...readService(json, undefined),
    type: spec.type ?? 'ClusterIP',
    clusterIPs: spec.clusterIPs ?? [],
    external: (status.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []),
    nodePorts: keepMap(previous?.nodePorts, new Map(ports)),
  });
}

/** A heartbeat that comes in time says that all is as it was. */
function isNews(before: ClusterReport | undefined, now: ClusterReport | undefined): boolean {
  if (before === undefined || now === undefined || now.seenAt - before.seenAt > IN_TIME) return true;
  const parts = Object.keys({ ...before.spec, ...now.spec }) as (keyof ProxyReportSpec)[];
  return parts.some((part) => part !== 'heartbeatTime' && before.spec[part] !== now.spec[part]);
}

/** Every version of a report is a sign of life. */
function readReport(json: KubeObject, previous: ClusterReport | undefined): ClusterReport {
  const spec = keepIdentity(previous?.spec, json['spec'] as ProxyReportSpec);
  return { spec, seenAt: performance.now() };
}
