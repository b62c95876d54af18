/**
 * A real HAProxy for tests: the driver and the rail of the operator on a temporary folder and an address of its own.
 * The environment variable WEBPOOL_HAPROXY names the binary; vitest.config.ts sets it for a newer one.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Finding } from '../../operator/api/finding.ts';
import type { EndpointSlice, Kind, Resources } from '../../operator/api/resources.ts';
import { createProxyRail, type ProxyRail } from '../../operator/controller/proxy-rail.ts';
import { createHaproxyDriver } from '../../operator/driver/haproxy.ts';
import { createTlsProbe } from '../../operator/driver/tls-probe.ts';
import { buildStatuses } from '../../operator/status/build.ts';
import type { Pool, Topology } from '../../operator/topology/topology.ts';
import type { ProxyDriver, RefusedChange, RuntimeChange } from '../../operator/driver/proxy-driver.ts';
import { runCommands, runMasterCommand } from '../../operator/driver/runtime-socket.ts';
import type { ProxySettings } from '../../operator/haproxy/config.ts';
import { ROUTER_FILE } from '../../operator/haproxy/frontend.ts';
import type { Peers } from '../../operator/haproxy/peers.ts';
import { parseInfo, parseProcesses, type Processes, type WorkerInfo } from '../../operator/haproxy/parse.ts';
import type { ProxyState, ServerState } from '../../operator/haproxy/proxy.ts';
import { LEAN_FILE, LEAN_SCRIPT } from '../../operator/haproxy/room.ts';
import { createTopologyBuilder } from '../../operator/topology/build.ts';
import { loopbackAddress } from './address.ts';
import { admitted, type Written } from './admit.ts';
import { rawRequest, request, startLoad, type Answer, type Load, type RequestOptions } from './http-client.ts';
import { eventually } from './wait.ts';
import type { WebServer } from './web-server.ts';

/** The binary that is tested. */
export const HAPROXY = process.env['WEBPOOL_HAPROXY'] ?? 'haproxy';

/** Text of router.lua. */
export const ROUTER = readFileSync(new URL('../../operator/haproxy/router.lua', import.meta.url), 'utf8');

/** The files that no start goes without and `render` leaves out. */
export const SCRIPTS: ReadonlyMap<string, string> = new Map([
  [ROUTER_FILE, ROUTER],
  [LEAN_FILE, LEAN_SCRIPT],
]);

/** `[major, minor]` of the binary. */
export function haproxyVersion(): readonly [number, number] {
  const found = /version (\d+)\.(\d+)/.exec(execFileSync(HAPROXY, ['-v'], { encoding: 'utf8' }));
  return [Number(found?.[1]), Number(found?.[2])];
}

/** What the rail told, in order. */
export interface Told {
  readonly started: string[];
  readonly applied: RuntimeChange[];
  readonly refused: RefusedChange[];
  /** Reasons. */
  readonly reloaded: string[];
  /** HAProxy's words. */
  readonly configRefused: string[];
  /** Lines of HAProxy's log. */
  readonly lines: string[];
  /** Times that HAProxy ended by itself. */
  exits: number;
}

export interface TestProxy {
  /** Where listeners listen; give rules any port. */
  readonly address: string;
  /** HAProxy's files and sockets. */
  readonly folder: string;
  /** The Secrets that there are, for the next `apply`: key → values. */
  readonly secrets: Map<string, ReadonlyMap<string, string>>;
  /** The ConfigMaps that there are, for the next `apply`: key → texts. */
  readonly configMaps: Map<string, ReadonlyMap<string, string>>;
  readonly driver: ProxyDriver;
  readonly rail: ProxyRail;
  readonly told: Told;
  /** Makes these objects all there is, and goes round until HAProxy is as they say. A refused configuration is an error. */
  apply(objects: readonly Written[], slices?: readonly EndpointSlice[]): Promise<void>;
  /** As `apply`, for what `apply` cannot say. Until then rounds fail or wait: `until` goes on with them. */
  aim(resources: Resources, names?: ReadonlyMap<string, readonly string[]>): void;
  /** Goes round, as the loop would, until `look` gives something other than undefined or false. */
  until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | false>>;
  /** Goes round until every server that should serve passed its check and does. */
  serving(): Promise<void>;
  /** One request to a listener. */
  get(port: number, target: string, options?: RequestOptions): Promise<Answer>;
  /** Bytes to a listener; the text needs `Connection: close`. */
  raw(port: number, text: string, from?: string): Promise<Answer>;
  /** Constant load on a listener. End it before `stop`. */
  load(port: number, options?: RequestOptions & { readonly target?: string; readonly clients?: number }): Load;
  /** A command of the worker's socket. */
  command(command: string): Promise<string>;
  /** `show info`. */
  info(): Promise<WorkerInfo>;
  /** `show proc` of the master: its `reloads` is HAProxy's own counter. */
  processes(): Promise<Processes>;
  masterPid(): Promise<number>;
  /** Servers as HAProxy has them now, by name in their backend. */
  servers(backend: string): Promise<ReadonlyMap<string, ServerState>>;
  read(): Promise<ProxyState>;
  /** A pool as the topology has it. */
  pool(key: string): Pool;
  /** The conditions that the status of an object would have: type → status. */
  conditions(kind: Kind, name: string): Readonly<Record<string, string>>;
  /** What could not be carried out of the last `apply`. */
  findings(): readonly Finding[];
  /** A file of HAProxy's folder. */
  file(name: string): Promise<string>;
  /** A second program on the same HAProxy: what a restart of ours is. `stop` of either ends HAProxy. */
  successor(options?: TestProxyOptions): TestProxy;
  /** Ends HAProxy and removes its folder. */
  stop(): Promise<void>;
}

