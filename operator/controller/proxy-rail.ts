/**
 * One HAProxy kept as the topology asks: plan, apply, read back, again until nothing differs or something has to wait.
 */
import { withValues } from '../api/patched-map.ts';
import type { Key } from '../api/resources.ts';
import { keepMap, keepValues } from '../api/stable.ts';
import type { ProxyDriver, RefusedChange, ReloadResult, RuntimeChange } from '../driver/proxy-driver.ts';
import { wordsIn } from '../haproxy/certificates.ts';
import { checksumIn, createProxyConfigBuilder, type Place, type ProxySettings } from '../haproxy/config.ts';
import { createProxyPlanner } from '../haproxy/plan.ts';
import type { Leaving, ProxyChange, ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';
import { createImageWriter } from './image-writer.ts';
import type { TlsProbe } from '../driver/tls-probe.ts';
import type { ProxyObserved } from '../status/observed.ts';
import type { Topology } from '../topology/topology.ts';
import { createProxyObserver } from './observe-proxy.ts';
import { createMovingFinder, createPatrol } from './proxy-watch.ts';

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

/** Of what the newest recovery image is made: compared by identity. */
type Image = readonly unknown[];

/** Keeps one HAProxy. Rounds must not overlap. */
export function createProxyRail(options: ProxyRailOptions): ProxyRail {
  const { driver, events } = options;
  const build = createProxyConfigBuilder(options.settings);
  const plan = createProxyPlanner();
  const observe = createProxyObserver();
  const findMoving = createMovingFinder();
  const patrol = createPatrol();
  const leaving = new Map<string, Leaving>();
  let state: ProxyState | undefined;
  let config: ProxyConfig | undefined;
  /** What runs, as far as a reload decides about it. */
  let loaded: Loaded = { skeleton: '', files: new Map() };
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

  const forget = () => {
    last = state ?? last;
    state = undefined;
  };

  const readAll = async () => {
    const at = performance.now();
    state = await driver.read();
    lastDeep = at;
    patrol.done(at, 0);
    return state;
  };

  /** Milliseconds until something has to be looked at again. */
  const lookDueIn = (known: ProxyState, wanted: ProxyConfig): number => {
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
    const due = patrol.dueIn(begun, wanted.backends.size) <= 0;
    const { joining, leaving } = findMoving(known, wanted);
    const moving = [...joining, ...[...leaving].map(backendIn)].filter((name) => !justRead.has(name));
    const names = new Set([...moving, ...(due ? patrol.next(wanted) : [])]);
    let next = names.size === 0 ? known : await reread(known, [...names]);
    if (due) patrol.done(begun, performance.now() - begun);
    if (begun - lastDeep > DEEP) {
      lastDeep = begun;
      next = await rereadRouting(next);
    }
    return next;
  };

  const reread = async (known: ProxyState, backends: readonly string[]): Promise<ProxyState> => {
    const reading = await driver.readServers(backends);
    if (reading.epoch !== known.epoch) return readAll();
    // A backend without servers is not in the answer.
    const read = backends.map(
      (name) => [name, keepValues(known.backends.get(name), reading.backends.get(name) ?? NO_SERVERS)] as const,
    );
    const changed = read.filter(([name, servers]) => known.backends.get(name) !== servers);
    return changed.length === 0 ? known : { ...known, backends: withValues(known.backends, changed) };
  };

  const rereadRouting = async (known: ProxyState): Promise<ProxyState> => {
    const reading = await driver.readRouting();
    return reading.epoch === known.epoch ? { ...known, ...reading } : readAll();
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
    const failures = await driver.apply(changes);
    const took = performance.now() - begun;
    const elsewhere = changes.some((change) => backendOf(change).length === 0);
    const touched = [...new Set(changes.flatMap(backendOf))];
    state = touched.length === 0 ? known : await reread(known, touched);
    for (const name of touched) justRead.add(name);
    if (elsewhere) state = await rereadRouting(state);
    // Told only now: whoever looks at `observed` because of it has to see it.
    const corrected = settledIn === known.epoch ? changes.filter((change) => isCorrection(change, config)).length : 0;
    settledIn = undefined;
    events.applied(changes, took, corrected);
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

  const applyReload = async (known: ProxyState, wanted: ProxyConfig, reason: string) => {
    const begun = performance.now();
    // The reload writes an image of its own, also when it comes to nothing.
    writer.drop();
    image = undefined;
    const result = await driver.reload(wanted, known);
    if (!result.done) {
      const { reason, words, mayPass } = result;
      const until = mayPass ? performance.now() + AGAIN_AFTER[reason] : Infinity;
      refused = { checksum: wanted.checksum, reason, words, until };
      if (reason === 'ConfigRejected') events.configRefused(words);
      else events.imageFailed?.(new Error(words));
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

  /**
   * Plans and applies until nothing is left to do now, with `between` after each step. Returns false when a change was refused, or when it
   * ended early because `yields` said so.
   */
  const converge = async (wanted: ProxyConfig, between: AfterStep, yields: () => boolean): Promise<boolean> => {
    for (let step = 0; step < MOST_STEPS; step++) {
      if (yields()) return false;
      const known = state ?? (await readAll());
      const changes = plan(known, wanted, context());
      if (changes.length === 0) return true;
      const runtime = changes.filter((change): change is RuntimeChange => change.kind !== 'reload');
      const held = runtime.length > 0 && (await applyRuntime(known, runtime));
      const reload = changes.find((change) => change.kind === 'reload');
      if (reload !== undefined && !(await mayReload())) return false;
      if (reload !== undefined) await applyReload(state ?? known, wanted, reload.reason);
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
    const parts = [wanted, loaded, known.backends, known.certificateLists];
    if (image?.every((part, index) => part === parts[index]) === true) return;
    image = parts;
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
    settled = done && refused?.checksum !== wanted.checksum;
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
    forgiveRefusal(wanted);
    forgiveSecrets(wanted);
    try {
      return await attend(wanted, isNew);
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
    get worker() {
      return state;
    },
    get known() {
      return state !== undefined;
    },
    forget,
    stop: (graceMs) => driver.stop(graceMs),
    flush: () => writer.flush(),
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
