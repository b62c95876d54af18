/**
 * One HAProxy kept as the topology asks: plan, apply, read back, again until nothing differs or something has to wait.
 */
import { withValues } from '../api/patched-map.ts';
import type { Key } from '../api/resources.ts';
import { keepMap, keepValues, sameEntries, sameItems } from '../api/stable.ts';
import type {
  ProxyDriver,
  RefusedChange,
  ReloadResult,
  RuntimeChange,
  ServersReading,
} from '../driver/proxy-driver.ts';
import { wordsIn } from '../haproxy/certificates.ts';
import { backendsIn, checksumIn, createProxyConfigBuilder, type Place, type ProxySettings } from '../haproxy/config.ts';
import { showsTheSame, type Running } from '../haproxy/image.ts';
import { createProxyPlanner } from '../haproxy/plan.ts';
import type { Leaving, ProxyChange, ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';
import { createImageWriter } from './image-writer.ts';
import type { TlsProbe } from '../driver/tls-probe.ts';
import type { ProxyObserved } from '../status/observed.ts';
import type { Topology } from '../topology/topology.ts';
import { createProxyObserver } from './observe-proxy.ts';
import { createReloads, type EndedReload } from './proxy-reload.ts';
import { createMovingFinder, createPatrol, PART } from './proxy-watch.ts';

/** What the rail tells while it works. */
export interface ProxyRailEvents {
  /** `corrected`: how many of the changes undid what somebody else did to this HAProxy. */
  readonly applied: (changes: readonly RuntimeChange[], milliseconds: number, corrected: number) => void;
  readonly refused: (change: RefusedChange) => void;
  readonly reloaded: (reason: string, milliseconds: number) => void;
  readonly configRefused: (words: string) => void;
  readonly started: (how: string) => void;
  /** The recovery image could not be written, for example on a full disk; it is tried again. */
  readonly imageFailed?: (error: unknown) => void;
}

export interface ProxyRailOptions {
  readonly driver: ProxyDriver;
  readonly settings: ProxySettings;
  readonly bind: string;
  /** Looks at servers whose TLS handshake fails. */
  readonly probe?: TlsProbe;
  /** A reload has ended: a round is due. */
  readonly wake?: () => void;
  readonly events: ProxyRailEvents;
}

export interface RoundOptions extends Place {
  /** Whether a newer topology waits by now: what can wait longer gives way to it. Default: never. */
  readonly overtaken?: () => boolean;
}

export interface ProxyRail {
  /** Brings HAProxy nearer to `topology`. Returns when it wants to look again (ms). */
  round(topology: Topology, options?: RoundOptions): Promise<number>;
  readonly observed: ProxyObserved;
  /** As `observed` says; asking for it alone costs nothing. */
  readonly programmed: boolean;
  /** Since when a reload has been under way (ms of the monotonic clock): nothing is programmed before its end, and a round will tell. */
  readonly loadingSince: number | undefined;
  /** The worker that was read last; undefined while none answers. */
  readonly worker: Pick<ProxyState, 'pid' | 'epoch' | 'version'> | undefined;
  /** The state was read back at least once since HAProxy started. */
  readonly known: boolean;
  /** Something outside happened to HAProxy: what was known of it is void. */
  forget(): void;
  stop(graceMs: number): Promise<void>;
  /** Puts the newest recovery image on disk. */
  flush(): Promise<void>;
}

/** Milliseconds: while a server joins; while one leaves, which takes a second at least; and after a refusal. */
const WAITING = 50;
const LEAVING = 200;
const AFTER_REFUSAL = 1000;
/** How long a reload waits at most: HAProxy gives itself ten seconds after a start. */
const LONGEST_HOLD = 12_000;
/** Every so often the routes are read back too (ms). */
const DEEP = 30_000;
const MOST_STEPS = 10;
/** Looks give way to changes for so long at most (ms): servers that left have to go even while others come all the time. */
const LONGEST_UNSEEN = 1000;
/** After this long (ms) what HAProxy refused for no fault of its own is tried again. */
const TRY_AGAIN = 30_000;

type RefusalReason = Extract<ReloadResult, { done: false }>['reason'];

/** The same by the reason why it was not loaded: looking for room costs little. */
const AGAIN_AFTER: Readonly<Record<RefusalReason, number>> = { ConfigRejected: TRY_AGAIN, FilesNotWritten: 5000 };

interface Refused {
  readonly checksum: string;
  readonly reason: RefusalReason;
  readonly words: string;
  /** When it is tried again. */
  readonly until: number;
}

/** A certificate or authority that HAProxy did not take, whatever we thought of it. */
interface RefusedSecret {
  readonly secret: Key;
  readonly version: string;
  readonly words: string;
  readonly until: number;
}

/** `files` are those that the skeleton names and that are not on disk for sure. */
type Loaded = Pick<ProxyConfig, 'skeleton' | 'files'>;

/** Of what the newest recovery image is made. */
interface Image {
  /** Compared by identity. */
  readonly parts: readonly unknown[];
  readonly running: Running;
}

/** Keeps one HAProxy. Rounds must not overlap. */
export function createProxyRail(options: ProxyRailOptions): ProxyRail {
  const { driver, events } = options;
  const build = createProxyConfigBuilder(options.settings);
  const plan = createProxyPlanner();
  const observe = createProxyObserver();
  const findMoving = createMovingFinder();
  const patrol = createPatrol();
  const reloads = createReloads(driver, options.wake ?? (() => undefined));
  const leaving = new Map<string, Leaving>();
  let state: ProxyState | undefined;
  let config: ProxyConfig | undefined;
  /** What runs, as far as a reload decides about it. */
  let loaded: Loaded = { skeleton: '', files: new Map() };
  let named: { readonly skeleton: string; readonly backends: ReadonlySet<string> } = {
    skeleton: '',
    backends: new Set(),
  };
  let refused: Refused | undefined;
  /** By file. */
  const refusedSecrets = new Map<string, RefusedSecret>();
  let toldRefusals: ReadonlyMap<Key, string> = new Map();
  /** Since when a reload waits for HAProxy to know all that others remember. */
  let heldSince: number | undefined;
  let problem: ProxyObserved['problem'];
  let settled = false;
  /** The worker in which the last round left nothing to do: what differs there now is somebody else's work. */
  let settledIn: string | undefined;
  let overtaken = never;
  /** Backends that this round has read back: nothing can have moved there. */
  const justRead = new Set<string>();
  let lastDeep = -Infinity;
  let lastLook = -Infinity;
  const writer = createImageWriter(events.imageFailed);
  let image: Image | undefined;

  /** What was read last, also when it is void by now. */
  let last: ProxyState | undefined;
  /** Backends of a worker that came by a reload and that nobody has read: `state` has what the worker before it had, and no change is made by that. */
  const unseen = new Set<string>();
  /** The same for routes and certificates. */
  let routingUnseen = false;
  /** What is being loaded, until its worker is known. */
  let heir: ProxyConfig | undefined;

  /** Whether the running skeleton has a backend; of one that nobody knows it is assumed. */
  const isThere = (name: string): boolean => {
    if (named.skeleton !== loaded.skeleton)
      named = { skeleton: loaded.skeleton, backends: backendsIn(loaded.skeleton) };
    return loaded.skeleton === '' || named.backends.has(name);
  };

  const forget = () => {
    last = state ?? last;
    state = undefined;
    heir = undefined;
    routingUnseen = false;
    unseen.clear();
  };

  const readAll = async () => {
    const at = performance.now();
    state = await driver.read();
    noteLoaded(state);
    unseen.clear();
    routingUnseen = false;
    [lastDeep, lastLook] = [at, at];
    patrol.done(at, 0);
    return state;
  };

  /** A reload of which nobody heard the end, or that was given up, may have come to something all the same. */
  const noteLoaded = ({ checksum }: ProxyState) => {
    if (config?.checksum !== checksum) return;
    if (loaded.skeleton !== config.skeleton) loaded = { skeleton: config.skeleton, files: config.files };
    if (refused?.checksum === checksum) refused = undefined;
  };

  const isAllSeen = () => unseen.size === 0 && !routingUnseen;

  /** Nothing is being loaded, and nothing had to be refused of what is wanted. */
  const isLoaded = (wanted: ProxyConfig) => reloads.since === undefined && refused?.checksum !== wanted.checksum;

  /** Milliseconds until something has to be looked at again. */
  const lookDueIn = (known: ProxyState, wanted: ProxyConfig): number => {
    if (!isAllSeen()) return 0;
    const now = performance.now();
    const { joining, leaving } = findMoving(known, wanted);
    const joins = joining.length > 0 ? lastLook + WAITING - now : Infinity;
    const leaves = leaving.size > 0 ? lastLook + LEAVING - now : Infinity;
    return Math.min(joins, leaves, patrol.dueIn(now, wanted.backends.size));
  };

  /** Reads again what may have moved by itself, a part at a time; a change of ours is read back after it was applied. */
  const look = async (known: ProxyState, wanted: ProxyConfig): Promise<ProxyState> => {
    const begun = performance.now();
    lastLook = begun;
    const due = unseen.size === 0 && patrol.dueIn(begun, wanted.backends.size) <= 0;
    const { joining, leaving } = findMoving(known, wanted);
    const moving = [...joining, ...[...leaving].map(backendIn)].filter((name) => !justRead.has(name));
    const part = due ? patrol.next(wanted) : [...unseen].slice(0, PART);
    const there = [...new Set([...moving, ...part])].filter(isThere);
    let next = there.length === 0 ? known : await reread(known, there);
    if (due) patrol.done(begun, performance.now() - begun);
    if (begun - lastDeep > DEEP || routingUnseen) {
      lastDeep = begun;
      next = await rereadRouting(next);
    }
    return next;
  };

  const reread = async (known: ProxyState, backends: readonly string[]): Promise<ProxyState> => {
    const reading = await driver.readServers(backends);
    if (reading.epoch !== known.epoch) return heir === undefined ? readAll() : adopt(known, reading, heir);
    for (const name of backends) unseen.delete(name);
    // A backend without servers is not in the answer.
    const read = backends.map(
      (name) => [name, keepValues(known.backends.get(name), reading.backends.get(name) ?? NO_SERVERS)] as const,
    );
    const changed = read.filter(([name, servers]) => known.backends.get(name) !== servers);
    return changed.length === 0 ? known : { ...known, backends: withValues(known.backends, changed) };
  };

  const rereadRouting = async (known: ProxyState): Promise<ProxyState> => {
    const reading = await driver.readRouting();
    if (reading.epoch !== known.epoch) return reread(known, []);
    routingUnseen = false;
    const { routes } = reading;
    return { ...known, ...reading, routes: config && sameEntries(config.routes, routes) ? config.routes : routes };
  };

  /**
   * The worker of a reload: to read all of it takes long, and what changes meanwhile must not wait for that. So it is taken for what the files
   * and the worker before it said, and read part by part, what needs a change first.
   */
  const adopt = async (known: ProxyState, reading: ServersReading, target: ProxyConfig): Promise<ProxyState> => {
    const { backends, ...worker } = reading;
    if (target.checksum !== worker.checksum) return readAll();
    loaded = { skeleton: target.skeleton, files: target.files };
    unseen.clear();
    for (const name of target.backends.keys()) if (isThere(name) && !backends.has(name)) unseen.add(name);
    routingUnseen = true;
    patrol.done(performance.now(), 0);
    const assumed = [...known.backends].filter(([name]) => isThere(name));
    return { ...known, ...worker, routes: target.routes, backends: new Map([...assumed, ...backends]) };
  };

  const noteLeaving = (known: ProxyState, wanted: ProxyConfig) => {
    const now = performance.now();
    const found = findMoving(known, wanted).leaving;
    for (const key of leaving.keys()) if (!found.has(key)) leaving.delete(key);
    for (const key of found) if (!leaving.has(key)) leaving.set(key, { since: now });
  };

  const trackLeaving = async (known: ProxyState, wanted: ProxyConfig) => {
    const now = performance.now();
    noteLeaving(known, wanted);
    if (leaving.size === 0) return;
    const connections = await driver.connections([...new Set([...leaving.keys()].map(backendIn))]);
    for (const [key, { since, idleSince = now }] of leaving) {
      leaving.set(key, connections.get(key) === 0 ? { since, idleSince } : { since });
    }
  };

  const context = () => ({
    now: performance.now(),
    leaving,
    runningSkeleton: loaded.skeleton,
    loading: reloads.since !== undefined,
    ...(refused === undefined ? {} : { refused: refused.checksum }),
    ...(refusedSecrets.size > 0 && {
      refusedSecrets: new Map([...refusedSecrets].map(([name, { version }]) => [name, version])),
    }),
  });

  /** A Secret that was refused concerns those that name it: everything else goes on. */
  const noteRefusal = ({ change, words }: RefusedChange): void => {
    if (change.kind !== 'set-secret') return;
    const { secret, version } = change.file;
    refusedSecrets.set(change.name, { secret, version, words, until: performance.now() + TRY_AGAIN });
  };

  const forgiveSecrets = (wanted: ProxyConfig) => {
    const now = performance.now();
    for (const [name, { version, until }] of refusedSecrets) {
      if (wanted.secretFiles.get(name)?.version !== version || now > until) refusedSecrets.delete(name);
    }
  };

  /** Applies one plan; true when something was refused and has to wait. */
  const applyRuntime = async (known: ProxyState, changes: readonly RuntimeChange[]): Promise<boolean> => {
    const begun = performance.now();
    const elsewhere = changes.some(isElsewhere);
    const touched = [...new Set(changes.flatMap(backendOf))];
    reloads.touch(touched);
    const answers = await driver.apply(changes);
    const took = performance.now() - begun;
    state = touched.length === 0 ? known : await reread(known, touched);
    for (const name of touched) justRead.add(name);
    if (elsewhere) state = await rereadRouting(state);
    // Told only now: whoever looks at `observed` because of it has to see it.
    const corrected = settledIn === known.epoch ? changes.filter((change) => isCorrection(change, config)).length : 0;
    settledIn = undefined;
    events.applied(changes, took, corrected);
    // What a worker refused that was not there yet when the plan was made, the next plan knows better.
    const failures = state.epoch === known.epoch ? answers : [];
    for (const failure of failures) {
      noteRefusal(failure);
      events.refused(failure);
    }
    // A line that names what was refused just now was refused with it.
    return failures.some(({ change }) => change.kind !== 'set-secret' && !isAbout(change, refusedSecrets));
  };

  /** What clients were told is kept over a reload, and for its sake a reload waits a little, which it has to after a start at most. */
  const mayReload = async (): Promise<boolean> => {
    const now = performance.now();
    if (heldSince === undefined || now < heldSince + LONGEST_HOLD) {
      if (await driver.wouldForget()) {
        heldSince ??= now;
        return false;
      }
    }
    heldSince = undefined;
    return true;
  };

  const beginReload = (known: ProxyState, wanted: ProxyConfig, reason: string) => {
    // The reload writes an image of its own, also when it comes to nothing.
    writer.drop();
    image = undefined;
    heir = wanted;
    reloads.begin(wanted, reason, () => ({
      config: config?.checksum === wanted.checksum ? config : wanted,
      state: state ?? known,
    }));
  };

  const endReload = async ({ target, reason, begun, touched, result }: EndedReload) => {
    if (!result.done) {
      heir = undefined;
      const { reason: why, words, mayPass } = result;
      const until = mayPass ? performance.now() + AGAIN_AFTER[why] : Infinity;
      refused = { checksum: target.checksum, reason: why, words, until };
      if (why === 'ConfigRejected') events.configRefused(words);
      else events.imageFailed?.(new Error(words));
      return;
    }
    refused = undefined;
    loaded = { skeleton: target.skeleton, files: target.files };
    if (state !== undefined) state = await reread(state, touched.filter(isThere));
    heir = undefined;
    events.reloaded(reason, performance.now() - begun);
  };

  /** What HAProxy can start from: a skeleton that it refused gives way to the last one that it took. */
  const startable = (wanted: ProxyConfig): ProxyConfig =>
    refused?.checksum === wanted.checksum ? { ...wanted, ...loaded, checksum: checksumIn(loaded.skeleton) } : wanted;

  /** What differs from what was refused, and what may load by now, gets its chance. */
  const forgiveRefusal = (wanted: ProxyConfig) => {
    if (refused?.checksum !== wanted.checksum || performance.now() > refused.until) refused = undefined;
  };

  /** True when a HAProxy was taken over that nobody has looked at yet. */
  const ensure = async (wanted: ProxyConfig): Promise<boolean> => {
    const start = startable(wanted);
    const { how, skeleton } = await driver.ensure(start);
    if (skeleton === undefined) return false;
    loaded = { skeleton, files: how === 'started' ? start.files : new Map() };
    forget();
    events.started(how);
    return how === 'took-over';
  };

  /** A plan, and the state that it is made of, where everything that it changes was read. */
  const planSeen = async (wanted: ProxyConfig) => {
    for (;;) {
      const known = state ?? (await readAll());
      const changes = plan(known, wanted, context());
      const blind = [...new Set(changes.flatMap(backendOf))].filter((name) => unseen.has(name));
      const elsewhere = routingUnseen && changes.some(isElsewhere);
      if (blind.length === 0 && !elsewhere) return { known, changes };
      state = blind.length === 0 ? await rereadRouting(known) : await reread(known, blind);
    }
  };

  /**
   * Plans and applies until nothing is left to do now, with `between` after each step. Returns false when a change was refused, or when it
   * ended early because `yields` said so.
   */
  const converge = async (wanted: ProxyConfig, between: AfterStep, yields: () => boolean): Promise<boolean> => {
    for (let step = 0; step < MOST_STEPS; step++) {
      if (yields()) return false;
      const { known, changes } = await planSeen(wanted);
      if (changes.length === 0) return true;
      const runtime = changes.filter((change): change is RuntimeChange => change.kind !== 'reload');
      const held = runtime.length > 0 && (await applyRuntime(known, runtime));
      const reload = changes.find((change) => change.kind === 'reload');
      if (reload !== undefined && !(await mayReload())) return false;
      if (reload !== undefined) beginReload(state ?? known, wanted, reload.reason);
      if (state !== undefined) await between(state, wanted);
      if (held) return false;
    }
    return false;
  };

  /**
   * A change goes first: what may have moved by itself is looked at after it, and only when that is due. Whoever looks gives way to the next
   * change after each answer of HAProxy.
   */
  const settle = async (wanted: ProxyConfig, isNew: boolean): Promise<boolean> => {
    let steps = 0;
    justRead.clear();
    // A new topology always gets its first step.
    const stepped = () => steps++ > 0 && overtaken();
    const done = isNew && (await converge(wanted, noteLeaving, stepped));
    const mayWait = performance.now() - lastLook < LONGEST_UNSEEN;
    const yields = () => mayWait && overtaken();
    if (isNew && (state === undefined || lookDueIn(state, wanted) > 0 || yields())) return done;
    if (state !== undefined) {
      state = await look(state, wanted);
      if (yields()) return false;
      await trackLeaving(state, wanted);
    }
    return converge(wanted, trackLeaving, yields);
  };

  const rememberImage = (wanted: ProxyConfig, known: ProxyState) => {
    if (reloads.since !== undefined) return;
    const last = image;
    image = { parts: [wanted, loaded], running: known };
    if (last !== undefined && sameItems(last.parts, image.parts) && showsTheSame(last.running, known)) return;
    const start = startable(wanted);
    writer.due(() => driver.writeImage(start, known));
  };

  /** Returns when to look again (ms). */
  const attend = async (wanted: ProxyConfig, isNew: boolean): Promise<number> => {
    if (await ensure(wanted)) {
      // Who decides what is wanted has to see first what serves there already.
      await readAll();
      return 1;
    }
    const done = await settle(wanted, isNew);
    settled = done && isAllSeen() && isLoaded(wanted);
    problem = settled ? undefined : problemOf(refused, wanted);
    settledIn = settled ? state?.epoch : undefined;
    toldRefusals = keepMap(
      toldRefusals,
      new Map([...refusedSecrets.values()].map(({ secret, words }) => [secret, words] as const)),
    );
    if (state !== undefined) {
      rememberImage(wanted, state);
      options.probe?.want(findMoving(state, wanted).failing);
    }
    if (!done) return AFTER_REFUSAL;
    const lookIn = state === undefined ? WAITING : lookDueIn(state, wanted);
    return Math.max(1, Math.min(lookIn, forgivenIn()));
  };

  /** Milliseconds until something that was refused is tried again; on a busy machine the next look may be far away. */
  const forgivenIn = (): number => {
    const untils = [...refusedSecrets.values(), ...(refused === undefined ? [] : [refused])].map(({ until }) => until);
    return Math.min(...untils) - performance.now();
  };

  const offered = () => (options.probe === undefined ? {} : { offers: options.probe.answers });

  const round = async (
    topology: Topology,
    { overtaken: isOvertaken = never, ...place }: RoundOptions,
  ): Promise<number> => {
    overtaken = isOvertaken;
    const wanted = build(topology, place);
    const isNew = wanted !== config;
    config = wanted;
    if (isNew) [settled, settledIn] = [false, undefined];
    forgiveSecrets(wanted);
    try {
      const ended = reloads.take();
      if (ended !== undefined) await endReload(ended);
      forgiveRefusal(wanted);
      return await attend(wanted, isNew || ended !== undefined);
    } catch (error) {
      forget();
      [settled, settledIn] = [false, undefined];
      problem = { reason: 'ProxyUnreachable', message: error instanceof Error ? error.message : String(error) };
      throw error;
    }
  };

  return {
    round: (topology, given = {}) => writer.without(() => round(topology, given)),
    get observed() {
      const known = state ?? last;
      return observe({
        state: known,
        config,
        settled: settled && state !== undefined,
        problem,
        bind: options.bind,
        ...(toldRefusals.size > 0 && { refusedSecrets: toldRefusals }),
        ...offered(),
      });
    },
    get programmed() {
      return settled && state !== undefined;
    },
    get loadingSince() {
      return reloads.since;
    },
    get worker() {
      return state;
    },
    get known() {
      return state !== undefined;
    },
    forget,
    async stop(graceMs) {
      await reloads.idle();
      await driver.stop(graceMs);
    },
    async flush() {
      await reloads.idle();
      await writer.flush();
    },
  };
}

function never(): boolean {
  return false;
}

type AfterStep = (known: ProxyState, wanted: ProxyConfig) => Promise<void> | void;

const NO_SERVERS: ReadonlyMap<string, ServerState> = new Map();

/** The backend of `backend/server`. */
function backendIn(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

/** Whether a change is a line of a list that names one of these files. */
function isAbout(change: RuntimeChange, files: ReadonlyMap<string, unknown>): boolean {
  return change.kind === 'add-certificate-line' && wordsIn(change.line).some((word) => files.has(word));
}

/** Whether a change is one of routes or certificates. */
function isElsewhere(change: ProxyChange): boolean {
  return change.kind !== 'reload' && backendOf(change).length === 0;
}

function backendOf(change: ProxyChange): readonly string[] {
  if (!('backend' in change)) return [];
  return [typeof change.backend === 'string' ? change.backend : change.backend.name];
}

const CORRECTIONS = new Set<ProxyChange['kind']>([
  'add-server',
  'set-weight',
  'set-max-connections',
  'enable-health',
  'replace-routes',
]);

/** Whether a change undoes something, rather than going on with a server that joins or leaves. */
function isCorrection(change: RuntimeChange, config: ProxyConfig | undefined): boolean {
  if (change.kind !== 'set-state') return CORRECTIONS.has(change.kind);
  const wanted = config?.backends.get(change.backend)?.servers.get(change.server);
  return wanted !== undefined && !(wanted.probeFirst && change.state === 'ready');
}

function problemOf(refused: Refused | undefined, wanted: ProxyConfig): ProxyObserved['problem'] {
  if (refused?.checksum !== wanted.checksum) return undefined;
  return { reason: refused.reason, message: refused.words };
}
