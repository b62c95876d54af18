/** WebPools, EndpointSlices and names → pools with their servers. */
import type { Finding } from '../api/finding.ts';
import { keyOf, type EndpointSlice, type Key, type Resources } from '../api/resources.ts';
import type { Names, Pool, TopologyOptions } from './topology.ts';
import type { PoolProtocols } from './rule-routes.ts';
import { DEFAULTS } from './defaults.ts';
import { poolOptions } from './pool-options.ts';
import { hostnameOf, poolServers, type PoolSources } from './servers.ts';
import { compareText, keepIdentity, keepList, keepMap, sameItems, sortedKeys } from '../api/stable.ts';

/** The pools and everything about them that the rest of the topology asks for. */
export interface Pools {
  /** Sorted by key. */
  readonly pools: ReadonlyMap<Key, Pool>;
  readonly protocols: PoolProtocols;
  readonly findings: readonly Finding[];
  /** Every DNS name that an endpoint is given by, sorted. */
  readonly hostnames: readonly string[];
  /** Pools with an endpoint whose name has no address yet. */
  readonly unresolved: ReadonlySet<Key>;
}

interface Memo extends PoolSources {
  readonly hostnames: readonly string[];
  /** What `names` said to each of `hostnames`. */
  readonly answers: readonly (readonly string[] | undefined)[];
  readonly result: Pool;
  readonly findings: readonly Finding[];
}

type Memos = ReadonlyMap<Key, Memo>;
type PoolSource = Pick<Resources, 'pools' | 'slices'>;

const SERVICE_NAME = 'kubernetes.io/service-name';
const NO_SLICES: readonly EndpointSlice[] = [];
const NO_NAMES: readonly string[] = [];

/** The pools of a series of inputs; each result depends on its input alone, and what did not change keeps its identity. */
export function createPoolBuilder(options: TopologyOptions): (resources: PoolSource, names: Names) => Pools {
  const slicesOf = memoisedSlices();
  const union = memoisedUnion();
  let memos: Memos = new Map();
  let last: Pools | undefined;
  return ({ pools, slices }, names) => {
    const byService = slicesOf(slices);
    const next = new Map<Key, Memo>();
    for (const key of sortedKeys(pools, memos)) {
      const pool = pools.get(key);
      const sources = { slices: byService.get(key) ?? NO_SLICES, names, options };
      if (pool !== undefined) next.set(key, memoOf({ pool, ...sources }, memos.get(key)));
    }
    memos = next;
    last = { ...poolsOf(memos, last), hostnames: union([...memos.values()].map((memo) => memo.hostnames)) };
    return last;
  };
}

function memoisedSlices(): (slices: Resources['slices']) => ReadonlyMap<Key, readonly EndpointSlice[]> {
  let last:
    { readonly slices: Resources['slices']; readonly result: ReadonlyMap<Key, readonly EndpointSlice[]> } | undefined;
  return (slices) => {
    if (last?.slices === slices) return last.result;
    const sorted = [...slices].sort(([a], [b]) => compareText(a, b)).map(([, slice]) => slice);
    last = { slices, result: Map.groupBy(sorted, serviceOf) };
    return last.result;
  };
}

/** All that stands in the lists, sorted. Sorting an almost sorted list is cheap: what is new goes behind what was there. */
function memoisedUnion(): (lists: readonly (readonly string[])[]) => readonly string[] {
  let last: { readonly lists: readonly (readonly string[])[]; readonly result: readonly string[] } | undefined;
  return (lists) => {
    if (last !== undefined && sameItems(last.lists, lists)) return last.result;
    const wanted = new Set(lists.flat());
    const kept = (last?.result ?? []).filter((name) => wanted.delete(name));
    last = { lists, result: keepList(last?.result, [...kept, ...wanted].sort(compareText)) };
    return last.result;
  };
}

/** The Service of a slice, which has the name of its pool. */
function serviceOf({ metadata }: EndpointSlice): Key {
  return keyOf({ namespace: metadata.namespace, name: metadata.labels?.[SERVICE_NAME] ?? '' });
}

function memoOf(sources: PoolSources, previous: Memo | undefined): Memo {
  const { pool, slices, names } = sources;
  const unchanged = previous?.pool === pool && sameItems(previous.slices, slices);
  if (unchanged && previous.names === names) return previous;
  const hostnames = unchanged ? previous.hostnames : hostnamesOf(sources, previous?.hostnames);
  const answers = hostnames.map((name) => names.get(name));
  if (unchanged && sameAnswers(previous.answers, answers)) return { ...previous, names };
  const { servers, findings } = poolServers(sources);
  const { protocol = DEFAULTS.WebPool.protocol, minReady = DEFAULTS.WebPool.minReady } = pool.spec;
  const { generation } = pool.metadata;
  const result = {
    key: keyOf(pool.metadata),
    generation,
    protocol,
    options: poolOptions(pool.spec),
    servers,
    minReady,
  };
  return { ...sources, hostnames, answers, result: keepIdentity(previous?.result, result), findings };
}

/** Names that stand in slices as addresses are looked up by whoever made the slices. */
function hostnamesOf({ pool, options }: PoolSources, previous: readonly string[] | undefined): readonly string[] {
  if (options.external === 'Slices') return NO_NAMES;
  const names = (pool.spec.externalEndpoints ?? []).map(hostnameOf).filter((name) => name !== undefined);
  return keepList(previous, [...new Set(names)].sort(compareText));
}

function sameAnswers(a: Memo['answers'], b: Memo['answers']): boolean {
  return a.length === b.length && a.every((answer, index) => sameAnswer(answer, b[index]));
}

function sameAnswer(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameItems(a, b));
}

function poolsOf(memos: Memos, previous: Pools | undefined): Omit<Pools, 'hostnames'> {
  const entries = [...memos];
  const protocols = new Map(entries.map(([key, memo]) => [key, memo.result.protocol]));
  return {
    pools: keepMap(previous?.pools, new Map(entries.map(([key, memo]) => [key, memo.result]))),
    protocols: keepMap(previous?.protocols, protocols),
    findings: keepList(
      previous?.findings,
      entries.flatMap(([, memo]) => memo.findings),
    ),
    unresolved: new Set(entries.filter(([, memo]) => memo.answers.some(isEmpty)).map(([key]) => key)),
  };
}

function isEmpty(answer: readonly string[] | undefined): boolean {
  return answer === undefined || answer.length === 0;
}
