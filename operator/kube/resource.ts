/**
 * Kinds of the API server and where their objects live. In: names. Out: paths. Objects are JSON as it came over the wire:
 * a class of the client library would lose fields that it does not know.
 */

/** One kind as the API server serves it. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** Default: true. */
  readonly namespaced?: boolean;
}

/** metadata, as far as we read it. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object, as plain JSON. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Where an object, a list or a subresource is. */
export interface Place {
  /** Absent: all namespaces, or a cluster-scoped kind. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** `group/version`, or the version alone in the core group. */
export function apiVersionOf({ group, version }: ResourceType): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The path of a place, with every part escaped. */
export function pathOf(type: ResourceType, { namespace, name, subresource }: Place): string {
  const root = type.group === '' ? 'api' : 'apis';
  const parts = [
    ...(namespace === undefined ? [] : ['namespaces', encodeURIComponent(namespace)]),
    type.plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [encodeURIComponent(subresource)]),
  ];
  return `/${root}/${apiVersionOf(type)}/${parts.join('/')}`;
}

/** `namespace/name`; the name alone for a cluster-scoped object. */
export function keyOfMeta({ namespace, name }: ObjectMeta): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/**
 * Whether version `a` is `b` or newer. Versions are decimal numbers of one counter of the whole cluster; one that is no number can
 * only be compared for equality.
 * Source: KEP-5504, comparable resource version.
 */
export function reached(a: string, b: string): boolean {
  if (a === b) return true;
  if (!/^[1-9]\d*$/.test(a) || !/^[1-9]\d*$/.test(b)) return false;
  return a.length === b.length ? a > b : a.length > b.length;
}
