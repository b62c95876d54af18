/** The benchmarks, in the order of a whole run. */

/** What a benchmark needs beyond `scripts/setup.sh`: see `scripts/setup-bench.sh`. */
export type Need = 'cluster' | 'wrk';

export interface Entry {
  /** Seconds that it may take on two quiet cores. */
  readonly budget: number;
  readonly needs: readonly Need[];
}

/** All of them may take 20 minutes. */
export const BENCHMARKS = {
  cold: { budget: 45, needs: [] },
  change: { budget: 230, needs: ['cluster'] },
  memory: { budget: 290, needs: ['cluster'] },
  faults: { budget: 220, needs: ['cluster'] },
  database: { budget: 180, needs: [] },
  throughput: { budget: 110, needs: ['wrk'] },
  churn: { budget: 110, needs: ['cluster'] },
  growth: { budget: 15, needs: [] },
} as const satisfies Readonly<Record<string, Entry>>;

export type Name = keyof typeof BENCHMARKS;

export const NAMES = Object.keys(BENCHMARKS) as readonly Name[];

export function isName(text: string): text is Name {
  return Object.hasOwn(BENCHMARKS, text);
}
