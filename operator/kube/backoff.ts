/** How long to wait before the next try. */
import { setTimeout as delay } from 'node:timers/promises';

/** Waits that grow with each failure, spread so that many clients do not come back together. */
export interface Backoff {
  /** Milliseconds to wait now. */
  next(): number;
  /** Something worked. */
  reset(): void;
}

/** Milliseconds. Source: client-go's reflector, 800 ms to 30 s. */
export const FIRST_WAIT = 800;
export const LONGEST_WAIT = 30_000;

export interface BackoffOptions {
  readonly first?: number;
  readonly longest?: number;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** Decorrelated jitter: each wait is between the first and three times the one before, never above the longest. */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { first = FIRST_WAIT, longest = LONGEST_WAIT, random = Math.random } = options;
  let last = 0;
  return {
    next() {
      last = Math.min(longest, last === 0 ? first * (1 + random() / 2) : first + random() * (last * 3 - first));
      return last;
    },
    reset() {
      last = 0;
    },
  };
}

/** Resolves after `ms` milliseconds or when `signal` is aborted, whichever is first. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
