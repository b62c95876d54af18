/** Whether a figure differs from the one before by more than noise. */
import { higherIsBetter, type Figure, type Figures } from './frame.ts';

export type Comparison = 'new' | 'same' | 'slower' | 'faster' | 'more' | 'less';

/** The figure that every benchmark has: the time of always the same work, so that a slow machine does not look like slow code. */
export const YARDSTICK = 'yardstick_ms';

/** Spreads of noise within which two medians still say nothing: about two standard deviations. */
const SPREADS = 3;
const TIMES: readonly string[] = ['ms', 's'];

/** Compares a figure of a benchmark with that of the last run. */
export function compare(name: string, now: Figures, last: Figures): Comparison {
  const [one, other] = [now[name], last[name]];
  if (one === undefined || other === undefined) return 'new';
  const change = changeOf(one, other);
  if (Math.abs(change) <= noiseOf(name, now, last)) return 'same';
  const pace = TIMES.includes(one.unit) || one.unit.endsWith('/s') || one.unit === 'ratio';
  if (pace) return change > 0 === higherIsBetter(one.unit) ? 'faster' : 'slower';
  return change > 0 ? 'more' : 'less';
}

/** How much more it is, as a share of the last. */
function changeOf(now: Figure, last: Figure): number {
  if (now.value === last.value) return 0;
  return last.value === 0 ? Number.POSITIVE_INFINITY : now.value / last.value - 1;
}

/**
 * What a figure may differ by, as a share: the noise of both runs, and how much faster or slower the machine itself was. A figure that
 * was measured once has the widest noise of its benchmark.
 */
function noiseOf(name: string, now: Figures, last: Figures): number {
  const spreads = [now, last].map((figures) => figures[name]?.spread ?? widest(figures));
  const machine = [now, last].map((figures) => figures[YARDSTICK]?.spread ?? 0);
  const [one, other] = [now[YARDSTICK], last[YARDSTICK]];
  const pace = one === undefined || other === undefined ? 0 : Math.abs(changeOf(one, other));
  return SPREADS * Math.max(...spreads, ...machine) + pace;
}

function widest(figures: Figures): number {
  return Math.max(0, ...Object.values(figures).map(({ spread = 0 }) => spread));
}
