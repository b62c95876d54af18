/**
 * What HAProxy should be, what it is, and the difference: the data of this rail.
 * In: Topology. Out: ProxyConfig (desired), ProxyState (read back), ProxyChange[] (plan). Never: a socket or a file.
 */
import type { SecretRef } from '../topology/topology.ts';
import type { Room } from './room.ts';

/** The whole of one HAProxy as it should be. */
export interface ProxyConfig {
  /** haproxy.cfg without its servers and what depends on them: it alone decides about a reload. */
  readonly skeleton: string;
  /** Of `skeleton`, `files` and `room`, in hexadecimal; written into HAProxy's `description` and read back from `show info`. */
  readonly checksum: string;
  /** Further files that the skeleton names: file name → content. */
  readonly files: ReadonlyMap<string, string>;
  readonly room: Room;
  /** The routing map: key → value. */
  readonly routes: ReadonlyMap<string, string>;
  /** Backend name → servers. Sorted by name. */
  readonly backends: ReadonlyMap<string, BackendConfig>;
  /** Files whose text is in a Secret: file name → where. */
  readonly secretFiles: ReadonlyMap<string, SecretFile>;
  /** Which host gets which certificate: list → lines in the form of `lineText`. */
  readonly certificateLists: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What a file holds that only its writer may know the text of. */
export interface SecretFile extends SecretRef {
  /** A certificate and its key, or the certificates of an authority. */
  readonly holds: 'certificate' | 'authority';
}

export interface BackendConfig {
  readonly name: string;
  /** The pool's key, for status. */
  readonly pool: string;
  /** Server lines' keywords that are the same for every server of the backend, for `add server` and the file. */
  readonly keywords: string;
  /** Milliseconds. */
  readonly drainTimeout: number;
  /** Servers that are to come are not among `servers` yet. */
  readonly incomplete?: true;
  /** The dynamic cookie has to be switched on again after the first `add server`. */
  readonly dynamicCookieKey?: string;
  /** Sorted by name. */
  readonly servers: ReadonlyMap<string, ServerConfig>;
}

export interface ServerConfig {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly maxConnections: number;
  readonly admin: AdminState;
  readonly backup: boolean;
  /** Keywords that are its own for life: TLS, PROXY protocol, check; empty for none, else with a space before each. */
  readonly fixed: string;
  /** Born in drain and promoted after its first passed check. */
  readonly probeFirst: boolean;
}

export type AdminState = 'ready' | 'drain' | 'maint';

/** One HAProxy worker as it was read back. */
export interface ProxyState {
  readonly pid: number;
  /** Changes when the worker does: all that was known of an older one is void. */
  readonly epoch: string;
  /** As in ProxyConfig; empty when the running configuration is not ours. */
  readonly checksum: string;
  readonly version: string;
  readonly backends: ReadonlyMap<string, ReadonlyMap<string, ServerState>>;
  readonly routes: ReadonlyMap<string, string>;
  /** Files of Secrets that this worker holds → version as it was last set; empty when nobody who is left knows. */
  readonly secretFiles: ReadonlyMap<string, string>;
  /** List → line → its number. */
  readonly certificateLists: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** A server as `show servers state` tells it. */
export interface ServerState {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly admin: AdminState;
  /** `Starting`: not yet checked. `Up` with a `failure` serves until more checks in a row have failed. */
  readonly health: 'Up' | 'Down' | 'Starting' | 'Unchecked';
  /** Why its last check failed; absent when it did not. */
  readonly failure?: CheckFailure;
  /** As it was last set in this worker; undefined when nobody who is left knows, because HAProxy does not tell. */
  readonly maxConnections?: number;
}

/**
 * How far a failing check gets: no connection, none in time, no TLS, a connection but no (or not this) answer in time, or another
 * answer than a healthy one.
 */
export type CheckFailure = 'Refused' | 'Unreachable' | 'Handshake' | 'Timeout' | 'Answer';

/** A server that is no longer wanted and still there. Times in milliseconds of a monotonic clock. */
export interface Leaving {
  readonly since: number;
  /** Since when it has had no connection; undefined while it has. */
  readonly idleSince?: number;
}

/** One step that brings a HAProxy nearer to its ProxyConfig. */
export type ProxyChange =
  | { readonly kind: 'add-server'; readonly backend: BackendConfig; readonly server: ServerConfig }
  | (ServerStep & { readonly kind: 'set-weight'; readonly weight: number })
  | (ServerStep & { readonly kind: 'set-max-connections'; readonly maxConnections: number })
  | (ServerStep & { readonly kind: 'set-state'; readonly state: AdminState })
  | (ServerStep & { readonly kind: 'enable-health' })
  | (ServerStep & { readonly kind: 'shutdown-sessions' })
  | (ServerStep & { readonly kind: 'delete-server' })
  | { readonly kind: 'set-secret'; readonly name: string; readonly file: SecretFile; readonly isNew: boolean }
  | { readonly kind: 'delete-certificate'; readonly name: string }
  | { readonly kind: 'add-certificate-line'; readonly list: string; readonly line: string }
  | { readonly kind: 'delete-certificate-line'; readonly list: string; readonly line: string; readonly number: number }
  | { readonly kind: 'replace-routes'; readonly routes: ReadonlyMap<string, string> }
  | { readonly kind: 'reload'; readonly reason: ReloadReason };

interface ServerStep {
  readonly backend: string;
  readonly server: string;
}

/** Why a reload is needed: a value of the metric, so the set is small. */
export type ReloadReason = 'listeners' | 'pools' | 'pool-options' | 'peers' | 'settings';
