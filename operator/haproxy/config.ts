/**
 * What HAProxy should be. In: Topology and the settings of this host. Out: ProxyConfig. The skeleton is all that needs a
 * reload; servers and routes are data beside it.
 */
import { withValues } from '../api/patched-map.ts';
import { changedKeys, sameItems } from '../api/stable.ts';
import type { Listener, Pool, PoolOptions, Topology } from '../topology/topology.ts';
import { readsHttp } from '../api/layer.ts';
import { accessLogSections, type AccessLogSettings } from './access-log.ts';
import { backendSection, backendServers, type BackendSection, type Mode } from './backend.ts';
import { asksClients, certificateConfig, defaultList, type CertificateConfig } from './certificates.ts';
import { fixedSections, frontendLines, reply, ROUTER_FILE } from './frontend.ts';
import { backendName, digest } from './names.ts';
import { ALONE, peerSections, type Peers } from './peers.ts';
import type { BackendConfig, ProxyConfig } from './proxy.ts';
import { quote } from './quote.ts';
import { LEAN_FILE, LEAN_SCRIPT, type Room } from './room.ts';
import { routingMap } from './routes.ts';
import { sharedFrontend, shareOut, type Sharing } from './tcp-ports.ts';
import { transportFiles } from './transport.ts';

/** What the topology does not say. */
export interface ProxySettings extends AccessLogSettings, Place {
  /** Addresses that listeners bind to. */
  readonly bind: readonly string[];
  /** Connections of all clients together. */
  readonly maxConnections: number;
  /** Descriptors for checks and sockets, besides two for each connection. Default: 10 000. */
  readonly otherDescriptors?: number;
  /** Text of router.lua. */
  readonly router: string;
  /** TCP ports that are open from the start, ascending. Default: none. */
  readonly tcpPorts?: readonly number[];
}

/** Where a proxy is, which may become known while it runs: who says it with a topology goes before the settings. */
export interface Place {
  /** Default: alone. */
  readonly peers?: Peers | undefined;
  /** Default: unknown. No reload depends on it. */
  readonly zone?: string | undefined;
}

/** Stands in the skeleton where its own checksum goes. */
const CHECKSUM = '@checksum@';

/** Sections of one pool, remembered as long as their pool and options stay the same objects. */
interface Memo {
  readonly sections: WeakMap<PoolOptions, Map<string, BackendSection>>;
  /** By mode and zone. */
  readonly backends: WeakMap<Pool, Map<string, BackendConfig>>;
  last?: Input & { readonly inputs: readonly unknown[]; readonly config: ProxyConfig };
  listeners?: {
    readonly of: readonly Listener[];
    readonly routes: ReadonlyMap<string, string>;
    readonly certificates: CertificateConfig;
  };
}

/**
 * A function from Topology to ProxyConfig that does again only what changed: equal parts keep their identity.
 * Its result is always that of a computation from nothing.
 */
export function createProxyConfigBuilder(settings: ProxySettings): (topology: Topology, place?: Place) => ProxyConfig {
  const memo: Memo = { sections: new WeakMap(), backends: new WeakMap() };
  return (topology, { peers = settings.peers ?? ALONE, zone = settings.zone } = {}) => {
    const input = { topology, peers, zone };
    return withOtherServers(input, memo) ?? build(input, settings, memo);
  };
}

/** What the configuration is made of, besides the settings. Compared by identity. */
interface Input {
  readonly topology: Topology;
  readonly peers: Peers;
  readonly zone: string | undefined;
}

/** The configuration of a topology. */
export function buildProxyConfig(topology: Topology, settings: ProxySettings): ProxyConfig {
  return createProxyConfigBuilder(settings)(topology);
}

