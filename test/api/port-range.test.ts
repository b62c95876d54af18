import { expect, test } from 'vitest';
import { portRange } from '../../operator/api/port-range.ts';

test.each<[string, readonly number[] | undefined]>([
  ['20000-20003', [20_000, 20_001, 20_002, 20_003]],
  ['25-25', [25]],
  ['1-256', Array.from({ length: 256 }, (_, index) => index + 1)],
  ['65535-65535', [65_535]],
  ['1-257', undefined],
  ['0-5', undefined],
  ['65535-65536', undefined],
  ['20003-20000', undefined],
  ['61070-61081', undefined],
  ['61082-61090', undefined],
  ['20000', undefined],
  ['20000-', undefined],
  ['-20000', undefined],
  ['2e4-2e4', undefined],
  [' 1-2', undefined],
  ['1-2,4', undefined],
  ['', undefined],
])('%j', (text, ports) => {
  expect(portRange(text)).toEqual(ports);
});
