/**
 * What is kept of an object of the cluster. In: JSON of the API server. Out: our forms, the very same ones as before when nothing of
 * interest changed. The JSON itself is not kept.
 */
import { wasInForce } from '../api/admission.ts';
import { SOURCE_ANNOTATION, SOURCE_KIND_ANNOTATION } from '../api/object-marks.ts';
import {
  keyOf,
  type ConfigMapInfo,
  type EndpointSlice,
  type Key,
  type Kind,
  type KindOf,
  type Metadata,
  type SecretInfo,
} from '../api/resources.ts';
import type { Problem } from '../api/problem.ts';
import { POOL_LABEL, SERVICE_LABEL, SLICE_MANAGER_LABEL } from '../api/slice-labels.ts';
import { keepIdentity } from '../api/stable.ts';
import type { Validate } from '../api/validate.ts';
import type { KubeObject, ObjectMeta } from '../kube/resource.ts';
import type { AnyStatus } from '../status/document.ts';
import { secretContents } from './certificate.ts';
import { configMapInfo, pagesOf, readConfigMap } from './config-map.ts';
import { canonicalText } from './content-hash.ts';
import { readEndpointSlice } from './endpoint-slice.ts';
import { isFields, type UnnamedItem } from './items.ts';
import { readSecret } from './secret.ts';

/** An object of one of our kinds. */
export interface ClusterObject {
  /** As it is written; with problems, its `spec` may have any form. The same (`===`) as long as neither it nor `problems` change. */
  readonly object: KindOf;
  readonly problems: readonly Problem[];
  /** Absent also where nobody asks for statuses. */
  readonly status: AnyStatus | undefined;
  /** Its status says that a version of it was in force. */
  readonly servedBefore: boolean;
  readonly version: string;
  /** The version in which this generation was first seen here: whoever has seen it has seen the generation. */
  readonly generationVersion: string;
  readonly finalizers: readonly string[];
  /** Somebody deleted it: it only waits for its finalizers. */
  readonly deleting: boolean;
}

/** A Secret; its contents never leave the source as a whole. */
export interface ClusterSecret {
  readonly info: SecretInfo;
  /** In force: a certificate that cannot be used gives way to the one before it. */
  readonly values: ReadonlyMap<string, string>;
  /** It is the copy of this ConfigMap, and counts as nothing else. */
  readonly configMap?: ConfigMapInfo;
}

/** Annotations that mean something to us. */
const OWN_ANNOTATIONS = 'webpool.dev/';
/** Labels of a slice that mean something to us. */
const SLICE_LABELS = [SERVICE_LABEL, SLICE_MANAGER_LABEL, POOL_LABEL];

export interface ObjectReaderOptions {
  readonly kind: Kind;
  readonly validate: Validate;
  /** What the status of an object is expected to be, so that one that is just that is kept once. Default: what it was. */
  readonly expected?: (key: Key) => AnyStatus | undefined;
  /** Default: true. */
  readonly statuses?: boolean;
}

/** A reader of objects of one kind. */
export function readClusterObject(
  options: ObjectReaderOptions,
): (json: KubeObject, previous: ClusterObject | undefined) => ClusterObject {
  const { kind, validate } = options;
  const { expected = () => undefined, statuses = true } = options;
  const keptStatus = (key: Key, previous: ClusterObject | undefined, status: AnyStatus | undefined) =>
    statuses ? keepIdentity(expected(key) ?? previous?.status, status) : undefined;
  return (json, previous) => {
    const status = json['status'] as AnyStatus | undefined;
    const metadata = keepIdentity(previous?.object.metadata, metadataOf(json.metadata));
    const same = ofSameGeneration(previous, metadata);
    const version = json.metadata.resourceVersion ?? '';
    const next: ClusterObject = {
      object: same ? withMetadata(same.object, metadata) : ({ kind, metadata, spec: json['spec'] } as KindOf),
      problems: same?.problems ?? validate(kind, json),
      status: keptStatus(keyOf(metadata), previous, status),
      servedBefore: wasInForce(status),
      version,
      generationVersion: same?.generationVersion ?? version,
      finalizers: keepIdentity(previous?.finalizers, json.metadata.finalizers ?? []),
      deleting: json.metadata.deletionTimestamp !== undefined,
    };
    return next;
  };
}

