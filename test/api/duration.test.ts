import { expect, test } from 'vitest';
import { durationProblems } from '../../operator/api/duration-rules.ts';
import { parseDuration } from '../../operator/api/duration.ts';

test.each([
  ['0s', 0],
  ['1ms', 1],
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1h30m', 5_400_000],
  ['1h1m1s1ms', 3_661_001],
  ['30m1h', 5_400_000],
  ['1s1s', 2_000],
  ['99999h', 359_996_400_000],
  ['00010s', 10_000],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([
  '',
  '10',
  's',
  '1.5s',
  '-1s',
  '+1s',
  '1 s',
  '1S',
  '1d',
  '1µs',
  '1s ',
  '1s\n',
  '100000s',
  '1s1s1s1s1s',
  'PT1S',
  '1e3s',
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [undefined, []],
  ['1s', []],
  ['1m', []],
  ['no duration: the schema says that', []],
  ['999ms', ['"999ms" is out of range: 1s to 1m']],
  ['61s', ['"61s" is out of range: 1s to 1m']],
])('%s between 1s and 1m', (text, messages) => {
  expect(durationProblems(text, 'spec.a', ['1s', '1m'])).toEqual(
    messages.map((message) => ({ path: 'spec.a', reason: 'InvalidSpec', message })),
  );
});
