/**
 * What the resources mean: pools with their servers, routes in their order of precedence, accounts that servers need.
 * In: Resources and the addresses of names. Out: Topology, with a Finding for whatever could not be meant.
 * Never: a clock, a socket, a word of HAProxy or SQL.
 */
import type { ListenerTLS } from '../api/kinds.gen.ts';
import type { Protocol } from '../api/layer.ts';
import type { DatabaseGrant, Key } from '../api/resources.ts';
import type { Finding } from '../api/finding.ts';
import type { Conditions } from './conditions.ts';

export type { Conditions, ValueCondition } from './conditions.ts';

/** Addresses of the DNS names that resources mention; a name that never resolved is absent. */
export type Names = ReadonlyMap<string, readonly string[]>;

/** Addresses of the nodes on which Pods run, by key of the Pod. */
export type PodNodes = ReadonlyMap<Key, readonly string[]>;

/** Which servers a topology is about. */
export interface TopologyOptions {
  /**
   * Where the addresses of external endpoints come from: looked up by us, or from the EndpointSlices into which an operator has put them,
   * which it does once their accounts exist.
   */
  readonly external: 'Names' | 'Slices';
  /** Pods that may serve, or every Pod that has an address: one that starts or ends needs its account too. */
  readonly pods: 'Serving' | 'All';
}

export interface Topology {
  /** Sorted by key. */
  readonly pools: ReadonlyMap<Key, Pool>;
  readonly listeners: readonly Listener[];
  readonly accounts: readonly AccountNeed[];
  readonly findings: readonly Finding[];
  /** Names that someone has to resolve, sorted. */
  readonly hostnames: readonly string[];
}

/** One web pool. */
export interface Pool {
  readonly key: Key;
  readonly generation: number;
  readonly protocol: 'HTTP' | 'TCP';
  /** All that is the same for every server. Identity changes only when the content does. */
  readonly options: PoolOptions;
  /** Sorted by id. */
  readonly servers: readonly Server[];
  /** Others wait for their accounts. */
  readonly incomplete?: true;
  readonly minReady: number;
}

/** What HAProxy sends to. */
export interface Server {
  /** `<endpoint>_<address>:<port>`; unique in the pool, and another address is another server. */
  readonly id: string;
  /** Name of the external endpoint or of the Pod. */
  readonly endpoint: string;
  /** Canonical IPv4 or IPv6 (RFC 5952), no brackets. */
  readonly address: string;
  readonly port: number;
  /** 0 to 256. */
  readonly weight: number;
  readonly state: 'Active' | 'Drain' | 'Maintenance';
  readonly tier: 'Primary' | 'Backup';
  /** Where it is; absent when nobody says. */
  readonly zone?: string;
  /** Connections at a time, per proxy; 0 = no limit. */
  readonly maxConnections: number;
  /** Pods were checked by the kubelet and may serve at once; external endpoints first have to pass a check. */
  readonly origin: 'Pod' | 'External';
  /** The DNS name by which an external endpoint was given. */
  readonly hostname?: string;
  /** A Pod that was told to go. */
  readonly leaving?: true;
  /** Absent: bytes as they are. */
  readonly transport?: Transport;
  /** What of its check is not as the pool says. */
  readonly healthCheck?: ServerCheck;
}

/** What is spoken to a server below HTTP. */
export interface Transport {
  readonly tls?: ServerTLS;
  /** Tells the server the client's address before anything else. */
  readonly proxyProtocol?: 'V1' | 'V2';
}

/** TLS to one server: its certificate is always verified. */
export interface ServerTLS {
  /** Modern: TLS 1.2 or newer, and always a name. Legacy: also TLS 1.0, SHA-1 and short keys. */
  readonly profile: 'Modern' | 'Legacy';
  /** Absent: the authorities that the host of the load balancer trusts. */
  readonly ca?: SecretRef;
  readonly serverName?: string;
}

