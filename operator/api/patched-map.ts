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

/** More values than this are put into a base of their own, once for so many changes. */
const MOST_PATCHES = 64;

const known = new WeakMap<ReadonlyMap<unknown, unknown>, Layers<unknown, unknown>>();

function layersOf<K, V>(map: ReadonlyMap<K, V>): Layers<K, V> {
  // SAFETY: only `patched` puts anything in, of its own types.
  return (known.get(map) as Layers<K, V> | undefined) ?? { base: map, patch: new Map() };
}

/** `map` with these values. Keys that it has keep their place, new ones come last. */
export function withValues<K, V>(map: ReadonlyMap<K, V>, values: Iterable<readonly [K, V]>): ReadonlyMap<K, V> {
  const { base, patch } = layersOf(map);
  const next = new Map([...patch, ...values]);
  if (next.size === 0) return map;
  if (next.size <= MOST_PATCHES && [...next.keys()].every((key) => base.has(key)))
    return patched({ base, patch: next });
  return new Map([...base, ...next]);
}

/** The keys under which two maps may differ; undefined when nothing is known of it. */
export function patchedKeys<K>(one: ReadonlyMap<K, unknown>, other: ReadonlyMap<K, unknown>): Iterable<K> | undefined {
  const [a, b] = [layersOf(one), layersOf(other)];
  return a.base === b.base ? new Set([...a.patch.keys(), ...b.patch.keys()]) : undefined;
}

/** To whoever reads a Map like any other; one that is written to throws. */
function patched<K, V>(layers: Layers<K, V>): ReadonlyMap<K, V> {
  const { base, patch } = layers;
  // SAFETY: under a key that the patch has, it holds a V, be it undefined.
  const valueOf = (key: K, value: V) => (patch.has(key) ? (patch.get(key) as V) : value);
  function* values() {
    for (const [key, value] of base) yield valueOf(key, value);
  }
  function* entries() {
    for (const [key, value] of base) yield [key, valueOf(key, value)] as const;
  }
  const methods = {
    size: base.size,
    has: (key: K) => base.has(key),
    get: (key: K) => (patch.has(key) ? patch.get(key) : base.get(key)),
    keys: () => base.keys(),
    values,
    entries,
    [Symbol.iterator]: entries,
    forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void) {
      for (const [key, value] of entries()) visit(value, key, map);
    },
  };
  const map = Object.create(Map.prototype, Object.getOwnPropertyDescriptors(methods)) as ReadonlyMap<K, V>;
  known.set(map, layers);
  return map;
}
