import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Another HAProxy, which every test that drives one meets too; scripts/test.sh gets one. */
const newer = process.env['WEBPOOL_HAPROXY_NEWER'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores, and several files start real programs: more workers only make them late.
    maxWorkers: 2,
    // On a machine that others use too, a real program may once be late; the report shows `(retry x1)`. Elsewhere the first failure counts.
    retry: process.env['CI'] === undefined ? 0 : 1,
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      ...(newer === undefined
        ? []
        : [
            {
              extends: true as const,
              test: { name: nameOf(newer), include: behaviour(), env: { WEBPOOL_HAPROXY: newer } },
            },
          ]),
    ],
  },
});

/** `HAProxy 3.0` */
function nameOf(binary: string): string {
  return `HAProxy ${/version (\d+\.\d+)/.exec(execFileSync(binary, ['-v'], { encoding: 'utf8' }))?.[1]}`;
}

/** The tests of the rooms that speak to HAProxy which start one. */
function behaviour(): string[] {
  const files = globSync('test/{driver,haproxy}/*.test.ts', { cwd: import.meta.dirname });
  return files.filter((file) => readFileSync(file, 'utf8').includes("'../support/haproxy.ts'"));
}