function build(input: Input, settings: ProxySettings, memo: Memo): ProxyConfig {
  const { topology, peers, zone } = input;
  const { listeners } = topology;
  if (memo.listeners?.of !== listeners) {
    memo.listeners = { of: listeners, routes: routingMap(listeners), certificates: certificateConfig(listeners) };
  }
  const { routes, certificates } = memo.listeners;
  const tcpPools = poolsOfTcp(listeners);
  const backends = new Map<string, BackendConfig>();
  const sections: BackendSection[] = [];
  for (const pool of topology.pools.values()) {
    for (const mode of modesOf(pool, tcpPools)) {
      const backend = backendOf(memo, pool, { mode, zone });
      backends.set(backend.name, backend);
      const name = `${mode} ${pool.key}`;
      sections.push(remembered(memo.sections, pool.options, name, () => backendSection(mode, pool.key, pool.options)));
    }
  }
  const sharing = shareOut(listeners, settings.tcpPorts);
  const inputs = [peers, sharing.shared.join(), ...sections, ...sharing.own.map(staticPart)];
  const { skeleton, checksum, files } =
    memo.last !== undefined && sameItems(memo.last.inputs, inputs)
      ? memo.last.config
      : skeletonOf(sections, { ...sharing, peers }, settings);
  const { lists: certificateLists } = certificates;
  const secretFiles = new Map([...certificates.secretFiles, ...transportFiles(topology.pools.values())]);
  const room = roomOf(settings);
  const config: ProxyConfig = { skeleton, checksum, files, room, routes, backends, secretFiles, certificateLists };
  memo.last = { ...input, inputs, config };
  return config;
}

/** The configuration when nothing but the servers of some pools changed, as in most rounds. */
function withOtherServers(input: Input, memo: Memo): ProxyConfig | undefined {
  const { topology, zone } = input;
  const { last } = memo;
  if (last === undefined || !sameItems(routingParts(last), routingParts(input))) return undefined;
  const changed = changedKeys(last.topology.pools, topology.pools);
  if (changed.length === 0) return last.config;
  const { backends: known } = last.config;
  const fresh: [string, BackendConfig][] = [];
  for (const key of changed) {
    const [before, pool] = [last.topology.pools.get(key), topology.pools.get(key)];
    if (pool === undefined || before?.options !== pool.options || before.protocol !== pool.protocol) return undefined;
    if ([before, pool].some(({ servers }) => servers.some(({ transport }) => transport !== undefined)))
      return undefined;
    for (const mode of ['http', 'tcp'] as const) {
      const name = backendName(mode, key);
      if (!known.has(name)) continue;
      fresh.push([name, backendOf(memo, pool, { mode, zone })]);
    }
  }
  const config = { ...last.config, backends: withValues(known, fresh) };
  memo.last = { ...last, topology, config };
  return config;
}

/** Parts of a topology of which the skeleton shows nothing, but for the options of pools. */
const WITHOUT_TRACE = new Set<string>(['pools', 'accounts', 'findings', 'hostnames'] satisfies (keyof Topology)[]);

/** All that may change more than servers. */
function routingParts({ topology, peers, zone }: Input): readonly unknown[] {
  const parts = Object.entries(topology).flatMap(([name, part]) => (WITHOUT_TRACE.has(name) ? [] : [part as unknown]));
  return [peers, zone, ...parts];
}

/** What of a listener stands in the skeleton; equal texts mean equal lines. */
function staticPart(listener: Listener): string {
  const { protocol, port, proxyFrom = [], trustedSources = [] } = listener;
  const tls = [defaultList(listener)?.name, asksClients(listener)];
  return [protocol, port, ...tls, ...proxyFrom, 'trusted', ...trustedSources].join(' ');
}

/** Layer 4 and Layer 7 need a backend of their own each. */
function modesOf(pool: Pool, tcpPools: ReadonlySet<string>): readonly Mode[] {
  if (pool.protocol === 'TCP') return ['tcp'];
  return tcpPools.has(pool.key) ? ['http', 'tcp'] : ['http'];
}

function poolsOfTcp(listeners: readonly Listener[]): ReadonlySet<string> {
  return new Set(
    listeners
      .filter(({ protocol }) => !readsHttp(protocol))
      .flatMap(({ routes }) => routes)
      .flatMap(({ action }) => (action.type === 'Pools' ? action.pools : []))
      .map(({ key }) => key),
  );
}

interface Variant {
  readonly mode: Mode;
  readonly zone: string | undefined;
}

function backendOf(memo: Memo, pool: Pool, { mode, zone }: Variant): BackendConfig {
  const name = zone === undefined ? mode : `${mode} ${zone}`;
  return remembered(memo.backends, pool, name, () => backendServers(mode, pool, zone));
}

function remembered<K extends object, N, V>(memo: WeakMap<K, Map<N, V>>, key: K, ...[name, make]: [N, () => V]): V {
  const known = memo.get(key);
  const value = known?.get(name) ?? make();
  if (known === undefined) memo.set(key, new Map([[name, value]]));
  else known.set(name, value);
  return value;
}

