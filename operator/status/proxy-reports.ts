/**
 * What all proxies together have seen. In: their reports, which Pods they are, what each object asks of them. Out: ProxyObserved, as if there
 * were one proxy: a server counts as well as the proxy that is worst off with it, and an object is programmed once the last proxy has it.
 */
import { createGroups } from '../api/groups.ts';
import type { ProxyReportSpec, ReportedPool } from '../api/kinds.gen.ts';
import { withChanges } from '../api/patched-map.ts';
import type { EndpointSlice, Key } from '../api/resources.ts';
import { sliceKey } from '../api/slice-labels.ts';
import { changedKeys, keepValues } from '../api/stable.ts';
import type { Pool, Server } from '../topology/topology.ts';
import { createAwaited, type Reached, type Requirements } from './awaited.ts';
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

export interface ReportsInput {
  readonly proxies: readonly ProxySeen[];
  readonly pools: ReadonlyMap<Key, Pool>;
  readonly slices: ReadonlyMap<Key, EndpointSlice>;
  readonly requirements: Requirements;
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

/** A function that puts the reports together and looks again only at pools and objects of which something changed. */
export function createReportsReader(reached: Reached): (input: ReportsInput) => ReportsSeen {
  const readPools = createPoolsReader();
  const awaitedOf = createAwaited(reached);
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
      awaited: awaitedOf(input.requirements, reports),
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

type Servers = ReadonlyMap<string, ServerObserved>;

type ReportedPools = ReadonlyMap<Key, ReportedPool>;
type PoolsInput = Pick<ReportsInput, 'pools' | 'slices'>;

const NO_POOLS: ReportedPools = new Map();

/** A pool that no proxy has yet was not seen at all. */
function createPoolsReader(): (input: PoolsInput, reports: readonly ProxyReportSpec[]) => ReadonlyMap<Key, Servers> {
  const slicesOf = createGroups(sliceKey);
  let last: { readonly pools: PoolsInput['pools']; readonly told: readonly ReportedPools[] } = {
    pools: new Map(),
    told: [],
  };
  let seen: ReadonlyMap<Key, Servers> = new Map();
  return ({ pools, slices }, reports) => {
    const { changed, keysOf } = slicesOf(slices);
    const told = reports.map(poolsIn);
    // Where another number of proxies tells, every server may count otherwise.
    const keys =
      told.length === last.told.length
        ? [
            ...changed,
            ...changedKeys(last.pools, pools),
            ...told.flatMap((now, index) => changedKeys(last.told[index] ?? NO_POOLS, now)),
          ]
        : [...seen.keys(), ...pools.keys()];
    const fresh = new Map<Key, Servers | undefined>();
    for (const key of new Set(keys)) {
      const pool = pools.get(key);
      const own = told.map((report) => report.get(key));
      const isKnown = pool !== undefined && own.some((one) => one !== undefined);
      const slicesHere = keysOf(key).flatMap((slice) => slices.get(slice) ?? []);
      fresh.set(key, isKnown ? keepValues(seen.get(key), serversOf(pool, own, slicesHere)) : undefined);
    }
    last = { pools, told };
    seen = withChanges(seen, fresh);
    return seen;
  };
}

const poolsInReport = new WeakMap<ProxyReportSpec['pools'], ReportedPools>();

/** Of a report that tells of the same pools as before the same map. */
function poolsIn({ pools }: ProxyReportSpec): ReportedPools {
  const known = poolsInReport.get(pools);
  if (known !== undefined) return known;
  const made = new Map(pools.map((pool) => [pool.key, pool]));
  poolsInReport.set(pools, made);
  return made;
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
