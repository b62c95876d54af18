/**
 * Events of events.k8s.io/v1: the first of a kind is written, repetitions become a series of it, and an object that has too much to say
 * is cut short. Nobody waits for an event, and none is worth a failed round.
 */
import { hasCode } from './api-error.ts';
import type { Client } from './client.ts';
import type { Log } from './log.ts';
import { microTime } from './micro-time.ts';
import { TYPES } from './types.ts';

/** What an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

export interface EventWords {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase; what happened. */
  readonly reason: string;
  /** CamelCase; what we did or tried. */
  readonly action: string;
  /** One sentence; cut at 1,024 bytes. */
  readonly note: string;
}

export interface RecorderOptions {
  readonly client: Client;
  /** For example `webpool.dev/operator`. */
  readonly controller: string;
  /** Name of this Pod. */
  readonly instance: string;
  readonly log: Log;
  readonly now?: () => Date;
}

export interface Recorder {
  /** Puts the event in the queue. */
  record(subject: EventSubject, words: EventWords): void;
  /** Writes what the series have come to; also done by itself. */
  flush(): Promise<void>;
  /** Events that were not written: too many about one object, or a full queue. */
  readonly dropped: number;
  stop(): Promise<void>;
}

/** Milliseconds. Source: client-go's event broadcaster: a series ends after 6 minutes of silence, a long one is told every 30. */
const SERIES_END = 360_000;
const SERIES_TOLD = 1_800_000;
const FLUSH = 60_000;
/** Events about one object: so many at once, then one in so many milliseconds. Source: client-go's spam filter. */
const BURST = 25;
const REFILL = 300_000;
const LONGEST_QUEUE = 500;
const LONGEST_NOTE = 1024;
/** Of the part that an event's name has of its object's: the rest is ours. */
const LONGEST_NAME = 200;

interface Series {
  readonly subject: EventSubject;
  readonly words: EventWords;
  /** Name of the Event that was written. */
  name: string;
  count: number;
  told: number;
  toldAt: number;
  lastAt: number;
}

/** A recorder that has told nothing yet. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { client, controller, instance, log, now = () => new Date() } = options;
  const series = new Map<string, Series>();
  const buckets = new Map<string, { tokens: number; at: number }>();
  let queue: Promise<void> = Promise.resolve();
  let queued = 0;
  let dropped = 0;
  let serial = 0;

  /** False when there is no room for it. */
  const enqueue = (job: () => Promise<void>): boolean => {
    if (queued >= LONGEST_QUEUE) {
      dropped += 1;
      return false;
    }
    queued += 1;
    queue = queue.then(job).catch((error: unknown) => log.warn({ err: error }, 'event not written'));
    queue = queue.finally(() => (queued -= 1));
    return true;
  };

  const allowed = (subject: EventSubject, at: number): boolean => {
    const key = subjectKey(subject);
    const bucket = buckets.get(key) ?? { tokens: BURST, at };
    buckets.set(key, bucket);
    // A clock that is put back takes nothing away.
    bucket.tokens = Math.min(BURST, bucket.tokens + Math.max(0, at - bucket.at) / REFILL);
    bucket.at = at;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };

  const create = async (entry: Series) => {
    const time = now();
    serial += 1;
    const about = entry.subject.name.slice(0, LONGEST_NAME).replace(/[-.]+$/, '');
    entry.name = `${about}.${time.getTime().toString(16)}${serial.toString(16)}`;
    const { subject, words } = entry;
    await client.create(TYPES.Event, {
      metadata: { name: entry.name, namespace: subject.namespace },
      eventTime: microTime(time),
      reportingController: controller,
      reportingInstance: instance,
      ...words,
      regarding: subject,
    });
  };

  const tell = async (entry: Series) => {
    const body = { series: { count: entry.count, lastObservedTime: microTime(new Date(entry.lastAt)) } };
    entry.told = entry.count;
    entry.toldAt = now().getTime();
    try {
      await client.patch(
        TYPES.Event,
        { namespace: entry.subject.namespace, name: entry.name },
        { kind: 'Merge', body },
      );
    } catch (error) {
      // Events live for an hour; what is said again after that is new.
      if (!hasCode(error, 404)) throw error;
      await create(entry);
    }
  };

  const sweep = () => {
    const at = now().getTime();
    for (const [key, entry] of series) {
      const over = at - entry.lastAt >= SERIES_END;
      const due = entry.count > entry.told && (over || at - entry.toldAt >= SERIES_TOLD);
      if (due) enqueue(() => tell(entry));
      if (over) series.delete(key);
    }
    // A full one is as good as none.
    for (const [key, { tokens, at: since }] of buckets)
      if (tokens + (at - since) / REFILL >= BURST) buckets.delete(key);
  };
  const timer = setInterval(sweep, FLUSH);
  timer.unref();

  return {
    record(subject, { note, ...rest }) {
      const at = now().getTime();
      const words = { ...rest, note: cut(note) };
      const key = `${subjectKey(subject)} ${JSON.stringify(words)}`;
      const entry = series.get(key);
      if (entry !== undefined) {
        entry.count += 1;
        entry.lastAt = at;
        // The second makes the series; the others are counted and told together.
        if (entry.count === 2) enqueue(() => tell(entry));
        return;
      }
      if (!allowed(subject, at)) {
        dropped += 1;
        return;
      }
      const made: Series = { subject, words, name: '', count: 1, told: 1, toldAt: at, lastAt: at };
      // What was not written cannot become a series: it is new when it happens again.
      if (enqueue(() => create(made))) series.set(key, made);
    },
    async flush() {
      sweep();
      await queue;
    },
    get dropped() {
      return dropped;
    },
    async stop() {
      clearInterval(timer);
      await queue;
    },
  };
}

function subjectKey({ apiVersion, kind, namespace, name, uid = '' }: EventSubject): string {
  return [apiVersion, kind, namespace, name, uid].join(' ');
}

function cut(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= LONGEST_NOTE) return note;
  return `${bytes
    .subarray(0, LONGEST_NOTE - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
