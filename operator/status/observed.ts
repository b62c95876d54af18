/**
 * What was applied and seen in the world, as status needs to know it. The controller fills it in from both rails.
 */
import type { GrantProblem } from '../api/grant-problem.ts';
import type { Key } from '../api/resources.ts';

export interface Observed {
  readonly proxy: ProxyObserved;
  /** By `AccountNeed.server.id`; a server that was not asked yet is absent. */
  readonly databases: ReadonlyMap<string, DatabaseObserved>;
}

export interface ProxyObserved {
  /** The running HAProxy was read back and is what the topology of this status asks for. */
  readonly programmed: boolean;
  /** Why it is not; absent while it simply is not done yet. */
  readonly problem?: {
    readonly reason: 'NoProxies' | 'ProxyUnreachable' | 'ConfigRejected' | 'FilesNotWritten';
    /** For ConfigRejected HAProxy's own words, for FilesNotWritten the system's. */
    readonly message: string;
  };
  /** Of several proxies one was not heard of lately: nothing about programming can be said. */
  readonly doubt?: string;
  /** Objects (`<kind>/<key>`) whose newest version not every proxy has yet, with what is waited for; absent where there is one proxy only. */
  readonly awaited?: ReadonlyMap<string, string>;
  /** What one object in particular waits for. */
  readonly waitsFor?: string;
  /** Secrets whose certificates HAProxy refused though nothing seemed wrong with them, with its words; the same map as long as it says the same. */
  readonly refusedSecrets?: ReadonlyMap<Key, string>;
  /** Servers as read back, by pool key and server id. */
  readonly pools: ReadonlyMap<Key, ReadonlyMap<string, ServerObserved>>;
  /** Where listeners are reachable, for example `127.0.0.1` or `*`. */
  readonly bind: string;
  /** Port of a listener → the port at which it is reachable there. Absent: the same. */
  readonly portAt?: ReadonlyMap<number, number>;
}

export interface ServerObserved {
  readonly admin: 'ready' | 'drain' | 'maint';
  readonly health: 'Up' | 'Down' | 'Starting' | 'Unchecked';
  /** Why its last check failed; absent when it did not. With `Up`: it serves until more in a row have failed. */
  readonly failure?: 'Refused' | 'Unreachable' | 'Handshake' | 'Timeout' | 'Answer';
  /** What the server offers whose handshake fails, as far as it was looked at. */
  readonly offer?: string;
  /** The server left the pool and only finishes its connections. */
  readonly leaving: boolean;
}

export interface DatabaseObserved {
  readonly problem?: {
    readonly reason:
      'ServerUnreachable' | 'AdminAuthenticationFailed' | 'AdminPrivilegeMissing' | 'ReadOnlyServer' | 'SQLError';
    /** What was seen and the way out; no statement text, no Secret. */
    readonly message: string;
  };
  readonly flavor?: 'MySQL' | 'MariaDB';
  readonly version?: string;
  /** By key of the DatabaseGrant. */
  readonly grants: ReadonlyMap<Key, GrantObserved>;
}

export interface GrantObserved {
  readonly accounts: readonly AccountObserved[];
  /** A refusal that holds for the grant as a whole. */
  readonly problem?: GrantProblem;
}

export interface AccountObserved {
  readonly host: string;
  readonly state: 'Ready' | 'Pending' | 'Conflicting' | 'Leaving' | 'Failed' | 'Held';
  readonly message?: string;
}
