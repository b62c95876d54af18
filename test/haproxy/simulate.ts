/** A HAProxy by the book: what it would be after a change, what it refuses, and what time does to it. */
import type {
  BackendConfig,
  ProxyChange,
  ProxyConfig,
  ProxyState,
  ServerConfig,
  ServerState,
} from '../../operator/haproxy/proxy.ts';

/** A HAProxy with what a test knows of it and HAProxy does not tell. */
export interface Simulated {
  readonly state: ProxyState;
  /** The skeleton of the file it was started from. */
  readonly skeleton: string;
  /** By `backend/server`: connections in use. */
  readonly connections: ReadonlyMap<string, number>;
}

type Servers = Map<string, ServerState>;
type Outcome = { readonly next: Simulated; readonly refused?: string };

/** The names of the backends of a skeleton. */
export function backendsOf(skeleton: string): ReadonlySet<string> {
  return new Set([...skeleton.matchAll(/^backend (\S+)$/gm)].map(([, name = '']) => name));
}

/** What becomes of a HAProxy by one change; a reload is `restarted`. */
export function simulate(now: Simulated, change: Exclude<ProxyChange, { kind: 'reload' }>): Outcome {
  if (change.kind === 'replace-routes') return { next: { ...now, state: { ...now.state, routes: change.routes } } };
  if (isOfCertificates(change))
    return { next: { ...now, state: { ...now.state, ...certificates(now.state, change) } } };
  const backend = change.kind === 'add-server' ? change.backend.name : change.backend;
  const servers: Servers = new Map(now.state.backends.get(backend));
  const refused = refusal(now, change, servers) ?? carryOut(change, servers);
  if (refused !== undefined) return { next: now, refused };
  const backends = new Map(now.state.backends).set(backend, servers);
  const connections = new Map(now.connections);
  if (change.kind === 'shutdown-sessions') connections.set(`${backend}/${change.server}`, 0);
  return { next: { ...now, state: { ...now.state, backends }, connections } };
}

type CertificateChange = Extract<
  ProxyChange,
  { kind: 'set-secret' | 'delete-certificate' | 'add-certificate-line' | 'delete-certificate-line' }
>;
type ServerChange = Exclude<ProxyChange, CertificateChange | { kind: 'reload' | 'replace-routes' }>;

function isOfCertificates(change: ProxyChange): change is CertificateChange {
  return /secret|certificate/.test(change.kind);
}

function certificates(state: ProxyState, change: CertificateChange): Partial<ProxyState> {
  const secretFiles = new Map(state.secretFiles);
  if (change.kind === 'set-secret') return { secretFiles: secretFiles.set(change.name, change.file.version) };
  if (change.kind === 'delete-certificate') {
    secretFiles.delete(change.name);
    return { secretFiles };
  }
  const lines = new Map(state.certificateLists.get(change.list));
  if (change.kind === 'delete-certificate-line') lines.delete(change.line);
  else lines.set(change.line, Math.max(0, ...lines.values()) + 1);
  return { certificateLists: new Map(state.certificateLists).set(change.list, lines) };
}

/** HAProxy's words for what it does not do. Source: HAProxy 2.6 src/server.c. */
function refusal(now: Simulated, change: ServerChange, servers: Servers): string | undefined {
  if (change.kind === 'add-server') {
    if (!backendsOf(now.skeleton).has(change.backend.name)) return 'No such backend.';
    return servers.has(change.server.name) ? 'Already exists a server with the same name in backend.' : undefined;
  }
  const server = servers.get(change.server);
  if (server === undefined) return 'No such server.';
  if (change.kind !== 'delete-server') return undefined;
  if (server.admin !== 'maint') return 'Only servers in maintenance mode can be deleted.';
  const open = now.connections.get(`${change.backend}/${change.server}`) ?? 0;
  return open > 0 ? 'Server still has connections attached to it, cannot remove it.' : undefined;
}

function carryOut(change: ServerChange, servers: Servers): undefined {
  if (change.kind === 'add-server') {
    servers.set(change.server.name, born(change.server));
    return undefined;
  }
  const server = servers.get(change.server);
  if (server === undefined) return undefined;
  if (change.kind === 'delete-server') servers.delete(server.name);
  else servers.set(server.name, changed(server, change));
  return undefined;
}

