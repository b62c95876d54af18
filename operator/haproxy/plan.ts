/**
 * The difference between a HAProxy and what it should be. In: ProxyState, ProxyConfig. Out: ProxyChange[]. It decides and
 * does nothing.
 */
import type {
  AdminState,
  BackendConfig,
  Leaving,
  ProxyChange,
  ProxyConfig,
  ProxyState,
  ServerConfig,
  ServerState,
} from './proxy.ts';
import { changedKeys, compareText, sameEntries } from '../api/stable.ts';
import { wordsIn } from './certificates.ts';
import { isCertificateFile } from './names.ts';
import { reloadReason } from './reload-reason.ts';

/** What the plan needs to know besides both sides. */
export interface PlanContext {
  /** Milliseconds of the monotonic clock that `leaving` uses. */
  readonly now: number;
  /** By `backend/server`. */
  readonly leaving: ReadonlyMap<string, Leaving>;
  /** The skeleton that runs, for the reason of a reload; empty when nobody knows it. */
  readonly runningSkeleton: string;
  /** Checksum of a skeleton that HAProxy refused: it is not tried again. */
  readonly refused?: string;
  /** A reload is under way: no other one begins. */
  readonly loading?: boolean;
  /** Files of Secrets that HAProxy refused → version: they are not tried again, and what needs them is left out. */
  readonly refusedSecrets?: ReadonlyMap<string, string>;
}

/**
 * HAProxy 2.6 may crash when a server is deleted while a stream still points at it, so it has to be idle this long first
 * (ms). Source: haproxy issues 2298 and 2378.
 */
const SETTLE = 1000;

type Servers = ReadonlyMap<string, ServerState>;

const NO_SERVERS: Servers = new Map();
const NO_LINES: ReadonlySet<string> = new Set();
const NOTHING_REFUSED: ReadonlyMap<string, string> = new Map();

/** How a server that runs comes to what it should be; one entry a difference. */
const adjustments: readonly ((be: string, want: ServerConfig, has: ServerState) => ProxyChange | undefined)[] = [
  (backend, want, has) =>
    has.weight === want.weight ? undefined : { kind: 'set-weight', backend, server: want.name, weight: want.weight },
  (backend, want, has) =>
    has.maxConnections === want.maxConnections
      ? undefined
      : { kind: 'set-max-connections', backend, server: want.name, maxConnections: want.maxConnections },
  (backend, want, has) =>
    has.health === 'Unchecked' ? { kind: 'enable-health', backend, server: want.name } : undefined,
  (backend, want, has) => {
    const state = nextState(want, has);
    return state === has.admin ? undefined : { kind: 'set-state', backend, server: want.name, state };
  },
];

/** An external server earns its traffic by a passed check, from wherever it comes. */
function nextState(want: ServerConfig, has: ServerState): AdminState {
  if (want.admin !== 'ready' || has.admin === 'ready' || !want.probeFirst) return want.admin;
  const passed = has.health === 'Up' && has.failure === undefined;
  return has.admin === 'drain' && passed ? 'ready' : 'drain';
}

/**
 * A planner: it remembers which backends differed, so that a change of one costs nothing in the others.
 * The plan itself depends on its arguments alone.
 */
export function createProxyPlanner(): typeof planProxy {
  const memory = createMemory();
  return (state, config, context) => plan(state, config, { context, memory });
}

/**
 * The changes that bring one HAProxy from `state` to `config`, in the order in which they must run: what joins, then the
 * routes, then what leaves, then at most one reload.
 * Shape: empty when nothing differs. A step that has to wait (a check, a connection) comes in a later plan.
 * Source: HAProxy management guide 9.3, "add server", "del server", "prepare map".
 */
export function planProxy(state: ProxyState, config: ProxyConfig, context: PlanContext): readonly ProxyChange[] {
  return plan(state, config, { context, memory: createMemory() });
}

type Routes = ReadonlyMap<string, string>;

/** What was compared last. */
interface Memory {
  wanted: ProxyConfig['backends'];
  known: ProxyState['backends'];
  /** Backends that differed. */
  different: ReadonlySet<string>;
  /** Routes as read back → routes as wanted to which they are equal. */
  readonly sameRoutes: WeakMap<Routes, Routes>;
}

