/** The objects of a fake API server: versions, generations, finalizers, and what a patch does to one. */

export interface FakeMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly [field: string]: unknown;
}

export interface FakeObject {
  readonly metadata: FakeMeta;
  readonly [field: string]: unknown;
}

export interface FakeChange {
  readonly plural: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: FakeObject;
  readonly at: number;
}

export interface FakeObjects {
  readonly revision: number;
  of(plural: string): Map<string, FakeObject>;
  /** Creates or replaces; a write that changes nothing makes no new version. */
  put(plural: string, object: FakeObject): FakeObject;
  /** Server-side apply: what this owner applied before and does not apply now goes. */
  apply(plural: string, object: FakeObject, owner: string): FakeObject;
  remove(plural: string, key: string): void;
  /** Makes a version that belongs to nobody. */
  skip(): number;
}

/** No objects; `emit` hears of each change. */
export function createFakeObjects(emit: (change: FakeChange) => void): FakeObjects {
  const kinds = new Map<string, Map<string, FakeObject>>();
  const applied = new Map<string, FakeObject>();
  let revision = 1000;

  const of = (plural: string) => {
    const map = kinds.get(plural) ?? new Map<string, FakeObject>();
    kinds.set(plural, map);
    return map;
  };

  const store = (plural: string, object: FakeObject): FakeObject => {
    const key = fakeKey(object);
    const before = of(plural).get(key);
    revision += 1;
    const next = { ...object, metadata: metadataOf(object, before, revision) };
    const gone = next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    if (gone) of(plural).delete(key);
    else of(plural).set(key, next);
    const changed = before === undefined ? 'ADDED' : 'MODIFIED';
    emit({ plural, type: gone ? 'DELETED' : changed, object: next, at: revision });
    return next;
  };

  const put = (plural: string, object: FakeObject): FakeObject => {
    const before = of(plural).get(fakeKey(object));
    return before !== undefined && sameJson(before, object) ? before : store(plural, object);
  };

  return {
    get revision() {
      return revision;
    },
    of,
    put,
    apply(plural, object, owner) {
      const before = of(plural).get(fakeKey(object));
      const place = `${plural} ${fakeKey(object)} ${owner}`;
      const cleaned = withoutGone(before ?? { metadata: object.metadata }, applied.get(place), object);
      applied.set(place, object);
      return put(plural, merge(cleaned, object) as FakeObject);
    },
    remove(plural, key) {
      const before = of(plural).get(key);
      if (before === undefined) return;
      const { metadata } = before;
      if ((metadata.finalizers ?? []).length > 0) {
        const deletionTimestamp = metadata.deletionTimestamp ?? '2026-01-02T00:00:00Z';
        put(plural, { ...before, metadata: { ...metadata, deletionTimestamp } });
        return;
      }
      of(plural).delete(key);
      revision += 1;
      const object = { ...before, metadata: { ...metadata, resourceVersion: String(revision) } };
      emit({ plural, type: 'DELETED', object, at: revision });
    },
    skip: () => (revision += 1),
  };
}

/** `namespace/name`, or the name alone. */
export function fakeKey({ metadata: { namespace, name } }: Pick<FakeObject, 'metadata'>): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function metadataOf(object: FakeObject, before: FakeObject | undefined, revision: number): FakeMeta {
  const sameSpec = before !== undefined && sameJson(before['spec'], object['spec']);
  return {
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...object.metadata,
    uid: object.metadata.uid ?? before?.metadata.uid ?? `uid-${revision}`,
    generation: (before?.metadata.generation ?? 0) + (sameSpec ? 0 : 1),
    resourceVersion: String(revision),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** JSON merge patch. Source: RFC 7386. */
export function mergePatch(before: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const next: Record<string, unknown> = isFields(before) ? { ...before } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete next[name];
    else next[name] = mergePatch(next[name], value);
  }
  return next;
}

/** JSON patch with `test`, `add`, `replace` and `remove`; undefined when a test fails. */
export function jsonPatch(before: FakeObject, steps: readonly Fields[]): FakeObject | undefined {
  const next = structuredClone(before);
  for (const { op, path, value } of steps) {
    const names = String(path)
      .split('/')
      .slice(1)
      .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = names.pop() ?? '';
    let parent = next as Record<string, unknown>;
    for (const name of names) parent = parent[name] as Record<string, unknown>;
    if (op === 'test' && !sameJson(parent[last], value)) return undefined;
    if (op === 'remove') delete parent[last];
    if (op === 'add' || op === 'replace') parent[last] = value;
  }
  return next;
}

/** Objects are merged, lists are taken as a whole. */
function merge(before: unknown, body: unknown): unknown {
  if (!isFields(before) || !isFields(body)) return body;
  const next: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(body)) next[name] = merge(next[name], value);
  return next;
}

function withoutGone(before: Fields, old: Fields | undefined, body: Fields): Fields {
  if (old === undefined) return before;
  const next: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(old)) {
    const [now, wanted] = [next[name], body[name]];
    if (!(name in body)) delete next[name];
    else if (isFields(value) && isFields(wanted) && isFields(now)) next[name] = withoutGone(now, value, wanted);
  }
  return next;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isFields(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
