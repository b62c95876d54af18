import type { Finding } from '../../operator/api/finding.ts';
import type { DatabaseGrantSpec, RoutingRuleSpec, WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import {
  keyOf,
  NO_RESOURCES,
  type Held,
  type Key,
  type Metadata,
  type Resources,
  type SecretInfo,
} from '../../operator/api/resources.ts';
import { createStatusBuilder, type StatusRound } from '../../operator/status/build.ts';
import type { AnyStatus, Leaving, StatusDocument } from '../../operator/status/document.ts';
import type { DatabaseObserved, Observed, ProxyObserved, ServerObserved } from '../../operator/status/observed.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import type { Topology } from '../../operator/topology/topology.ts';

/** What stands in the folder of a test. */
export interface Written {
  readonly pools?: Readonly<Record<string, WebPoolSpec>>;
  readonly rules?: Readonly<Record<string, RoutingRuleSpec>>;
  readonly grants?: Readonly<Record<string, DatabaseGrantSpec>>;
  readonly secrets?: readonly string[];
  readonly generation?: number;
  readonly held?: readonly Held[];
  readonly findings?: readonly Finding[];
  readonly leaving?: ReadonlyMap<Key, Leaving>;
}

export const UP: ServerObserved = { admin: 'ready', health: 'Up', leaving: false };
export const DOWN: ServerObserved = { admin: 'ready', health: 'Down', leaving: false };
export const STARTING: ServerObserved = { admin: 'drain', health: 'Starting', leaving: false };

export function resourcesOf(written: Written): Resources {
  const { generation = 1 } = written;
  const objects = <K extends string, S>(kind: K, specs: Readonly<Record<string, S>> = {}) =>
    new Map(
      Object.entries(specs).map(([name, spec]) => [
        keyOf(place(name)),
        { kind, metadata: { ...place(name), generation }, spec },
      ]),
    );
  return {
    ...NO_RESOURCES,
    pools: objects('WebPool', written.pools),
    rules: objects('RoutingRule', written.rules),
    grants: objects('DatabaseGrant', written.grants),
    secrets: new Map((written.secrets ?? []).map((name) => [`default/${name}`, secret(name)])),
    held: written.held ?? [],
    findings: written.findings ?? [],
  };
}

function place(name: string): { namespace: string; name: string } {
  return { namespace: 'default', name };
}

function secret(name: string): SecretInfo {
  return { metadata: { ...place(name), generation: 1 }, version: '1', keys: ['username', 'password'] };
}

export function metadataOf(name: string, generation = 1): Metadata {
  return { ...place(name), generation };
}

/** A HAProxy that runs what the topology asks for, every server in the state that `state` gives. */
export function proxyOf(
  topology: Topology,
  state: (id: string) => ServerObserved | undefined = () => UP,
  over: Partial<ProxyObserved> = {},
): ProxyObserved {
  const pools = new Map(
    [...topology.pools.values()].map((pool) => {
      const servers = pool.servers.map(({ id }) => [id, state(id)] as const);
      return [pool.key, new Map(servers.flatMap(([id, seen]) => (seen === undefined ? [] : [[id, seen] as const])))];
    }),
  );
  return { programmed: true, pools, bind: '127.0.0.1', ...over };
}

/** Before anything was read back. */
export const NOTHING: ProxyObserved = { programmed: false, pools: new Map(), bind: '127.0.0.1' };

/** One process over time: it remembers the statuses as a source does. */
export interface Life {
  readonly at: (second: number, written: Written, observe?: (topology: Topology) => Partial<Observed>) => StatusRound;
  readonly statuses: Map<string, AnyStatus>;
}

const EPOCH = Date.UTC(2026, 0, 1);

/** RFC 3339 of a second in the tests' time. */
export function timeAt(second: number): string {
  return `${new Date(EPOCH + second * 1000).toISOString().slice(0, 19)}Z`;
}

export function life(startedAt = 0, statuses = new Map<string, AnyStatus>()): Life {
  const build = createStatusBuilder();
  const at: Life['at'] = (second, written, observe = (topology) => ({ proxy: proxyOf(topology) })) => {
    const resources = resourcesOf(written);
    const topology = buildTopology(resources, new Map());
    const observed = { proxy: NOTHING, databases: new Map<string, DatabaseObserved>(), ...observe(topology) };
    const round = build({
      resources,
      topology,
      observed,
      ...(written.leaving !== undefined && { leaving: written.leaving }),
      previous: (kind, key) => statuses.get(`${kind} ${key}`),
      now: timeAt(second),
      startedAt: timeAt(startedAt),
    });
    for (const { kind, key, status } of round.changed) statuses.set(`${kind} ${key}`, status);
    return round;
  };
  return { at, statuses };
}

/** The status of the object called `name`. */
export function statusOf<K extends StatusDocument['kind']>(
  { documents }: Pick<StatusRound, 'documents'>,
  kind: K,
  name: string,
): Extract<StatusDocument, { kind: K }>['status'] {
  const found = documents.find((document) => document.kind === kind && document.key === `default/${name}`);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found.status;
}

/** `Ready=False/NoEndpoints Accepted=True/Accepted …`, in the order of the conditions. */
export function told({ conditions = [] }: AnyStatus): string {
  return conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`).join(' ');
}

/** Message of one condition. */
export function messageOf({ conditions = [] }: AnyStatus, type: string): string {
  return conditions.find((condition) => condition.type === type)?.message ?? '';
}

export const VM: WebPoolSpec = {
  port: 80,
  externalEndpoints: [
    { name: 'web01', address: '192.0.2.1' },
    { name: 'web02', address: '192.0.2.2' },
  ],
};

export const SITE: RoutingRuleSpec = {
  listener: { protocol: 'HTTP' },
  rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
};

export const GRANT: DatabaseGrantSpec = {
  server: { host: 'db01', adminSecretName: 'admin' },
  username: 'app',
  passwordSecret: { name: 'app', key: 'password' },
  pools: [{ name: 'blog' }],
  grants: [{ schema: 'site', privileges: ['SELECT'] }],
};