function createMemory(): Memory {
  return { wanted: new Map(), known: new Map(), different: new Set(), sameRoutes: new WeakMap() };
}

interface Scope {
  readonly context: PlanContext;
  readonly memory: Memory;
}

/** Sorted names of the backends that may differ; all others are equal. */
function toCompare({ wanted, known, different }: Memory, state: ProxyState, config: ProxyConfig): readonly string[] {
  const names = [...different, ...changedKeys(wanted, config.backends), ...changedKeys(known, state.backends)];
  return [...new Set(names)].sort(compareText);
}

function plan(state: ProxyState, config: ProxyConfig, scope: Scope): readonly ProxyChange[] {
  const { context, memory } = scope;
  const structural = state.checksum !== config.checksum;
  const joining: ProxyChange[] = [];
  const leaving: ProxyChange[] = [];
  const different = new Set<string>();
  for (const name of toCompare(memory, state, config)) {
    const backend = config.backends.get(name);
    if (backend === undefined) continue;
    const servers = state.backends.get(name) ?? NO_SERVERS;
    different.add(name);
    // A backend that the running skeleton lacks comes with the reload, servers and all.
    if (structural && servers.size === 0 && !hasBackend(context.runningSkeleton, name)) continue;
    const before = joining.length;
    joinBackend(joining, backend, servers);
    const left = leaveBackend(leaving, { backend, servers, context });
    if (joining.length === before && left === 0) different.delete(name);
  }
  Object.assign(memory, { wanted: config.backends, known: state.backends, different });
  const certificates = certificateChanges(state, config, scope.context.refusedSecrets);
  return [
    ...certificates.joining,
    ...joining,
    ...routeChanges(state, config, scope),
    ...leaving,
    ...certificates.leaving,
    ...reload(state, config, scope.context),
  ];
}

function hasBackend(skeleton: string, name: string): boolean {
  return skeleton.includes(`\nbackend ${name}\n`);
}

function joinBackend(changes: ProxyChange[], backend: BackendConfig, servers: Servers): void {
  for (const want of backend.servers.values()) {
    const has = servers.get(want.name);
    if (has === undefined) {
      changes.push({ kind: 'add-server', backend, server: want });
      continue;
    }
    for (const adjust of adjustments) {
      const change = adjust(backend.name, want, has);
      if (change !== undefined) changes.push(change);
    }
  }
}

interface Backend {
  readonly backend: BackendConfig;
  readonly servers: Servers;
  readonly context: PlanContext;
}

/** Returns how many servers are on their way out, also those that have nothing to do but wait. */
function leaveBackend(changes: ProxyChange[], { backend, servers, context }: Backend): number {
  const gone = [...servers.values()].filter(({ name }) => !backend.servers.has(name));
  const needed = gone.length > 0 && isWaitedFor(backend, servers);
  for (const has of gone) {
    const known = context.leaving.get(`${backend.name}/${has.name}`);
    const leaving = known && { ...known, now: context.now };
    if (needed && serves(has) && !isLate(backend, leaving)) continue;
    changes.push(
      ...leaveSteps(has, backend, leaving).map((step): ProxyChange => ({
        ...step,
        backend: backend.name,
        server: has.name,
      })),
    );
  }
  return gone.length;
}

/** Whether nobody serves who is to stay, and somebody is about to: until then whoever leaves goes on. */
function isWaitedFor(backend: BackendConfig, servers: Servers): boolean {
  const active = [...backend.servers.values()].filter(({ admin, weight }) => admin === 'ready' && weight > 0);
  const states = active.map(({ name }) => servers.get(name));
  if (states.some((has) => has !== undefined && serves(has))) return false;
  return backend.incomplete === true || states.some((has) => has?.admin !== 'ready');
}

function serves({ admin, health }: ServerState): boolean {
  return admin === 'ready' && health !== 'Down';
}

function isLate(backend: BackendConfig, leaving: LeavingNow | undefined): boolean {
  return leaving !== undefined && leaving.now - leaving.since >= backend.drainTimeout;
}

type LeavingNow = Leaving & { readonly now: number };

type LeaveStep = { kind: 'set-state'; state: AdminState } | { kind: 'shutdown-sessions' } | { kind: 'delete-server' };

