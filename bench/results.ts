/** The results that are kept in the repository, and what is made of them: plots, and the table of README. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Figures, Result } from './frame.ts';
import type { Machine } from './machine.ts';
import { plotsOf } from './plots.ts';
import { withFigures } from './readme.ts';

/** `bench/results.json`. */
export interface Results {
  readonly machine?: Machine;
  readonly benchmarks: Readonly<Record<string, Kept>>;
}

export interface Kept {
  /** Day of the run, in UTC. */
  readonly date: string;
  readonly figures: Figures;
}

/** What was measured just now. */
export interface Run {
  readonly machine: Machine;
  readonly date: string;
  readonly results: readonly Result[];
}

const FILE = new URL('./results.json', import.meta.url);
const PLOTS = new URL('./plots/', import.meta.url);
const README = new URL('../README.md', import.meta.url);

/** The results of the last run that was kept; none yet = no benchmarks. */
export async function readResults(): Promise<Results> {
  try {
    return JSON.parse(await readFile(FILE, 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { benchmarks: {} };
    throw error;
  }
}

/** The figures of each benchmark. */
export function figuresOf({ benchmarks }: Results): Readonly<Record<string, Figures>> {
  return Object.fromEntries(Object.entries(benchmarks).map(([name, { figures }]) => [name, figures]));
}

/** The results with those of a run in them. Those of another machine go: they are not to be compared. */
export function merged(last: Results, { machine, date, results }: Run): Results {
  const kept = isDeepStrictEqual(last.machine, machine) ? last.benchmarks : {};
  const now = results.map(({ name, figures }): [string, Kept] => [name, { date, figures }]);
  return { machine, benchmarks: { ...kept, ...Object.fromEntries(now) } };
}

/** Writes results, plots and the table of README. */
export async function saveResults(results: Results): Promise<void> {
  await writeFile(FILE, `${JSON.stringify(results, null, 2)}\n`);
  await mkdir(PLOTS, { recursive: true });
  for (const [file, svg] of plotsOf(figuresOf(results))) await writeFile(new URL(file, PLOTS), svg);
  await writeFile(README, withFigures(await readFile(README, 'utf8'), figuresOf(results)));
}
