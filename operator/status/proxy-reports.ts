/**
 * What all proxies together have seen. In: their reports, which Pods they are, what each object asks of them. Out: ProxyObserved, as if there
 * were one proxy: a server counts as well as the proxy that is worst off with it, and an object is programmed once the last proxy has it.
 */
import type { ProgrammedVersions, ProxyReportSpec, ReportedPool } from '../api/kinds.gen.ts';
import type { EndpointSlice, Key, Kind } from '../api/resources.ts';
import { sliceKey } from '../api/slice-labels.ts';
import type { Pool, Server } from '../topology/topology.ts';
import type { ProxyObserved, ServerObserved } from './observed.ts';

/** A proxy Pod that has not ended. */
export interface ProxySeen {
  readonly name: string;
  readonly ready: boolean;
  /** Absent: none was seen yet. */
  readonly report?: ProxyReportSpec;
  /** Milliseconds since the report last changed, by our clock. */
  readonly silentFor: number;
}

/** What a proxy has to have come to before it has an object. */
export interface Requirement {
  readonly kind: Exclude<Kind, 'DatabaseGrant'>;
  readonly key: Key;
  readonly generation: number;
  /** In which this generation was first seen. */
  readonly version: string;
  /** Of the slices that belong to a pool and that we wrote; empty when there are none. */
  readonly slices: string;
}

export interface ReportsInput {
  readonly proxies: readonly ProxySeen[];
  readonly pools: ReadonlyMap<Key, Pool>;
  readonly slices: ReadonlyMap<Key, EndpointSlice>;
  readonly requirements: Iterable<Requirement>;
  /** Whether a version is another one or newer. */
  readonly reached: (version: string, wanted: string) => boolean;
  /** Where listeners are reachable. */
  readonly reach: Pick<ProxyObserved, 'bind' | 'portAt'>;
}

/** What came of the reports. */
export interface ReportsSeen {
  readonly observed: ProxyObserved;
  /** Every proxy told lately what it has: what nobody named is nowhere. */
  readonly complete: boolean;
}

/** Milliseconds: a report that is older says nothing about now. */
export const STALE = 15_000;

/** A function that puts the reports together and looks again only at pools of which something changed. */
export function createReportsReader(): (input: ReportsInput) => ReportsSeen {
  const readPools = createPoolsReader();
  return (input) => {
    const serving = input.proxies.filter(({ ready }) => ready);
    const fresh = serving.filter((proxy) => isFresh(proxy));
    const reports = fresh.flatMap(({ report }) => report ?? []);
    const pools = readPools(input, reports);
    const problem = problemOf(serving, fresh);
    const doubt = doubtOf(serving, fresh);
    const observed: ProxyObserved = {
      programmed: serving.length > 0 && doubt === undefined && problem === undefined,
      ...(problem !== undefined && { problem }),
      ...(doubt !== undefined && problem === undefined && { doubt }),
      awaited: awaitedObjects(input, fresh),
      pools,
      ...input.reach,
    };
    return { observed, complete: input.proxies.every((proxy) => isFresh(proxy)) };
  };
}

function isFresh({ report, silentFor }: ProxySeen): boolean {
  return report !== undefined && silentFor < STALE;
}

function problemOf(serving: readonly ProxySeen[], fresh: readonly ProxySeen[]): ProxyObserved['problem'] {
  if (serving.length === 0)
    return { reason: 'NoProxies', message: 'No proxy Pod is ready. See the Deployment webpool-proxy.' };
  for (const { name, report } of fresh) {
    if (report?.problem !== undefined)
      return { ...report.problem, message: `Proxy ${name}: ${report.problem.message}` };
  }
  return undefined;
}

function doubtOf(serving: readonly ProxySeen[], fresh: readonly ProxySeen[]): string | undefined {
  const silent = serving.filter((proxy) => !fresh.includes(proxy)).map(({ name }) => name);
  if (silent.length === 0) return undefined;
  return `${silent.length} of ${serving.length} proxies did not report lately: ${silent.slice(0, 3).join(', ')}.`;
}

const VERSIONS = { WebPool: 'webPools', RoutingRule: 'routingRules' } as const satisfies Record<
  Requirement['kind'],
  keyof ProgrammedVersions
>;

/** An object is looked for in every proxy that serves; the ones that have everything are not named. */
function awaitedObjects({ requirements, reached }: ReportsInput, fresh: readonly ProxySeen[]): Map<string, string> {
  const awaited = new Map<string, string>();
  const reports = fresh.flatMap(({ report }) => report ?? []);
  for (const { kind, key, generation, version, slices } of requirements) {
    const missing = reports.filter(({ programmed, refused = [] }) => {
      const there = programmed.namespaces?.[key.slice(0, key.indexOf('/'))] ?? programmed;
      const has = reached(there[VERSIONS[kind]] ?? '', version);
      const hasSlices = slices === '' || reached(there.endpointSlices ?? '', slices);
      const refuses = refused.some((one) => one.kind === kind && one.key === key && one.generation === generation);
      return !has || !hasSlices || refuses;
    });
    if (missing.length === 0) continue;
    const refusal = missing.flatMap(({ refused = [] }) =>
      refused.filter((one) => one.kind === kind && one.key === key),
    );
    const why = refusal[0] === undefined ? '' : ` ${refusal[0].message}`;
    awaited.set(`${kind}/${key}`, `${missing.length} of ${reports.length} proxies do not have it yet.${why}`);
  }
  return awaited;
}

