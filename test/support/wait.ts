import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that something may take on a slow, busy machine before a test calls it broken. */
const LIMIT = 30_000;

/**
 * Waits until `look` gives something other than undefined or false, and returns it.
 * Errors: after half a minute, with `what` and the last error of `look`.
 */
export async function eventually<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const limit = performance.now() + LIMIT;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > limit) throw new Error(`waited in vain for: ${what}`, { cause });
    await delay(10);
  }
}
