/**
 * The picture of a cluster, kept change by change: what did not change keeps its identity, and an object that changed costs what that
 * object costs.
 */
import { admit, type Admission } from '../api/admission.ts';
import type { Finding } from '../api/finding.ts';
import {
  NO_RESOURCES,
  type ConfigMapInfo,
  type EndpointSlice,
  type Held,
  type Key,
  type Kind,
  type KindOf,
  type Resources,
  type SecretInfo,
} from '../api/resources.ts';
import { withChanges } from '../api/patched-map.ts';
import type { ClusterObject, ClusterSecret } from './cluster-objects.ts';

/** Where the newest versions are. */
export interface ClusterStores {
  object(kind: Kind, key: Key): ClusterObject | undefined;
  slice(key: Key): EndpointSlice | undefined;
  secret(key: Key): ClusterSecret | undefined;
  configMap(key: Key): ConfigMapInfo | undefined;
}

/** Something that may have changed. */
export interface Dirty {
  readonly kind: Kind | 'EndpointSlice' | 'Secret' | 'ConfigMap';
  readonly key: Key;
}

export interface ClusterPicture {
  /** An object was made anew under its name: what it was before is not what to fall back to. */
  forget(kind: Kind, key: Key): void;
  update(dirty: Iterable<Dirty>, complete: boolean): Resources;
}

type MapName = 'pools' | 'rules' | 'grants' | 'slices' | 'secrets' | 'configMaps';

const MAPS = {
  WebPool: 'pools',
  RoutingRule: 'rules',
  DatabaseGrant: 'grants',
  EndpointSlice: 'slices',
  Secret: 'secrets',
  ConfigMap: 'configMaps',
} as const satisfies Readonly<Record<Dirty['kind'], MapName>>;

/** A picture of nothing. */
export function createClusterPicture(stores: ClusterStores): ClusterPicture {
  const admissions = { WebPool: newMemory(), RoutingRule: newMemory(), DatabaseGrant: newMemory() };
  const held = createCollection<Held>();
  const findings = createCollection<Finding>();
  let last: Resources = { ...NO_RESOURCES, pictureComplete: false };

  const valueOf = ({ kind, key }: Dirty): KindOf | EndpointSlice | SecretInfo | ConfigMapInfo | undefined => {
    if (kind === 'EndpointSlice') return stores.slice(key);
    if (kind === 'Secret') return stores.secret(key)?.info;
    if (kind === 'ConfigMap') return stores.configMap(key);
    return admitted(kind, key);
  };

  const admitted = (kind: Kind, key: Key): KindOf | undefined => {
    const id = `${kind} ${key}`;
    const found = stores.object(kind, key);
    const known = admissions[kind];
    // What somebody deleted counts as gone, also while it waits for a finalizer.
    const admission = found === undefined || found.deleting ? undefined : admit(found, known.get(key)?.inForce);
    if (admission === undefined) known.delete(key);
    else known.set(key, admission);
    held.set(id, admission?.held === undefined ? [] : [admission.held]);
    findings.set(id, admission?.findings ?? []);
    return admission?.inForce;
  };

  return {
    forget(kind, key) {
      admissions[kind].delete(key);
    },
    update(dirty, complete) {
      const changes: Partial<Record<MapName, Map<Key, unknown>>> = {};
      for (const one of dirty) {
        const name = MAPS[one.kind];
        const value = valueOf(one);
        if (last[name].get(one.key) !== value) (changes[name] ??= new Map<Key, unknown>()).set(one.key, value);
      }
      const changed = Object.entries(changes).map(([name, values]) => [
        name,
        withChanges(last[name as MapName], values),
      ]);
      const next: Resources = {
        ...last,
        ...(Object.fromEntries(changed) as Partial<Resources>),
        held: held.list,
        findings: findings.list,
        pictureComplete: complete,
      };
      const same =
        changed.length === 0 &&
        next.held === last.held &&
        next.findings === last.findings &&
        next.pictureComplete === last.pictureComplete;
      if (!same) last = next;
      return last;
    },
  };
}

function newMemory(): Map<Key, Admission> {
  return new Map();
}

/** Values by object, as one list that stays the same as long as no object's do. */
function createCollection<T>(): { readonly list: readonly T[]; set(id: string, values: readonly T[]): void } {
  const byId = new Map<string, readonly T[]>();
  let list: readonly T[] | undefined = [];
  return {
    get list() {
      list ??= [...byId.values()].flat();
      return list;
    },
    set(id, values) {
      if (values.length === 0 && !byId.has(id)) return;
      if (values.length === 0) byId.delete(id);
      else byId.set(id, values);
      list = undefined;
    },
  };
}
