/**
 * A copy of the objects of one kind that follows the API server: list, then watch, again and again. It never ends by itself, and what it
 * could not read or understand never counts as "deleted".
 */
import { ApiError, isExpired, MalformedAnswerError } from './api-error.ts';
import { createBackoff, waitFor, type BackoffOptions } from './backoff.ts';
import { listAll, type Selection } from './list.ts';
import type { Log } from './log.ts';
import { apiVersionOf, keyOfMeta, type KubeObject } from './resource.ts';
import { retryAfterMs, type Transport } from './transport.ts';
import { watch, type WatchEvent } from './watch.ts';

/** An object came, changed or went. One that was deleted and made anew under its name goes and comes: two changes. */
export interface StoreChange<T> {
  readonly key: string;
  readonly before?: T;
  readonly now?: T;
}

export interface ReflectorOptions<T> extends Selection {
  readonly transport: Transport;
  /**
   * What is kept of an object; the JSON itself is not. `previous` is what was kept of it before: returning that very value says that
   * nothing of interest changed, and then nobody is told.
   */
  readonly slim: (object: KubeObject, previous: T | undefined) => T;
  /** What has to be known before the first list; while it rejects there is none. */
  readonly prepare?: (signal: AbortSignal) => Promise<void>;
  /** Called in the middle of things: it may note what changed and do no more. */
  readonly onChange: (change: StoreChange<T>) => void;
  /** The first list is in the store. */
  readonly onSynced?: () => void;
  readonly log: Log;
  readonly timing?: ReflectorTiming;
}

/** Milliseconds, unless they say otherwise. */
export interface ReflectorTiming {
  readonly backoff?: BackoffOptions;
  /** Without a byte for so long a watch is dead: a server sends a bookmark a minute. Default: 120 s. */
  readonly idle?: number;
  /** A watch that lived so long was well. Default: 10 s. */
  readonly healthy?: number;
  /** Objects a page. Default: 500. */
  readonly pageSize?: number;
}

/** How a reflector is. */
export interface ReflectorHealth {
  /** The store has been complete at least once. */
  readonly synced: boolean;
  /** performance.now() of the last sign of the server. */
  readonly lastContact: number;
  /** In a row. */
  readonly failures: number;
  /** The last word of the server was a refusal, or there was none. */
  readonly failing: boolean;
  /** Since the start. */
  readonly lists: number;
  readonly errors: number;
}

export interface Reflector<T> {
  readonly kind: string;
  /** By `namespace/name`. */
  readonly store: ReadonlyMap<string, T>;
  /** Everything up to this version is in the store; empty before the first list. */
  readonly version: string;
  readonly health: ReflectorHealth;
  /** Resolves after the last change was told. */
  stop(): Promise<void>;
}

const IDLE = 120_000;
const HEALTHY = 10_000;
const PAGE = 500;
/** Watches in a row that the server refused or left silent, after which the version that we hold is not trusted any more. */
const DISTRUST = 3;
/** Seconds after which the server ends a watch: between five and ten minutes, so that not all end together. */
const WATCH_SECONDS = 300;
/** Milliseconds after which a server that did not answer at all is looked for again: that is no load for it, and visitors wait for its news. */
const LONGEST_ABSENCE = 5000;

interface Kept<T> {
  readonly uid: string;
  readonly version: string;
  readonly value: T;
}

