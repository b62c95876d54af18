/**
 * Every condition and every reason that an object can carry, with its meaning. They are API: add, never rename.
 * `Ready` and `Stalled` also repeat the reason of the condition that made them so.
 */
import type { AcceptedReason, PartialReason, ResolvedReason } from '../api/finding.ts';
import type { DatabaseObserved, GrantObserved, ProxyObserved } from './observed.ts';

type Meanings<Reasons extends string> = Readonly<Record<Reasons, string>>;
type ProgrammedReason = NonNullable<ProxyObserved['problem']>['reason'];
type SyncedReason =
  | NonNullable<DatabaseObserved['problem']>['reason']
  | Exclude<NonNullable<GrantObserved['problem']>['reason'], AcceptedReason | ResolvedReason>;

const PENDING = 'Not known yet; it is being worked on.';
const INVALID = 'The newest version is refused, so it cannot be in force; see Accepted.';

const accepted = {
  Accepted: 'The object can be carried out as written.',
  Pending: PENDING,
  InvalidSpec: 'A field holds what it must not hold, or fields contradict each other.',
  UnsupportedValue: 'A value is valid but cannot be carried out here.',
  InvalidRegex: 'A regular expression is not RE2.',
  IncompatibleFilters: 'Filters of a rule exclude each other or its action.',
  Conflicted:
    "An object with precedence owns everything that this one asks for, or somebody else's Service has its name.",
  RedirectLoop: 'Its redirects would send visitors round in a circle.',
  PortUnavailable: 'The port is in use for another protocol, or by another program of the host.',
  UnsupportedPrivilege: 'The database server does not know a privilege, or not at this level.',
  UnsupportedAuthPlugin: 'The database server cannot log accounts in this way.',
  ReservedAccount: 'The account belongs to the database server or its administrator.',
} satisfies Meanings<AcceptedReason | 'Accepted' | 'Pending'>;

const resolvedRefs = {
  ResolvedRefs: 'Everything that the object names was found.',
  Pending: PENDING,
  BackendNotFound: 'A WebPool that the object names does not exist.',
  UnsupportedProtocol: 'An HTTP rule sends to a TCP pool.',
  HostnameUnresolvable: 'The name of a server does not resolve; the other servers serve.',
  SecretNotFound: 'A Secret that the object names does not exist.',
  SecretKeyMissing: 'A Secret lacks the key that the object names.',
  ConfigMapNotFound: 'The ConfigMap of a page does not exist; visitors get the short text meanwhile.',
  ConfigMapKeyMissing: 'The ConfigMap of a page lacks the key that the object names.',
  InvalidConfigMap: 'What the ConfigMap has under that key cannot be a page: too long, empty, or no text.',
  InvalidCertificateRef: 'The Secret of a certificate is missing, or what is in it cannot be used.',
  AdminSecretNotFound: 'The Secret of the managing account is missing or lacks username or password.',
} satisfies Meanings<ResolvedReason | 'ResolvedRefs' | 'Pending'>;

const programmed = {
  Programmed: 'This version was read back from the running HAProxy.',
  Pending: PENDING,
  NoProxies: 'No HAProxy is running.',
  ProxyUnreachable: 'HAProxy runs but does not answer on its control socket.',
  ConfigRejected: 'HAProxy refused the configuration; the message has its own words and the last good one stays.',
  FilesNotWritten:
    'The files from which HAProxy reloads could not be written, as on a full disk; the last good ones stay, and it is tried again.',
  Invalid: INVALID,
} satisfies Meanings<ProgrammedReason | 'Programmed' | 'Pending' | 'Invalid'>;

const synced = {
  Synced: 'Every account was read back as wanted.',
  Pending: PENDING,
  Invalid: INVALID,
  ServerUnreachable: 'The database server does not answer.',
  AdminAuthenticationFailed: 'The database server refuses the managing account.',
  AdminPrivilegeMissing: 'The managing account may not do what is needed.',
  ReadOnlyServer: 'The database server is read-only, for example a replica.',
  PasswordRejected: 'The policy of the database server refuses the password.',
  SQLError: 'The database server refuses a statement; the message has its error number.',
  AccountExists: 'An account of this name exists and is not ours, so it stays untouched.',
  DriftDetected: 'An account was changed by hand and driftPolicy is Report.',
  PartiallySynced: 'Some accounts are not as wanted yet; see status.hosts.',
  RemovalHeld: 'More than half of the accounts would go at once; it waits for your word.',
} satisfies Meanings<SyncedReason | 'Synced' | 'Pending' | 'Invalid'>;

