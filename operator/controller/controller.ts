/**
 * The whole from top to bottom: picture → topology → proxy, databases beside it, status after both.
 * In: a source and the drivers. Out: a world that is what the source says, and statuses that say what is so.
 */
import type { NameResolver } from '../driver/names.ts';
import type { Source } from '../source/source.ts';
import { createStatusBuilder } from '../status/build.ts';
import type { StatusDocument } from '../status/document.ts';
import type { Observed } from '../status/observed.ts';
import { createTopologyBuilder } from '../topology/build.ts';
import type { Key, Resources } from '../api/resources.ts';
import { namesByServers } from '../topology/servers.ts';
import type { Topology } from '../topology/topology.ts';
import type { DatabaseRail } from './database-rail.ts';
import { createGate } from './gate.ts';
import type { PortWatch } from './port-watch.ts';
import type { ProxyRail } from './proxy-rail.ts';
import { startRounds, type RoundsOptions, type Work } from './rounds.ts';

export interface ControllerOptions {
  readonly source: Source;
  readonly resolver: NameResolver;
  readonly proxy: ProxyRail;
  readonly databases: DatabaseRail;
  /** Default: every port is taken for free. */
  readonly ports?: PortWatch;
  /** The time as status writes it: RFC 3339, UTC, whole seconds. */
  readonly now: () => string;
  /** The source was read. */
  readonly onRead: (resources: Resources, milliseconds: number) => void;
  readonly onRound: RoundsOptions['onRound'];
  readonly onError: (error: unknown, what: Work | 'source') => void;
}

/** What is known at one moment. */
export interface Snapshot {
  readonly resources: Resources;
  readonly topology: Topology;
  readonly observed: Observed;
  readonly documents: readonly StatusDocument[];
}

export interface Controller {
  /** Undefined until the first statuses were built. */
  readonly snapshot: Snapshot | undefined;
  /** Both rails have done what can be done now, and status says so. */
  readonly settled: boolean;
  /** Rounds that failed since the last good one. */
  readonly failures: number;
  /** Looks at everything again. */
  wake(): void;
  /** Ends all loops and writes the last status; HAProxy and the accounts stay as they are. */
  stop(): Promise<void>;
}

/** Milliseconds until a source that could not be read is read again; a change of it is read at once. */
const READ_AGAIN = 1000;
/** Milliseconds between two writings of status; a change never waits for one. */
const STATUS_HOLD_OFF = 100;
/** Milliseconds for which one telling gives way to rounds. */
const PATIENCE = 200;
/** Nobody but us writes the statuses of a folder. */
const NONE: ReadonlySet<string> = new Set();
/** For a round that takes longer (ms) statuses do not wait. */
const SHORT_ROUND = 1000;

/** Starts to keep the world as the source says. */
export function startController(options: ControllerOptions): Controller {
  const { source, resolver, proxy, databases, ports } = options;
  const build = createTopologyBuilder();
  const buildStatuses = createStatusBuilder();
  const gate = createGate();
  const startedAt = options.now();
  let resources: Resources | undefined;
  let stale = true;
  let readAgainAt = -Infinity;
  let current: { readonly resources: Resources; readonly topology: Topology } | undefined;
  let snapshot: Snapshot | undefined;
  let settled = false;
  let recalled = false;
  let roundBegan: number | undefined;

  /** As long as there is no picture at all, the loop's own back-off says when. */
  const isReadingDue = () => stale && (resources === undefined || performance.now() >= readAgainAt);

  /** What cannot be read leaves the last picture in force. */
  const readSource = async () => {
    const begun = performance.now();
    if (!isReadingDue()) return;
    stale = false;
    try {
      resources = await source.read();
      options.onRead(resources, performance.now() - begun);
    } catch (error) {
      stale = true;
      readAgainAt = begun + READ_AGAIN;
      options.onError(error, 'source');
      if (resources === undefined) throw error;
    }
  };

  const round = async (): Promise<number | undefined> => {
    roundBegan = performance.now();
    try {
      return await make();
    } finally {
      roundBegan = undefined;
    }
  };

  const make = async (): Promise<number | undefined> => {
    settled = false;
    await readSource();
    if (resources === undefined) return undefined;
    recallNames(resources);
    const asked = build(resources, resolver.names);
    const topology = (await ports?.open(asked, proxy.observed.problem !== undefined)) ?? asked;
    resolver.want(topology.hostnames);
    current = { resources, topology };
    databases.update(resources, topology);
    const { pools } = proxy.observed;
    const joined = (pool: Key, id: string) => pools.get(pool)?.has(id) === true;
    const admitted = gate.admit(topology, { databases: databases.observed, joined, now: performance.now() });
    const again = await proxy.round(admitted.topology, { overtaken: isReadingDue });
    settled = admitted.againAfter === undefined && proxy.loadingSince === undefined;
    const due = [admitted.againAfter ?? Infinity, stale ? READ_AGAIN : Infinity, ports?.again ?? Infinity];
    return Math.min(again, ...due);
  };

  /** A name that resolved once keeps its addresses, also when an earlier process looked it up: a HAProxy that was taken over tells. */
  const recallNames = ({ pools }: Resources) => {
    if (recalled || !proxy.known) return;
    recalled = true;
    const serving = (pool: Key) =>
      [...(proxy.observed.pools.get(pool) ?? [])].flatMap(([id, { admin }]) => (admin === 'ready' ? [id] : []));
    resolver.recall(namesByServers(pools, serving));
  };

  const isMaking = () => roundBegan !== undefined;

  /** Gaps of one telling. What it does in one piece, a change that comes meanwhile waits for; so in a gap rounds go first. */
  const createGaps = () => {
    const end = performance.now() + PATIENCE;
    return async () => {
      await new Promise(setImmediate);
      while (isMaking() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 1));
    };
  };

  const writeStatus = async (): Promise<number | undefined> => {
    const gap = createGaps();
    await gap();
    // In the midst of a round or a reload nothing is programmed, and at its end this is called again.
    const begun = roundBegan ?? proxy.loadingSince;
    if (begun !== undefined && performance.now() - begun < SHORT_ROUND) return SHORT_ROUND;
    return tell(gap);
  };

  const tell = async (gap: () => Promise<void>): Promise<number | undefined> => {
    if (current === undefined) return undefined;
    const { unnamed } = current.resources;
    const observed: Observed = { proxy: proxy.observed, databases: databases.observed };
    const { documents, changed, recheckAfterMs } = buildStatuses({
      ...current,
      observed,
      previous: (kind, key) => source.statusOf(kind, key),
      rewritten: NONE,
      now: options.now(),
      startedAt,
    });
    snapshot = { ...current, observed, documents };
    await gap();
    await source.writeStatus(changed, documents, { errors: unnamed, gap });
    return recheckAfterMs;
  };

  const { onRound, onError } = options;
  const rounds = startRounds({ make: round, tell: writeStatus, holdOff: STATUS_HOLD_OFF, onRound, onError });
  const unwatch = source.changes(() => {
    stale = true;
    readAgainAt = -Infinity;
    rounds.wake();
  });

  return {
    get snapshot() {
      return snapshot;
    },
    get settled() {
      return settled && databases.settled && snapshot?.topology === current?.topology;
    },
    get failures() {
      return rounds.failures;
    },
    wake: () => rounds.wake(),
    async stop() {
      unwatch();
      await rounds.stop(() => databases.stop());
      await tell(createGaps()).catch((error: unknown) => onError(error, 'tell'));
      // Who cannot write the image all the same has to let HAProxy end.
      await proxy.flush().catch((error: unknown) => options.onError(error, 'make'));
    },
  };
}
