/**
 * Two loops on one picture: one makes the world what it should be, the other tells what came of it, so that telling never delays making.
 */
import { createLoop } from './loop.ts';

/** The two things that a process does with its picture. */
export type Work = 'make' | 'tell';

export interface RoundsOptions {
  /** Both return after how many milliseconds they want to run again without being woken; undefined = never. */
  readonly make: () => Promise<number | undefined>;
  readonly tell: () => Promise<number | undefined>;
  /** Milliseconds between two tellings; the first of a burst waits for nothing. */
  readonly holdOff: number;
  /** Nothing runs before it resolves, or at all when it rejects. Default: at once. */
  readonly ready?: Promise<unknown>;
  /** Whether this process may do anything at this moment; whoever changes that wakes the rounds. Default: always. */
  readonly allowed?: () => boolean;
  /** One of them ended. */
  readonly onRound: (work: Work, result: 'success' | 'error', milliseconds: number) => void;
  readonly onError: (error: unknown, work: Work) => void;
}

/** A round did all that it could, and others refused a part: that part is tried again, and nothing is wrong with this process. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export interface Rounds {
  /** Rounds of making that failed since the last one that was good but for refusals. */
  readonly failures: number;
  /** Looks at everything again. */
  wake(): void;
  /** Ends making, then what is given, then telling. */
  stop(between?: () => Promise<void>): Promise<void>;
}

/** Share of the time that telling may take: thousands of objects must not stand in the way of the next change. */
const TELL_SHARE = 0.05;

/** Milliseconds: whoever hears nothing doubts what we told last, so one that was away is told soon after it is back. */
const TELL_AGAIN = 5000;

/** Starts both loops; whatever `make` did or failed to do is told after it. */
export function startRounds(options: RoundsOptions): Rounds {
  const { holdOff, ready = Promise.resolve(), allowed = () => true } = options;
  let isReady = false;
  let failures = 0;

  const worked = (work: Work) => async (): Promise<number | undefined> => {
    if (!allowed()) return undefined;
    const begun = performance.now();
    const again = await options[work]();
    options.onRound(work, 'success', performance.now() - begun);
    if (work === 'make') {
      failures = 0;
      tell.wake();
    }
    return again;
  };
  const failed = (work: Work) => (error: unknown) => {
    options.onRound(work, 'error', 0);
    options.onError(error, work);
    if (work === 'make') {
      failures = error instanceof RefusedError ? 0 : failures + 1;
      tell.wake();
    }
  };

  const make = createLoop({ round: worked('make'), onError: failed('make') });
  const tell = createLoop({
    round: worked('tell'),
    holdOff,
    share: TELL_SHARE,
    longestRetry: TELL_AGAIN,
    onError: failed('tell'),
  });
  const wake = () => {
    if (isReady) make.wake();
  };
  const begin = async () => {
    await ready;
    isReady = true;
    wake();
  };
  begin().catch(() => undefined);

  return {
    get failures() {
      return failures;
    },
    wake,
    async stop(between) {
      await make.stop();
      await between?.();
      await tell.stop();
    },
  };
}
