/** What of a HAProxy may move by itself, and which part of it is looked at next. */
import type { BackendConfig, ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';

/** What moves without a change of ours. */
export interface Moving {
  /** Backends with a server that joins: it waits for its check. */
  readonly joining: readonly string[];
  /** `backend/server` of those that are no longer wanted and take no new visitors. */
  readonly leaving: ReadonlySet<string>;
}

type Servers = ReadonlyMap<string, ServerState>;

interface Memo {
  readonly servers: Servers | undefined;
  readonly joins: boolean;
  readonly leaving: readonly string[];
}

/** A function that finds what moves; a backend is looked into only when either of its sides changed. */
export function createMovingFinder(): (known: ProxyState, wanted: ProxyConfig) => Moving {
  const memos = new WeakMap<BackendConfig, Memo>();
  let last: { readonly known: unknown; readonly wanted: unknown; readonly moving: Moving } | undefined;
  return (known, wanted) => {
    if (last?.known === known.backends && last.wanted === wanted.backends) return last.moving;
    const joining: string[] = [];
    const leaving = new Set<string>();
    for (const backend of wanted.backends.values()) {
      const servers = known.backends.get(backend.name);
      let memo = memos.get(backend);
      if (memo === undefined || memo.servers !== servers) memos.set(backend, (memo = memoOf(backend, servers)));
      if (memo.joins) joining.push(backend.name);
      for (const key of memo.leaving) leaving.add(key);
    }
    last = { known: known.backends, wanted: wanted.backends, moving: { joining, leaving } };
    return last.moving;
  };
}

function memoOf(backend: BackendConfig, servers: Servers | undefined): Memo {
  const all = [...(servers?.values() ?? [])];
  return {
    servers,
    // One that failed its check is looked at with all the others: there may be thousands, for days.
    joins: all.some(
      ({ name, admin, health }) =>
        admin !== 'ready' && health !== 'Down' && backend.servers.get(name)?.admin === 'ready',
    ),
    leaving: all
      .filter(({ name, admin }) => !backend.servers.has(name) && admin !== 'ready')
      .map(({ name }) => `${backend.name}/${name}`),
  };
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

/** Backends a part: their servers are read and understood in a millisecond or two. */
const PART = 50;
/** Milliseconds between two looks at the same server, where few are there. */
const CYCLE = 1000;
/** Looking may take this share of the time, so a large set is looked at less often. */
const SHARE = 100;

/** A patrol that begins at the beginning. */
export function createPatrol(): Patrol {
  let last = { at: -Infinity, took: 0 };
  let position = 0;
  return {
    dueIn(now, backends) {
      const parts = Math.max(1, Math.ceil(backends / PART));
      return last.at + Math.max(CYCLE / parts, last.took * SHARE) - now;
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
