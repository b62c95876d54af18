import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { intoRuns, median, percentile, percentileOfRuns, rounded } from '../../bench/frame.ts';

const oneTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test.each([
  [0, 1],
  [0.5, 51],
  [0.99, 100],
  [1, 100],
])('the percentile %d of 1 to 100 is %d', (share, value) => {
  expect(percentile(oneTo(100).toReversed(), share)).toBe(value);
});

test('nothing has no percentile', () => {
  expect(percentile([], 0.5)).toBeNaN();
});

test('a median comes with p99, and with the noise between runs', () => {
  // The medians of the five runs: 11, 31, 51, 71, 91.
  expect(median(oneTo(100), 'ms')).toEqual({ value: 51, unit: 'ms', p99: 100, spread: 40 / 2 / 51 });
  expect(median(oneTo(100), 'requests/s').p99).toBe(2);
});

test.each([
  ['nothing but nothing', [0, 0, 0], 0],
  ['a single one', [7], 0],
  ['three of them', [9, 10, 12], 1.5 / 10],
])('the noise of %s', (_, values, spread) => {
  expect(median(values, 'ms').spread).toBeCloseTo(spread, 10);
});

test('values that differ at each moment are no noise when each run has the same', () => {
  expect(
    median(
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? 1 : 3)),
      'ms',
    ).spread,
  ).toBe(0);
});

test('one slow run does not decide the p99 of runs, and half of them do', () => {
  const quick = oneTo(10);
  const slow = [...quick.slice(1), 500];
  expect(percentileOfRuns([quick, slow, quick], 0.99, 'ms').value).toBe(10);
  expect(percentileOfRuns([quick, slow, slow], 0.99, 'ms').value).toBe(500);
});

test('runs have all values in their order, and the same length up to one', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (values, count) => {
      const runs = intoRuns(values, count);
      const lengths = runs.map(({ length }) => length);
      expect(runs.flat()).toEqual(values);
      expect(runs).toHaveLength(count);
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
    }),
  );
});

test('figures are rounded to four digits, and no field is made up', () => {
  expect(rounded({ a: { value: 1234.567, unit: 'ms' }, b: { value: 0.000123456, unit: 's', spread: 1 / 3 } })).toEqual({
    a: { value: 1235, unit: 'ms' },
    b: { value: 0.0001235, unit: 's', spread: 0.3333 },
  });
});