/** Times in milliseconds; every default is filled in. */
export interface PoolOptions {
  readonly balance: { readonly algorithm: BalanceAlgorithm; readonly header?: string };
  /** Servers of other zones than the proxy's serve only when no other can. */
  readonly prefersZone?: true;
  readonly healthCheck: HealthCheckOptions;
  /** Errors in a row that visitors met, and what they lead to. */
  readonly passiveHealth?: { readonly errors: number; readonly action: 'TakeOut' | 'CheckSoon' };
  readonly slowStart: number;
  readonly drainTimeout: number;
  readonly queueTimeout: number;
  readonly timeouts: { readonly connect: number; readonly server: number; readonly tunnel: number };
  readonly retries: { readonly attempts: number; readonly when: readonly string[] };
  /** Content types of answers that are compressed. */
  readonly compression?: { readonly types: readonly string[] };
  /** maxAge 0 = browser session. */
  readonly affinity?:
    | { readonly type: 'Cookie'; readonly cookieName: string; readonly maxAge: number }
    | { readonly type: 'SourceIP'; readonly maxAge: number }
    | { readonly type: 'Header'; readonly header: string; readonly maxAge: number };
  readonly maintenancePage?: { readonly status: number; readonly contentType: string; readonly body: string };
}

export type BalanceAlgorithm = 'RoundRobin' | 'LeastConnections' | 'Random' | 'First' | 'SourceIP' | 'URI' | 'Header';

export interface HealthCheckOptions {
  readonly type: 'TCP' | 'HTTP' | 'MySQL';
  /** TCP: what is sent, and what the answer must contain. */
  readonly send?: string;
  readonly receive?: string;
  /** MySQL: who logs in, without password. */
  readonly username?: string;
  readonly path: string;
  readonly method: string;
  readonly host: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly expect: {
    /** Inclusive ranges. */
    readonly status: readonly (readonly [number, number])[];
    readonly body?: string;
    readonly header?: { readonly name: string; readonly value: string };
  };
  readonly port?: number;
  readonly interval: number;
  readonly timeout: number;
  readonly rise: number;
  readonly fall: number;
}

/** The part of a check that a server may have of its own. */
export type ServerCheck = Partial<Pick<HealthCheckOptions, 'port' | 'interval' | 'rise' | 'fall'>>;

/** An open port and what it does. */
export interface Listener {
  readonly protocol: Protocol;
  readonly port: number;
  /** In order of precedence: the first that matches wins. */
  readonly routes: readonly Route[];
  /** Canonical CIDR: who tells by the PROXY protocol for whom it connects. Absent: nobody. */
  readonly proxyFrom?: readonly string[];
  /** Who is believed about the client (canonical CIDR, sorted); absent: nobody. */
  readonly trustedSources?: readonly string[];
  /** HTTPS: the TLS of each host, sorted; a host that is not covered cannot connect. */
  readonly sites?: readonly Site[];
}

/** TLS of one host of an HTTPS listener. */
export interface Site {
  /** As in Route; undefined: every other name, and clients that give none. */
  readonly host?: string;
  readonly tls: SiteTLS;
}

/** What one TLS connection is made with; hosts of one RoutingRule share it. */
export interface SiteTLS {
  /** One, or two with different kinds of keys. */
  readonly certificates: readonly SecretRef[];
  readonly minVersion: NonNullable<ListenerTLS['minVersion']>;
  /** Clients must show a certificate of this authority. */
  readonly clientCA?: SecretRef;
}

/** A Secret whose text the load balancer needs. Whoever writes it there asks for the text at that moment. */
export interface SecretRef {
  readonly secret: Key;
  /** Changes whenever the text does. */
  readonly version: string;
}

/** One match of one rule, ready to be compared with a request. */
export interface Route {
  /** The RoutingRule and the name of the rule in it. */
  readonly rule: { readonly key: Key; readonly name: string };
  /** `a.example.com`, `*.example.com` or undefined for every host; lower case. */
  readonly host?: string;
  readonly path?: { readonly type: 'Exact' | 'Prefix' | 'Regex'; readonly value: string };
  readonly conditions: Conditions;
  /** Absent when requests and answers pass as they are. */
  readonly handling?: Handling;
  readonly action: Action;
}

