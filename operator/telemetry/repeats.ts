/** Of a trouble that lasts, what is worth a line in the log: that it began, that it is another one now, that it still lasts. */
export interface Repeats {
  /** Whether these words about `key` are to be told now. */
  isNews(key: string, words: string): boolean;
  /** It is over; true when it was told that it began. */
  over(key: string): boolean;
}

/** Milliseconds after which it is told that a trouble still lasts. */
const STILL = 60_000;

/** Nothing was told yet. `now`: milliseconds of a monotonic clock. */
export function createRepeats(now: () => number = () => performance.now()): Repeats {
  const told = new Map<string, { readonly words: string; readonly at: number }>();
  return {
    isNews(key, text) {
      // The number of a process that is tried again and again is another one each time.
      const words = text.replaceAll(/\(\d+\)/g, '');
      const before = told.get(key);
      if (before?.words === words && now() - before.at < STILL) return false;
      told.set(key, { words, at: now() });
      return true;
    },
    over: (key) => told.delete(key),
  };
}
