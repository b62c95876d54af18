import type { Key, Kind } from './resources.ts';

/** Reasons a condition may carry when something the user wrote is not well. They are API: add, never rename. */
export type AcceptedReason =
  | 'InvalidSpec'
  | 'UnsupportedValue'
  | 'InvalidRegex'
  | 'IncompatibleFilters'
  | 'Conflicted'
  | 'PortUnavailable'
  | 'RedirectLoop'
  | 'UnsupportedPrivilege'
  | 'UnsupportedAuthPlugin'
  | 'ReservedAccount';
export type ResolvedReason =
  | 'BackendNotFound'
  | 'UnsupportedProtocol'
  | 'HostnameUnresolvable'
  | 'SecretNotFound'
  | 'SecretKeyMissing'
  | 'AdminSecretNotFound'
  | 'ConfigMapNotFound'
  | 'ConfigMapKeyMissing'
  | 'InvalidConfigMap'
  | 'InvalidCertificateRef';
export type PartialReason =
  | 'UnsupportedValue'
  | 'MatchConflicted'
  | 'RedirectLoop'
  | 'InvalidRegex'
  | 'IncompatibleFilters'
  | 'DuplicateEndpoint'
  | 'EndpointIgnored';

/**
 * Something the user wrote that cannot be carried out as written: a value, never thrown. The condition that it makes
 * False (or, for `PartiallyInvalid`, True) is named with it, so status has nothing to guess.
 */
export type Finding = FindingPlace &
  (
    | { readonly condition: 'Accepted'; readonly reason: AcceptedReason }
    | { readonly condition: 'ResolvedRefs'; readonly reason: ResolvedReason }
    | { readonly condition: 'PartiallyInvalid'; readonly reason: PartialReason }
  );

interface FindingPlace {
  /** The object; absent for a document that is no object. */
  readonly object?: { readonly kind: Kind; readonly key: Key };
  /** Where in the object, for example `spec.rules[1].matches[0].path.value`. */
  readonly path?: string;
  /** Name of the rule inside a RoutingRule that is dropped or affected. */
  readonly rule?: string;
  /** One sentence: what is wrong and the way out. No Secret contents. */
  readonly message: string;
  /** Where it was written, for a folder. Lines count from 1. */
  readonly file?: string;
  readonly line?: number;
}
