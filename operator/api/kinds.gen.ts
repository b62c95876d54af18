/* Written by `npm run generate` from crds/. Do not edit. */
/**
 * Database server, account, servers that get it, and privileges.
 */
export interface DatabaseGrantSpec {
readonly server: DatabaseServer
/**
 * User part of the accounts. Servers before MySQL 5.7 take 16 characters.
 */
readonly username: string
readonly passwordSecret: SecretKey
/**
 * How the accounts log in. Auto: the server's best that its clients can do: mysql_native_password on MariaDB and MySQL before 8, caching_sha2_password from MySQL 8. ed25519: MariaDB from 10.4, with its plugin loaded. Default: Auto.
 */
readonly authPlugin?: ("Auto" | "mysql_native_password" | "caching_sha2_password" | "ed25519")
/**
 * WebPools of the same namespace whose servers get an account each. A server joins its pool only once its account exists.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly pools?: readonly GrantPool[]
/**
 * Further hosts that get an account: names or addresses, never patterns.
 * 
 * @minItems 1
 * @maxItems 512
 */
readonly hosts?: readonly string[]
/**
 * Privileges of each account.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly grants: readonly Grant[]
/**
 * What a login of the accounts needs beside the password: SSL, an encrypted connection; X509, a client certificate as well. Default: None.
 */
readonly requireTLS?: ("None" | "SSL" | "X509")
readonly limits?: AccountLimits
readonly rotation?: PasswordRotation
readonly removal?: AccountRemoval
/**
 * An account of the same name that somebody else made. Refuse: it is left as it is. Adopt: it becomes one of ours, with exactly these privileges; its password stays valid as after a change of the Secret. Default: Refuse.
 */
readonly existingAccounts?: ("Refuse" | "Adopt")
/**
 * What happens to a change made by hand to an account of ours. Default: Enforce.
 */
readonly driftPolicy?: ("Enforce" | "Report")
/**
 * What happens to the accounts when this object is deleted. Default: Delete.
 */
readonly deletionPolicy?: ("Delete" | "Lock" | "Orphan")
}
/**
 * The MySQL or MariaDB server.
 */
export interface DatabaseServer {
/**
 * DNS name or address.
 */
readonly host: string
/**
 * Default: 3306.
 */
readonly port?: number
readonly tls?: ServerTLS
/**
 * Secret of the same namespace with the keys username and password of the account that manages accounts.
 */
readonly adminSecretName: string
}
/**
 * How our own connection to the server is encrypted. Absent: as with mode Preferred.
 */
export interface ServerTLS {
/**
 * Required: never without. Preferred: where the server can, else without. Disabled: without. Default: Preferred.
 */
readonly mode?: ("Required" | "Preferred" | "Disabled")
/**
 * Secret of the same namespace whose key ca.crt holds the authority that signs the server's certificate; needs mode Required. Absent: the certificate is not verified.
 */
readonly caSecretName?: string
/**
 * DNS name that the server's certificate must have; needs caSecretName. Absent: the host.
 */
readonly serverName?: string
}
/**
 * Where the password of the accounts stands.
 */
export interface SecretKey {
/**
 * Secret of the same namespace.
 */
readonly name: string
/**
 * Key in that Secret.
 */
readonly key: string
}
export interface GrantPool {
/**
 * Name of a WebPool.
 */
readonly name: string
/**
 * Host part for external endpoints. Name and Both only apply where the endpoint was given by name. Default: Address.
 */
readonly hostAs?: ("Address" | "Name" | "Both")
/**
 * Host part for Pods. PodIP: each has its own. NodeIP: the database sees the node on which a Pod runs, and all Pods there share its account; only in a cluster. Egress: the database sees them as egressAddresses, behind a gateway or NAT. Default: PodIP.
 */
readonly source?: ("PodIP" | "NodeIP" | "Egress")
/**
 * Addresses from which the Pods of this pool reach the database; all of them share these accounts. Absent: source is PodIP.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly egressAddresses?: readonly string[]
}
export interface Grant {
/**
 * Schema, taken literally: an underscore is an underscore.
 */
readonly schema: string
/**
 * Table, or * for all. Default: *.
 */
readonly table?: string
/**
 * Columns to which every privilege of this entry is limited: SELECT, INSERT, UPDATE, REFERENCES. Needs a table.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly columns?: readonly string[]
/**
 * Privileges as SQL writes them.
 * 
 * @minItems 1
 * @maxItems 24
 */
readonly privileges: readonly ("SELECT" | "INSERT" | "UPDATE" | "DELETE" | "CREATE" | "DROP" | "REFERENCES" | "INDEX" | "ALTER" | "CREATE TEMPORARY TABLES" | "LOCK TABLES" | "CREATE VIEW" | "SHOW VIEW" | "CREATE ROUTINE" | "ALTER ROUTINE" | "EXECUTE" | "EVENT" | "TRIGGER")[]
}
/**
 * What each account may use; 0 means no limit.
 */
