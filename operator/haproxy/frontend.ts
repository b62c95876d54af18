/**
 * One listener as a HAProxy frontend. What goes where stands in the routing map, so a rule never changes these lines.
 */
import type { Listener } from '../topology/topology.ts';
import { asksClients, defaultList, listName } from './certificates.ts';
import { readsHttp } from '../api/layer.ts';
import { accessLogLines, type AccessLogSettings } from './access-log.ts';
import { CLIENT_HEADERS, CONNECTION_LINES, forwardedLines } from './forwarded.ts';
import { frontendName, socketAddress } from './names.ts';
import { quote } from './quote.ts';

/** File name of the routing map and of the Lua program, relative to HAProxy's working directory. */
export const ROUTES_FILE = 'routes.map';
export const ROUTER_FILE = 'router.lua';

/** Backend that answers while a route names a backend that this worker does not have. */
export const UNKNOWN_BACKEND = 'webpool_unknown';

/** Backend whose table counts what rate limits are about. */
const LIMITS_BACKEND = 'webpool_limits';

/** Without the option a reload closes idle keep-alive connections at the moment a client may be using them again. */
const HTTP_MODE = ['mode http', 'option idle-close-on-response'];

/**
 * Sections that are the same whatever the rules say, so that a new limit is data: the table of rate limits, and the way of
 * requests whose time is limited. HAProxy has no limit for a whole request with its waiting and retries, but one for the
 * silence of a server: so such a request passes twice, and the second pass is the server of the first, impatient one.
 */
export function fixedSections(): readonly (readonly string[])[] {
  return [
    [`backend ${UNKNOWN_BACKEND}`, 'mode http', `http-request return ${reply(500, 'pool-not-found')}`],
    [
      `backend ${LIMITS_BACKEND}`,
      // The longest time that a limit looks back is an hour.
      'stick-table type string len 64 size 200k expire 2h store gpt0 peers webpool',
    ],
    [
      'backend webpool_timed',
      'mode http',
      'http-request set-header X-Webpool-Backend %[var(txn.pool)]',
      'http-request set-timeout server var(txn.timeout)',
      'timeout tunnel 24h',
      'http-response set-var(txn.server) res.hdr(x-webpool-server)',
      'http-response del-header x-webpool-server',
      `http-error ${reply(504, 'request-timeout')}`,
      // A connection of one client is never used for another: PROXY protocol tells the address once.
      'server again unix@timed.sock send-proxy-v2',
    ],
    [
      'listen webpool_again',
      // A request whose time is up leaves its server or its place in the queue; only here, because it costs something.
      'option abortonclose',
      'bind unix@timed.sock mode 600 accept-proxy',
      ...HTTP_MODE,
      'no log',
      'http-request set-var(txn.to) req.hdr(x-webpool-backend)',
      'http-request del-header x-webpool-backend',
      'http-response set-header X-Webpool-Server %s',
      'use_backend %[var(txn.to)]',
      `default_backend ${UNKNOWN_BACKEND}`,
    ],
  ];
}

/** Frontend lines of a listener. `bind` lists IPv4 and IPv6 addresses, canonical. */
export function frontendLines(
  listener: Listener,
  bind: readonly string[],
  accessLog: AccessLogSettings = {},
): readonly string[] {
  const { protocol, port } = listener;
  const options = protocol === 'HTTPS' ? ` ${tlsOptions(listener)}` : '';
  return [
    `frontend ${frontendName(protocol, port)}`,
    ...bind.map((address) => `${bindLine(address, port)}${options}`),
    ...accessLogLines(readsHttp(protocol) ? 'http' : 'tcp', accessLog),
    ...proxyProtocolLines(listener),
    ...protocolLines[protocol](listener),
  ];
}

/** Before anything else of the connection is read. Source: HAProxy configuration manual, "expect-proxy layer4". */
function proxyProtocolLines({ proxyFrom }: Listener): readonly string[] {
  if (proxyFrom === undefined) return [];
  return [
    `tcp-request connection expect-proxy layer4 if { src ${proxyFrom.map((range) => quote('token', range)).join(' ')} }`,
  ];
}

/** Key of the routing map that says that a listener has wildcard hosts. No host has a `|`, so no request begins like it. */
export function wildcardsKey(port: number): string {
  return `${port}||wildcards`;
}

