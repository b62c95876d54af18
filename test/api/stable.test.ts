import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareText, keepIdentity, sameEntries } from '../../operator/api/stable.ts';

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(0, 1, 'a', 'b', true, null, undefined),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('x', 'y', 'z'), tie('value'), { noNullPrototype: true }),
  ),
})).value;

/** Every part of `kept` that equals its counterpart in `previous` is that counterpart. */
function expectKept(previous: unknown, kept: unknown): void {
  if (typeof kept !== 'object' || kept === null || typeof previous !== 'object' || previous === null) return;
  if (Array.isArray(kept) !== Array.isArray(previous)) return;
  if (same(previous, kept)) expect(kept).toBe(previous);
  for (const [key, part] of Object.entries(kept)) expectKept((previous as Record<string, unknown>)[key], part);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** With sorted fields, and a word for what is undefined. */
function sorted(value: unknown): unknown {
  if (value === undefined) return ['undefined'];
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).toSorted(([one], [other]) => compareText(one, other));
  return { fields: fields.map(([key, part]) => [key, sorted(part)]) };
}

it('is the next value with the parts of the previous one that are as they were', () => {
  fc.assert(
    fc.property(plain, plain, (previous, next) => {
      const copy = structuredClone(next);
      const kept = keepIdentity(previous, next);
      expect(same(kept, copy)).toBe(true);
      expect(next).toEqual(copy);
      expectKept(previous, kept);
      expect(keepIdentity(previous, structuredClone(previous))).toBe(previous);
    }),
    { numRuns: 500 },
  );
});

it('maps have the same entries in whatever order they are', () => {
  const map = (entries: Readonly<Record<string, unknown>>) => new Map(Object.entries(entries));
  expect(sameEntries(map({ a: 1, b: 2 }), map({ b: 2, a: 1 }))).toBe(true);
  for (const other of [{ a: 1 }, { a: 1, c: 2 }, { a: 1, b: 3 }, { a: 1, b: 2, c: 3 }])
    expect(sameEntries(map({ a: 1, b: 2 }), map(other))).toBe(false);
  expect(sameEntries(map({ a: undefined }), map({ b: undefined }))).toBe(false);
});
