import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `condition` holds; fails after `limit` milliseconds. */
export async function until(condition: () => boolean, limit = 20_000): Promise<void> {
  const end = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so after ${limit} ms: ${String(condition)}`);
    await delay(2);
  }
}

/** A log that keeps what it was told. */
export function keepLog(): {
  readonly lines: string[];
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
} {
  const lines: string[] = [];
  return { lines, info: (_, message) => void lines.push(message), warn: (_, message) => void lines.push(message) };
}