const protocolLines: Readonly<Record<Listener['protocol'], (listener: Listener) => readonly string[]>> = {
  HTTP: (listener) => httpLines(listener, []),
  HTTPS: (listener) => httpLines(listener, tlsLines(listener.port)),
  TCP: ({ port }) => tcpRouteLines(`str(tcp|${port}),map_str(${ROUTES_FILE})`),
  TLS: ({ port }) => passthroughLines(port),
};

/**
 * Each certificate brings terms of its own. A client that asks for an unknown host is refused in the handshake, unless a
 * rule serves every host. HAProxy resumes a TLS 1.3 session of any host of a port for any other, and asks for no certificate
 * then; so where one is asked for, no session is resumed (with `tune.ssl.cachesize 0`).
 */
function tlsOptions(listener: Listener): string {
  const sessions = asksClients(listener) ? ' no-tls-tickets' : '';
  const list = `crt-list ${listName(listener.port)} alpn h2,http/1.1 ssl-min-ver TLSv1.2${sessions}`;
  const byDefault = defaultList(listener);
  return byDefault === undefined ? `ssl strict-sni ${list}` : `ssl crt-list ${byDefault.name} ${list}`;
}

/** A plain answer of the proxy itself, with its reason in a header. */
export function reply(status: number, reason: string): string {
  return `status ${status} content-type text/plain string ${reason} hdr X-Webpool-Reason ${reason} hdr Cache-Control no-store`;
}

const SEGMENT = '[A-Za-z0-9_~!$&()+,;=:@-][A-Za-z0-9._~!$&()+,;=:@-]*';

/**
 * A host and path that have only one spelling and go into a map key as they are: lower-case name without port; segments
 * without percent, none empty, none that begins with a dot. A host alone has no path: `*`, CONNECT, or an absolute form without one.
 */
const PLAIN = quote('string', `^[a-z0-9.-]+/(${SEGMENT}/)*(${SEGMENT})?$`);

/**
 * The most specific of exact path and prefix is one lookup: the sample is `port|host/path/?`, a prefix key ends in `/`,
 * an exact key in `/?`, and no path has a `?`. Most requests end at `allow`, after one lookup. Only what one lookup cannot
 * say (a value that begins with `?`, wildcard hosts) goes to Lua, and so does a path that may have more than one spelling.
 */
function httpLines(listener: Listener, tls: readonly string[]): readonly string[] {
  const { port } = listener;
  const map = (sample: string) => `http-request set-var(txn.to) ${sample},map_beg(${ROUTES_FILE})`;
  return [
    ...HTTP_MODE,
    // All of the header: `hdr` would only see what follows the last comma. Two of them are two hosts, and only before HTTP/1.1 there may be none.
    'http-request set-var(txn.host) req.fhdr(host)',
    `http-request return ${reply(400, 'bad-host')} if { var(txn.host) -m sub / ? | * , .. } or { var(txn.host) -m beg . } or { req.fhdr_cnt(host) gt 1 } or !{ var(txn.host) -m found } { req.ver 1.1 }`,
    ...CONNECTION_LINES,
    ...forwardedLines(listener),
    ...tls,
    'http-request set-var(txn.base) base',
    `${map(`str(${port}|),concat(,txn.base,/?)`)} if { var(txn.base) -m reg ${PLAIN} }`,
    // What stands below this line costs such a request nothing, and is not asked of it either.
    'http-request allow if { var(txn.to) -m beg http_ }',
    'http-request set-var(txn.host) var(txn.host),field(1,:),rtrim(.),lower',
    'http-request set-var(txn.path) path',
    `http-request return ${reply(400, 'bad-path')} unless { var(txn.path) -m beg / }`,
    'http-request lua.webpool_path if { var(txn.path) -m sub % // /. \\\\ }',
    `http-request set-var-fmt(txn.sample) ${port}|%[var(txn.host)]%[var(txn.path)]/?`,
    map('var(txn.sample)'),
    `http-request lua.webpool_route ${port} exact if { var(txn.to) -m beg ? }`,
    `http-request lua.webpool_route ${port} exact if !{ var(txn.to) -m found } { str(${wildcardsKey(port)}),map_str(${ROUTES_FILE}) -m found }`,
    `http-request set-var-fmt(txn.sample) ${port}|*%[var(txn.path)]/? if !{ var(txn.to) -m found }`,
    `${map('var(txn.sample)')} if !{ var(txn.to) -m found }`,
    `http-request lua.webpool_route ${port} any if { var(txn.to) -m beg ? }`,
    `http-request return ${reply(404, 'no-matching-rule')} unless { var(txn.to) -m found }`,
    // A rate limit is counted in a table, which Lua can read but not write.
    `http-request track-sc0 var(txn.limit) table ${LIMITS_BACKEND} if { var(txn.limit) -m found }`,
    'http-request lua.webpool_limit if { var(txn.limit) -m found }',
    // A thread that was put aside in between would take back what others have counted since.
    'http-request lua.webpool_limit if { var(txn.limit) -m found } !{ sc_get_gpt0(0),sub(txn.limit_seen) eq 0 }',
    'http-request sc-set-gpt0(0) var(txn.limit_until) if { var(txn.limit) -m found }',
    `http-request lua.webpool_handle ${port} if { var(txn.to) -m str + }`,
    'http-response lua.webpool_answer if { var(txn.answer) -m found }',
    // Behind the backend stands the rule, for the access log.
    'use_backend %[var(txn.to),field(1,@)]',
    `default_backend ${UNKNOWN_BACKEND}`,
  ];
}