/** Undefined when it says something else now. One that was deleted and made anew while nobody watched counts from one again. */
function ofSameGeneration(
  previous: ClusterObject | undefined,
  { generation, uid }: Metadata,
): ClusterObject | undefined {
  const before = previous?.object.metadata;
  return before?.generation === generation && before.uid === uid ? previous : undefined;
}

function withMetadata(object: KindOf, metadata: Metadata): KindOf {
  return object.metadata === metadata ? object : { ...object, metadata };
}

function metadataOf(meta: ObjectMeta): Metadata {
  const { namespace = '', name, generation = 1, uid, creationTimestamp } = meta;
  const annotations = Object.entries(meta.annotations ?? {}).filter(([key]) => key.startsWith(OWN_ANNOTATIONS));
  return {
    namespace,
    name,
    generation,
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
  };
}

/** An EndpointSlice. What is none (no API server lets one pass) throws: then it stays what it was. */
export function readClusterSlice(json: KubeObject, previous: EndpointSlice | undefined): EndpointSlice {
  const { namespace = '', name, labels = {} } = json.metadata;
  const kept = SLICE_LABELS.flatMap((label) => (labels[label] === undefined ? [] : [[label, labels[label]] as const]));
  const metadata = { namespace, name, generation: 1, labels: Object.fromEntries(kept) };
  const item = goodItem(readEndpointSlice(json, { key: `${namespace}/${name}`, metadata }), 'EndpointSlice', json);
  return keepIdentity(previous, { ...item.slice, metadata });
}

export interface SecretReaderOptions {
  /** Of the same contents the same word, which tells nothing of them. */
  readonly versionOf: (contents: string) => string;
  /** Copies count as what they are copies of. */
  readonly copies: boolean;
  /** The texts of a Secret that an earlier process had in force; asked of one that is seen for the first time. Default: none. */
  readonly remembered?: (secret: Key) => Texts | undefined;
}

type Texts = ReadonlyMap<string, string>;

const KEY = /^([^/]+)\/([^/]+)$/;

/** A reader of Secrets. */
export function readClusterSecret(
  options: SecretReaderOptions,
): (json: KubeObject, previous: ClusterSecret | undefined) => ClusterSecret {
  return (json, previous) => {
    const metadata = secretMetadata(json.metadata, options.copies);
    // `kubectl apply` and the like add fields that are no concern of ours.
    const document = { data: json['data'] ?? {} };
    const { values } = goodItem(readSecret(document, { key: keyOf(metadata), metadata }), 'Secret', json);
    const version = options.versionOf(canonicalText([...values]));
    const ofConfigMap = options.copies && json.metadata.annotations?.[SOURCE_KIND_ANNOTATION] === 'ConfigMap';
    const sameName = previous !== undefined && keyOf(previous.info.metadata) === keyOf(metadata);
    if (sameName && previous.info.version === version && (previous.configMap !== undefined) === ofConfigMap)
      return previous;
    if (ofConfigMap) {
      const info = { metadata, version, keys: [] };
      return { info, values, configMap: configMapInfo(metadata, pagesOf(values)) };
    }
    const before = previous && sameName ? { values: previous.values, ...previous.info } : undefined;
    const { values: inForce, ...certificates } = secretContents(values, before, options.remembered?.(keyOf(metadata)));
    return { info: { metadata, version, keys: [...inForce.keys()], ...certificates }, values: inForce };
  };
}

/** The texts in a copy of a Secret, and of which; undefined: it is none, or cannot be read. */
export function readCopy(json: KubeObject): { readonly from: Key; readonly values: Texts } | undefined {
  const { [SOURCE_ANNOTATION]: from, [SOURCE_KIND_ANNOTATION]: kind } = json.metadata.annotations ?? {};
  if (from === undefined || kind === 'ConfigMap') return undefined;
  const item = readSecret({ data: json['data'] ?? {} }, { key: from, metadata: secretMetadata(json.metadata, true) });
  return isUnnamed(item) ? undefined : { from, values: item.values };
}