function changed(server: ServerState, change: Exclude<ServerChange, { kind: 'add-server' | 'delete-server' }>) {
  switch (change.kind) {
    case 'set-weight':
      return { ...server, weight: change.weight };
    case 'set-max-connections':
      return { ...server, maxConnections: change.maxConnections };
    case 'set-state':
      return { ...server, admin: change.state };
    case 'enable-health':
      return { ...server, health: 'Starting' as const };
    case 'shutdown-sessions':
      return server;
    default:
      return change satisfies never;
  }
}

/** As the commands of `add-server` leave it. */
function born(server: ServerConfig): ServerState {
  const { name, address, port, weight, maxConnections } = server;
  const admin = server.admin === 'ready' && server.probeFirst ? 'drain' : server.admin;
  return { name, address, port, weight, maxConnections, admin, health: 'Starting' };
}

const NOTHING: ProxyState = {
  pid: 0,
  epoch: '',
  checksum: '',
  version: '2.6.12',
  backends: new Map(),
  routes: new Map(),
  secretFiles: new Map(),
  certificateLists: new Map(),
};

/** A new worker: from its file, with the state of those servers that were there already. */
export function restarted(before: Pick<Simulated, 'state'> | undefined, config: ProxyConfig): Simulated {
  const { state } = before ?? { state: NOTHING };
  const there = backendsOf(config.skeleton);
  const backends = new Map<string, Servers>();
  for (const backend of config.backends.values()) {
    if (!there.has(backend.name)) continue;
    const before = state.backends.get(backend.name);
    const servers = [...backend.servers.values()].filter(({ name, probeFirst }) => !probeFirst || before?.has(name));
    if (servers.length === 0) continue;
    backends.set(backend.name, new Map(servers.map((server) => [server.name, fromFile(server, before)])));
  }
  const { checksum, routes, skeleton } = config;
  const pid = state.pid + 1;
  const lists = [...config.certificateLists].map(([list, wanted]): [string, ReadonlyMap<string, number>] => {
    const lines = [...wanted].filter((line) => state.certificateLists.get(list)?.has(line));
    return [list, new Map(lines.map((line, index) => [line, index + 1]))];
  });
  const worker = { pid, epoch: `${pid}@1`, checksum, routes, backends };
  const secretFiles = new Map([...config.secretFiles].map(([name, { version }]) => [name, version]));
  return {
    skeleton,
    connections: new Map(),
    state: { ...state, ...worker, secretFiles, certificateLists: new Map(lists) },
  };
}

function fromFile(server: ServerConfig, before: ReadonlyMap<string, ServerState> | undefined): ServerState {
  const { name, address, port, weight, maxConnections } = server;
  const known = before?.get(name);
  const file = server.admin === 'maint' ? 'maint' : 'ready';
  const seen = { admin: known?.admin ?? file, health: known?.health ?? ('Starting' as const) };
  return { name, address, port, weight, maxConnections, ...seen };
}

/** A HAProxy that was brought to a configuration some time ago. */
export function settled(config: ProxyConfig): Simulated {
  const servers = [...config.backends].map(([name, { servers }]): [string, Servers] => [
    name,
    new Map([...servers].map(([key, server]) => [key, { ...born(server), admin: server.admin }])),
  ]);
  return later(restarted({ state: { ...NOTHING, backends: new Map(servers) } }, config));
}

/** Some time later: every check has passed, and draining servers have let go. */
export function later(now: Simulated): Simulated {
  const backends = new Map<string, ReadonlyMap<string, ServerState>>();
  for (const [name, servers] of now.state.backends) {
    const next = new Map([...servers].map(([key, server]) => [key, checked(server)]));
    // What did not move keeps its identity, as it does in the rail: only then there is something to remember.
    const same = [...servers].every(([key, server]) => next.get(key) === server);
    backends.set(name, same ? servers : next);
  }
  return { ...now, state: { ...now.state, backends }, connections: new Map() };
}

function checked(server: ServerState): ServerState {
  return server.admin !== 'maint' && server.health === 'Starting' ? { ...server, health: 'Up' } : server;
}

/** The servers that a backend sends visitors to, or would: their names. */
export function serving(backend: Pick<BackendConfig, 'name'>, state: ProxyState): readonly string[] {
  return [...(state.backends.get(backend.name)?.values() ?? [])]
    .filter(({ admin }) => admin === 'ready')
    .map(({ name }) => name);
}
