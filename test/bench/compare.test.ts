import { describe, expect, test } from 'vitest';
import { compare, YARDSTICK } from '../../bench/compare.ts';
import type { Figure, Figures } from '../../bench/frame.ts';

const ms = (value: number, spread?: number): Figure => ({ value, unit: 'ms', ...(spread !== undefined && { spread }) });
const of = (figure: Figure, others: Figures = {}): Figures => ({ figure, ...others });

describe('a figure against the last', () => {
  test.each<[string, Figures, Figures, string]>([
    ['there was none', of(ms(5)), {}, 'new'],
    ['is 20 % more with 5 % of noise', of(ms(12, 0.05)), of(ms(10, 0.05)), 'slower'],
    ['is 20 % less with 5 % of noise', of(ms(8, 0.05)), of(ms(10, 0.05)), 'faster'],
    ['is 20 % more with 7 % of noise now', of(ms(12, 0.07)), of(ms(10, 0)), 'same'],
    ['is 20 % more with 7 % of noise then', of(ms(12, 0)), of(ms(10, 0.07)), 'same'],
    ['was measured once beside a noisy one', of(ms(12), { noisy: ms(1, 0.1) }), of(ms(10)), 'same'],
    ['was measured once beside a quiet one', of(ms(12), { quiet: ms(1, 0.01) }), of(ms(10)), 'slower'],
    ['the machine was noisy', of(ms(12, 0), { [YARDSTICK]: ms(3, 0.1) }), of(ms(10, 0)), 'same'],
    [
      'the machine was slower by as much',
      of(ms(12, 0), { [YARDSTICK]: ms(3.6, 0) }),
      of(ms(10, 0), { [YARDSTICK]: ms(3, 0) }),
      'same',
    ],
    ['is a rate that fell', of({ value: 80, unit: 'requests/s' }), of({ value: 100, unit: 'requests/s' }), 'slower'],
    ['is a rate that rose', of({ value: 120, unit: 'requests/s' }), of({ value: 100, unit: 'requests/s' }), 'faster'],
    ['is a ratio that fell', of({ value: 0.8, unit: 'ratio' }), of({ value: 1, unit: 'ratio' }), 'slower'],
    ['is memory that grew', of({ value: 300, unit: 'MB' }), of({ value: 200, unit: 'MB' }), 'more'],
    ['is memory that shrank', of({ value: 100, unit: 'MB' }), of({ value: 200, unit: 'MB' }), 'less'],
    ['stays at none', of({ value: 0, unit: 'requests' }), of({ value: 0, unit: 'requests' }), 'same'],
    ['is one instead of none', of({ value: 1, unit: 'requests' }), of({ value: 0, unit: 'requests' }), 'more'],
  ])('%s', (...[, now, last, expected]) => {
    expect(compare('figure', now, last)).toBe(expected);
  });
});
