import { describe, expect, test } from 'vitest';
import { BENCHMARKS, isName, NAMES } from '../../bench/benchmarks.ts';
import type { Benchmark, Figures } from '../../bench/frame.ts';
import { GOALS, judge, type Goal } from '../../bench/goals.ts';
import { summary, verdictsTable } from '../../bench/tables.ts';

const atMost: Goal = { what: 'lag', benchmark: 'churn', figure: 'lag_ms', atMost: 100, unit: 'ms' };
const atLeast: Goal = { what: 'rate', benchmark: 'churn', figure: 'rate', atLeast: 0.9, unit: 'ratio' };
const quotient: Goal = {
  what: 'p99',
  benchmark: 'churn',
  figure: 'ours_ms',
  reference: 'floor_ms',
  atMost: 3,
  unit: 'x',
};

describe('a goal', () => {
  test.each<[string, [Goal, Figures], object]>([
    ['is met at its limit', [atMost, { lag_ms: { value: 100, unit: 'ms' } }], { state: 'met', value: 100 }],
    ['is missed above it', [atMost, { lag_ms: { value: 100.1, unit: 'ms' } }], { state: 'missed' }],
    ['is met by more where more is better', [atLeast, { rate: { value: 0.95, unit: 'ratio' } }], { state: 'met' }],
    ['is missed by less', [atLeast, { rate: { value: 0.89, unit: 'ratio' } }], { state: 'missed' }],
    [
      'may be a quotient',
      [quotient, { ours_ms: { value: 7, unit: 'ms' }, floor_ms: { value: 2, unit: 'ms' } }],
      { state: 'missed', value: 3.5 },
    ],
    ['is not measured without its figure', [atMost, {}], { state: 'not measured' }],
    [
      'is not measured without its reference',
      [quotient, { ours_ms: { value: 7, unit: 'ms' } }],
      { state: 'not measured' },
    ],
    [
      'is not measured where its reference is nothing',
      [quotient, { ours_ms: { value: 7, unit: 'ms' }, floor_ms: { value: 0, unit: 'ms' } }],
      { state: 'not measured' },
    ],
    [
      'is missed all the same within the noise',
      [atMost, { lag_ms: { value: 105, unit: 'ms', spread: 0.1 } }],
      { state: 'missed', close: true },
    ],
    [
      'is far from its limit beyond the noise',
      [atMost, { lag_ms: { value: 50, unit: 'ms', spread: 0.1 } }],
      { state: 'met', close: false },
    ],
  ])('%s', (_, [goal, figures], expected) => {
    expect(judge([goal], { churn: figures })).toEqual([expect.objectContaining(expected)]);
  });

  test('of a benchmark that did not run is no matter', () => {
    expect(judge([atMost], { cold: {} })).toEqual([]);
  });
});

describe('what a run comes to', () => {
  const figures: Figures = { lag_ms: { value: 120, unit: 'ms' }, rate: { value: 0.95, unit: 'ratio' } };

  test('is counted, and what is not met is named', () => {
    const text = verdictsTable(judge([atMost, atLeast, quotient], { churn: figures }), []);
    expect(text.split('\n').slice(-4)).toEqual([
      'missed: lag (churn lag_ms): 120 ms, limit ≤ 100 ms',
      'not measured: p99 (churn ours_ms / floor_ms)',
      '1 goals met, 1 missed, 1 not measured',
      '',
    ]);
  });

  test('is compared with the last verdicts', () => {
    const goals = [atMost, atLeast];
    const last = judge(goals, { churn: { ...figures, lag_ms: { value: 90, unit: 'ms' } } });
    const text = verdictsTable(judge(goals, { churn: figures }), last);
    expect(text).toContain('| 120 ms | ≤ 100 ms | missed | met |');
    expect(text).toContain('| 0.95 ratio | ≥ 0.9 ratio | met | met |');
    expect(text).toContain('1 goals met, 1 missed (1 other than in the last results)\n');
  });

  test('says nothing of what was not measured when all was', () => {
    expect(summary(judge([atMost, atLeast], { churn: figures }))).toBe('1 goals met, 1 missed');
  });
});

describe('the table of goals', () => {
  test('has each goal once, of a benchmark that there is', () => {
    const keys = GOALS.map((goal) => [goal.benchmark, goal.figure, goal.reference].join(' '));
    expect(new Set(keys).size).toBe(keys.length);
    expect(GOALS.filter(({ benchmark }) => !isName(benchmark))).toEqual([]);
  });

  test('has goals of every benchmark', () => {
    expect(new Set(GOALS.map(({ benchmark }) => benchmark))).toEqual(new Set(NAMES));
  });
});

describe('the benchmarks', () => {
  test('take at most 20 minutes', () => {
    const seconds = Object.values(BENCHMARKS).reduce((sum, { budget }) => sum + budget, 0);
    expect(seconds).toBeLessThanOrEqual(20 * 60);
  });

  test.each(NAMES)('%s says what it measures and how', async (name) => {
    const benchmark = (await import(`../../bench/${name}.ts`)) as Benchmark;
    expect(benchmark.name).toBe(name);
    expect(benchmark.description).toMatch(/^.{20,}$/);
    expect(benchmark.method).toMatch(/^.{20,}$/);
  });
});