/** A ConfigMap. */
export function readClusterConfigMap(json: KubeObject, previous: ConfigMapInfo | undefined): ConfigMapInfo {
  const { namespace = '', name } = json.metadata;
  const metadata = { namespace, name, generation: 1 };
  const document = { data: json['data'] ?? {} };
  const { pages } = goodItem(readConfigMap(document, { key: keyOf(metadata), metadata }), 'ConfigMap', json);
  const info = configMapInfo(metadata, pages);
  return previous?.version === info.version ? previous : info;
}

function secretMetadata({ namespace = '', name, annotations }: ObjectMeta, copies: boolean): Metadata {
  const [, from = namespace, original = name] = copies ? (KEY.exec(annotations?.[SOURCE_ANNOTATION] ?? '') ?? []) : [];
  return { namespace: from, name: original, generation: 1 };
}

function goodItem<I extends { readonly type: string }>(
  item: I | UnnamedItem,
  kind: string,
  { metadata }: KubeObject,
): I {
  // The message of a problem never repeats a value.
  if (isUnnamed(item)) throw new Error(`${kind} ${metadata.namespace}/${metadata.name}: ${item.problem.message}`);
  return item;
}

function isUnnamed(item: { readonly type: string }): item is UnnamedItem {
  return item.type === 'Unnamed';
}

/** A Pod, as far as accounts, readiness and proxies ask for it. */
export interface ClusterPod {
  readonly key: Key;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** All its addresses. */
  readonly addresses: readonly string[];
  /** Those of the node on which it runs. */
  readonly nodeAddresses: readonly string[];
  readonly ready: boolean;
  /** Each of its containers has run: before that it waits for a node or an image. */
  readonly started: boolean;
  /** It ended, or all its containers have: it will open no connection any more. */
  readonly ended: boolean;
  readonly deleting: boolean;
  /** Readiness gates of ours that it lists, and what their conditions say. */
  readonly gates: Readonly<Record<string, boolean>>;
}

interface PodFields {
  readonly spec?: {
    readonly readinessGates?: readonly { readonly conditionType: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly hostIPs?: readonly { readonly ip?: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly state?: { readonly terminated?: object } }[];
  };
}

/** Prefix of the readiness gates that we answer. */
export const READINESS_GATE = 'webpool.dev/';

/** A Pod. */
export function readClusterPod(json: KubeObject, previous: ClusterPod | undefined): ClusterPod {
  const { namespace = '', name, uid = '', labels = {}, deletionTimestamp } = json.metadata;
  const { spec = {}, status = {} } = json as PodFields;
  const conditions = new Map(status.conditions?.map(({ type, status }) => [type, status === 'True']));
  const gates = (spec.readinessGates ?? []).map(({ conditionType }) => conditionType).filter(isOwnGate);
  const deleting = deletionTimestamp !== undefined;
  return keepIdentity(previous, {
    key: `${namespace}/${name}`,
    uid,
    labels,
    addresses: addressesIn(status.podIPs),
    nodeAddresses: addressesIn(status.hostIPs),
    ready: conditions.get('Ready') === true && !deleting,
    started: status.phase !== undefined && status.phase !== 'Pending',
    ended: hasEnded(status, deleting),
    deleting,
    gates: Object.fromEntries(gates.map((gate) => [gate, conditions.get(gate) === true])),
  });
}

function addressesIn(list: readonly { readonly ip?: string }[] = []): readonly string[] {
  return list.flatMap(({ ip }) => ip ?? []);
}

function isOwnGate(gate: string): boolean {
  return gate.startsWith(READINESS_GATE);
}

/** A container that ended may be started again, but not in a Pod that is being deleted. */
function hasEnded({ phase, containerStatuses = [] }: NonNullable<PodFields['status']>, deleting: boolean): boolean {
  if (phase === 'Succeeded' || phase === 'Failed') return true;
  return (
    deleting && containerStatuses.length > 0 && containerStatuses.every(({ state }) => isFields(state?.terminated))
  );
}