const available = {
  Available: 'At least minReady servers are ready.',
  AllowedEmpty: 'No server is ready, which minReady: 0 allows.',
  Pending: PENDING,
  NoEndpoints: 'The pool has no servers.',
  NoReadyEndpoints: 'No server of the pool is ready.',
  BelowMinimum: 'Fewer servers are ready than minReady asks for.',
};

const partiallyInvalid = {
  UnsupportedValue: 'A part holds a value that cannot be carried out here; the rest serves.',
  MatchConflicted: 'An object with precedence owns some of the matches; the rest serves.',
  RedirectLoop: 'A redirect would send visitors round in a circle; its rule is dropped, the rest serves.',
  InvalidRegex: 'A regular expression is not RE2; its rule is dropped, the rest serves.',
  IncompatibleFilters: 'Filters of a rule exclude each other or its action; the rule is dropped, the rest serves.',
  DuplicateEndpoint: 'An external endpoint is a Pod of the pool as well; the Pod stays.',
  EndpointIgnored: 'An endpoint cannot be used; the others serve.',
} satisfies Meanings<PartialReason>;

/** Condition type → reason → what it means, in one sentence. */
export const REASONS = {
  Ready: {
    Ready: 'All other conditions are as they should be.',
    Paused: 'The pool was paused before it was ever in force.',
    Deleting: 'The grant was deleted; its accounts are being dropped.',
    CleanupBlocked: 'The grant was deleted, and its accounts cannot be dropped; the message says why and the way out.',
  },
  Accepted: accepted,
  ResolvedRefs: resolvedRefs,
  Programmed: programmed,
  Synced: synced,
  Available: available,
  BackendsAvailable: {
    BackendsAvailable: 'Every pool of the rule has a ready server.',
    Pending: PENDING,
    NoAvailableBackends: 'A pool of the rule has no ready server; its share is answered 503.',
  },
  PartiallyInvalid: partiallyInvalid,
  CertificateMismatch: {
    CertificateMismatch: 'A certificate is not for a host of the rule: whoever verifies it refuses that host.',
  },
  LegacyTLS: {
    LegacyTLS: 'A server is spoken to with old TLS by profile Legacy: whoever is on the way might read along.',
  },
  Reconciling: {
    Progressing: 'A new version is being carried out.',
    WaitingForEndpoints: 'A new version waits for its servers to pass their checks.',
    WaitingForProxies: 'A new version waits for HAProxy.',
    Deleting: 'The grant was deleted; its accounts are being dropped.',
    ProgressingWithRetry: 'Something that was well is not any more; it is tried again.',
  },
  Stalled: {
    ProgressDeadlineExceeded: 'A new version was not ready after ten minutes; it is still tried.',
  },
} as const;

/** The type of a condition. */
export type ConditionType = keyof typeof REASONS;

/** Any reason of any condition. */
export type Reason = { [T in ConditionType]: keyof (typeof REASONS)[T] }[ConditionType];

/**
 * Reasons that end the waiting, because only a change of the object helps. A conflict gets a grace: when an object is renamed, the
 * new one exists before the old one is gone.
 */
export const STALLING: Partial<Readonly<Record<Reason, 'AtOnce' | 'AfterGrace'>>> = {
  InvalidSpec: 'AtOnce',
  UnsupportedValue: 'AtOnce',
  InvalidRegex: 'AtOnce',
  IncompatibleFilters: 'AtOnce',
  UnsupportedPrivilege: 'AtOnce',
  UnsupportedAuthPlugin: 'AtOnce',
  ReservedAccount: 'AtOnce',
  RemovalHeld: 'AtOnce',
  Conflicted: 'AfterGrace',
  MatchConflicted: 'AfterGrace',
  RedirectLoop: 'AfterGrace',
};
