/**
 * One HAProxy kept as the topology asks: plan, apply, read back, again until nothing differs or something has to wait.
 */
import type { ProxyDriver, RefusedChange, RuntimeChange } from '../driver/proxy-driver.ts';
import { checksumIn, createProxyConfigBuilder, type ProxySettings } from '../haproxy/config.ts';
import { createProxyPlanner } from '../haproxy/plan.ts';
import type { Leaving, ProxyChange, ProxyConfig, ProxyState } from '../haproxy/proxy.ts';
import type { ProxyObserved } from '../status/observed.ts';
import type { Topology } from '../topology/topology.ts';
import { createProxyObserver } from './observe-proxy.ts';

/** What the rail tells while it works. */
export interface ProxyRailEvents {
  readonly applied: (changes: readonly RuntimeChange[], milliseconds: number) => void;
  readonly refused: (change: RefusedChange) => void;
  readonly reloaded: (reason: string, milliseconds: number) => void;
  readonly configRefused: (words: string) => void;
  readonly started: (how: string) => void;
}

export interface ProxyRailOptions {
  readonly driver: ProxyDriver;
  readonly settings: ProxySettings;
  readonly bind: string;
  readonly events: ProxyRailEvents;
}

export interface ProxyRail {
  /** Brings HAProxy nearer to `topology`. Returns when it wants to look again (ms). */
  round(topology: Topology): Promise<number>;
  readonly observed: ProxyObserved;
  /** The state was read back at least once since HAProxy started. */
  readonly known: boolean;
  /** Something outside happened to HAProxy: what was known of it is void. */
  forget(): void;
  stop(graceMs: number): Promise<void>;
  /** Puts the newest recovery image on disk. */
  flush(): Promise<void>;
}

/** Milliseconds: while a server joins or leaves; else; and after a refusal. */
const WAITING = 50;
const WATCHING = 1000;
const AFTER_REFUSAL = 1000;
/** Reading everything may take this share of the time, so a large set is read less often. */
const READING_SHARE = 100;
/** Every so often the routes are read back too (ms). */
const DEEP = 30_000;
/** The image follows a change after this long (ms): HAProxy's own restart by us writes a newer one anyway. */
const IMAGE_DELAY = 200;
const MOST_STEPS = 10;
/** After this long (ms) a configuration that did not load for no fault of its own is tried again. */
const TRY_AGAIN = 30_000;

interface Refused {
  readonly checksum: string;
  readonly words: string;
  /** When it is tried again. */
  readonly until: number;
}

/** `files` are those that the skeleton names and that are not on disk for sure. */
type Loaded = Pick<ProxyConfig, 'skeleton' | 'files'>;

interface Image {
  readonly wanted: ProxyConfig;
  readonly loaded: Loaded;
  readonly config: ProxyConfig;
  readonly state: ProxyState;
}

