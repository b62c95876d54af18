/**
 * The agent of one proxy: picture → topology → HAProxy, and a report of what was read back.
 * It needs nobody but the API server: who writes statuses or accounts may be away.
 */
import type { ProxyReportSpec } from '../api/kinds.gen.ts';
import type { Resources } from '../api/resources.ts';
import type { ReportWriter } from '../driver/proxy-report.ts';
import type { KubernetesSource, PictureVersions, Versions } from '../source/kubernetes.ts';
import type { ProxyObserved } from '../status/observed.ts';
import { createReportBuilder } from '../status/proxy-report.ts';
import { createTopologyBuilder } from '../topology/build.ts';
import type { Topology } from '../topology/topology.ts';
import type { PeerKeeper } from './proxy-peers.ts';
import type { ProxyRail } from './proxy-rail.ts';
import { startRounds, type RoundsOptions } from './rounds.ts';

export interface AgentOptions {
  readonly source: Pick<KubernetesSource, 'read' | 'changes' | 'versions'>;
  readonly proxy: ProxyRail;
  /** Absent: this proxy shares nothing with others. */
  readonly peers?: PeerKeeper;
  /** The zone that this proxy is in, once it is known. Default: never. */
  readonly zone?: () => string | undefined;
  /** Resolves once there is a picture. */
  readonly synced: Promise<unknown>;
  readonly reports: ReportWriter;
  /** RFC 3339, UTC. */
  readonly now: () => string;
  /** Everything is in HAProxy for the first time. */
  readonly onProgrammed: () => Promise<void>;
  readonly onRound: RoundsOptions['onRound'];
  readonly onError: RoundsOptions['onError'];
}

/** What is known at one moment. */
export interface AgentSnapshot {
  readonly resources: Resources;
  readonly topology: Topology;
  readonly proxy: ProxyObserved;
}

export interface Agent {
  /** Undefined before the first round. */
  readonly snapshot: AgentSnapshot | undefined;
  /** HAProxy was once all that the objects asked for. */
  readonly programmed: boolean;
  /** Rounds that failed since the last good one. */
  readonly failures: number;
  wake(): void;
  /** Somebody's work in HAProxy was undone. */
  corrected(count: number): void;
  /** Ends the loops; HAProxy goes on serving. */
  stop(): Promise<void>;
}

/** Milliseconds between two reports of changes; the first of a burst waits for nothing but its round. */
const REPORT_HOLD_OFF = 200;

/** Starts to keep one HAProxy as the cluster says. */
export function startAgent(options: AgentOptions): Agent {
  const { source, proxy, reports } = options;
  const build = createTopologyBuilder({ external: 'Slices', pods: 'Serving' });
  const buildReport = createReportBuilder();
  let stale = true;
  let current: Pick<AgentSnapshot, 'resources' | 'topology'> | undefined;
  /** The picture that was read back. */
  let inForce: Resources | undefined;
  let programmed = false;
  let versions: ProxyReportSpec['programmed'] = {};
  let corrected: ProxyReportSpec['corrected'];

  const round = async (): Promise<number | undefined> => {
    if (stale || current === undefined) {
      stale = false;
      inForce = undefined;
      const resources = await source.read();
      current = { resources, topology: build(resources, NO_NAMES) };
    }
    const told = options.peers?.wanted(current.topology);
    const place = { peers: told?.peers, zone: options.zone?.() };
    const again = await proxy.round(current.topology, { ...place, overtaken: () => stale });
    inForce = proxy.programmed ? current.resources : undefined;
    if (!programmed && proxy.programmed) {
      await options.onProgrammed();
      programmed = true;
    }
    return Math.min(again, told?.again ?? Infinity);
  };

  /** What is in no picture yet is not claimed, nor is a picture before it was read back. */
  const claim = () => {
    if (!stale && inForce !== undefined && inForce === current?.resources) versions = reportVersions(source.versions());
  };

  const writeReport = async (): Promise<number | undefined> => {
    if (current === undefined) return undefined;
    claim();
    const { observed } = proxy;
    const worker = workerOf(proxy.worker);
    const made = buildReport({
      ...current,
      proxy: observed,
      worker,
      programmed: versions,
      corrected,
      now: options.now(),
    });
    return reports.write(made);
  };

  const rounds = startRounds({
    make: round,
    tell: writeReport,
    holdOff: REPORT_HOLD_OFF,
    ready: options.synced,
    onRound: options.onRound,
    onError: options.onError,
  });
  const unwatch = source.changes(() => {
    stale = true;
    rounds.wake();
  });

  return {
    get snapshot() {
      return current === undefined ? undefined : { ...current, proxy: proxy.observed };
    },
    get programmed() {
      return programmed;
    },
    get failures() {
      return rounds.failures;
    },
    wake: () => rounds.wake(),
    corrected(count) {
      corrected = { total: (corrected?.total ?? 0) + count, lastTime: options.now() };
    },
    async stop() {
      unwatch();
      await rounds.stop();
      await proxy.flush().catch((error: unknown) => options.onError(error, 'make'));
    },
  };
}

const NO_NAMES = new Map<string, readonly string[]>();

function reportVersions({ all, namespaces }: PictureVersions): ProxyReportSpec['programmed'] {
  const apart = [...namespaces].map(([name, versions]) => {
    const { secrets: _secrets, ...own } = named(versions);
    return [name, own] as const;
  });
  return { ...named(all), ...(apart.length > 0 && { namespaces: Object.fromEntries(apart) }) };
}

function named(versions: Versions): Omit<ProxyReportSpec['programmed'], 'namespaces'> {
  const { WebPool, RoutingRule, EndpointSlice, Secret } = versions;
  const fields = { webPools: WebPool, routingRules: RoutingRule, endpointSlices: EndpointSlice, secrets: Secret };
  return Object.fromEntries(Object.entries(fields).filter(([, version]) => version !== undefined && version !== ''));
}

function workerOf(worker: ProxyRail['worker']): ProxyReportSpec['worker'] {
  if (worker === undefined) return undefined;
  const { pid, version } = worker;
  const started = Number(worker.epoch.slice(worker.epoch.indexOf('@') + 1));
  return { pid, version, startTime: `${new Date(started * 1000).toISOString().slice(0, 19)}Z` };
}
