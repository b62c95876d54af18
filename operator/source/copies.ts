/** Several copies of one kind, one a namespace, taken together. */
import { withChanges } from '../api/patched-map.ts';
import type { Key } from '../api/resources.ts';
import type { Reflector, StoreChange } from '../kube/reflector.ts';

/** How a copy is. */
export interface Freshness {
  readonly kind: string;
  readonly objects: number;
  readonly synced: boolean;
  /** Milliseconds since the last sign of the server. */
  readonly silentFor: number;
  readonly failures: number;
  /** The last word of the server was a refusal, or there was none. */
  readonly failing: boolean;
  readonly errors: number;
  readonly lists: number;
}

/** How this copy is. */
export function freshnessOf({ kind, store, health }: Reflector<unknown>): Freshness {
  const { synced, failures, failing, errors, lists, lastContact } = health;
  return {
    kind,
    objects: store.size,
    synced,
    silentFor: performance.now() - lastContact,
    failures,
    failing,
    errors,
    lists,
  };
}

/** The objects of all copies. */
export function merged<T>(copies: readonly Reflector<T>[]): ReadonlyMap<Key, T> {
  const [only, ...others] = copies;
  if (only !== undefined && others.length === 0) return only.store;
  return new Map(copies.flatMap(({ store }) => [...store]));
}

/** The object of that key in any of the copies. */
export function lookUp<T>(copies: readonly Reflector<T>[], key: Key): T | undefined {
  for (const { store } of copies) {
    const found = store.get(key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The objects of a kind as a map that stays the same as long as none of them changes. */
export interface Picture<T> {
  readonly map: ReadonlyMap<Key, T>;
  note(change: StoreChange<T>): void;
}

/** A picture of nothing. */
export function createPicture<T>(): Picture<T> {
  const changes = new Map<Key, T | undefined>();
  let map: ReadonlyMap<Key, T> = new Map();
  return {
    get map() {
      map = withChanges(map, changes);
      changes.clear();
      return map;
    },
    note({ key, now }) {
      changes.set(key, now);
    },
  };
}
