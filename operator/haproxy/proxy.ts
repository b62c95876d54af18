/**
 * What HAProxy should be, what it is, and the difference: the data of this rail.
 * In: Topology. Out: ProxyConfig (desired), ProxyState (read back), ProxyChange[] (plan). Never: a socket or a file.
 */

/** The whole of one HAProxy as it should be. */
export interface ProxyConfig {
  /** haproxy.cfg without its server lines: it alone decides about a reload. */
  readonly skeleton: string;
  /** Of `skeleton` and `files`, in hexadecimal; written into HAProxy's `description` and read back from `show info`. */
  readonly checksum: string;
  /** Further files that the skeleton names: file name → content. */
  readonly files: ReadonlyMap<string, string>;
  /** The routing map: key → value. */
  readonly routes: ReadonlyMap<string, string>;
  /** Backend name → servers. Sorted by name. */
  readonly backends: ReadonlyMap<string, BackendConfig>;
}

export interface BackendConfig {
  readonly name: string;
  /** The pool's key, for status. */
  readonly pool: string;
  /** Server lines' keywords that are the same for every server of the backend, for `add server` and the file. */
  readonly keywords: string;
  /** Milliseconds. */
  readonly drainTimeout: number;
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
}

/** A server as `show servers state` tells it. */
export interface ServerState {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly admin: AdminState;
  /** `Starting`: born in drain or not yet checked. */
  readonly health: 'Up' | 'Down' | 'Starting' | 'Unchecked';
  /** Seconds since the operational state last changed. */
  readonly since: number;
}
