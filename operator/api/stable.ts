import { patchedKeys } from './patched-map.ts';

/**
 * `next`, in which every part that equals its counterpart in `previous` is that counterpart. Later stages compare by
 * identity, so what did not change in content must not change in identity.
 * Shape: plain data only (arrays, records, primitives).
 */
export function keepIdentity<T>(previous: unknown, next: T): T {
  // SAFETY: they are the same. Of equal texts the earlier one stays: the new one may be a part of a long text and keep all of it in memory.
  if (isSame(previous, next)) return previous as T;
  // SAFETY: what is made anew holds the very items or fields of `next`, each as it is or as its equal.
  if (Array.isArray(previous) && Array.isArray(next))
    return next.map((item, index) => keepIdentity(previous[index], item)) as T;
  if (isRecord(previous) && isRecord(next))
    return Object.fromEntries(
      Object.entries(next).map(([key, value]) => [key, keepIdentity(previous[key], value)]),
    ) as T;
  return next;
}

/** Whether two values of plain data say the same. Most do: then nothing is made anew to find it out. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && b.every((item, index) => isSame(a[index], item));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(b);
  return keys.length === Object.keys(a).length && keys.every((key) => Object.hasOwn(a, key) && isSame(a[key], b[key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Whether two lists hold the same objects in the same order. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => Object.is(item, b[index]));
}

/** Whether two maps hold the same objects under the same keys, in whatever order. */
export function sameEntries<K>(a: ReadonlyMap<K, unknown>, b: ReadonlyMap<K, unknown>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !Object.is(b.get(key), value)) return false;
  return true;
}

/** `next`, or `previous` when both hold the same objects. */
export function keepList<T>(previous: readonly T[] | undefined, next: readonly T[]): readonly T[] {
  return previous !== undefined && sameItems(previous, next) ? previous : next;
}

/** `next`, or `previous` when both hold the same objects under the same keys in the same order. */
export function keepMap<K, V>(previous: ReadonlyMap<K, V> | undefined, next: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  const same = previous !== undefined && sameItems([...previous.keys()], [...next.keys()]);
  return same && sameItems([...previous.values()], [...next.values()]) ? previous : next;
}

/** `next` with each value that equals that of `previous` being that one, or `previous` when all are. */
export function keepValues<K, V>(previous: ReadonlyMap<K, V> | undefined, next: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  if (previous === undefined || previous === next) return next;
  const kept = [...next].map(([key, value]) => [key, keepIdentity(previous.get(key), value)] as const);
  return keepMap(previous, new Map(kept));
}

/** `next`, or `previous` when every part of both is the same object. */
export function keepParts<T extends object>(previous: T | undefined, next: T): T {
  return previous !== undefined && sameItems(Object.values(previous), Object.values(next)) ? previous : next;
}

/** `make`, with its last result kept for the very same arguments. */
export function lastOf<Arguments extends readonly unknown[], Result>(
  make: (...all: Arguments) => Result,
): (...all: Arguments) => Result {
  let last: { readonly all: Arguments; readonly result: Result } | undefined;
  return (...all) => {
    if (last === undefined || !sameItems(last.all, all)) last = { all, result: make(...all) };
    return last.result;
  };
}

/** The keys whose value came, changed or went from `previous` to `next`, by identity. */
export function changedKeys<K>(previous: ReadonlyMap<K, unknown>, next: ReadonlyMap<K, unknown>): readonly K[] {
  if (previous === next) return [];
  const few = patchedKeys(previous, next);
  if (few !== undefined) return [...few].filter((key) => !Object.is(previous.get(key), next.get(key)));
  const changed: K[] = [];
  for (const [key, value] of next) if (!Object.is(previous.get(key), value)) changed.push(key);
  if (previous.size + changed.length > next.size) {
    for (const key of previous.keys()) if (!next.has(key)) changed.push(key);
  }
  return changed;
}

/** The keys of `map`, sorted. `previous` is an earlier result of the same series: what stands in it needs no sorting. */
export function sortedKeys(
  map: ReadonlyMap<string, unknown>,
  previous: ReadonlyMap<string, unknown>,
): readonly string[] {
  const kept = [...previous.keys()].filter((key) => map.has(key));
  if (kept.length === map.size) return kept;
  const added = [...map.keys()].filter((key) => !previous.has(key));
  return [...kept, ...added].sort(compareText);
}

/** Compares by code unit: the same order on every machine. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
