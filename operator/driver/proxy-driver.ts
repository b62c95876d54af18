import type { ProxyChange, ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';

export type RuntimeChange = Exclude<ProxyChange, { kind: 'reload' }>;

/** A change that HAProxy did not carry out, with its own words. */
export interface RefusedChange {
  readonly change: RuntimeChange;
  readonly words: string;
}

export type Ensured = 'took-over' | 'started' | 'running';

/**
 * With HAProxy's words when it refused, or the system's when its files could not be written. `mayPass`: by nothing in the configuration, so it
 * may load another time.
 */
export type ReloadResult =
  | { readonly done: true }
  | {
      readonly done: false;
      readonly reason: 'ConfigRejected' | 'FilesNotWritten';
      readonly words: string;
      readonly mayPass: boolean;
    };

/** What a new worker begins from. */
export interface Loadable {
  readonly config: ProxyConfig;
  readonly state: ProxyState;
}

/** One HAProxy that we drive. Its methods are called one at a time, but for `reload`, which the others may run beside. */
export interface ProxyDriver {
  /**
   * Sees to it that a HAProxy runs: takes over the one that does, or starts one from `config`.
   * Shape: the skeleton that runs; undefined when it is the one that ran at the last call.
   * Errors: ProxyStartError with HAProxy's words.
   */
  ensure(config: ProxyConfig): Promise<{ readonly how: Ensured; readonly skeleton?: string }>;
  /** The whole state, of the worker that serves now. */
  read(): Promise<ProxyState>;
  /** Servers of all backends (or of some, which have to be there) and the worker that they were read from. */
  readServers(backends?: readonly string[]): Promise<ServersReading>;
  /** What is in force beside the backends: routes and certificates. */
  readRouting(): Promise<Pick<ProxyState, 'epoch' | 'routes' | 'secretFiles' | 'certificateLists'>>;
  /** Connections in use by `backend/server`, of some backends. */
  connections(backends: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Carries out changes in their order, servers that join one after another in any, and returns those that were refused. */
  apply(changes: readonly RuntimeChange[]): Promise<readonly RefusedChange[]>;
  /** Whether a reload now would lose what HAProxy remembers of clients: a worker that is still asking others for it teaches nobody. */
  wouldForget(): Promise<boolean>;
  /**
   * Checks the configuration, puts it on disk and makes a new worker take over. Until that answers, changes reach the old one; what was
   * changed since the files were written the new one does not know. `newest` is asked for each: always one skeleton, with servers as they are then.
   */
  reload(newest: () => Loadable): Promise<ReloadResult>;
  /** Writes the recovery image. */
  writeImage(config: ProxyConfig, state: ProxyState): Promise<void>;
  /** Ends HAProxy after its connections have, at the latest after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface ServersReading extends Pick<ProxyState, 'pid' | 'epoch' | 'checksum' | 'version'> {
  readonly backends: ReadonlyMap<string, ReadonlyMap<string, ServerState>>;
}
