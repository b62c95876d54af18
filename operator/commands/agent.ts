/** `webpool agent`: keeps the HAProxy of one proxy Pod as the cluster says, and tells what it read back. */
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PEERS_PORT, PEERS_SERVICE } from '../api/agent-port.ts';
import { startAgent, type Agent } from '../controller/agent.ts';
import { createPeerKeeper, type PeerKeeper } from '../controller/proxy-peers.ts';
import { createProxyRail } from '../controller/proxy-rail.ts';
import { readIfThere, writeAtomically } from '../driver/files.ts';
import { createHaproxyDriver } from '../driver/haproxy.ts';
import { listenForLines } from '../driver/line-socket.ts';
import { createReportWriter } from '../driver/proxy-report.ts';
import { runMasterCommand } from '../driver/runtime-socket.ts';
import { peersIn } from '../haproxy/peers.ts';
import { CONFIG_FILE } from '../haproxy/image.ts';
import { createKubernetesSource } from '../source/kubernetes.ts';
import { followProxyPeers, type ProxyPeers } from '../source/proxy-peers.ts';
import { proxyFigures } from '../status/figures.ts';
import { ACCESS_SOCKET, type AccessLog } from '../haproxy/access-log.ts';
import type { Logger } from '../telemetry/log.ts';
import { createClusterMetrics } from '../telemetry/cluster-metrics.ts';
import type { Gauges } from '../telemetry/metrics.ts';
import { startHttp } from '../telemetry/server.ts';
import { aborted, openCluster } from './cluster.ts';
import { allAddresses, logHaproxyLine, descriptors } from './haproxy-host.ts';
import { proxyEvents } from './proxy-events.ts';

export interface AgentOptions {
  /** Path; default: the Pod's own identity, or what kubectl would use. */
  readonly kubeconfig?: string;
  /** Empty = all. */
  readonly watchNamespaces: readonly string[];
  /** Where HAProxy's files and sockets are. */
  readonly stateDir: string;
  readonly haproxy: string;
  readonly bind: readonly string[];
  readonly http: { readonly host: string; readonly port: number };
  /** The Pod that we are in. */
  readonly pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    /** Where the other proxies reach it; absent: it shares nothing with them. */
    readonly address?: string;
  };
  /** Milliseconds that HAProxy may take to end after a signal: until then it is followed as before. */
  readonly grace: number;
  readonly maxConnections?: number;
  /** TCP ports that are open from the start, ascending. Default: none. */
  readonly tcpPorts?: readonly number[];
  /** Default: Off. */
  readonly accessLog?: AccessLog;
  readonly log: Logger;
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly onStarted?: (url: string) => void;
}

/** Made once everything is in HAProxy: the Pod's readiness asks for it. */
const READY_FILE = 'ready';
/** Milliseconds between two looks at whether HAProxy has ended. */
const LOOK = 200;
/** Failed rounds in a row after which we are not healthy. */
const UNHEALTHY = 10;
/** What metrics call the two. */
const CONTROLLERS = { make: 'proxy', tell: 'report' } as const;