function skeletonOf(
  sections: readonly BackendSection[],
  { own: listeners, shared, peers }: Sharing & { readonly peers: Peers },
  settings: ProxySettings,
): Pick<ProxyConfig, 'skeleton' | 'checksum' | 'files'> {
  const blocks = [
    globalLines(peers, listeners),
    ...peerSections(peers),
    ...accessLogSections(settings),
    defaultLines(settings),
    ...listeners.map((listener) => frontendLines(listener, settings.bind, settings)),
    ...sharedFrontend(shared, settings.bind, settings),
    ...fixedSections(),
    ...sections.map(({ lines }) => lines),
  ];
  const text = blocks.map(([head, ...lines]) => [head, ...lines.map((line) => `  ${line}`)].join('\n')).join('\n\n');
  const defaults = listeners.map(defaultList).filter((list) => list !== undefined);
  const files = new Map([
    [ROUTER_FILE, settings.router],
    [LEAN_FILE, LEAN_SCRIPT],
    ...defaults.map(({ name, text: lines }) => [name, lines] as const),
    ...sections.flatMap((section) => [...section.files]),
  ]);
  const room = Object.values(roomOf(settings));
  const checksum = digest([text, ...files.keys(), settings.router, LEAN_SCRIPT, ...room].join('\n'));
  return { skeleton: `${text.replace(CHECKSUM, checksum)}\n`, checksum, files };
}

/** Server state is taken over by a new worker from this file; the driver writes it just before. */
export const STATE_FILE = 'servers.state';
/** Runtime socket of the worker, relative to HAProxy's working directory. */
export const ADMIN_SOCKET = 'admin.sock';

/** The checksum that a skeleton carries; empty when it has none. */
export function checksumIn(skeleton: string): string {
  return /^ {2}description (\S+)$/m.exec(skeleton)?.[1] ?? '';
}

/** Names of the backends of a skeleton. */
export function backendsIn(skeleton: string): ReadonlySet<string> {
  return new Set([...skeleton.matchAll(/^backend (\S+)$/gm)].map(([, name = '']) => name));
}

const OTHER_DESCRIPTORS = 10_000;

function roomOf({ maxConnections, otherDescriptors = OTHER_DESCRIPTORS }: ProxySettings): Room {
  return { maxConnections, otherDescriptors };
}

function globalLines(peers: Peers, listeners: readonly Listener[]): readonly string[] {
  return [
    'global',
    `description ${CHECKSUM}`,
    `localpeer ${quote('name', peers.name)}`,
    // More servers than there is room for must not keep it from starting.
    'no strict-limits',
    `stats socket unix@${ADMIN_SOCKET} mode 600 level admin`,
    'stats timeout 1m',
    `server-state-file ${STATE_FILE}`,
    'hard-stop-after 1h',
    // Only clients that know no elliptic curves ask for it.
    'tune.ssl.default-dh-param 2048',
    // The cache is one for all ports; those that resume sessions do so by tickets.
    ...(listeners.some(asksClients) ? ['tune.ssl.cachesize 0'] : []),
    `lua-load-per-thread ${ROUTER_FILE}`,
    `lua-load-per-thread ${LEAN_FILE}`,
    `lua-load ${LEAN_FILE}`,
    // Remembering lookups costs more than our lookups: all of them are trees, and few URLs come twice.
    'tune.pattern.cache-size 0',
    'log stdout format raw local0 notice',
  ];
}

/** The proxy's own answers, by status. */
const ownAnswers: Readonly<Record<number, string>> = {
  400: 'bad-request',
  408: 'client-too-slow',
  500: 'internal-error',
  502: 'bad-answer-of-server',
  503: 'no-ready-server',
  504: 'server-too-slow',
};

function defaultLines({ maxConnections }: ProxySettings): readonly string[] {
  return [
    'defaults',
    'log global',
    `maxconn ${maxConnections}`,
    'option dontlog-normal',
    'option dontlognull',
    'timeout connect 1s',
    'timeout client 1m',
    'timeout server 1m',
    'timeout http-request 10s',
    'timeout http-keep-alive 1m',
    'load-server-state-from-file global',
    ...Object.entries(ownAnswers).map(([status, reason]) => `http-error ${reply(Number(status), reason)}`),
  ];
}
