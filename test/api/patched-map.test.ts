import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { withChanges, withValues } from '../../operator/api/patched-map.ts';
import { changedKeys } from '../../operator/api/stable.ts';

type Entries = readonly (readonly [string, number])[];

const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
const entries = fc.array(fc.tuple(fc.constantFrom(...keys, 'new'), fc.nat({ max: 3 })), { maxLength: 80 });
const START: ReadonlyMap<string, number> = new Map(keys.map((key) => [key, 0]));

function plainly(map: ReadonlyMap<string, number>, values: Entries): ReadonlyMap<string, number> {
  return new Map([...map, ...values]);
}

it('is the map with these values, and the maps before it stay as they are', () => {
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 6 }), (series) => {
      const maps = [START];
      const plain = [START];
      for (const values of series) {
        maps.push(withValues(maps.at(-1) ?? START, values));
        plain.push(plainly(plain.at(-1) ?? START, values));
      }
      for (const [index, map] of maps.entries()) expectSame(map, plain[index] ?? START);
      for (const [a, one] of maps.entries()) {
        for (const [b, other] of maps.entries()) {
          const changed = changedKeys(one, other).toSorted();
          expect(changed).toEqual(changedKeys(plain[a] ?? START, new Map(plain[b])).toSorted());
        }
      }
    }),
  );
});

function expectSame(map: ReadonlyMap<string, number>, plain: ReadonlyMap<string, number>): void {
  expect(map).toEqual(plain);
  expect([...map]).toEqual([...plain]);
  expect([...map.keys()]).toEqual([...plain.keys()]);
  expect([...map.values()]).toEqual([...plain.values()]);
  expect(map.size).toBe(plain.size);
  for (const key of [...keys, 'new']) expect([map.has(key), map.get(key)]).toEqual([plain.has(key), plain.get(key)]);
  const visited: [string, number][] = [];
  for (const [key, value] of map.entries()) visited.push([key, value]);
  map.forEach((value, key, whole) => expect([whole === map, visited.shift()]).toEqual([true, [key, value]]));
}

it('is no other map without other values', () => {
  expect(withValues(START, [])).toBe(START);
});

it('is the map with these values and without those keys, or the map itself', () => {
  const values = fc.array(fc.tuple(fc.constantFrom(...keys, 'new'), fc.option(fc.nat({ max: 3 }), { nil: undefined })));
  fc.assert(
    fc.property(fc.array(values, { maxLength: 6 }), (series) => {
      let map = START;
      for (const changes of series) {
        const before = new Map(map);
        const next = withChanges(map, new Map(changes));
        const all = new Map<string, number | undefined>([...before, ...changes]);
        const expected = [...all].filter(([, value]) => value !== undefined);
        expect([...next]).toEqual(expected);
        expect(new Map(map)).toEqual(before);
        expect(next === map).toBe([...new Map(changes)].every(([key, value]) => before.get(key) === value));
        map = next;
      }
    }),
  );
});

it('cannot be written to', () => {
  const map = withValues(START, [['k1', 1]]);
  expect(map).toBeInstanceOf(Map);
  expect(() => (map as Map<string, number>).set('k2', 2)).toThrow(TypeError);
  expect(() => (map as Map<string, number>).delete('k1')).toThrow(TypeError);
});