type Servers = ReadonlyMap<string, ServerObserved>;

interface Memo {
  readonly inputs: readonly unknown[];
  readonly servers: Servers;
}

function createPoolsReader(): (input: ReportsInput, reports: readonly ProxyReportSpec[]) => ReadonlyMap<Key, Servers> {
  let memos: ReadonlyMap<Key, Memo> = new Map();
  return ({ pools, slices }, reports) => {
    const byKey = reports.map((report) => new Map(report.pools.map((pool) => [pool.key, pool])));
    const ofPool = Map.groupBy(slices.values(), sliceKey);
    const next = new Map<Key, Memo>();
    for (const [key, pool] of pools) {
      const told = byKey.map((report) => report.get(key));
      // A pool that no proxy has yet was not seen at all.
      if (told.every((one) => one === undefined)) continue;
      const own = ofPool.get(key) ?? [];
      const inputs = [pool, ...told, ...own];
      const before = memos.get(key);
      const same = before !== undefined && sameInputs(before.inputs, inputs);
      next.set(key, same ? before : { inputs, servers: serversOf(pool, told, own) });
    }
    memos = next;
    return new Map([...memos].map(([key, { servers }]) => [key, servers]));
  };
}

function sameInputs(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

type Told = readonly (ReportedPool | undefined)[];

const ADMIN = { Drain: 'drain', Maintenance: 'maint' } as const;
const READY: ServerObserved = { admin: 'ready', health: 'Up', leaving: false };

function serversOf(pool: Pool, told: Told, slices: readonly EndpointSlice[]): Servers {
  const named = told.map(namedServers);
  const found = new Map<string, ServerObserved>();
  const pods = podStates(slices);
  for (const server of pool.servers) {
    const seen = server.origin === 'Pod' ? podSeen(server, named, pods) : externalSeen(server, named);
    if (seen !== undefined) found.set(server.id, seen);
  }
  // Those that left the pool and still finish connections: their accounts stay as long.
  for (const [id, server] of named.flatMap((servers) => [...servers])) {
    if (server.leaving && !found.has(id)) found.set(id, server);
  }
  return found;
}

function namedServers(pool: ReportedPool | undefined): Servers {
  const ready = (pool?.readyExternal ?? []).map((id) => [id, READY] as const);
  const others = (pool?.others ?? []).map(({ id, admin, leaving = false, ...seen }) => {
    return [id, { ...seen, admin: admin === undefined ? 'ready' : ADMIN[admin], leaving }] as const;
  });
  return new Map([...ready, ...others]);
}

/** Only as good as in the proxy that is worst off; in one that does not have it yet it only has not begun. */
function externalSeen({ id }: Server, named: readonly Servers[]): ServerObserved | undefined {
  const seen = named.map((servers) => servers.get(id));
  if (seen.every((one) => one === undefined)) return undefined;
  return seen.map((one): ServerObserved => one ?? { ...READY, health: 'Starting' }).reduce(worse);
}

const RANK: Readonly<Record<ServerObserved['health'], number>> = { Down: 0, Starting: 1, Unchecked: 2, Up: 3 };

function worse(a: ServerObserved, b: ServerObserved): ServerObserved {
  if (RANK[a.health] !== RANK[b.health]) return RANK[a.health] < RANK[b.health] ? a : b;
  return a.admin === 'ready' ? b : a;
}

interface PodState {
  readonly ready: boolean;
  readonly terminating: boolean;
}

/** By address. A missing condition has the meaning that the API gives it. */
function podStates(slices: readonly EndpointSlice[]): ReadonlyMap<string, PodState> {
  const endpoints = slices.flatMap((slice) => slice.endpoints);
  return new Map(
    endpoints.map(({ addresses, conditions = {} }) => {
      const terminating = conditions.terminating === true;
      return [addresses[0] ?? '', { ready: conditions.ready !== false && !terminating, terminating }];
    }),
  );
}

/** A Pod is ready by its slice, unless a proxy cannot reach it. */
function podSeen(server: Server, named: readonly Servers[], pods: ReadonlyMap<string, PodState>): ServerObserved {
  const state = pods.get(server.address);
  if (state?.terminating === true) return { admin: 'drain', health: 'Up', leaving: true };
  if (state?.ready !== true) return { ...READY, health: 'Starting' };
  const told = named.flatMap((servers) => servers.get(server.id) ?? []).filter(({ leaving }) => !leaving);
  return told.reduce(worse, READY);
}