export interface TestProxyOptions {
  /** Default: `HAPROXY`. */
  readonly binary?: string;
  /** Addresses to bind to. Default: `address`, one of the loopback. */
  readonly bind?: readonly string[];
  readonly settings?: Partial<ProxySettings>;
  /** Asked in every round. Default: what the settings say. */
  readonly peers?: (topology: Topology) => Peers;
  readonly zone?: () => string | undefined;
  /** Where its folder is made. Default: where temporary files are. */
  readonly within?: string;
}

const MASTER_SOCKET = 'master.sock';

/** A HAProxy that starts with the first `apply`. */
export async function createTestProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const folder = await mkdtemp(join(options.within ?? tmpdir(), 'webpool-haproxy-'));
  return onFolder({ folder, address: loopbackAddress(), quiet: Promise.resolve() }, options);
}

interface Site {
  readonly folder: string;
  readonly address: string;
  /** Resolves when whoever was there before writes no image any more. */
  readonly quiet: Promise<void>;
}

function onFolder({ folder, address, quiet }: Site, options: TestProxyOptions): TestProxy {
  const told: Told = {
    started: [],
    applied: [],
    refused: [],
    reloaded: [],
    configRefused: [],
    lines: [],
    exits: 0,
  };
  const secrets = new Map<string, ReadonlyMap<string, string>>();
  const configMaps = new Map<string, ReadonlyMap<string, string>>();
  const driver = createHaproxyDriver({
    binary: options.binary ?? HAPROXY,
    folder,
    secretText: (secret, key) => secrets.get(secret)?.get(key),
    onLine: (line) => told.lines.push(line),
    onExit: () => {
      told.exits += 1;
      rail.forget();
    },
  });
  const bind = options.bind ?? [address];
  const rail: ProxyRail = createProxyRail({
    driver,
    probe: createTlsProbe(() => undefined),
    settings: { bind, maxConnections: 1000, router: ROUTER, ...options.settings },
    bind: bind.join(),
    events: {
      started: (how) => told.started.push(how),
      applied: (changes) => told.applied.push(...changes),
      refused: (change) => told.refused.push(change),
      reloaded: (reason) => told.reloaded.push(reason),
      configRefused: (words) => told.configRefused.push(words),
    },
  });
  const build = createTopologyBuilder();
  const heirs: TestProxy[] = [];
  let aimedAt = admitted([]);
  let aimed = build(aimedAt, new Map());

  const command = async (text: string) => (await runCommands(join(folder, 'admin.sock'), [text]))[0] ?? '';
  const master = () => runMasterCommand(join(folder, MASTER_SOCKET), 'show proc');
  const masterPid = async () => Number(/^(\d+)\s+master /m.exec(await master())?.[1]);

  const proxy: TestProxy = {
    address,
    folder,
    secrets,
    configMaps,
    driver,
    rail,
    told,
    async apply(objects, slices) {
      const resources = admitted(objects, slices, { secrets, configMaps });
      if (resources.held.length > 0) throw new Error(`refused: ${JSON.stringify(resources.held)}`);
      proxy.aim(resources);
      const before = told.configRefused.length;
      await proxy.until('HAProxy to be as asked', () => {
        const words = told.configRefused.at(before);
        return rail.observed.programmed || words !== undefined;
      });
      const words = told.configRefused.at(before);
      if (words !== undefined) throw new Error(`HAProxy refused the configuration: ${words}`);
    },
    aim(resources, names = new Map()) {
      aimedAt = resources;
      aimed = build(resources, names);
    },
    until: async (what, look) =>
      eventually(what, async () => {
        await quiet;
        const again = await rail.round(aimed, { peers: options.peers?.(aimed), zone: options.zone?.() });
        const seen = await look();
        if (seen !== undefined && seen !== false) return seen;
        await delay(Math.min(again, 50));
        // What HAProxy refuses is why, should it go on so.
        const last = told.refused.at(-1);
        if (last !== undefined) throw new Error(`${last.change.kind}: ${last.words}`);
        return seen;
      }),
    async serving() {
      const wanted = [...aimed.pools.values()].flatMap(({ key, servers }) =>
        servers.filter(({ state }) => state === 'Active').map(({ id }) => ({ key, id })),
      );
      await proxy.until('all servers to serve', () =>
        wanted.every(({ key, id }) => {
          const server = rail.observed.pools.get(key)?.get(id);
          return server?.admin === 'ready' && server.health === 'Up';
        }),
      );
    },
    get: (port, target, rest) => request({ address, port }, target, rest),
    raw: (port, text, from) => rawRequest({ address, port }, text, from),
    load: (port, rest) => startLoad({ address, port }, rest),
    command,
    info: async () => parseInfo(await command('show info')),
    processes: async () => parseProcesses(await master()),
    masterPid,
    servers: async (backend) => (await driver.readServers([backend])).backends.get(backend) ?? new Map(),
    read: () => driver.read(),
    pool(key) {
      const found = aimed.pools.get(key);
      if (found === undefined) throw new Error(`no pool ${key}`);
      return found;
    },
    conditions(kind, name) {
      const observed = { proxy: rail.observed, databases: new Map() };
      const times = { now: '2026-01-01T00:00:00Z', startedAt: '2026-01-01T00:00:00Z' };
      const input = { resources: aimedAt, topology: aimed, observed, previous: () => undefined, ...times };
      const found = buildStatuses(input).find((document) => document.kind === kind && document.metadata.name === name);
      return Object.fromEntries((found?.status.conditions ?? []).map(({ type, status }) => [type, status]));
    },
    findings: () => aimed.findings,
    file: (name) => readFile(join(folder, name), 'utf8'),
    successor(other = options) {
      const heir = onFolder({ folder, address, quiet: rail.flush().catch(() => undefined) }, other);
      heirs.push(heir);
      return heir;
    },
    async stop() {
      // What writes the image later would do so into a folder that is gone.
      for (const { rail: own } of [proxy, ...heirs]) await own.flush().catch(() => undefined);
      const pid = await masterPid().catch(() => undefined);
      await driver.stop(0);
      if (pid !== undefined) end(pid);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return proxy;
}

/** Goes round with all of them, as their loops would, until `look` says so. */
export async function goRound(
  proxies: readonly TestProxy[],
  what: string,
  look: () => boolean | Promise<boolean>,
): Promise<void> {
  await eventually(what, async () => {
    for (const proxy of proxies) await proxy.until('a round', () => true);
    return look();
  });
}

/** Goes round until each has met the others. */
export async function becomePeers(proxies: readonly TestProxy[]): Promise<void> {
  await goRound(proxies, 'each to know the others', async () => {
    const texts = await Promise.all(proxies.map((proxy) => proxy.command('show peers webpool')));
    return texts.every((text) => text.includes('last_status=ESTA'));
  });
}

/** What is left of a HAProxy that did not end when it was told to. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}

/** A WebPool of these servers; checks are quick, so that tests are. */
export function poolOf(
  name: string,
  servers: readonly Pick<WebServer, 'name' | 'address' | 'port'>[],
  spec: object = {},
): Written {
  const externalEndpoints = servers.map(({ name: endpoint, address, port }) => ({ name: endpoint, address, port }));
  const healthCheck = { path: '/health', interval: '200ms', timeout: '2s', rise: 1, fall: 2 };
  return { kind: 'WebPool', name, spec: { port: 80, healthCheck, externalEndpoints, ...spec } };
}

/** A RoutingRule on a port, with what its spec has besides. */
export function ruleOf(name: string, at: number | RuleFrame, rules: readonly object[]): Written {
  const { port, protocol = 'HTTP', tls, proxyProtocol, ...rest } = typeof at === 'number' ? { port: at } : at;
  const listener = { protocol, port, ...(tls && { tls }), ...(proxyProtocol && { proxyProtocol }) };
  return { kind: 'RoutingRule', name, spec: { listener, ...rest, rules } };
}

interface RuleFrame {
  readonly port: number;
  readonly protocol?: 'HTTP' | 'HTTPS' | 'TCP' | 'TLS';
  readonly tls?: object;
  readonly proxyProtocol?: object;
  readonly hostnames?: readonly string[];
  readonly priority?: number;
}

/** The rule that sends everything to one pool. */
export function allTo(pool: string): object {
  return { name: 'all', pools: [{ name: pool }] };
}
