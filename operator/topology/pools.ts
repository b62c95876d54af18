/** WebPools, EndpointSlices and names → pools with their servers. */
import type { Finding } from '../api/finding.ts';
import { keyOf, type Key, type ConfigMapInfo, type Resources, type SecretInfo } from '../api/resources.ts';
import { sliceKey } from '../api/slice-labels.ts';
import type { Names, Pool, TopologyOptions } from './topology.ts';
import type { PoolProtocols } from './rule-routes.ts';
import { DEFAULTS } from './defaults.ts';
import { pageConfigMap, pageOf } from './page.ts';
import { poolOptions } from './pool-options.ts';
import { hostnameOf, poolServers, type PoolSources } from './servers.ts';
import { transportSecrets } from './transport.ts';
import { createGroups } from '../api/groups.ts';
import { withValues } from '../api/patched-map.ts';
import { changedKeys, compareText, keepIdentity, keepList, sameItems, sortedKeys } from '../api/stable.ts';

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

interface Sources extends PoolSources {
  readonly configMaps: Resources['configMaps'];
}

/** What one pool was made of and what it became. */
interface Memo extends Pick<Sources, 'pool' | 'slices'> {
  readonly hostnames: readonly string[];
  /** What `names` said to each of `hostnames`. */
  readonly answers: readonly (readonly string[] | undefined)[];
  /** Secrets that its servers need, and what is known of them. */
  readonly authorities: readonly Key[];
  readonly known: readonly (SecretInfo | undefined)[];
  /** The ConfigMap of its page, and what is known of it. */
  readonly pageSource: Key | undefined;
  readonly pageKnown: ConfigMapInfo | undefined;
  readonly result: Pool;
  readonly findings: readonly Finding[];
  readonly unresolved: boolean;
}

type Memos = ReadonlyMap<Key, Memo>;
type PoolSource = Pick<Resources, 'pools' | 'slices' | 'secrets' | 'configMaps'>;

interface Round {
  readonly source: PoolSource;
  readonly names: Names;
  readonly memos: Memos;
  readonly result: Pools;
}

const NO_NAMES: readonly string[] = [];
const NOTHING: Round = {
  source: { pools: new Map(), slices: new Map(), secrets: new Map(), configMaps: new Map() },
  names: new Map(),
  memos: new Map(),
  result: { pools: new Map(), protocols: new Map(), findings: [], hostnames: [], unresolved: new Set() },
};

/**
 * The pools of a series of inputs. Each result depends on its input alone; what did not change keeps its identity, and a change costs
 * what it changed.
 */
export function createPoolBuilder(options: TopologyOptions): (resources: PoolSource, names: Names) => Pools {
  const slicesOf = createGroups(sliceKey);
  let last = NOTHING;
  return (source, names) => {
    const { changed, keysOf } = slicesOf(source.slices);
    const keys = new Set([
      ...changedKeys(last.source.pools, source.pools),
      ...changed,
      ...affected(last, source, names),
    ]);
    const fresh = new Map<Key, Memo | undefined>();
    for (const key of keys) {
      const pool = source.pools.get(key);
      const before = last.memos.get(key);
      const slices = keysOf(key).flatMap((slice) => source.slices.get(slice) ?? []);
      const memo =
        pool &&
        memoOf({ pool, slices, names, options, secrets: source.secrets, configMaps: source.configMaps }, before);
      if (memo !== before) fresh.set(key, memo);
    }
    last = { source, names, ...roundOf(fresh, last) };
    return last.result;
  };
}

/** Pools that look something up where something changed. */
function affected(last: Round, source: PoolSource, names: Names): readonly Key[] {
  const asks: readonly (readonly [boolean, (memo: Memo) => boolean])[] = [
    [names !== last.names, ({ hostnames }) => hostnames.length > 0],
    [source.secrets !== last.source.secrets, ({ authorities }) => authorities.length > 0],
    [source.configMaps !== last.source.configMaps, ({ pageSource }) => pageSource !== undefined],
  ];
  const asked = asks.flatMap(([isNew, does]) => (isNew ? [does] : []));
  if (asked.length === 0) return [];
  return [...last.memos].flatMap(([key, memo]) => (asked.some((does) => does(memo)) ? [key] : []));
}

/** What a pool looks up elsewhere, and what it found there. */
type Lookups = Pick<Memo, 'hostnames' | 'answers' | 'authorities' | 'known' | 'pageSource' | 'pageKnown'>;

function lookupsOf(sources: Sources, previous: Memo | undefined, unchanged: boolean): Lookups {
  const hostnames = unchanged ? (previous?.hostnames ?? []) : hostnamesOf(sources, previous?.hostnames);
  const authorities = unchanged ? (previous?.authorities ?? []) : transportSecrets(sources.pool);
  const pageSource = pageConfigMap(sources.pool);
  return {
    hostnames,
    pageSource,
    pageKnown: pageSource === undefined ? undefined : sources.configMaps.get(pageSource),
    answers: hostnames.map((name) => sources.names.get(name)),
    authorities,
    known: authorities.map((key) => sources.secrets.get(key)),
  };
}

