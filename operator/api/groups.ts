/** What is found in a series of maps of which each differs little from the one before: a change costs what changed. */
import { withChanges } from './patched-map.ts';
import type { Key } from './resources.ts';
import { changedKeys, compareText } from './stable.ts';

/** The keys of a map by the group to which their values belong. */
export interface Groups {
  /** Groups in which a value came, changed or went since the map before. */
  readonly changed: ReadonlySet<Key>;
  /** Sorted; a group without values is absent. */
  readonly keysOf: (group: Key) => readonly Key[];
}

const NONE: readonly never[] = [];

/** A function that tells the groups of one map after the other; a value of which `groupOf` tells none is in none. */
export function createGroups<V>(
  groupOf: (value: V, key: Key) => Key | undefined,
): (map: ReadonlyMap<Key, V>) => Groups {
  const byGroup = new Map<Key, readonly Key[]>();
  let last: ReadonlyMap<Key, V> = new Map();
  const groupIn = (map: ReadonlyMap<Key, V>, key: Key): Key | undefined => {
    const value = map.get(key);
    return value === undefined ? undefined : groupOf(value, key);
  };
  const put = (group: Key, keys: readonly Key[]) => {
    if (keys.length === 0) byGroup.delete(group);
    else byGroup.set(group, keys);
  };
  return (map) => {
    const changed = new Set<Key>();
    for (const key of changedKeys(last, map)) {
      const [before, now] = [groupIn(last, key), groupIn(map, key)];
      if (before !== undefined) changed.add(before);
      if (now !== undefined) changed.add(now);
      if (before === now) continue;
      if (before !== undefined)
        put(
          before,
          (byGroup.get(before) ?? NONE).filter((one) => one !== key),
        );
      if (now !== undefined) put(now, [...(byGroup.get(now) ?? NONE), key].sort(compareText));
    }
    last = map;
    return { changed, keysOf: (group) => byGroup.get(group) ?? NONE };
  };
}

/**
 * A function that tells of one map after the other what `of` makes of its values, where it makes anything: of thousands that is often little.
 * Shape: the same map as before when nothing in it changed.
 */
export function createSelection<V, T>(
  of: (value: V, key: Key) => T | undefined,
): (map: ReadonlyMap<Key, V>) => ReadonlyMap<Key, T> {
  let last: ReadonlyMap<Key, V> = new Map();
  let selected: ReadonlyMap<Key, T> = new Map();
  return (map) => {
    const changed = changedKeys(last, map);
    last = map;
    const found = changed.map((key) => {
      const value = map.get(key);
      return [key, value === undefined ? undefined : of(value, key)] as const;
    });
    selected = withChanges(selected, new Map(found));
    return selected;
  };
}
