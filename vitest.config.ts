import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores, and several files start real programs: more workers only make them late.
    maxWorkers: 2,
    // On a machine that others use too, a real program may once be late; the report shows `(retry x1)`. Elsewhere the first failure counts.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});
