/** What a benchmark is, and the arithmetic that all share. */

/** One number that a benchmark found. */
export interface Figure {
  /** Of repetitions: their median. */
  readonly value: number;
  /** `ratio` and what ends in `/s` are better when higher, all else when lower. */
  readonly unit: string;
  /** 99 of 100 repetitions were at least as good, in the same unit. */
  readonly p99?: number;
  /**
   * The noise of this run, as a share of `value`: the repetitions are cut into runs, each has a value of its own, and this is half of
   * the distance between the quartiles of these.
   */
  readonly spread?: number;
}

export type Figures = Readonly<Record<string, Figure>>;

export interface Result {
  readonly name: string;
  readonly figures: Figures;
}

/** A module of this folder. */
export interface Benchmark {
  readonly name: string;
  /** What it measures, one line. */
  readonly description: string;
  /** How it warms up and how often it repeats, one line. */
  readonly method: string;
  /** `say` tells progress. Errors: rejects when it cannot measure; a bad figure is no error. */
  readonly run: (say: (text: string) => void) => Promise<Result>;
}

/** The value below which the share `p` (0 to 1) of the values lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** The median of repetitions, with their p99 and the noise around it. */
export function median(values: readonly number[], unit: string): Figure {
  const worst = higherIsBetter(unit) ? 0.01 : 0.99;
  const runs = intoRuns(values, Math.min(NOISE_RUNS, values.length));
  const spread = spreadOf(runs.map((run) => percentile(run, 0.5)));
  return { value: percentile(values, 0.5), unit, p99: percentile(values, worst), spread };
}

const NOISE_RUNS = 5;

export function higherIsBetter(unit: string): boolean {
  return unit === 'ratio' || unit.endsWith('/s');
}

/**
 * A percentile that one slow moment of the machine does not decide: that of each run, and of these the median. `spread` is the noise
 * between the runs.
 */
export function percentileOfRuns(runs: readonly (readonly number[])[], p: number, unit: string): Figure {
  const each = runs.map((run) => percentile(run, p));
  return { value: percentile(each, 0.5), unit, spread: spreadOf(each) };
}

/** p50 and p99 of what was measured one after the other, under the names `NAME_p50_UNIT` and `NAME_p99_UNIT`. */
export function percentiles(name: string, values: readonly number[], unit = 'ms'): Figures {
  const runs = intoRuns(values, RUNS);
  return {
    [`${name}_p50_${unit}`]: percentileOfRuns(runs, 0.5, unit),
    [`${name}_p99_${unit}`]: percentileOfRuns(runs, 0.99, unit),
  };
}

/** Two runs of three have to agree. */
const RUNS = 3;

/** Cuts what was measured one after the other into `count` runs of the same length, up to one. */
export function intoRuns<T>(values: readonly T[], count: number): readonly (readonly T[])[] {
  const edge = (run: number): number => Math.floor((values.length * run) / count);
  return Array.from({ length: count }, (_, run) => values.slice(edge(run), edge(run + 1)));
}

/** A single number. */
export function figure(value: number, unit: string): Figure {
  return { value, unit };
}

/** Figures as they are printed and kept: four digits. Nothing else rounds. */
export function rounded(figures: Figures): Figures {
  const entries = Object.entries(figures).map(([name, { value, unit, p99, spread }]): [string, Figure] => [
    name,
    {
      value: fourDigits(value),
      unit,
      ...(p99 !== undefined && { p99: fourDigits(p99) }),
      ...(spread !== undefined && { spread: fourDigits(spread) }),
    },
  ]);
  return Object.fromEntries(entries);
}

function spreadOf(values: readonly number[]): number {
  const middle = percentile(values, 0.5);
  return middle === 0 ? 0 : (percentile(values, 0.75) - percentile(values, 0.25)) / 2 / middle;
}

function fourDigits(value: number): number {
  return Number(value.toPrecision(4));
}
