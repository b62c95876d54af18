import { expect, test } from 'vitest';
import { createRepeats } from '../../operator/telemetry/repeats.ts';

test('a trouble is told when it begins, when it is another one, once a minute while it lasts, and anew after its end', () => {
  let now = 0;
  const repeats = createRepeats(() => now);
  const told = (words: string) => repeats.isNews('make', words);
  expect([told('haproxy (1) died'), told('haproxy (2) died'), repeats.isNews('tell', 'full')]).toEqual([
    true,
    false,
    true,
  ]);
  now = 59_999;
  expect(told('haproxy (3) died')).toBe(false);
  now = 60_000;
  expect([told('haproxy (4) died'), told('haproxy (5) died')]).toEqual([true, false]);
  expect(told('it is not there')).toBe(true);
  expect([repeats.over('make'), repeats.over('make'), told('it is not there')]).toEqual([true, false, true]);
});
