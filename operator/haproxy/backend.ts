/**
 * One pool as a HAProxy backend: its section without servers, and its servers as data.
 */
import type { Pool, PoolOptions, Server } from '../topology/topology.ts';
import { isElsewhere } from '../topology/zones.ts';
import { balanceLines } from './balance.ts';
import { checkKeywords, healthCheckKeywords, healthCheckLines } from './health-check.ts';
import { backendName, digest, serverName } from './names.ts';
import type { AdminState, BackendConfig, ServerConfig } from './proxy.ts';
import { quote } from './quote.ts';
import { transportKeywords } from './transport.ts';

export type Mode = 'http' | 'tcp';

/** A backend's part of the skeleton and the files it names. */
export interface BackendSection {
  readonly lines: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

/** The words of `retries.when` as `retry-on` has them. HAProxy does not tell a reset from an empty answer. */
const retryWords: Readonly<Record<string, string>> = {
  ConnectFailure: 'conn-failure',
  EmptyResponse: 'empty-response',
  Reset: 'empty-response',
  Timeout: 'response-timeout',
};

const adminStates: Readonly<Record<Server['state'], AdminState>> = {
  Active: 'ready',
  Drain: 'drain',
  Maintenance: 'maint',
};

/** The section of a pool's backend: all that needs a reload when it changes. */
export function backendSection(mode: Mode, key: string, options: PoolOptions): BackendSection {
  const page = mode === 'http' ? maintenancePage(options) : undefined;
  const { timeouts } = options;
  return {
    lines: [
      `backend ${quote('name', backendName(mode, key))}`,
      `mode ${mode}`,
      ...balanceLines(mode, options.balance),
      // Those of other zones share the visitors, where of backups the first would get them all.
      ...(options.prefersZone ? ['option allbackups'] : []),
      ...healthCheckLines(options.healthCheck),
      `timeout connect ${timeouts.connect}ms`,
      `timeout server ${mode === 'http' ? timeouts.server : timeouts.tunnel}ms`,
      `timeout tunnel ${timeouts.tunnel}ms`,
      `timeout queue ${options.queueTimeout}ms`,
      ...retryLines(mode, options.retries),
      // A request whose time is up leaves its server or its place in the queue (frontend.ts). Price: so does that of any client that closes
      // its side behind it, which HAProxy answers 400 (3.0 always, 2.6 at times).
      ...(mode === 'http' ? ['option abortonclose'] : []),
      ...compressionLines(mode, options.compression),
      ...affinityLines(mode, key, options),
      ...(page?.lines ?? []),
      `default-server ${serverKeywords(mode, options)}`,
    ],
    files: page?.files ?? new Map<string, string>(),
  };
}

/** The backend's servers, ready to be compared with what runs, for a proxy of that zone. */
export function backendServers(mode: Mode, pool: Pool, zone?: string): BackendConfig {
  const servers = pool.servers.map((server): [string, ServerConfig] => {
    const config = serverConfig(server, isElsewhere(pool, server, zone));
    return [config.name, config];
  });
  const cookie = mode === 'http' && pool.options.affinity?.type === 'Cookie';
  return {
    name: backendName(mode, pool.key),
    pool: pool.key,
    keywords: serverKeywords(mode, pool.options),
    drainTimeout: pool.options.drainTimeout,
    ...(pool.incomplete && { incomplete: true }),
    ...(cookie ? { dynamicCookieKey: cookieKey(pool.key) } : {}),
    servers: new Map(servers),
  };
}

function serverConfig(server: Server, elsewhere: boolean): ServerConfig {
  const tier = elsewhere ? 'Backup' : server.tier;
  return {
    name: serverName(server.id, tier, madeOf(server)),
    address: server.address,
    port: server.port,
    weight: server.weight,
    maxConnections: server.maxConnections,
    admin: adminStates[server.state],
    backup: tier === 'Backup',
    fixed: `${transportKeywords(server.transport)}${checkKeywords(server.healthCheck ?? {})}`,
    probeFirst: server.origin === 'External',
  };
}

/** What a server keeps for life, its authority (by version) too: with another it is another server. Empty for nothing. */
function madeOf({ transport, healthCheck = {} }: Server): string {
  return `${transport === undefined ? '' : JSON.stringify(transport)}${checkKeywords(healthCheck)}`;
}

/** Source: HAProxy configuration manual, "observe", "error-limit", "on-error". */
const errorActions: Readonly<Record<NonNullable<PoolOptions['passiveHealth']>['action'], string>> = {
  TakeOut: 'mark-down',
  CheckSoon: 'fastinter',
};

function passiveKeywords(mode: Mode, passive: PoolOptions['passiveHealth']): string {
  if (passive === undefined) return '';
  const layer = mode === 'http' ? 'layer7' : 'layer4';
  return ` observe ${layer} error-limit ${passive.errors} on-error ${errorActions[passive.action]}`;
}

function serverKeywords(mode: Mode, options: PoolOptions): string {
  const slowStart = options.slowStart === 0 ? '' : ` slowstart ${options.slowStart}ms`;
  const passive = passiveKeywords(mode, options.passiveHealth);
  return `${healthCheckKeywords(options.healthCheck)}${passive}${slowStart}`;
}

/**
 * A request that is not idempotent is only tried again while it was not sent, which `conn-failure` means.
 * Source: HAProxy configuration manual, "retry-on", "http-request disable-l7-retry".
 */
function retryLines(mode: Mode, retries: PoolOptions['retries']): readonly string[] {
  const always = [`retries ${retries.attempts}`, 'option redispatch 1'];
  if (mode === 'tcp') return always;
  const words = [...new Set(retries.when.map((word) => retryWords[word] ?? quote('name', word)))].toSorted();
  if (words.length === 0) return [...always, 'retry-on none'];
  const repeats = words.some((word) => word !== 'conn-failure');
  return [
    ...always,
    `retry-on ${words.join(' ')}`,
    ...(repeats ? ['http-request disable-l7-retry unless { method GET HEAD OPTIONS TRACE PUT DELETE }'] : []),
  ];
}

/** Source: HAProxy configuration manual, "compression algo", "compression type". */
function compressionLines(mode: Mode, compression: PoolOptions['compression']): readonly string[] {
  if (compression === undefined || mode === 'tcp') return [];
  const types = compression.types.map((type) => quote('string', type.toLowerCase()));
  return ['compression algo gzip', `compression type ${types.join(' ')}`];
}

/**
 * The cookie's value is a digest of server address and this key, so every proxy gives the same cookie and a restart
 * forgets nothing. It guards no secret: it only keeps addresses out of sight.
 */
function cookieKey(key: string): string {
  return digest(`cookie ${key}`);
}

const AFFINITY_TABLE_SIZE = 200_000;

/** Proxies of different zones have different names for a server, but one address. */
function affinityTable(type: string, maxAge: number, { prefersZone }: PoolOptions): string {
  const known = prefersZone ? ' srvkey addr' : '';
  return `stick-table type ${type} size ${AFFINITY_TABLE_SIZE} expire ${maxAge}ms${known} peers webpool`;
}

function affinityLines(mode: Mode, key: string, options: PoolOptions): readonly string[] {
  const { affinity } = options;
  if (affinity === undefined) return [];
  if (affinity.type === 'SourceIP') return [affinityTable('ipv6', affinity.maxAge, options), 'stick on src'];
  if (mode === 'tcp') return [];
  if (affinity.type === 'Header') {
    const value = `req.fhdr(${quote('name', affinity.header)})`;
    // What stands in it may be a password, so it is in no table, and goes to no peer.
    const table = affinityTable('binary len 20', affinity.maxAge, options);
    return [table, `stick on ${value},sha1 unless { ${value} -m len 0 }`];
  }
  const seconds = Math.ceil(affinity.maxAge / 1000);
  const idle = seconds === 0 ? '' : ` maxidle ${seconds}s attr ${quote('string', `Max-Age=${seconds}`)}`;
  return [
    `cookie ${quote('name', affinity.cookieName)} insert indirect nocache httponly dynamic${idle}`,
    `dynamic-cookie-key ${cookieKey(key)}`,
  ];
}

function maintenancePage(options: PoolOptions): BackendSection | undefined {
  const page = options.maintenancePage;
  if (page === undefined) return undefined;
  const file = `page-${digest(page.body)}.txt`;
  const type = quote('string', page.contentType);
  const reply = `content-type ${type} file ${file} hdr X-Webpool-Reason maintenance hdr Cache-Control no-store`;
  const shown = '{ status 503 } { res.hdr(X-Webpool-Reason) -m str maintenance }';
  return {
    lines: [
      `http-error status 503 ${reply}`,
      // While nobody takes new visitors, the page may have any status; a request that fails on its way gets 503. Not asked before the
      // page is shown, because a server that drains has visitors of its own.
      ...(page.status === 503 ? [] : [`http-after-response set-status ${page.status} if { nbsrv eq 0 } ${shown}`]),
    ],
    files: new Map([[file, page.body]]),
  };
}
