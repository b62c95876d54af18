/**
 * Which route a request gets, in plain code: what `explain` tells, and what the load balancer is tested against.
 * In: a Listener and a request. Out: the route and why those before it did not match. Never: a socket.
 */
import { canonicalAddress } from '../api/address.ts';
import { readsHttp } from '../api/layer.ts';
import type { Listener, Route, Site } from './topology.ts';
import { isInRange, mismatch, type Subject } from './conditions.ts';
import { isHostHeader, normalizeHost, normalizePath } from './path.ts';

/** A request as a client sends it. Of a TCP connection only `source` counts. */
export interface RequestLine {
  readonly method: string;
  /** As sent: path and query. */
  readonly target: string;
  /** The Host header. */
  readonly host?: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** The client's address. */
  readonly source?: string;
}

/** A route that comes before the one that matched, and one sentence why it did not match. */
export interface Passed {
  readonly route: Route;
  readonly why: string;
}

/** What becomes of a request at a listener. `passed` is in order of precedence. */
export type Matching =
  | { readonly outcome: 'Matched'; readonly route: Route; readonly passed: readonly Passed[] }
  /** HTTP: answered 404. TCP: closed. */
  | { readonly outcome: 'NoRoute'; readonly passed: readonly Passed[] }
  /** Answered 400, before any route is looked at. */
  | ({ readonly outcome: 'Rejected'; readonly passed: readonly [] } & Rejection);

/** Why nobody should read a request: a reason as in the header X-Webpool-Reason, and one sentence. */
export interface Rejection {
  readonly reason: 'bad-host' | 'bad-path';
  readonly why: string;
}

/** The route that a request gets at a listener: the first that matches. */
export function matchRequest(listener: Listener, request: RequestLine): Matching {
  const subject = subjectAt(listener, request);
  if ('reason' in subject) return { outcome: 'Rejected', ...subject, passed: [] };
  const passed: Passed[] = [];
  for (const route of listener.routes) {
    const why = mismatch(route, subject);
    if (why === undefined) return { outcome: 'Matched', route, passed };
    passed.push({ route, why });
  }
  return { outcome: 'NoRoute', passed };
}

/** The request as the conditions of a listener read it. */
export function subjectAt(listener: Listener, request: RequestLine): Subject | Rejection {
  const { protocol } = listener;
  if (readsHttp(protocol)) return subjectOf(request, listener);
  return connection(request, protocol === 'TLS' ? normalizeHost(request.host ?? '') : '');
}

/** Of a TLS connection that passes through, the host is the name that the client asks for. */
function connection({ source }: RequestLine, host: string): Subject {
  return { host, path: '', method: '', headers: new Map(), queryParams: new Map(), source, tls: undefined };
}

/** Load balancers in front of each other that are looked behind. */
const MOST_HOPS = 8;

/**
 * The client: the last address in X-Forwarded-For that is none of the trusted ones, if those are who speaks to us. What stands before a word
 * that is no address counts for nothing; one of IPv4 may have a port.
 */
function clientOf({ trustedSources = [] }: Listener, { source }: RequestLine, forwardedFor = ''): string | undefined {
  let client = source;
  for (const hop of forwardedFor.split(',').toReversed().slice(0, MOST_HOPS)) {
    if (!isTrusted(trustedSources, client)) return client;
    const address = canonicalAddress(hop.trim().replace(/^([\d.]+):\d+$/, '$1'));
    if (address === undefined) return client;
    client = address;
  }
  return client;
}

/** Whether an address is one of those that are believed about the client. */
export function isTrusted(trustedSources: readonly string[] | undefined, address: string | undefined): boolean {
  return trustedSources?.some((range) => isInRange(address, range)) ?? false;
}

function subjectOf(request: RequestLine, listener: Listener): Subject | Rejection {
  const { target, method } = request;
  if (!isHostHeader(request.host ?? '')) {
    return { reason: 'bad-host', why: `The Host header ${request.host} names no host.` };
  }
  const host = normalizeHost(request.host ?? '');
  const [written = '', ...query] = target.split('?');
  const path = normalizePath(written);
  if (path === undefined) {
    const why = `Servers read the path ${written} in different ways: an encoded slash, a NUL, a backslash, a stray %, a .. above the root, or no / at its beginning.`;
    return { reason: 'bad-path', why };
  }
  const queryParams = parseQuery(query.join('?'));
  const headers = joinHeaders(request.headers);
  const source = clientOf(listener, request, headers.get('x-forwarded-for'));
  return { host, path, method, headers, queryParams, source, tls: siteOf(listener.sites ?? [], host)?.tls };
}

/** Source: RFC 9110 §5.3 for repeated headers. */
function joinHeaders(headers: RequestLine['headers']): ReadonlyMap<string, string> {
  const groups = Map.groupBy(headers, ({ name }) => name.toLowerCase());
  return new Map([...groups].map(([name, list]) => [name, list.map(({ value }) => value.trim()).join(',')]));
}

/**
 * The parameters of a query: name → first value, both decoded. A parameter without `=` has the empty value. Each character
 * stands for one byte, which is what the load balancer compares: nobody says in which encoding a query is.
 * Source: application/x-www-form-urlencoded of the URL standard, so `+` is a space; only `&` separates.
 */
export function parseQuery(query: string): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  for (const part of query.split('&')) {
    const [name = '', ...value] = part.split('=');
    if (!params.has(decode(name))) params.set(decode(name), decode(value.join('=')));
  }
  return params;
}

/** What is no triplet stays as it was sent. */
function decode(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The TLS of a host: its own, that of the wildcard one label up, that of every other host. */
function siteOf(sites: readonly Site[], host: string): Site | undefined {
  for (const name of [host, host.replace(/^[^.]*/, '*'), undefined]) {
    const site = sites.find((candidate) => candidate.host === name);
    if (site !== undefined) return site;
  }
  return undefined;
}