export interface AccountLimits {
/**
 * Connections at a time. Default: no limit.
 */
readonly maxUserConnections?: number
/**
 * Statements in an hour. Default: no limit.
 */
readonly maxQueriesPerHour?: number
/**
 * Changing statements in an hour. Default: no limit.
 */
readonly maxUpdatesPerHour?: number
/**
 * Logins in an hour. Default: no limit.
 */
readonly maxConnectionsPerHour?: number
}
/**
 * What happens when the password in the Secret changes.
 */
export interface PasswordRotation {
/**
 * Dual: the password before stays valid beside the new one until discardAfter has passed, on servers that can (MySQL from 8.0.14, MariaDB from 10.4). Immediate: it ends at once. Default: Dual.
 */
readonly mode?: ("Dual" | "Immediate")
/**
 * How long the password before stays valid; 1s to 8760h. Default: 24h.
 */
readonly discardAfter?: string
}
/**
 * How an account goes whose server has left.
 */
export interface AccountRemoval {
/**
 * When it goes. ContainersTerminated: once the containers of its Pod have ended, and the load balancer has let its connections end. DeletionStart: as soon as it is told to go, so that queries of its last requests may fail. Deleted: once the Pod itself is no more. A server outside the cluster has no containers: for it ContainersTerminated and Deleted are the same. Default: ContainersTerminated.
 */
readonly when?: ("ContainersTerminated" | "DeletionStart" | "Deleted")
/**
 * Ends its open sessions, which go on otherwise. Default: true.
 */
readonly killSessions?: boolean
}
/**
 * What is so, as seen by the operator.
 */
export interface DatabaseGrantStatus {
/**
 * Generation of the object that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * State in the common form.
 * 
 * @maxItems 16
 */
readonly conditions?: readonly Condition[]
readonly server?: ServerState
readonly accounts?: AccountCounts
/**
 * Accounts by host, problems first; at most 100.
 * 
 * @maxItems 100
 */
readonly hosts?: readonly AccountHost[]
}
export interface Condition {
/**
 * What it is about.
 */
readonly type: string
/**
 * Whether it is so.
 */
readonly status: ("True" | "False" | "Unknown")
/**
 * Generation of the object that this condition speaks of.
 */
readonly observedGeneration?: number
/**
 * When status last became another.
 */
readonly lastTransitionTime: string
/**
 * Why in one word, for programs.
 */
readonly reason: string
/**
 * Why and the way out, for people.
 */
readonly message: string
}
/**
 * The database server as it says of itself.
 */
export interface ServerState {
/**
 * Which of the two it is.
 */
readonly flavor?: ("MySQL" | "MariaDB")
/**
 * Its version, as it says it.
 */
readonly version?: string
}
/**
 * Accounts by state.
 */
export interface AccountCounts {
/**
 * Accounts that there should be.
 */
readonly desired: number
/**
 * Accounts that were read back as wanted.
 */
readonly ready: number
/**
 * Accounts that are not as wanted yet.
 */
readonly pending: number
/**
 * Accounts that exist and are not ours.
 */
readonly conflicting: number
/**
 * Accounts of servers that still drain.
 */
readonly leaving: number
/**
 * Ready of desired, for example 2/3.
 */
readonly summary: string
}
export interface AccountHost {
/**
 * Host part of the account.
 */
readonly host: string
/**
 * Leaving: its server still drains. Held: it would go, and waits for your word.
 */
readonly state: ("Ready" | "Pending" | "Conflicting" | "Leaving" | "Failed" | "Held")
/**
 * Why it is not Ready.
 */
readonly message?: string
}
/**
 * The report.
 */
export interface ProxyReportSpec {
/**
 * When the agent last compared HAProxy with what it should be, by the agent's clock. A reader judges by its own clock how long this has not changed.
 */
readonly heartbeatTime: string
readonly worker?: ProxyWorker
readonly programmed: ProgrammedVersions
readonly problem?: ProxyProblem
/**
 * Objects that this proxy does not carry out in their newest version; the first 64.
 * 
 * @maxItems 64
 */
readonly refused?: readonly RefusedObject[]
/**
 * Objects that are refused, those beyond the list included. Absent: the list has all.
 */
readonly refusedTotal?: number
/**
 * Servers of every pool that HAProxy has, sorted by key.
 * 
 * @maxItems 5000
 */
readonly pools: readonly ReportedPool[]
readonly corrected?: CorrectedDrift
}
/**
 * The HAProxy worker that all of this was read from. Absent while none answers.
 */
export interface ProxyWorker {
/**
 * Process id inside the Pod.
 */
readonly pid: number
/**
 * When it began; another time is another worker.
 */
readonly startTime: string
/**
 * Version of HAProxy.
 */
readonly version: string
}
/**
 * Resource versions up to which everything is in the running HAProxy, as read back, but for what stands under refused. A missing kind was never in it.
 */
