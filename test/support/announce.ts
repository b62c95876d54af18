import { appendFileSync } from 'node:fs';
import { describe } from 'vitest';

/** The environment variable with the file that collects announcements, one line each, so that a runner can count them. */
export const NOT_RUN_FILE = 'WEBPOOL_NOT_RUN';

/** Says in one line that something did not run, and why: no check goes missing in silence. */
export function announce(what: string, why: string): void {
  const line = `NOT RUN: ${what}: ${why}\n`;
  const file = process.env[NOT_RUN_FILE];
  if (file !== undefined) appendFileSync(file, line);
  process.stderr.write(line);
}

/** `describe` for tests that need something of the machine; with `missing` set they do not run, which is announced. */
export function describeWhere(name: string, missing: string | undefined, tests: () => void): void {
  if (missing !== undefined) announce(name, missing);
  describe.skipIf(missing !== undefined)(name, tests);
}
