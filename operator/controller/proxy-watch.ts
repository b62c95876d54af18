/** What of a HAProxy may move by itself, and which part of it is looked at next. */
import { changedKeys, compareText } from '../api/stable.ts';
import type { BackendConfig, ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';

/** What moves without a change of ours. */
export interface Moving {
  /** Backends with a server that joins: it waits for its check. */
  readonly joining: readonly string[];
  /** `backend/server` of those that are no longer wanted and take no new visitors. */
  readonly leaving: ReadonlySet<string>;
  /** Servers that are wanted and that nobody gets a TLS connection to. */
  readonly failing: readonly ServerState[];
}

type Servers = ReadonlyMap<string, ServerState>;

/** What moves in one backend. */
interface Movement {
  readonly joins: boolean;
  readonly leaving: readonly string[];
  readonly failing: readonly ServerState[];
}

type Backends = ProxyState['backends'];

/** A function that finds what moves; a backend is looked into only when either of its sides changed. */
export function createMovingFinder(): (known: ProxyState, wanted: ProxyConfig) => Moving {
  const movements = new Map<string, Movement>();
  let last: { readonly known: Backends; readonly wanted: ProxyConfig['backends'] } = {
    known: new Map(),
    wanted: new Map(),
  };
  let moving: Moving = { joining: [], leaving: new Set(), failing: [] };
  return ({ backends: known }, { backends: wanted }) => {
    const changed = [...changedKeys(last.known, known), ...changedKeys(last.wanted, wanted)];
    last = { known, wanted };
    if (changed.length === 0) return moving;
    for (const name of changed) {
      const backend = wanted.get(name);
      const movement = backend && movementOf(backend, known.get(name));
      if (movement === undefined) movements.delete(name);
      else movements.set(name, movement);
    }
    const names = [...movements.keys()].sort(compareText);
    const all = names.flatMap((name) => movements.get(name) ?? []);
    moving = {
      joining: names.filter((name) => movements.get(name)?.joins),
      leaving: new Set(all.flatMap(({ leaving }) => leaving)),
      failing: all.flatMap(({ failing }) => failing),
    };
    return moving;
  };
}

/** Undefined when nothing moves. */
function movementOf(backend: BackendConfig, servers: Servers | undefined): Movement | undefined {
  const all = [...(servers?.values() ?? [])];
  // One that failed its check is looked at with all the others: there may be thousands, for days.
  const joins = all.some(
    ({ name, admin, health }) => admin !== 'ready' && health !== 'Down' && backend.servers.get(name)?.admin === 'ready',
  );
  const leaving = all
    .filter(({ name, admin }) => !backend.servers.has(name) && admin !== 'ready')
    .map(({ name }) => `${backend.name}/${name}`);
  const failing = all.filter(({ name, failure }) => failure === 'Handshake' && backend.servers.has(name));
  return joins || leaving.length > 0 || failing.length > 0 ? { joins, leaving, failing } : undefined;
}

/** Goes through all backends part by part, so that a look is short however many there are. */
export interface Patrol {
  /** Milliseconds until the next part is due; 0 or less = now. */
  dueIn(now: number, backends: number): number;
  /** Names of the part that is due. */
  next(wanted: ProxyConfig): readonly string[];
  /** A part was read in `took` milliseconds. */
  done(now: number, took: number): void;
}

/** Backends of a part: their servers are read and understood in a millisecond or two. */
export const PART = 50;
/** Milliseconds between two looks at the same server, where few are there. */
const CYCLE = 1000;
/** Looking may take this share of the time, so a large set is looked at less often. */
const SHARE = 400;
/** Milliseconds after which the next part is looked at all the same: one look of a busy moment must not blind for minutes. */
const LONGEST = 5000;

/** A patrol that begins at the beginning. */
export function createPatrol(): Patrol {
  let last = { at: -Infinity, took: 0 };
  let position = 0;
  return {
    dueIn(now, backends) {
      const parts = Math.max(1, Math.ceil(backends / PART));
      return last.at + Math.min(LONGEST, Math.max(CYCLE / parts, last.took * SHARE)) - now;
    },
    next(wanted) {
      const names = [...wanted.backends.keys()];
      if (position >= names.length) position = 0;
      const part = names.slice(position, position + PART);
      position += PART;
      return part;
    },
    done(now, took) {
      last = { at: now, took };
    },
  };
}
