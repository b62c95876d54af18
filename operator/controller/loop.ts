/**
 * When a round runs: at once when it is woken, never two at a time, again when it was woken meanwhile, later when it asks to.
 */

export interface Loop {
  /** Something may have changed. */
  wake(): void;
  /** Resolves after the round that runs now; none starts any more. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** One round. Returns after how many milliseconds it wants to run again without being woken; undefined = never. */
  readonly round: () => Promise<number | undefined>;
  /** A round threw: our mistake or the world's, either way it is tried again. */
  readonly onError: (error: unknown, retryAfterMs: number) => void;
  /** Milliseconds between the starts of two rounds. The first of a burst never waits. Default: 0. */
  readonly holdOff?: number;
  /** Rounds may take this share of the time, so long ones start further apart, by a second at most. Default: 1. */
  readonly share?: number;
  /** Milliseconds until a round that threw is tried again, at most. Default: 30 s. */
  readonly longestRetry?: number;
}

const FIRST_RETRY = 100;
const LONGEST_RETRY = 30_000;
/** Milliseconds for which a round waits at most because the last one was long. */
const LONGEST_WAIT = 1000;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Starts a loop; its first round runs when it is woken. */
export function createLoop(options: LoopOptions): Loop {
  const { round, onError, holdOff = 0, share = 1, longestRetry = LONGEST_RETRY } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let woken = false;
  let stopped = false;
  let failures = 0;
  let startedAt = -Infinity;
  let took = 0;

  const schedule = (delay: number) => {
    clearTimeout(timer);
    // A timer counts 31 bits; what lies further away is looked at again by then.
    timer = setTimeout(start, Math.min(delay, LONGEST_TIMER));
  };
  const run = async () => {
    woken = false;
    startedAt = performance.now();
    let again: number | undefined;
    try {
      again = await round();
      failures = 0;
    } catch (error) {
      again = Math.min(FIRST_RETRY * 2 ** failures, longestRetry);
      failures += 1;
      onError(error, again);
    }
    took = performance.now() - startedAt;
    running = undefined;
    if (stopped) return;
    if (woken) start();
    else if (again !== undefined) schedule(again);
  };
  function start(): void {
    clearTimeout(timer);
    if (running !== undefined || stopped) return;
    const wait = startedAt + Math.max(holdOff, Math.min(took / share, LONGEST_WAIT)) - performance.now();
    if (wait > 0) schedule(wait);
    else running = run();
  }

  return {
    wake() {
      woken = true;
      start();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
