/** What is printed: Markdown. */
import { compare, YARDSTICK } from './compare.ts';
import type { Figure, Figures, Result } from './frame.ts';
import { limitOf, type Goal, type Verdict } from './goals.ts';

/** The figures of a benchmark beside those of the last committed run. */
export function figuresTable({ name, figures }: Result, last: Figures): string {
  const rows = Object.entries(figures).map(([figure, now]) => [
    figure,
    `${now.value} ${now.unit}`,
    now.p99 === undefined ? '–' : String(now.p99),
    now.spread === undefined ? '–' : `±${share(now.spread)}`,
    last[figure] === undefined ? '–' : String(last[figure].value),
    compare(figure, figures, last),
  ]);
  return markdown([name, 'median', 'p99', 'spread', 'last', 'against last'], rows);
}

/** Each goal beside its limit and the last verdict; then, by name, what is not met, and what the run comes to. */
export function verdictsTable(verdicts: readonly Verdict[], last: readonly Verdict[]): string {
  const before = new Map(last.map(({ goal, state }) => [goal, state]));
  const rows = verdicts.map(({ goal, value, state, close }) => [
    goal.what,
    nameOf(goal),
    value === undefined ? '–' : `${fewDigits(value)} ${goal.unit}`,
    limitText(goal),
    close ? `${state}, within the noise` : state,
    before.get(goal) ?? '–',
  ]);
  const open = verdicts
    .filter(({ state }) => state !== 'met')
    .map(({ goal, state, value }) => {
      const is = value === undefined ? '' : `: ${fewDigits(value)} ${goal.unit}, limit ${limitText(goal)}`;
      return `${state}: ${goal.what} (${goal.benchmark} ${nameOf(goal)})${is}\n`;
    });
  const table = markdown(['goal', 'figure', 'value', 'limit', 'verdict', 'last verdict'], rows);
  return `${table}\n${open.join('')}${summary(verdicts)}${otherwise(verdicts, before)}\n`;
}

/** How many verdicts differ from those of the last results, where there are any. */
function otherwise(verdicts: readonly Verdict[], before: ReadonlyMap<Goal, Verdict['state']>): string {
  const known = verdicts.filter(({ goal }) => before.has(goal));
  const changed = known.filter(({ goal, state }) => before.get(goal) !== state);
  return known.length === 0 ? '' : ` (${changed.length} other than in the last results)`;
}

/** A line for each figure that is worse than in the last committed run, beyond the noise. */
export function worseThanLast({ name, figures }: Result, last: Figures): string {
  const worse = Object.entries(figures).flatMap(([figure, { value, unit }]) => {
    const comparison = compare(figure, figures, last);
    const is = `${comparison}: ${name} ${figure} ${value} ${unit}, last ${last[figure]?.value}\n`;
    return ['slower', 'more'].includes(comparison) && figure !== YARDSTICK ? [is] : [];
  });
  return worse.join('');
}

/** One line: `N goals met, N missed`. */
export function summary(verdicts: readonly Verdict[]): string {
  const count = (wanted: Verdict['state']): number => verdicts.filter(({ state }) => state === wanted).length;
  const unknown = count('not measured');
  return `${count('met')} goals met, ${count('missed')} missed${unknown === 0 ? '' : `, ${unknown} not measured`}`;
}

/** A Markdown table. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [line(head), `|${head.map(() => '---|').join('')}\n`, ...rows.map(line)].join('');
}

/** A figure for people: two digits, or all of a whole number. */
export function shown({ value, unit }: Pick<Figure, 'value' | 'unit'>): string {
  if (unit === 's' && value < 0.1) return shown({ value: value * 1000, unit: 'ms' });
  const number = value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));
  return ['ratio', 'requests', 'reloads', 'x'].includes(unit) ? number : `${number} ${unit}`;
}

function nameOf({ figure, reference }: Goal): string {
  return reference === undefined ? figure : `${figure} / ${reference}`;
}

function limitText(goal: Goal): string {
  return `${'atMost' in goal ? '≤' : '≥'} ${limitOf(goal)} ${goal.unit}`;
}

function fewDigits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function share(value: number): string {
  return `${Math.round(value * 1000) / 10} %`;
}
