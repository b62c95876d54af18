import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createGroups, createSelection } from '../../operator/api/groups.ts';
import { withChanges } from '../../operator/api/patched-map.ts';
import { changedKeys } from '../../operator/api/stable.ts';

const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
/** Values by key; undefined takes one away. */
const changes = fc.array(fc.tuple(fc.constantFrom(...keys), fc.option(fc.nat({ max: 4 }), { nil: undefined })));
const histories = fc.array(changes, { maxLength: 8 });

const groupOf = (value: number) => (value === 0 ? undefined : `g${value}`);

it('groups are those of the last map alone, and what changed is told', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      const groups = createGroups(groupOf);
      let map: ReadonlyMap<string, number> = new Map();
      for (const step of steps) {
        const before = map;
        map = withChanges(map, new Map(step));
        const { changed, keysOf } = groups(map);
        for (const group of ['g1', 'g2', 'g3', 'g4'])
          expect(keysOf(group)).toEqual([...map.keys()].filter((key) => groupOf(map.get(key) ?? 0) === group).sort());
        const touched = changedKeys(before, map).flatMap((key) => [before.get(key) ?? 0, map.get(key) ?? 0]);
        expect([...changed].sort()).toEqual([...new Set(touched.flatMap((value) => groupOf(value) ?? []))].sort());
      }
    }),
  );
});

it('a selection is that of the last map alone, and the same one while nothing in it changes', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      const select = createSelection(groupOf);
      let map: ReadonlyMap<string, number> = new Map();
      let before = select(map);
      for (const step of steps) {
        map = withChanges(map, new Map(step));
        const selected = select(map);
        const expected = [...map].flatMap(([key, value]) => (value === 0 ? [] : [[key, `g${value}`] as const]));
        expect(new Map(selected)).toEqual(new Map(expected));
        expect(selected === before).toBe(changedKeys(before, selected).length === 0);
        before = selected;
      }
    }),
  );
});
