import type { DatabaseGrantStatus, RoutingRuleStatus, WebPoolStatus } from '../api/kinds.gen.ts';
import type { Key, Kind, Metadata, Resources } from '../api/resources.ts';
import type { Topology } from '../topology/topology.ts';
import type { Observed } from './observed.ts';

/** The status of each kind. */
export interface StatusOf {
  readonly WebPool: WebPoolStatus;
  readonly RoutingRule: RoutingRuleStatus;
  readonly DatabaseGrant: DatabaseGrantStatus;
}

/** The status of any kind. */
export type AnyStatus = StatusOf[Kind];

/** What is said about one object of kind `K`. */
export interface DocumentOf<K extends Kind> {
  readonly kind: K;
  readonly key: Key;
  /** Of the newest version of the object, also when an older one is in force. */
  readonly metadata: Pick<Metadata, 'namespace' | 'name' | 'generation'>;
  readonly status: StatusOf[K];
}

/** What is said about one object: what `kubectl get -o yaml` shows below `status`. */
export type StatusDocument = { [K in Kind]: DocumentOf<K> }[Kind];

/** A DatabaseGrant that was deleted and stays until its accounts are gone. */
export interface Leaving {
  readonly metadata: Metadata;
  /** Why they do not go, and the way out; absent while they simply have not gone yet. */
  readonly blocked?: string;
}

/** Everything that status is made of. */
export interface StatusInput {
  readonly resources: Resources;
  readonly topology: Topology;
  readonly observed: Observed;
  /** By key; what is in it is in no other map. Absent: nothing is. */
  readonly leaving?: ReadonlyMap<Key, Leaving> | undefined;
  /** The status as it was last written; undefined for an object that never had one. */
  readonly previous: (kind: Kind, key: Key) => AnyStatus | undefined;
  /**
   * Objects, by `objectId`, of which somebody else wrote the status since the last round; what is told to be `changed` in a round is written
   * by its caller. Absent: that may be any.
   */
  readonly rewritten?: ReadonlySet<string>;
  /** RFC 3339, UTC, whole seconds: `2026-01-31T12:00:00Z`. */
  readonly now: string;
  /** When this process started, in the same form: a deadline does not run while nobody works on it. */
  readonly startedAt: string;
}