/** Runs until the signal and, after it, for as long as HAProxy takes to end. Returns the exit code. */
export async function agent(options: AgentOptions): Promise<number> {
  const { log, pod } = options;
  const stateDir = resolve(options.stateDir);
  const metrics = createClusterMetrics({
    gauges: () => figuresOf(running),
    copies: () => source.freshness(),
    controllers: Object.values(CONTROLLERS),
  });
  const { accessLog = 'Off' } = options;
  const accessLines =
    accessLog === 'Off'
      ? undefined
      : await listenForLines(join(stateDir, ACCESS_SOCKET), (line) => logHaproxyLine(log, line));
  const cluster = await openCluster({ ...options, component: 'agent', metrics });
  const source = createKubernetesSource({
    client: cluster.client,
    validate: cluster.validate,
    log,
    namespaces: options.watchNamespaces,
    grants: false,
    secrets: { copiesIn: pod.namespace },
    statuses: false,
  });
  const events = proxyEvents({
    log,
    metrics,
    corrected: (count) => {
      metrics.corrected(count);
      running.corrected(count);
    },
  });
  const proxy = createProxyRail({
    wake: () => running.wake(),
    driver: createHaproxyDriver({
      binary: options.haproxy,
      folder: stateDir,
      attached: true,
      secretText: (secret, key) => source.secretValue(secret, key),
      onLine: (line) => logHaproxyLine(log, line),
      onExit: () => undefined,
    }),
    settings: {
      bind: options.bind.length === 0 ? allAddresses() : options.bind,
      ...descriptors(options.maxConnections),
      accessLog,
      accessLogTo: 'Socket',
      ...(options.tcpPorts && { tcpPorts: options.tcpPorts }),
      router: await readFile(new URL('../haproxy/router.lua', import.meta.url), 'utf8'),
    },
    bind: '*',
    events,
  });
  const others = followProxyPeers({
    client: cluster.client,
    namespace: pod.namespace,
    service: PEERS_SERVICE,
    log,
    onChange: () => running.wake(),
  });
  const peers = await peersOf(pod, others, stateDir);
  const running: Agent = startAgent({
    source,
    proxy,
    ...(peers && { peers }),
    zone: zoneOf(pod, others),
    synced: Promise.all([source.synced, others.synced]),
    reports: createReportWriter(cluster.client, pod),
    now: () => new Date().toISOString(),
    onProgrammed: async () => {
      // On a full disk HAProxy serves all the same, and the image is tried again.
      await proxy.flush().catch(events.imageFailed);
      await writeAtomically(join(stateDir, READY_FILE), '');
      log.info({ afterStartMs: Math.round(performance.now()) }, 'programmed');
    },
    onRound: (work, result, milliseconds) => metrics.reconcile(CONTROLLERS[work], result, milliseconds / 1000),
    onError: (error, what) => log.error({ err: error, what }, 'round failed: trying again'),
  });
  const http = await startHttp({
    ...options.http,
    anyName: true,
    status: () => statusOf(running, pod),
    healthy: () => ({ ok: running.failures < UNHEALTHY, message: `${running.failures} failed rounds in a row` }),
    ready: () => ({ ok: running.programmed, message: running.programmed ? 'programmed' : 'not programmed yet' }),
    metrics,
  });
  log.info({ pod: pod.name, port: http.port }, 'webpool agent runs');
  options.onStarted?.(`http://${options.http.host}:${http.port}`);

  await aborted(options.signal);
  await letHaproxyEnd(stateDir, options);
  await running.stop();
  metrics.close();
  await source.close();
  await others.close();
  await cluster.close();
  await accessLines?.close();
  await http.close();
  log.info('webpool agent ended');
  return 0;
}

/** A HAProxy that was started before us goes on with the peers that it knows. */
async function peersOf(
  { uid, address }: AgentOptions['pod'],
  others: ProxyPeers,
  stateDir: string,
): Promise<PeerKeeper | undefined> {
  if (address === undefined) return undefined;
  const peer = (name: string, place: string) => ({ name, address: place, port: PEERS_PORT });
  return createPeerKeeper({
    own: peer(uid, address),
    live: () => others.list().map((other) => peer(other.uid, other.address)),
    told: peersIn((await readIfThere(join(stateDir, CONFIG_FILE))) ?? ''),
    now: () => performance.now(),
  });
}

/** A Pod stays where it is, also when the slices that said so are gone. */
function zoneOf({ uid }: AgentOptions['pod'], others: ProxyPeers): () => string | undefined {
  let last: string | undefined;
  return () => (last = others.list().find((place) => place.uid === uid)?.zone ?? last);
}

/** The Pod leaves: nobody should be sent to it any more, but whoever still comes is served by what is true then. */
async function letHaproxyEnd(stateDir: string, { grace, log }: AgentOptions): Promise<void> {
  await rm(join(stateDir, READY_FILE), { force: true });
  log.info({ grace }, 'leaving: following the cluster until HAProxy has ended');
  const limit = performance.now() + grace;
  while (performance.now() < limit && (await runs(stateDir))) await delay(LOOK);
}

async function runs(stateDir: string): Promise<boolean> {
  return runMasterCommand(join(stateDir, 'master.sock'), 'show proc').then(
    () => true,
    () => false,
  );
}

function figuresOf({ snapshot }: Agent): Gauges {
  if (snapshot !== undefined) return proxyFigures(snapshot);
  return { programmed: false, endpoints: [], accounts: [], findings: [], certificates: [] };
}

function statusOf({ snapshot, programmed }: Agent, pod: AgentOptions['pod']): object {
  if (snapshot === undefined) return { pod: pod.name, programmed };
  const { resources, topology, proxy } = snapshot;
  const pools = [...topology.pools.values()].map(({ key, servers }) => ({
    key,
    servers: servers.map(({ id }) => ({ id, ...proxy.pools.get(key)?.get(id) })),
  }));
  return { pod: pod.name, programmed, problem: proxy.problem, pools, refused: resources.held };
}
