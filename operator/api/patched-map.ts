/**
 * Maps of which each differs from the one before in a few values: the next one costs what changed, not what there is, and so does
 * finding what changed. The maps never change themselves.
 */

/** A map as one that is shared with its predecessors, and what is different in this one. */
interface Layers<K, V> {
  readonly base: ReadonlyMap<K, V>;
  /** Its keys are all in `base`. */
  readonly patch: ReadonlyMap<K, V>;
}

/** More values than this are put into a base of their own: of a thousand, copying them each time would cost as much. */
const MOST_PATCHES = 32;

/** Bases made of others: where the two may differ. Without the other one nobody asks, so it need not stay. */
const copies = new WeakMap<
  ReadonlyMap<unknown, unknown>,
  { readonly from: WeakRef<ReadonlyMap<unknown, unknown>>; readonly keys: readonly unknown[] }
>();

const known = new WeakMap<ReadonlyMap<unknown, unknown>, Layers<unknown, unknown>>();

function layersOf<K, V>(map: ReadonlyMap<K, V>): Layers<K, V> {
  // SAFETY: only `patched` puts anything in, of its own types.
  return (known.get(map) as Layers<K, V> | undefined) ?? { base: map, patch: new Map() };
}

/** `map` with these values. Keys that it has keep their place, new ones come last. */
export function withValues<K, V>(map: ReadonlyMap<K, V>, values: Iterable<readonly [K, V]>): ReadonlyMap<K, V> {
  const { base, patch } = layersOf(map);
  const next = new Map(patch);
  let hasAll = true;
  for (const [key, value] of values) {
    next.set(key, value);
    hasAll &&= base.has(key);
  }
  if (next.size === 0) return map;
  if (hasAll && next.size <= MOST_PATCHES) return patched({ base, patch: next });
  return copied(new Map([...base, ...next]), base, next.keys());
}

/** `map` with these values, and without the keys whose value is undefined; `map` itself when that is what it is. */
export function withChanges<K, V>(map: ReadonlyMap<K, V>, values: ReadonlyMap<K, V | undefined>): ReadonlyMap<K, V> {
  const news = [...values].filter(([key, value]) => map.get(key) !== value);
  if (news.length === 0) return map;
  const put = news.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  if (put.length === news.length) return withValues(map, put);
  const { base, patch } = layersOf(map);
  const next = new Map([...base, ...patch, ...put]);
  for (const [key, value] of news) if (value === undefined) next.delete(key);
  return copied(next, base, [...patch.keys(), ...news.map(([key]) => key)]);
}

/** Takes note that a map may differ from a base under these keys alone. */
function copied<K, V>(copy: ReadonlyMap<K, V>, base: ReadonlyMap<K, V>, keys: Iterable<K>): ReadonlyMap<K, V> {
  copies.set(copy, { from: new WeakRef(base), keys: [...keys] });
  return copy;
}

/** The keys under which a map may differ from one that was made of it; undefined when nothing is known of it. */
export function patchedKeys<K>(one: ReadonlyMap<K, unknown>, other: ReadonlyMap<K, unknown>): Iterable<K> | undefined {
  const [a, b] = [layersOf(one), layersOf(other)];
  if (a.base === b.base) return new Set([...a.patch.keys(), ...b.patch.keys()]);
  const copy = copies.get(b.base);
  // SAFETY: the keys of a copy are those of the map that it was made of.
  return copy?.from.deref() === a.base
    ? new Set([...a.patch.keys(), ...(copy.keys as readonly K[]), ...b.patch.keys()])
    : undefined;
}

/** To whoever reads it a Map like any other; one that is written to throws. */
function patched<K, V>(layers: Layers<K, V>): ReadonlyMap<K, V> {
  const map = Object.create(READER) as ReadonlyMap<K, V>;
  known.set(map, layers);
  return map;
}

type Patched = ReadonlyMap<unknown, unknown>;

/** What all of them can do, each with its own layers. */
const READER: Patched = Object.create(
  Map.prototype,
  Object.getOwnPropertyDescriptors({
    get size(): number {
      return layersOf(this as unknown as Patched).base.size;
    },
    has(this: Patched, key: unknown): boolean {
      return layersOf(this).base.has(key);
    },
    get(this: Patched, key: unknown): unknown {
      const { base, patch } = layersOf(this);
      return patch.has(key) ? patch.get(key) : base.get(key);
    },
    keys(this: Patched): Iterable<unknown> {
      return layersOf(this).base.keys();
    },
    *values(this: Patched): Generator {
      const { base, patch } = layersOf(this);
      for (const [key, value] of base) yield patch.has(key) ? patch.get(key) : value;
    },
    *entries(this: Patched): Generator {
      const { base, patch } = layersOf(this);
      for (const [key, value] of base) yield [key, patch.has(key) ? patch.get(key) : value];
    },
    [Symbol.iterator](this: Patched): Iterator<unknown> {
      return this.entries();
    },
    forEach(this: Patched, visit: (value: unknown, key: unknown, map: Patched) => void): void {
      for (const [key, value] of this) visit(value, key, this);
    },
  }),
) as Patched;
