/**
 * What the user wrote, as plain read-only data: the objects of a folder or of a cluster after admission.
 * In: nothing. Out: types every room shares. Never here: a file, a clock, the text of a Secret.
 */
import type { DatabaseGrantSpec, RoutingRuleSpec, WebPoolSpec } from './kinds.gen.ts';
import type { Finding } from './finding.ts';

/** The kinds of this program. */
export const KINDS = ['WebPool', 'RoutingRule', 'DatabaseGrant'] as const;
export type Kind = (typeof KINDS)[number];

/** `namespace/name`. */
export type Key = string;

export interface Metadata {
  readonly namespace: string;
  readonly name: string;
  /** Counts the changes of the object's content, from 1. */
  readonly generation: number;
  /** The object's identity in a cluster, which outlives no deletion; absent in a folder. */
  readonly uid?: string;
  /** RFC 3339; absent in a folder, which has no creation times. */
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface KindObject<K extends Kind, Spec> {
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: Spec;
}

export type WebPool = KindObject<'WebPool', WebPoolSpec>;
export type RoutingRule = KindObject<'RoutingRule', RoutingRuleSpec>;
export type DatabaseGrant = KindObject<'DatabaseGrant', DatabaseGrantSpec>;
export type KindOf = WebPool | RoutingRule | DatabaseGrant;

/** A Secret without its contents: they stay at the edge, which is asked for one value at the moment it is needed. */
export interface SecretInfo {
  readonly metadata: Metadata;
  /** Changes whenever the contents do. */
  readonly version: string;
  readonly keys: readonly string[];
  /** What `tls.crt` and `tls.key` are; absent when the Secret has neither. */
  readonly certificate?: CertificateInfo;
  /** What `ca.crt` is; absent when the Secret has none. */
  readonly authority?: CertificateInfo;
}

/** What can be said of a certificate without its text. */
export type CertificateInfo =
  | GoodCertificate
  | {
      /** Why it cannot be used: one sentence, no contents. */
      readonly problem: string;
      /** What stood there before and stays in force: texts of the Secret are still its own. */
      readonly lastGood?: GoodCertificate;
    };

/** A certificate that can be used. */
export interface GoodCertificate {
  /** Of all its certificates: changes exactly when they do, and is the same in every process. No secret. */
  readonly fingerprint: string;
  /** RFC 3339: of a chain or bundle the first end. */
  readonly notAfter: string;
  /** DNS names and addresses that it is for. */
  readonly names: readonly string[];
}

/** A ConfigMap, as far as the load balancer answers with its texts. */
export interface ConfigMapInfo {
  readonly metadata: Metadata;
  /** Changes exactly when the contents do. */
  readonly version: string;
  readonly pages: ReadonlyMap<string, Page>;
}

/** A text of a ConfigMap as the body of an answer, or why it cannot be one: what a message says of it. */
export type Page = { readonly body: string } | { readonly problem: string };

/** discovery.k8s.io/v1 EndpointSlice, as far as we read it. */
export interface EndpointSlice {
  readonly metadata: Metadata;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly { readonly name?: string; readonly port?: number }[];
}

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  /** A missing condition has the meaning that the API gives it: ready = true, serving = ready, terminating = false. */
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  /** Of a server outside the cluster, the name of its external endpoint. */
  readonly hostname?: string;
  readonly zone?: string;
  readonly targetRef?: { readonly kind?: string; readonly name?: string };
}

/**
 * The whole picture at one moment. An object keeps its identity (`===`) as long as it does not change, and so does
 * each map whose objects did not: that is what lets every later stage do only what changed.
 */
export interface Resources {
  /** The versions in force: the newest that was good. */
  readonly pools: ReadonlyMap<Key, WebPool>;
  readonly rules: ReadonlyMap<Key, RoutingRule>;
  readonly grants: ReadonlyMap<Key, DatabaseGrant>;
  readonly secrets: ReadonlyMap<Key, SecretInfo>;
  readonly configMaps: ReadonlyMap<Key, ConfigMapInfo>;
  readonly slices: ReadonlyMap<Key, EndpointSlice>;
  /** Objects whose newest version is not in force, with the reason. */
  readonly held: readonly Held[];
  /** What is not well about objects that are in force all the same: rules that were dropped (`PartiallyInvalid`). */
  readonly findings: readonly Finding[];
  /** Documents that are no object we could name (broken YAML, no name, unknown kind). */
  readonly unnamed: readonly Finding[];
  /** false while something could not be read: what is missing may still be wanted, so no account is dropped because of it. */
  readonly pictureComplete: boolean;
}

/** A picture of nothing, all of which was read. */
export const NO_RESOURCES: Resources = {
  pools: new Map(),
  rules: new Map(),
  grants: new Map(),
  secrets: new Map(),
  configMaps: new Map(),
  slices: new Map(),
  held: [],
  findings: [],
  unnamed: [],
  pictureComplete: true,
};

/** An object whose newest version is refused or paused. */
export interface Held {
  readonly kind: Kind;
  readonly key: Key;
  readonly metadata: Metadata;
  /** Why: at least one; empty only when `paused`. */
  readonly findings: readonly Finding[];
  readonly paused: boolean;
  /** An earlier good version is still in force. */
  readonly fallback: boolean;
}

/** The certificate in force: the newest that could be used. */
export function certificateInForce(info: CertificateInfo | undefined): GoodCertificate | undefined {
  return info !== undefined && 'problem' in info ? info.lastGood : info;
}

/** The namespace and the name in a key. */
export function namesIn(key: Key): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/** The key of an object. */
export function keyOf(metadata: Pick<Metadata, 'namespace' | 'name'>): Key {
  return `${metadata.namespace}/${metadata.name}`;
}