export interface ProgrammedVersions {
/**
 * Of the WebPools.
 */
readonly webPools?: string
/**
 * Of the RoutingRules.
 */
readonly routingRules?: string
/**
 * Of the EndpointSlices.
 */
readonly endpointSlices?: string
/**
 * Of the Secrets with certificates.
 */
readonly secrets?: string
/**
 * By namespace, where several are watched one by one: a quiet one tells late how far it is, and the versions above are those of the quietest.
 */
readonly namespaces?: {
[k: string]: NamespaceVersions
}
}
export interface NamespaceVersions {
/**
 * Of the WebPools there.
 */
readonly webPools?: string
/**
 * Of the RoutingRules there.
 */
readonly routingRules?: string
/**
 * Of the EndpointSlices there.
 */
readonly endpointSlices?: string
}
/**
 * Why HAProxy is not what the newest versions ask for. Absent while all is well, or simply not done yet.
 */
export interface ProxyProblem {
/**
 * ConfigRejected, FilesNotWritten: the last good configuration stays in force.
 */
readonly reason: ("ProxyUnreachable" | "ConfigRejected" | "FilesNotWritten")
/**
 * For ConfigRejected HAProxy's own words, for FilesNotWritten the system's.
 */
readonly message: string
}
export interface RefusedObject {
/**
 * Kind of the object.
 */
readonly kind: ("WebPool" | "RoutingRule")
/**
 * namespace/name.
 */
readonly key: string
/**
 * The generation that is refused.
 */
readonly generation: number
/**
 * A reason that a condition may carry.
 */
readonly reason: string
/**
 * What is wrong and the way out.
 */
readonly message: string
}
export interface ReportedPool {
/**
 * namespace/name of the WebPool.
 */
readonly key: string
/**
 * Servers that HAProxy has for it, those that leave included.
 */
readonly total: number
/**
 * Servers that take new visitors and fail no check.
 */
readonly ready: number
/**
 * Ids of those that are external endpoints. Pods that are ready are only counted, because their EndpointSlices name them.
 * 
 * @maxItems 1024
 */
readonly readyExternal?: readonly string[]
/**
 * The servers that are not ready: every external endpoint, and of the Pods as many as the agent has room for.
 * 
 * @maxItems 1024
 */
readonly others?: readonly ReportedServer[]
}
export interface ReportedServer {
/**
 * <endpoint>_<address>:<port>.
 */
readonly id: string
/**
 * What its checks say.
 */
readonly health: ("Up" | "Down" | "Starting" | "Unchecked")
/**
 * How far its last check came. Absent when it passed.
 */
readonly failure?: ("Refused" | "Unreachable" | "Handshake" | "Timeout" | "Answer")
/**
 * What a server offers whose TLS handshake fails.
 */
readonly offer?: string
/**
 * What it was told. Absent: to serve.
 */
readonly admin?: ("Drain" | "Maintenance")
/**
 * It left the pool and finishes its connections. Absent: no.
 */
readonly leaving?: boolean
}
/**
 * Changes that somebody else made to this HAProxy and that the agent took back. Absent while there were none.
 */
export interface CorrectedDrift {
/**
 * Since the agent started.
 */
readonly total: number
/**
 * The last one.
 */
readonly lastTime: string
}
/**
 * Where to listen and what goes where.
 */