/** Drain, until idle or too late; then maintenance, which ends the checks; then delete. */
function leaveSteps(has: ServerState, backend: BackendConfig, leaving: LeavingNow | undefined): readonly LeaveStep[] {
  if (has.admin === 'ready') return [{ kind: 'set-state', state: 'drain' }];
  if (leaving === undefined) return [];
  const idle = leaving.idleSince !== undefined && leaving.now - leaving.idleSince >= SETTLE;
  const late = isLate(backend, leaving);
  if (has.admin === 'drain') {
    if (!idle && !late) return [];
    return [{ kind: 'set-state', state: 'maint' }, ...(late && !idle ? [{ kind: 'shutdown-sessions' } as const] : [])];
  }
  if (idle) return [{ kind: 'delete-server' }];
  return late ? [{ kind: 'shutdown-sessions' }] : [];
}

interface CertificateChanges {
  readonly joining: readonly ProxyChange[];
  readonly leaving: readonly ProxyChange[];
}

/**
 * A host has its new line before it loses the old one. A list that the running skeleton lacks comes with the reload.
 * Authorities stay until then too: a server that leaves may still be using one.
 */
function certificateChanges(
  state: ProxyState,
  config: ProxyConfig,
  refused: ReadonlyMap<string, string> = NOTHING_REFUSED,
): CertificateChanges {
  const bad = [...refused].flatMap(([name, version]) =>
    config.secretFiles.get(name)?.version === version ? [name] : [],
  );
  // What HAProxy had before under that name goes on.
  const missing = new Set(bad.filter((name) => !state.secretFiles.get(name)));
  const isUsable = (line: string) => !wordsIn(line).some((word) => missing.has(word));
  const lines = [...state.certificateLists].map(([list, running]) => {
    const wanted = config.certificateLists.get(list) ?? NO_LINES;
    return lineChanges(list, running, missing.size === 0 ? wanted : new Set([...wanted].filter(isUsable)));
  });
  // What the running skeleton names is in use until the reload, which forgets it.
  const forgettable = state.checksum === config.checksum ? [...state.secretFiles.keys()] : [];
  const gone = forgettable.filter((name) => !config.secretFiles.has(name) && isCertificateFile(name));
  return {
    joining: [...secretChanges(state, config, bad), ...lines.flatMap(({ joining }) => joining)],
    leaving: [
      ...lines.flatMap(({ leaving }) => leaving),
      ...gone.map((name): ProxyChange => ({ kind: 'delete-certificate', name })),
    ],
  };
}

function secretChanges(state: ProxyState, config: ProxyConfig, bad: readonly string[]): readonly ProxyChange[] {
  return [...config.secretFiles].flatMap(([name, file]): readonly ProxyChange[] => {
    const version = state.secretFiles.get(name);
    return version === file.version || bad.includes(name)
      ? []
      : [{ kind: 'set-secret', name, file, isNew: version === undefined }];
  });
}

function lineChanges(
  list: string,
  running: ReadonlyMap<string, number>,
  wanted: ReadonlySet<string>,
): CertificateChanges {
  return {
    joining: [...wanted]
      .filter((line) => !running.has(line))
      .map((line): ProxyChange => ({ kind: 'add-certificate-line', list, line })),
    leaving: [...running]
      .filter(([line]) => !wanted.has(line))
      .map(([line, number]): ProxyChange => ({ kind: 'delete-certificate-line', list, line, number })),
  };
}

/** Routes may only name backends that are there; those of a reload come with it. */
function routeChanges(state: ProxyState, config: ProxyConfig, scope: Scope): readonly ProxyChange[] {
  const reloads = state.checksum !== config.checksum && scope.context.refused !== config.checksum;
  if (reloads || scope.memory.sameRoutes.get(state.routes) === config.routes) return [];
  if (sameEntries(state.routes, config.routes)) {
    scope.memory.sameRoutes.set(state.routes, config.routes);
    return [];
  }
  return [{ kind: 'replace-routes', routes: config.routes }];
}

function reload(state: ProxyState, config: ProxyConfig, context: PlanContext): readonly ProxyChange[] {
  const { refused, loading = false } = context;
  if (loading || state.checksum === config.checksum || refused === config.checksum) return [];
  return [{ kind: 'reload', reason: reloadReason(context.runningSkeleton, config.skeleton) }];
}
