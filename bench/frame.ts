/** What a benchmark is, and the arithmetic that all share. */

/** One number that a benchmark found. */
export interface Figure {
  readonly value: number;
  /** `ratio` and what ends in `/s` are better when higher, all else when lower. */
  readonly unit: string;
  /** Half of the distance between the quartiles of the repetitions, as a share of `value`: the noise of this run. */
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
  /** `say` tells progress. Errors: rejects when it cannot measure; a bad figure is no error. */
  run(say: (text: string) => void): Promise<Result>;
}

/** The value below which the share `p` (0 to 1) of the values lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** The median with the noise around it. */
export function median(values: readonly number[], unit: string): Figure {
  const value = percentile(values, 0.5);
  const spread = value === 0 ? 0 : (percentile(values, 0.75) - percentile(values, 0.25)) / 2 / value;
  return { value: round(value), unit, spread: round(spread) };
}

/** A single number, to four digits. */
export function figure(value: number, unit: string): Figure {
  return { value: round(value), unit };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