/** Keeps one HAProxy. Rounds must not overlap. */
export function createProxyRail(options: ProxyRailOptions): ProxyRail {
  const { driver, events } = options;
  const build = createProxyConfigBuilder(options.settings);
  const plan = createProxyPlanner();
  const observe = createProxyObserver();
  const leaving = new Map<string, Leaving>();
  let state: ProxyState | undefined;
  let config: ProxyConfig | undefined;
  /** What runs, as far as a reload decides about it. */
  let loaded: Loaded = { skeleton: '', files: new Map() };
  let refused: Refused | undefined;
  let problem: ProxyObserved['problem'];
  let settled = false;
  let lastFull = { at: -Infinity, took: 0 };
  let lastDeep = -Infinity;
  let imageTimer: NodeJS.Timeout | undefined;
  let image: Image | undefined;

  const readAll = async () => {
    const at = performance.now();
    state = await driver.read();
    lastFull = { at, took: performance.now() - at };
    lastDeep = at;
    return state;
  };

  /** Reads again what may have moved by itself; a change of ours is read back after it was applied. */
  const refresh = async (known: ProxyState): Promise<ProxyState> => {
    const now = performance.now();
    if (now - lastDeep > DEEP) return readAll();
    const due = now - lastFull.at > Math.max(WATCHING, lastFull.took * READING_SHARE) * 0.9;
    const waiting = due ? undefined : waitingBackends(known);
    if (waiting?.length === 0) return known;
    const next = await reread(known, waiting);
    if (due) lastFull = { at: now, took: performance.now() - now };
    return next;
  };

  const reread = async (known: ProxyState, backends: readonly string[] | undefined): Promise<ProxyState> => {
    const reading = await driver.readServers(backends);
    if (reading.epoch !== known.epoch) return readAll();
    const merged = backends === undefined ? reading.backends : new Map(known.backends);
    // A backend without servers is not in the answer.
    for (const name of backends ?? [])
      (merged as Map<string, never>).set(name, (reading.backends.get(name) ?? new Map()) as never);
    return { ...known, backends: merged };
  };

  const waitingBackends = (known: ProxyState): readonly string[] => {
    const names = new Set<string>([...leaving.keys()].map((key) => key.slice(0, key.indexOf('/'))));
    for (const backend of config?.backends.values() ?? []) {
      for (const server of backend.servers.values()) {
        const has = known.backends.get(backend.name)?.get(server.name);
        if (server.admin === 'ready' && has !== undefined && has.admin !== 'ready') names.add(backend.name);
      }
    }
    return [...names];
  };

  const trackLeaving = async (known: ProxyState, wanted: ProxyConfig) => {
    const now = performance.now();
    const found = leavingServers(known, wanted);
    for (const key of leaving.keys()) if (!found.has(key)) leaving.delete(key);
    for (const key of found) if (!leaving.has(key)) leaving.set(key, { since: now });
    if (leaving.size === 0) return;
    const backends = [...new Set([...leaving.keys()].map((key) => key.slice(0, key.indexOf('/'))))];
    const connections = await driver.connections(backends);
    for (const [key, { since, idleSince = now }] of leaving) {
      leaving.set(key, connections.get(key) === 0 ? { since, idleSince } : { since });
    }
  };

  const context = () => ({
    now: performance.now(),
    leaving,
    runningSkeleton: loaded.skeleton,
    ...(refused === undefined ? {} : { refused: refused.checksum }),
  });

  /** Applies one plan; true when something was refused and has to wait. */
  const applyRuntime = async (known: ProxyState, changes: readonly RuntimeChange[]): Promise<boolean> => {
    const begun = performance.now();
    const failures = await driver.apply(changes);
    const took = performance.now() - begun;
    const routed = changes.some(({ kind }) => kind === 'replace-routes');
    const touched = [...new Set(changes.flatMap(backendOf))];
    state = routed ? await readAll() : await reread(known, touched);
    // Told only now: whoever looks at `observed` because of it has to see it.
    events.applied(changes, took);
    for (const failure of failures) events.refused(failure);
    return failures.length > 0;
  };

  const applyReload = async (known: ProxyState, wanted: ProxyConfig, reason: string) => {
    const begun = performance.now();
    const result = await driver.reload(wanted, known);
    if (!result.done) {
      const until = result.mayPass ? performance.now() + TRY_AGAIN : Infinity;
      refused = { checksum: wanted.checksum, words: result.words, until };
      // On disk may stand what was refused now.
      image = undefined;
      events.configRefused(result.words);
      return;
    }
    refused = undefined;
    loaded = { skeleton: wanted.skeleton, files: wanted.files };
    await readAll();
    events.reloaded(reason, performance.now() - begun);
  };

  /** What HAProxy can start from: a skeleton that it refused gives way to the last one that it took. */
  const startable = (wanted: ProxyConfig): ProxyConfig =>
    refused?.checksum === wanted.checksum ? { ...wanted, ...loaded, checksum: checksumIn(loaded.skeleton) } : wanted;

  /** What differs from what was refused, and what may load by now, gets its chance. */
  const forgiveRefusal = (wanted: ProxyConfig) => {
    if (refused?.checksum !== wanted.checksum || performance.now() > refused.until) refused = undefined;
  };

  const ensure = async (wanted: ProxyConfig) => {
    const start = startable(wanted);
    const { how, skeleton } = await driver.ensure(start);
    if (skeleton === undefined) return;
    loaded = { skeleton, files: how === 'started' ? start.files : new Map() };
    state = undefined;
    events.started(how);
  };

  /** Plans and applies until nothing is left to do now. Returns false when a change was refused. */
  const converge = async (wanted: ProxyConfig): Promise<boolean> => {
    for (let step = 0; step < MOST_STEPS; step++) {
      const known = state ?? (await readAll());
      const changes = plan(known, wanted, context());
      if (changes.length === 0) return true;
      const runtime = changes.filter((change): change is RuntimeChange => change.kind !== 'reload');
      const held = runtime.length > 0 && (await applyRuntime(known, runtime));
      const reload = changes.find((change) => change.kind === 'reload');
      if (reload !== undefined) await applyReload(state ?? known, wanted, reload.reason);
      if (state !== undefined) await trackLeaving(state, wanted);
      if (held) return false;
    }
    return false;
  };

  const rememberImage = (wanted: ProxyConfig, known: ProxyState) => {
    const same = image?.wanted === wanted && image.loaded === loaded && image.state.backends === known.backends;
    if (same) return;
    image = { wanted, loaded, config: startable(wanted), state: known };
    imageTimer ??= setTimeout(() => void flush().catch(() => undefined), IMAGE_DELAY);
  };
  const flush = async () => {
    clearTimeout(imageTimer);
    imageTimer = undefined;
    if (image !== undefined) await driver.writeImage(image.config, image.state);
  };

  return {
    async round(topology) {
      const wanted = build(topology);
      config = wanted;
      settled = false;
      forgiveRefusal(wanted);
      try {
        await ensure(wanted);
        if (state !== undefined) {
          state = await refresh(state);
          await trackLeaving(state, wanted);
        }
        const done = await converge(wanted);
        settled = done && refused?.checksum !== wanted.checksum;
        problem = settled ? undefined : problemOf(refused, wanted);
        if (state !== undefined) rememberImage(wanted, state);
        if (!done) return AFTER_REFUSAL;
      } catch (error) {
        state = undefined;
        problem = { reason: 'ProxyUnreachable', message: error instanceof Error ? error.message : String(error) };
        throw error;
      }
      const waiting = state !== undefined && waitingBackends(state).length > 0;
      return waiting ? WAITING : Math.max(WATCHING, lastFull.took * READING_SHARE);
    },
    get observed() {
      return observe({ state, config, settled, problem, bind: options.bind });
    },
    get known() {
      return state !== undefined;
    },
    forget() {
      state = undefined;
    },
    stop: (graceMs) => driver.stop(graceMs),
    flush,
  };
}

/** `backend/server` of those that are no longer wanted and take no new visitors. */
function leavingServers(known: ProxyState, wanted: ProxyConfig): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [backend, servers] of known.backends) {
    const wantedServers = wanted.backends.get(backend)?.servers;
    if (wantedServers === undefined) continue;
    for (const { name, admin } of servers.values()) {
      if (!wantedServers.has(name) && admin !== 'ready') found.add(`${backend}/${name}`);
    }
  }
  return found;
}

function backendOf(change: ProxyChange): readonly string[] {
  if (change.kind === 'reload' || change.kind === 'replace-routes') return [];
  return [typeof change.backend === 'string' ? change.backend : change.backend.name];
}

function problemOf(refused: Refused | undefined, wanted: ProxyConfig): ProxyObserved['problem'] {
  if (refused?.checksum !== wanted.checksum) return undefined;
  return { reason: 'ConfigRejected', message: refused.words };
}
