/**
 * When the recovery image goes to disk: a little after a change, so that one write does for many, and none begins during a round. A round
 * never waits for a write: the driver sees to it that none meets a reload.
 */

export interface ImageWriter {
  /** An image is due. A later one takes the place of one that was not written yet. */
  due(write: () => Promise<void>): void;
  /** What was due is void: somebody else has put a newer image on disk. */
  drop(): void;
  /** Writes what is due now. */
  flush(): Promise<void>;
  /** Runs `work` at once and holds up the next write until it has ended. */
  without<T>(work: () => Promise<T>): Promise<T>;
}

/** The image follows the last change after this long, and the first at the latest after that (ms). */
const DELAY = 200;
const LATEST = 2000;
/** One that could not be written is written again after this long (ms). */
const AGAIN = 2000;

/** A writer that has nothing to write. */
export function createImageWriter(onError: (error: unknown) => void = () => undefined): ImageWriter {
  let write: (() => Promise<void>) | undefined;
  let since: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let held = false;

  const schedule = (delay = DELAY) => {
    clearTimeout(timer);
    if (write === undefined || held) return;
    const now = performance.now();
    since ??= now;
    timer = setTimeout(() => void flush().catch(onError), Math.max(0, Math.min(delay, since + LATEST - now)));
  };
  const drop = () => {
    clearTimeout(timer);
    write = undefined;
    since = undefined;
  };
  const flush = async () => {
    await writing?.catch(() => undefined);
    const next = write;
    drop();
    if (next === undefined) return;
    writing = next().finally(() => (writing = undefined));
    await writing.catch((error: unknown) => {
      // A newer one takes its place; else the disk that is full now may have room later.
      write ??= next;
      schedule(AGAIN);
      throw error;
    });
  };

  return {
    due(next) {
      write = next;
      schedule();
    },
    drop,
    flush,
    async without(work) {
      held = true;
      clearTimeout(timer);
      try {
        return await work();
      } finally {
        held = false;
        schedule();
      }
    },
  };
}