/** What happens to a request on its way through a route, and to its answer. */
export interface Handling extends HeaderHandling {
  readonly access?: Access;
  readonly rateLimit?: RateLimit;
  /** Bytes; a body of unknown length is none that is small enough. */
  readonly largestBody?: number;
  /** Milliseconds. */
  readonly requestTimeout?: number;
  readonly cors?: Cors;
  readonly rewrite?: { readonly hostname?: string; readonly path?: PathChange };
}

/** Canonical CIDR, sorted. A client in `deny` may not, whatever `allow` says. */
export interface Access {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** `requests` in `per` milliseconds, `burst` of them at once, for each client. */
export interface RateLimit {
  readonly requests: number;
  readonly per: number;
  readonly burst: number;
  /** Lower-case name of the header that tells clients apart; absent: the client's address. */
  readonly header?: string;
  readonly status: number;
}

/** Changes of headers, in the order remove, set, add. Names are lower case, values literal. */
export interface HeaderHandling {
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}

export interface HeaderChanges {
  readonly remove: readonly string[];
  readonly set: readonly HeaderValue[];
  readonly add: readonly HeaderValue[];
}

export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}

/** `Full`: the whole path becomes `to`. `Prefix`: its beginning `from` does; both without a slash at the end. */
export type PathChange =
  | { readonly type: 'Full'; readonly to: string }
  | { readonly type: 'Prefix'; readonly from: string; readonly to: string };

/** Fields as in Gateway API's HTTPCORSFilter. Origins and names of headers are lower case; maxAge in milliseconds. */
export interface Cors {
  readonly allowOrigins: readonly string[];
  readonly allowCredentials: boolean;
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAge: number;
}

export type Action =
  | { readonly type: 'Pools'; readonly pools: readonly WeightedPool[] }
  | { readonly type: 'Respond'; readonly status: number; readonly contentType: string; readonly body: string }
  | {
      readonly type: 'Redirect';
      readonly status: number;
      readonly scheme?: 'http' | 'https';
      readonly hostname?: string;
      readonly port?: number;
      readonly path?: PathChange;
    };

export interface WeightedPool {
  readonly key: Key;
  readonly weight: number;
  /** The pool is there and speaks the listener's protocol; else its share is answered 500. */
  readonly usable: boolean;
  /** What happens only where this pool serves, after the handling of the route. */
  readonly handling?: HeaderHandling;
}

/** What one grant wants on one database server. */
export interface AccountNeed {
  readonly grant: Key;
  readonly generation: number;
  readonly spec: DatabaseGrant['spec'];
  readonly server: DatabaseServerNeed;
  readonly password: { readonly secret: Key; readonly key: string; readonly version: string };
  /** Sorted, unique; never empty, never a pattern. */
  readonly hosts: readonly AccountHostNeed[];
  /**
   * `hosts` may lack some: a name has no address yet, or a pool stands in a document that could not be read. Nothing may
   * be dropped for being absent from it.
   */
  readonly incomplete?: boolean;
}

/** A database server and how we log in there. */
export interface DatabaseServerNeed {
  /**
   * `<host>:<port> as <admin Secret>`, canonical: grants that agree in all three share one loop. Others must not: whoever
   * does not know a password may not have accounts made with it, nor keep others from theirs by a wrong one.
   */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly adminSecret: Key;
  readonly tls: ServerTls;
}

/** How a connection to a database server is encrypted. */
export interface ServerTls {
  /** Preferred: encrypted where the server can. */
  readonly mode: 'Required' | 'Preferred' | 'Disabled';
  /** Secret whose `ca.crt` signs the server's certificate; absent: any certificate will do. */
  readonly caSecret?: Key;
  /** Name in the certificate. Default: the host. */
  readonly serverName?: string;
}

/** Why a host gets an account. */
export interface AccountHostNeed {
  /** Canonical address or lower-case name: the host part of the account. */
  readonly host: string;
  /** The servers (pool key and server id) that log in from it; empty for entries of `hosts`. */
  readonly servers: readonly { readonly pool: Key; readonly id: string }[];
}