/** Starts to follow a selection. */
export function startReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  const { slim, onChange, log, timing = {} } = options;
  const { idle = IDLE, healthy = HEALTHY, pageSize = PAGE } = timing;
  const backoff = createBackoff(timing.backoff);
  const controller = new AbortController();
  const { signal } = controller;
  const kept = new Map<string, Kept<T>>();
  const store = new Map<string, T>();
  let version = '';
  let listed = false;
  let paged = true;
  let suspicions = 0;
  let health: ReflectorHealth = {
    synced: false,
    lastContact: -Infinity,
    failures: 0,
    failing: false,
    lists: 0,
    errors: 0,
  };

  const contact = () => {
    health = { ...health, lastContact: performance.now(), failing: false };
  };
  const tell = (change: StoreChange<T>) => {
    try {
      onChange(change);
    } catch (error) {
      log.warn({ err: error, key: change.key }, 'a change could not be taken note of');
    }
  };

  const put = (key: string, next: Kept<T>) => {
    const before = kept.get(key);
    kept.set(key, next);
    store.set(key, next.value);
    if (before === undefined) tell({ key, now: next.value });
    else if (before.uid !== next.uid) {
      tell({ key, before: before.value });
      tell({ key, now: next.value });
    } else if (before.value !== next.value) tell({ key, before: before.value, now: next.value });
  };
  const drop = (key: string) => {
    const before = kept.get(key);
    if (before === undefined) return;
    kept.delete(key);
    store.delete(key);
    tell({ key, before: before.value });
  };

  const keptOf = (object: KubeObject): Kept<T> => {
    const { uid = '', resourceVersion = '' } = object.metadata;
    const before = kept.get(keyOfMeta(object.metadata));
    if (before?.uid === uid && before.version === resourceVersion) return before;
    const value = slim(object, before?.uid === uid ? before.value : undefined);
    return { uid, version: resourceVersion, value };
  };

  const collect = async () => {
    const found = new Map<string, Kept<T>>();
    const each = (object: KubeObject) => void found.set(keyOfMeta(object.metadata), keptOf(object));
    const at = await listAll({ ...options, pageSize: paged ? pageSize : 0, signal, each });
    contact();
    return { found, at };
  };

  /** Whoever had objects and now has none is asked twice: nothing looks more like an accident. */
  const list = async () => {
    if (!health.synced) await options.prepare?.(signal);
    let seen = await collect();
    if (seen.found.size === 0 && kept.size > 0) {
      log.warn({ kind: options.type.kind, had: kept.size }, 'the list is empty: asking again before believing it');
      await waitFor(backoff.next(), signal);
      signal.throwIfAborted();
      seen = await collect();
    }
    for (const [key, next] of seen.found) put(key, next);
    for (const key of kept.keys()) if (!seen.found.has(key)) drop(key);
    version = seen.at;
    listed = true;
    paged = true;
    suspicions = 0;
    const first = !health.synced;
    health = { ...health, synced: true, lists: health.lists + 1 };
    if (first) options.onSynced?.();
  };

  const onEvent = (event: WatchEvent) => {
    if (event.type === 'BOOKMARK') version = event.version;
    else {
      const { metadata } = event.object;
      if (event.type === 'DELETED') drop(keyOfMeta(metadata));
      else put(keyOfMeta(metadata), keptOf(event.object));
      version = metadata.resourceVersion ?? version;
    }
    suspicions = 0;
    health = { ...health, failures: 0 };
  };

  const fail = (error: unknown) => {
    health = { ...health, failures: health.failures + 1, failing: true, errors: health.errors + 1 };
    if (isSuspicious(error)) suspicions += 1;
    const tokenExpired = isExpired(error) && !listed;
    if (isExpired(error) || error instanceof MalformedAnswerError || suspicions >= DISTRUST) listed = false;
    // Pages of a list that takes longer than the server remembers would never come to an end.
    if (tokenExpired) paged = false;
    const { type } = options;
    log.warn(
      { kind: type.kind, api: apiVersionOf(type), err: error, failures: health.failures },
      'following failed: trying again',
    );
  };

  const run = async () => {
    let away = false;
    while (!signal.aborted) {
      let since = performance.now();
      let wait = 0;
      try {
        if (!listed) await list();
        since = performance.now();
        const seconds = WATCH_SECONDS + Math.floor(Math.random() * WATCH_SECONDS);
        await watch({ ...options, from: version, seconds, idle, signal, onEvent, onContact: contact });
      } catch (error) {
        if (signal.aborted) return;
        fail(error);
        wait = retryAfterMs(error);
        const answered = error instanceof ApiError;
        // One that has only just started refuses everybody for a moment: that it was away before is no reason to wait long.
        if (away && answered) backoff.reset();
        away = !answered;
      }
      // Also a watch that the server ends in good order, but at once, would make a hot loop.
      if (performance.now() - since >= healthy) backoff.reset();
      else wait = Math.max(wait, Math.min(backoff.next(), away ? LONGEST_ABSENCE : Infinity));
      if (wait > 0) await waitFor(wait, signal);
    }
  };
  const done = run();

  return {
    kind: options.type.kind,
    store,
    get version() {
      return version;
    },
    get health() {
      return health;
    },
    async stop() {
      controller.abort();
      await done;
    },
  };
}

/** A server that is away or busy says nothing about the version; one that refuses it, or has nothing to say after it, may. */
function isSuspicious(error: unknown): boolean {
  if (error instanceof ApiError) return ![401, 403, 429, 502, 503].includes(error.code);
  return (error as { readonly code?: unknown } | null)?.code === 'UND_ERR_BODY_TIMEOUT';
}