const clientFacts: Readonly<Record<string, string>> = {
  DN: 'ssl_c_s_dn',
  CN: 'ssl_c_s_dn(CN)',
  Serial: 'ssl_c_serial,hex',
  SHA1: 'ssl_c_sha1,hex',
};

/**
 * A connection may carry requests for several hosts as long as they are served on the same terms: else a client could
 * reach a host that asks for client certificates over the connection to one that does not. Source: RFC 9110 §7.4, 15.5.20.
 */
function tlsLines(port: number): readonly string[] {
  return [
    `http-request set-var(txn.port) str(${port})`,
    'http-request set-var(txn.host) var(txn.host),field(1,:),rtrim(.),lower',
    `http-request lua.webpool_misdirected ${port} unless { ssl_fc_sni,lower,strcmp(txn.host) eq 0 }`,
    ...Object.entries(clientFacts).map(
      ([name, fact]) => `http-request set-header ${CLIENT_HEADERS}${name} %[${fact}] if { ssl_c_used }`,
    ),
  ];
}

/** The name that a TLS client asks for decides; bytes pass as they come. What asks for nothing is closed. */
function passthroughLines(port: number): readonly string[] {
  return [
    'mode tcp',
    'timeout client 24h',
    'tcp-request inspect-delay 10s',
    'tcp-request content reject unless { req.ssl_hello_type 1 }',
    'tcp-request content set-var(txn.host) req.ssl_sni,lower',
    `tcp-request content set-var-fmt(txn.sample) sni|${port}|%[var(txn.host)]`,
    `tcp-request content set-var(txn.to) var(txn.sample),map_str(${ROUTES_FILE})`,
    `tcp-request content lua.webpool_route_sni ${port} if !{ var(txn.to) -m found } || { var(txn.to) -m beg ? }`,
    'tcp-request content reject unless { var(txn.to) -m found }',
    'use_backend %[var(txn.to),field(1,@)]',
  ];
}

/** A socket of its own for each family: IPv4 clients keep their IPv4 address. */
export function bindLine(address: string, port: number | string): string {
  return `bind ${socketAddress(address, port)}${address.includes(':') ? ' v6only' : ''}`;
}

/** Layer 4 has no answer to give: what has no server is closed. `found` is a sample: what the routing map has for the port. */
export function tcpRouteLines(found: string): readonly string[] {
  return [
    'mode tcp',
    // The pool's own time limit for a silent connection is the shorter one.
    'timeout client 24h',
    `tcp-request content set-var(txn.to) ${found}`,
    `tcp-request content lua.webpool_route_tcp if { var(txn.to) -m beg ? }`,
    'tcp-request content reject unless { var(txn.to) -m found }',
    'use_backend %[var(txn.to),field(1,@)]',
  ];
}