function memoOf(sources: Sources, previous: Memo | undefined): Memo {
  const { pool, slices } = sources;
  const unchanged = previous?.pool === pool && sameItems(previous.slices, slices);
  const lookups = lookupsOf(sources, previous, unchanged);
  const { answers, known, pageKnown } = lookups;
  const sameLookups = unchanged && previous.pageKnown === pageKnown && sameAnswers(previous.answers, answers);
  if (sameLookups && sameItems(previous.known, known)) return previous;
  const { servers, findings } = poolServers(sources);
  const { page, findings: pageFindings } = pageOf(pool, pageKnown);
  const { protocol = DEFAULTS.WebPool.protocol, minReady = DEFAULTS.WebPool.minReady } = pool.spec;
  const { generation } = pool.metadata;
  const result = {
    key: keyOf(pool.metadata),
    generation,
    protocol,
    options: poolOptions(pool.spec, page),
    servers,
    minReady,
  };
  return {
    pool,
    slices,
    ...lookups,
    result: keepIdentity(previous?.result, result),
    findings: keepList(previous?.findings, [...findings, ...pageFindings]),
    unresolved: answers.some(isEmpty),
  };
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

function isEmpty(answer: readonly string[] | undefined): boolean {
  return answer === undefined || answer.length === 0;
}

type Fresh = ReadonlyMap<Key, Memo | undefined>;

/** The round after `last`, in which `fresh` came, changed or (undefined) went. */
function roundOf(fresh: Fresh, last: Round): Pick<Round, 'memos' | 'result'> {
  if (fresh.size === 0) return last;
  const memos = memosAfter(last.memos, fresh);
  /** A part of the result, made anew when that part of any memo differs. */
  const part = <T>(of: (memo: Memo) => unknown, before: T, make: () => T): T =>
    [...fresh].some(([key, memo]) => differs(last.memos.get(key), memo, of)) ? make() : before;
  const { pools, protocols, findings, hostnames, unresolved } = last.result;
  /** That part of every memo: where none came or went, only those of the fresh ones are other than before. */
  const each = <T>(before: ReadonlyMap<Key, T>, of: (memo: Memo) => T): ReadonlyMap<Key, T> =>
    sameKeys(last.memos, fresh)
      ? withValues(before, entriesOf(fresh, of))
      : new Map([...memos].map(([key, memo]) => [key, of(memo)]));
  return {
    memos,
    result: {
      pools: part(
        ({ result }) => result,
        pools,
        () => each(pools, ({ result }) => result),
      ),
      protocols: part(
        ({ result }) => result.protocol,
        protocols,
        () => each(protocols, ({ result }) => result.protocol),
      ),
      findings: part(
        ({ findings }) => findings,
        findings,
        () =>
          keepList(
            findings,
            [...memos.values()].flatMap((memo) => memo.findings),
          ),
      ),
      hostnames: part(
        ({ hostnames }) => hostnames,
        hostnames,
        () => unionOf(memos, hostnames),
      ),
      unresolved: part(
        ({ unresolved }) => unresolved,
        unresolved,
        () => new Set([...memos].filter(([, memo]) => memo.unresolved).map(([key]) => key)),
      ),
    },
  };
}

function differs(before: Memo | undefined, now: Memo | undefined, of: (memo: Memo) => unknown): boolean {
  return before === undefined || now === undefined || of(before) !== of(now);
}

/** Whether none comes and none goes. */
function sameKeys(memos: Memos, fresh: Fresh): boolean {
  return [...fresh].every(([key, memo]) => memo !== undefined && memos.has(key));
}

function entriesOf<T>(fresh: Fresh, of: (memo: Memo) => T): readonly [Key, T][] {
  return [...fresh].flatMap(([key, memo]): [Key, T][] => (memo === undefined ? [] : [[key, of(memo)]]));
}

/** Sorted by key. */
function memosAfter(memos: Memos, fresh: Fresh): Memos {
  if (sameKeys(memos, fresh))
    return withValues(
      memos,
      entriesOf(fresh, (memo) => memo),
    );
  const next = new Map(memos);
  for (const [key, memo] of fresh) {
    if (memo === undefined) next.delete(key);
    else next.set(key, memo);
  }
  // SAFETY: the keys are those of `next`.
  return new Map(sortedKeys(next, memos).map((key) => [key, next.get(key) as Memo]));
}

/** All names, sorted. Sorting an almost sorted list is cheap: what is new goes behind what was there. */
function unionOf(memos: Memos, previous: readonly string[]): readonly string[] {
  const wanted = new Set([...memos.values()].flatMap((memo) => memo.hostnames));
  const kept = previous.filter((name) => wanted.delete(name));
  return keepList(previous, [...kept, ...wanted].sort(compareText));
}
