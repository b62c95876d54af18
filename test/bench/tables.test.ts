import { expect, test } from 'vitest';
import { figuresTable, shown, worseThanLast } from '../../bench/tables.ts';

const ms = (value: number, spread = 0) => ({ value, unit: 'ms', spread });

test('figures stand beside those of the last run', () => {
  const figures = { quick_ms: { ...ms(12, 0.01), p99: 15 }, calls: { value: 3, unit: 'calls' } };
  expect(figuresTable({ name: 'cold', figures }, { quick_ms: ms(10) }).split('\n')).toEqual([
    '| cold | median | p99 | spread | last | against last |',
    '|---|---|---|---|---|---|',
    '| quick_ms | 12 ms | 15 | ±1 % | 10 | slower |',
    '| calls | 3 calls | – | – | – | new |',
    '',
  ]);
});

test('what became worse is named, what became better is not', () => {
  const figures = { slow_ms: ms(20), quick_ms: ms(5), same_ms: ms(10), new_ms: ms(1), yardstick_ms: ms(3) };
  const last = { slow_ms: ms(10), quick_ms: ms(10), same_ms: ms(10), yardstick_ms: ms(2.9) };
  expect(worseThanLast({ name: 'cold', figures }, last)).toBe('slower: cold slow_ms 20 ms, last 10\n');
});

test.each([
  [1.2345, 's', '1.2 s'],
  [0.0651, 's', '65 ms'],
  [212.4, 'MB', '212 MB'],
  [12_105, 'requests', '12,105'],
  [0, 'requests', '0'],
  [0.9712, 'ratio', '0.97'],
])('%d %s is shown as %s', (value, unit, text) => {
  expect(shown({ value, unit })).toBe(text);
});