export interface RoutingRuleSpec {
readonly listener: Listener
/**
 * Hosts that the rules are for: exact, or *.name for every name below it. Compared without case, port and trailing dot; for TLS and HTTPS also with the name that the client asks for (SNI). Default: every host. Not for TCP.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly hostnames?: readonly string[]
/**
 * Settles a tie between rules before age does; higher wins. Default: 0.
 */
readonly priority?: number
/**
 * The rules; the most specific match wins, whatever their order.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly rules: readonly Rule[]
}
/**
 * The port that the load balancer opens. Rules of several objects share a listener.
 */
export interface Listener {
/**
 * HTTP and HTTPS: Layer 7. TCP: Layer 4, bytes as they come. TLS: Layer 4, passed through by the name that the client asks for (SNI).
 */
readonly protocol: ("HTTP" | "HTTPS" | "TCP" | "TLS")
/**
 * Default: 80 for HTTP, 443 for HTTPS; TCP and TLS must name one.
 */
readonly port?: number
readonly proxyProtocol?: ListenerProxyProtocol
/**
 * Addresses or CIDR ranges of load balancers in front. The client is then the last address in X-Forwarded-For that is none of these, and X-Forwarded-Proto, -Host, -Port and Forwarded stay as they say. HTTP and HTTPS only. Default: nobody, clients speak to us themselves.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly trustedSources?: readonly string[]
readonly tls?: ListenerTLS
}
/**
 * Load balancers in front of this one tell who the client is by the PROXY protocol, version 1 or 2. All rules of a port must say the same; the first by precedence decides. Absent: a client is who connects.
 */
export interface ListenerProxyProtocol {
/**
 * Addresses of those load balancers, as CIDR or single address: every connection of theirs has to begin with it. Of others it is not read.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly trustedSources: readonly string[]
}
/**
 * Certificate of the hosts of this object. HTTPS only, which needs it. Absent: no TLS.
 */
export interface ListenerTLS {
/**
 * Secret of the same namespace with the keys tls.crt (certificate, then its chain) and tls.key. Without hostnames it is also the certificate for clients that name an unknown host or none.
 */
readonly secretName: string
/**
 * Secret with a certificate for the same hosts and the other kind of key: ECDSA beside RSA. The client decides. Absent: one certificate for all clients.
 */
readonly alternateSecretName?: string
/**
 * Oldest version that clients may speak with these hosts. Default: TLSv1.2.
 */
readonly minVersion?: ("TLSv1.0" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3")
/**
 * Secret with the key ca.crt: clients must show a certificate of this authority. Servers read who it is in the headers X-SSL-Client-DN, X-SSL-Client-CN, X-SSL-Client-Serial and X-SSL-Client-SHA1. Absent: nobody is asked.
 */
readonly clientCASecretName?: string
}
export interface Rule {
/**
 * Name of the rule, unique in the object.
 */
readonly name: string
/**
 * Alternatives; what stands inside one must all hold. Default: everything.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly matches?: readonly RuleMatch[]
/**
 * Pools of the same namespace that get the traffic. A missing pool answers 500 for its share.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly pools?: readonly PoolReference[]
readonly filters?: Filters
readonly timeouts?: RuleTimeouts
readonly access?: Access
readonly limits?: RequestLimits
readonly rateLimit?: RateLimit
readonly respond?: Respond
}
export interface RuleMatch {
readonly path?: PathMatch
/**
 * File types, without dot and case: the suffix of the first path segment that ends like a file, so /index.php/x.jpg is php.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly extensions?: readonly string[]
/**
 * Media types of the request body: type/subtype or type/*. Parameters and case do not count.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly contentTypes?: readonly string[]
/**
 * Request method.
 */
readonly method?: ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH")
/**
 * Request headers; all must match. A repeated header counts as its values joined by commas.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly headers?: readonly ValueMatch[]
/**
 * Query parameters; all must match. Of a repeated parameter the first counts.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly queryParams?: readonly QueryMatch[]
/**
 * Addresses of clients, as CIDR or single address. The only match of TCP and TLS rules.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly sourceRanges?: readonly string[]
}
/**
 * Path of the request, without the query, in its normal form.
 */
export interface PathMatch {
/**
 * Prefix matches whole path elements. Regex: RE2, matches the whole path.
 */
readonly type: ("Exact" | "Prefix" | "Regex")
/**
 * Exact and Prefix begin with /.
 */
readonly value: string
}
export interface ValueMatch {
/**
 * Name, headers without case.
 */
readonly name: string
/**
 * Default: Exact. Regex: RE2, matches the whole value.
 */
readonly type?: ("Exact" | "Regex")
/**
 * Value.
 */
readonly value: string
}
export interface QueryMatch {
/**
 * Name, with case.
 */
readonly name: string
/**
 * Default: Exact. Regex: RE2, matches the whole value.
 */
readonly type?: ("Exact" | "Regex")
/**
 * Value after percent-decoding.
 */
readonly value: string
}
export interface PoolReference {
/**
 * Name of a WebPool.
 */
readonly name: string
/**
 * Share of the traffic relative to the other pools; all zero answers 500. Default: 1.
 */
readonly weight?: number
readonly filters?: PoolFilters
}
/**
 * What happens to headers only where this pool serves, after the filters of the rule. HTTP only.
 */
export interface PoolFilters {
readonly requestHeaders?: HeaderFilter
readonly responseHeaders?: HeaderFilter
}
/**
 * Headers to remove, set and add, in this order.
 */
export interface HeaderFilter {
/**
 * Headers that get exactly this value, whether they were there or not.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly set?: readonly HeaderValue[]
/**
 * Headers that are added beside those of the same name.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly add?: readonly HeaderValue[]
/**
 * Names of headers that are taken away.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly remove?: readonly string[]
}
export interface HeaderValue {
/**
 * Name without case.
 */
readonly name: string
/**
 * Value, taken literally.
 */
readonly value: string
}
/**
 * Headers to remove, set and add, in this order.
 */
/**
 * What happens to requests and answers on the way. HTTP only.
 */
export interface Filters {
readonly requestHeaders?: HeaderFilter
readonly responseHeaders?: HeaderFilter
readonly redirect?: Redirect
readonly rewrite?: Rewrite
readonly cors?: Cors
}
/**
 * Headers to remove, set and add, in this order.
 */
/**
 * Headers to remove, set and add, in this order.
 */
/**
 * Answer that sends the client elsewhere. Not together with pools, respond or rewrite. The query stays.
 */
export interface Redirect {
/**
 * Default: the scheme of the request.
 */
readonly scheme?: ("http" | "https")
/**
 * Default: the host of the request.
 */
readonly hostname?: string
/**
 * Port; 80 of http and 443 of https are left out. Default: that of scheme where it is set, else that of the listener.
 */
readonly port?: number
readonly path?: PathChange
/**
 * Default: 302.
 */
readonly statusCode?: (301 | 302 | 303 | 307 | 308)
}
/**
 * Another path. Default: the path of the request.
 */
export interface PathChange {
/**
 * ReplacePrefix: only what the Prefix of the match covered, by whole path elements.
 */
readonly type: ("ReplaceFullPath" | "ReplacePrefix")
/**
 * Begins with /; empty counts as /.
 */
readonly value: string
}
/**
 * What the server gets instead of the host and path of the request. Not together with redirect or respond.
 */
export interface Rewrite {
/**
 * Default: the host of the request.
 */
readonly hostname?: string
readonly path?: PathChange
}
/**
 * Another path. Default: the path of the request.
 */
/**
 * Which scripts of other sites may use the answers. The load balancer answers the browser's preflight itself, 204; to a foreign site without CORS headers.
 */
export interface Cors {
/**
 * Sites that may: scheme://host[:port], where the host may begin with *. for every name below it, or * for all.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly allowOrigins: readonly string[]
/**
 * Whether they may with the cookies of the visitor. Default: false.
 */
readonly allowCredentials?: boolean
/**
 * Methods beside the simple ones (GET, HEAD, POST), or * for all. Default: none.
 * 
 * @minItems 1
 * @maxItems 9
 */
readonly allowMethods?: readonly ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" | "*")[]
/**
 * Request headers beside the simple ones, or * for all. Default: none.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly allowHeaders?: readonly string[]
/**
 * Response headers that scripts may read beside the simple ones, or * for all. Default: none.
 * 
 * @minItems 1
 * @maxItems 64
 */
readonly exposeHeaders?: readonly string[]
/**
 * How long the browser remembers the answer to a preflight, 0s to 24h. Default: 5s.
 */
readonly maxAge?: string
}
/**
 * Limits of time. HTTP only.
 */
export interface RuleTimeouts {
/**
 * Time within which the answer must begin, with waiting and all retries, and the longest silence in it; then 504. It ends at an upgrade. 0s to 24h, 0s is no limit. Default: 0s.
 */
readonly request?: string
}
/**
 * Which clients may; others get 403, or over TCP are closed. deny counts before allow. Default: everyone.
 */
export interface Access {
/**
 * Addresses or CIDR ranges that may. Default: every address.
 * 
 * @minItems 1
 * @maxItems 256
 */
readonly allow?: readonly string[]
/**
 * Addresses or CIDR ranges that may not. Default: no address.
 * 
 * @minItems 1
 * @maxItems 256
 */
readonly deny?: readonly string[]
}
/**
 * How large a request may be. Absent: headers may have 16 kB together, bodies any size. HTTP only.
 */
export interface RequestLimits {
/**
 * Bytes of a body, for example 512Ki or 10Mi; a larger one is answered 413, and one that does not say how long it is (Transfer-Encoding: chunked) 411. Absent: no limit.
 */
readonly requestBody?: string
}
/**
 * How often a client may send requests to this rule; the others get statusCode. Each proxy counts what all of them let through. HTTP only.
 */
export interface RateLimit {
/**
 * Requests in each period; they are regained evenly, one by one.
 */
readonly requests: number
/**
 * The period, 1s to 1h.
 */
readonly per: string
/**
 * Requests that may come at once after a rest. Default: requests.
 */
readonly burst?: number
readonly key?: RateLimitKey
/**
 * Status of the answer to those too many. Default: 429.
 */
readonly statusCode?: number
}
/**
 * What makes requests those of one client. Default: SourceIP.
 */
export interface RateLimitKey {
/**
 * SourceIP: the address of the client, of IPv6 its /64 network. Header: the value of a header; requests without it count by address.
 */
readonly type: ("SourceIP" | "Header")
/**
 * Name of the header, needed for type Header. Absent: type is SourceIP.
 */
readonly name?: string
}
/**
 * Answer that the load balancer gives itself. Not together with pools. HTTP and HTTPS only.
 */
export interface Respond {
/**
 * Status code.
 */
readonly status: number
/**
 * Default: text/plain.
 */
readonly contentType?: ("text/html" | "text/plain" | "application/json")
/**
 * Body, at most 12288 bytes in UTF-8. Default: empty.
 */
readonly body?: string
}
/**
 * What is so, as seen by the operator.
 */
export interface RoutingRuleStatus {
/**
 * Generation of the object that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * State in the common form.
 * 
 * @maxItems 16
 */
readonly conditions?: readonly Condition[]
/**
 * Host names, for the column; * is any.
 */
readonly hostnames?: string
/**
 * Pools of the rules, for the column.
 */
readonly backends?: string
/**
 * Where the listener can be reached.
 * 
 * @maxItems 16
 */
readonly addresses?: readonly Address[]
/**
 * State of each rule.
 * 
 * @maxItems 16
 */
readonly rules?: readonly RuleState[]
/**
 * Objects that hold a match which this one also asks for.
 */
readonly conflictsWith?: number
}
export interface Address {
/**
 * What value is.
 */
readonly type: ("IPAddress" | "Hostname")
/**
 * The address or name.
 */
readonly value: string
/**
 * Open ports.
 * 
 * @maxItems 64
 */
readonly ports: readonly number[]
}
export interface RuleState {
/**
 * Name of the rule.
 */
readonly name: string
/**
 * The load balancer has at least one match of this rule.
 */
readonly programmed: boolean
/**
 * What is not well about it.
 */
readonly message?: string
}
/**
 * Which servers are in the pool and how the load balancer treats them.
 */
export interface WebPoolSpec {
/**
 * What the servers speak. Default: HTTP.
 */
readonly protocol?: ("HTTP" | "TCP")
/**
 * Port of the servers. An endpoint may name its own; a pool whose endpoints all do may leave it out.
 */
readonly port?: number
/**
 * Name of a port of the Pods, which each Pod may give another number. Absent: port.
 */
readonly portName?: string
readonly selector?: PodSelector
/**
 * Weight of every Pod, as that of an endpoint. Default: 100.
 */
readonly podWeight?: number
/**
 * Servers outside the cluster, for example virtual machines. They are always health-checked.
 * 
 * @maxItems 512
 */
readonly externalEndpoints?: readonly ExternalEndpoint[]
readonly balance?: Balance
/**
 * PreferSameZone: each proxy sends to servers of its own zone, and to those of other zones only when none of these can serve; a server of unknown zone counts as near to all. A proxy that does not know its zone has no preference. Sessions stay where they are. It takes the place of the tier Backup. Absent: all zones alike.
 */
readonly trafficDistribution?: "PreferSameZone"
readonly healthCheck?: HealthCheck
readonly passiveHealth?: PassiveHealth
/**
 * Time over which a server that joins or comes back grows to its weight, 0s to 24h. Default: 0s, at once.
 */
readonly slowStart?: string
/**
 * How long a leaving server keeps its connections before they are cut, 0s to 24h. Default: 60s.
 */
readonly drainTimeout?: string
/**
 * Connections to each server at a time, per proxy; further requests wait. Default: no limit.
 */
readonly maxConnections?: number
/**
 * How long a request waits for a full server before it gets 503, 1ms to 24h. Default: 5s.
 */
readonly queueTimeout?: string
readonly timeouts?: PoolTimeouts
readonly retries?: Retries
readonly compression?: Compression
readonly sessionAffinity?: SessionAffinity
readonly tls?: PoolTLS
/**
 * Tells the servers the address of the client before anything else; they have to expect it, and checks tell it too. Default: Disabled.
 */
readonly proxyProtocol?: ("Disabled" | "V1" | "V2")
/**
 * Healthy servers below which Available is False. Default: 1.
 */
readonly minReady?: number
readonly maintenancePage?: MaintenancePage
/**
 * The pool stays as it is in the load balancer, changes wait. Default: false.
 */
readonly paused?: boolean
}
/**
 * Pods of the same namespace that are servers of the pool. A folder has no Pods: there EndpointSlices of the Service named as the pool stand for them. Absent: no Pods.
 */
export interface PodSelector {
/**
 * Labels that a Pod must have.
 */
readonly matchLabels: {
[k: string]: string
}
}
export interface ExternalEndpoint {
/**
 * Name of the server, unique in the pool.
 */
readonly name: string
/**
 * IPv4 address, IPv6 address or DNS name. A name with several addresses gives several servers.
 */
readonly address: string
/**
 * Port of this server. Default: the pool's port.
 */
readonly port?: number
/**
 * Share of the traffic relative to the other servers; 0 means no new visitors. Default: 100.
 */
readonly weight?: number
/**
 * Drain: no new visitors, sessions bound by cookie stay. Maintenance: no traffic, no checks. Default: Active.
 */
readonly state?: ("Active" | "Drain" | "Maintenance")
/**
 * Backup servers serve only when no primary can. Default: Primary.
 */
readonly tier?: ("Primary" | "Backup")
/**
 * Zone that the server is in, as nodes say by the label topology.kubernetes.io/zone. Absent: unknown.
 */
readonly zone?: string
/**
 * Connections to this server at a time, per proxy. Default: the pool's maxConnections.
 */
readonly maxConnections?: number
readonly healthCheck?: EndpointHealthCheck
readonly tls?: EndpointTLS
}
/**
 * How this server is checked, field by field before that of the pool. Absent: as the pool says.
 */
export interface EndpointHealthCheck {
/**
 * Absent: that of the pool's check, else the server's.
 */
readonly port?: number
/**
 * 100ms to 1h. Absent: that of the pool.
 */
readonly interval?: string
/**
 * Absent: that of the pool.
 */
readonly rise?: number
/**
 * Absent: that of the pool.
 */
readonly fall?: number
}
/**
 * TLS to this server, field by field before that of the pool. Absent: as the pool says.
 */
export interface EndpointTLS {
/**
 * Absent: that of the pool, else Enabled.
 */
readonly mode?: ("Enabled" | "Disabled")
/**
 * Secret with the key ca.crt. Absent: that of the pool.
 */
readonly caSecretName?: string
/**
 * Name in the certificate. Absent: that of the pool, else the DNS name by which the endpoint is given.
 */
readonly serverName?: string
/**
 * Absent: that of the pool, else Modern.
 */
readonly profile?: ("Modern" | "Legacy")
}
/**
 * How a server is chosen. Hashes are consistent.
 */
export interface Balance {
/**
 * Default: RoundRobin.
 */
readonly algorithm: ("RoundRobin" | "LeastConnections" | "Random" | "First" | "SourceIP" | "URI" | "Header")
/**
 * Name of the request header that is hashed. Required with Header, refused otherwise.
 */
readonly header?: string
}
/**
 * How a server is checked. Default: a TCP connection to the server's port.
 */
export interface HealthCheck {
/**
 * Default: HTTP when path is set, else TCP.
 */
readonly type?: ("TCP" | "HTTP" | "MySQL")
/**
 * Text that a TCP check sends, taken literally: "PING\r\n" in double quotes has line ends. Absent: nothing is sent.
 */
readonly send?: string
/**
 * Text that the server's answer to a TCP check must contain, taken literally. Absent: any answer or none will do.
 */
readonly receive?: string
/**
 * Account without password and privileges with which a MySQL check logs in from the load balancer. Required with MySQL, refused otherwise.
 */
readonly username?: string
/**
 * Path and query of the check request. Default: /.
 */
readonly path?: string
/**
 * Default: GET.
 */
readonly method?: ("GET" | "HEAD" | "OPTIONS" | "POST")
/**
 * Host header of the check request. Default: the word localhost.
 */
readonly host?: string
/**
 * Further headers of the check request.
 * 
 * @maxItems 8
 */
readonly headers?: readonly CheckHeader[]
readonly expect?: HealthCheckExpect
/**
 * Port that is checked. Default: the server's port.
 */
readonly port?: number
/**
 * Time between two checks, 100ms to 1h. A server in doubt is looked at again after half a second. Default: 10s.
 */
readonly interval?: string
/**
 * Longest time for one check, 10ms to 1h. Default: 2s.
 */
readonly timeout?: string
/**
 * Passed checks after which a server that was down is used again. Default: 2.
 */
readonly rise?: number
/**
 * Failed checks after which a server is no longer used. Default: 3.
 */
readonly fall?: number
}
export interface CheckHeader {
/**
 * Name of the header; Host has the field host.
 */
readonly name: string
/**
 * Header value, taken literally.
 */
readonly value: string
}
/**
 * What a healthy server answers; everything that is set must hold. Default: status 200-399.
 */
export interface HealthCheckExpect {
/**
 * Codes or ranges, for example 200 or 200-299, as strings.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly status?: readonly string[]
/**
 * Text that the body must contain, taken literally.
 */
readonly body?: string
/**
 * Header that the answer must have with this value.
 */
readonly header?: {
/**
 * Header name.
 */
readonly name: string
/**
 * Exact value, taken literally.
 */
readonly value: string
}
}
/**
 * Watches what visitors get, besides the checks: over HTTP 5xx answers but 501 and 505 and broken ones, over TCP connections that fail. A server that is taken out comes back by passed checks. Absent: checks alone decide.
 */
export interface PassiveHealth {
/**
 * Errors in a row, per proxy, after which the action is taken.
 */
readonly errors: number
/**
 * TakeOut: no more visitors until checks pass again. CheckSoon: the next check comes after half a second at most. Default: TakeOut.
 */
readonly action?: ("TakeOut" | "CheckSoon")
}
/**
 * Time limits between load balancer and server.
 */
export interface PoolTimeouts {
/**
 * Opening a connection, 1ms to 1h. Default: 1s.
 */
readonly connect?: string
/**
 * Silence of the server, 1ms to 24h. Default: 60s.
 */
readonly server?: string
/**
 * Silence on WebSocket and TCP connections, 1ms to 576h. Default: 1h.
 */
readonly tunnel?: string
}
/**
 * When a request is tried again on another server. A request that is not idempotent and was sent is never repeated.
 */
export interface Retries {
/**
 * Tries after the first. Default: 3.
 */
readonly attempts?: number
/**
 * ConnectFailure, EmptyResponse, Reset, Timeout or a status code 401, 403, 404, 408, 425, 500, 501, 502, 503, 504. Default: ConnectFailure.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly when?: readonly ("ConnectFailure" | "EmptyResponse" | "Reset" | "Timeout" | "401" | "403" | "404" | "408" | "425" | "500" | "501" | "502" | "503" | "504")[]
}
/**
 * Compresses (gzip) answers of servers that did not, for visitors who take it. Leave out what shows a secret beside words of the visitor: the length would betray it. Absent: answers stay as they are.
 */
export interface Compression {
/**
 * Content types that are compressed, for example text/html, whatever their parameters.
 * 
 * @minItems 1
 * @maxItems 32
 */
readonly types: readonly string[]
}
/**
 * Keeps a visitor on one server. Cookie survives reload, restart and a change of proxy; SourceIP and Header remember addresses or values in a table that proxies share.
 */
export interface SessionAffinity {
/**
 * How a visitor is recognised: by a cookie of the load balancer, by address, or by what a request header says, as long as there is one. Cookie and Header need an HTTP pool.
 */
readonly type: ("Cookie" | "SourceIP" | "Header")
/**
 * Name of the request header that tells visitors apart. Required with Header, refused otherwise.
 */
readonly header?: string
/**
 * Name of the cookie. Default: WEBPOOL.
 */
readonly cookieName?: string
/**
 * Idle time after which a visitor may be moved, 1s to 576h. Default: Cookie, the browser session; SourceIP and Header, 30m.
 */
readonly maxAge?: string
}
/**
 * TLS between load balancer and servers, checks included. Absent: none.
 */
export interface PoolTLS {
/**
 * Default: Enabled.
 */
readonly mode?: ("Enabled" | "Disabled")
/**
 * Secret of the same namespace with the key ca.crt: who signs the servers' certificates, or a server's own certificate when it signed itself. Absent: the authorities that the host of the load balancer trusts.
 */
readonly caSecretName?: string
/**
 * Name that the servers' certificates are for; it is also asked for (SNI). Absent: the DNS name by which an endpoint is given; a server without one is left out unless its profile is Legacy.
 */
readonly serverName?: string
/**
 * Modern: TLS 1.2 or newer. Legacy: also TLS 1.0, SHA-1 and keys of 1024 bits, with a pinned certificate; the status shows it as a risk. Default: Modern.
 */
readonly profile?: ("Modern" | "Legacy")
}
/**
 * What visitors get when no server can serve. Default: 503 with a short text.
 */
export interface MaintenancePage {
/**
 * Default: 503.
 */
readonly status?: (200 | 500 | 502 | 503 | 504)
/**
 * Default: text/html.
 */
readonly contentType?: ("text/html" | "text/plain" | "application/json")
/**
 * The page itself, at most 12288 bytes in UTF-8. Absent: it stands in configMap.
 */
readonly body?: string
readonly configMap?: ConfigMapKey
}
/**
 * Where the page stands, in a ConfigMap of the same namespace: at most 12288 bytes. While it is missing, visitors get the short text. Absent: body.
 */
export interface ConfigMapKey {
/**
 * Name of the ConfigMap.
 */
readonly name: string
/**
 * Key in its data, for example maintenance.html.
 */
readonly key: string
}
/**
 * What is so, as seen by the operator.
 */
export interface WebPoolStatus {
/**
 * Generation of the object that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * What the servers speak, also where spec leaves it out; for the column.
 */
readonly protocol?: ("HTTP" | "TCP")
/**
 * State in the common form.
 * 
 * @maxItems 16
 */
readonly conditions?: readonly Condition[]
readonly endpoints?: EndpointCounts
/**
 * Servers that do not serve and why; the first 16.
 * 
 * @maxItems 16
 */
readonly unhealthyEndpoints?: readonly UnhealthyEndpoint[]
/**
 * Routing rules that send to this pool.
 */
readonly usedBy?: number
}
/**
 * Servers of the pool by state.
 */
export interface EndpointCounts {
/**
 * All servers of the pool.
 */
readonly total: number
/**
 * Healthy and in rotation.
 */
readonly ready: number
/**
 * Servers that get no new visitors.
 */
readonly draining: number
/**
 * Servers whose check fails.
 */
readonly unhealthy: number
/**
 * Ready of total, for example 8/10.
 */
readonly summary: string
}
export interface UnhealthyEndpoint {
/**
 * The server: endpoint, address and port.
 */
readonly name: string
/**
 * Why in one word.
 */
readonly reason: string
/**
 * Why and the way out.
 */
readonly message: string
}
