import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../operator/api/finding.ts';
import { equal } from '../../operator/status/equal.ts';
import { REASONS, STALLING } from '../../operator/status/reasons.ts';
import { count, oneLine, sentences, some, time } from '../../operator/status/text.ts';
import { secondsOf } from '../../operator/status/time.ts';

describe('oneLine', () => {
  test.each([
    ['plain', 'plain'],
    ['  a \n  b\r\n\nc ', 'a / b / c'],
    ['a\tb', 'a b'],
    ['\u001b[31mred\u001b[0m', '\\u{1b}[31mred\\u{1b}[0m'],
    ['a\u202eb\u200bc\u2028d', 'a\\u{202e}b\\u{200b}c\\u{2028}d'],
    ['Größe 😀', 'Größe 😀'],
    ['\ud800', '\ufffd'],
  ])('%j is %j', (text, line) => {
    expect(oneLine(text)).toBe(line);
  });

  test('is printable, and never longer than it may be', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 2, max: 40 }), (text, limit) => {
        const line = oneLine(text, limit);
        expect(line.length).toBeLessThanOrEqual(limit);
        expect(line).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u);
        expect(line.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('sentences', () => {
  const finding = (message: string, path?: string): Finding => ({
    condition: 'Accepted',
    reason: 'InvalidSpec',
    message,
    ...(path !== undefined && { path }),
  });
  test.each([
    [[], ''],
    [[finding('a')], 'a'],
    [[finding('a', 'spec.b')], 'spec.b: a'],
    [[finding('spec.b is wrong', 'spec.b')], 'spec.b is wrong'],
    [[finding('a'), finding('b'), finding('a')], 'a; b'],
  ])('%#', (findings, text) => {
    expect(sentences(findings)).toBe(text);
  });

  test('that find no room are counted', () => {
    const many = Array.from({ length: 100 }, (_, index) => finding(`${index} ${'x'.repeat(50)}`));
    const text = sentences(many);
    expect(text.length).toBeLessThanOrEqual(1024);
    const told = text.split('; ').length;
    expect(text.endsWith(` (and ${100 - told} more)`)).toBe(true);
    expect(sentences([finding('y'.repeat(5000)), finding('z')])).toMatch(/^y{900,}… \(and 1 more\)$/);
  });
});

test('numbers in sentences', () => {
  expect([count(0, 'server'), count(1, 'server'), count(2, 'server')]).toEqual(['0 servers', '1 server', '2 servers']);
  expect([some(['a']), some(['a', 'b', 'c'], 2), some([])]).toEqual(['a', 'a, b and 1 more', '']);
  expect([time(500), time(1000), time(1500), time(60_000)]).toEqual(['500 ms', '1 s', '1.5 s', '60 s']);
});

test('seconds are those of Date, which this room must not use', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('2199-12-31T23:59:59Z'), noInvalidDate: true }),
      (date) => {
        expect(secondsOf(date.toISOString())).toBe(Math.floor(date.getTime() / 1000));
      },
    ),
  );
  expect(['', 'yesterday', '2026-01-01', '2026-01-01T00:00:00+01:00'].map(secondsOf)).toEqual([0, 0, 0, 0]);
});

test('values of JSON are equal when they say the same', () => {
  // As read from a file: there is no -0.
  const json = fc.json().map((text): unknown => JSON.parse(text));
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(equal(a, structuredClone(a))).toBe(true);
      expect(equal(a, b)).toBe(isSame(a, b));
      expect(equal({ a, b: undefined }, { a })).toBe(true);
      expect(equal([a], { 0: a })).toBe(false);
    }),
  );
});

/** Written in the same way, once keys are sorted. */
function isSame(a: unknown, b: unknown): boolean {
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
      : value;
  return JSON.stringify(a, sorted) === JSON.stringify(b, sorted);
}

describe('the table of reasons', () => {
  const all = Object.entries(REASONS).flatMap(([type, reasons]) =>
    Object.entries(reasons).map(([reason, meaning]): [string, string, string] => [type, reason, meaning]),
  );

  test.each(all)('%s %s has a name and a sentence', (_, reason, meaning) => {
    expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(meaning).toMatch(/^[A-Z].*\.$/);
  });

  test('says the same of a reason wherever it stands', () => {
    const shared = ['Pending', 'Invalid'];
    for (const name of shared)
      expect(new Set(all.filter(([, reason]) => reason === name).map(([, , meaning]) => meaning)).size).toBe(1);
  });

  test('has every reason that ends the waiting', () => {
    const known = new Set(all.map(([, reason]) => reason));
    expect(Object.keys(STALLING).filter((reason) => !known.has(reason))).toEqual([]);
  });
});
