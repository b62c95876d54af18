/** What each condition of a route asks of a request. A new kind of match begins with its row here. */
import ipaddr from 'ipaddr.js';
import { RE2JS } from 're2js';
import { canonicalAddress } from '../api/address.ts';
import type { Route, SiteTLS } from './topology.ts';
import { extensionOf } from './path.ts';

/** All that is present must hold. Lists are sorted; names and values that compare without case are lower case. */
export interface Conditions {
  readonly extensions?: readonly string[];
  readonly contentTypes?: readonly string[];
  readonly method?: string;
  readonly headers?: readonly ValueCondition[];
  readonly queryParams?: readonly ValueCondition[];
  /** Canonical CIDR. */
  readonly sourceRanges?: readonly string[];
  /** The connection was made with this TLS: a client certificate of another host does not count. */
  readonly tls?: SiteTLS;
}

export interface ValueCondition {
  readonly name: string;
  readonly type: 'Exact' | 'Regex';
  readonly value: string;
}

/** One request, or for TCP one connection, in the form in which conditions read it. */
export interface Subject {
  /** Normal form; empty for a connection. */
  readonly host: string;
  /** Normal form; empty for a connection. */
  readonly path: string;
  readonly method: string;
  /** Lower-case name → all values joined by `,`. */
  readonly headers: ReadonlyMap<string, string>;
  /** Name → first value, both decoded. */
  readonly queryParams: ReadonlyMap<string, string>;
  /** Canonical address; undefined when it is not known, and then no range holds it. */
  readonly source: string | undefined;
  /** What the connection was made with, as far as the client's host tells. */
  readonly tls: SiteTLS | undefined;
}

/** undefined when the condition holds, else one sentence that says why it does not. */
type Mismatch = string | undefined;

type Check = (conditions: Conditions, subject: Subject) => Mismatch;

const CHECKS: Readonly<Record<keyof Conditions, Check>> = {
  extensions: asking('extensions', (wanted, { path }) => {
    const extension = extensionOf(path);
    if (extension === undefined) return `The path has no file type; wanted: ${wanted.join(', ')}.`;
    return wanted.includes(extension) ? undefined : `The file type is ${extension}; wanted: ${wanted.join(', ')}.`;
  }),
  contentTypes: asking('contentTypes', (wanted, { headers }) => {
    const type = mediaType(headers.get('content-type'));
    if (type === undefined) return `The request has no Content-Type; wanted: ${wanted.join(', ')}.`;
    const holds = wanted.some((range) => isOfType(type, range));
    return holds ? undefined : `The Content-Type is ${type}; wanted: ${wanted.join(', ')}.`;
  }),
  method: asking('method', (wanted, { method }) =>
    wanted === method ? undefined : `The method is ${method}; wanted: ${wanted}.`,
  ),
  headers: asking('headers', (wanted, { headers }) => firstMismatch('header', wanted, headers)),
  queryParams: asking('queryParams', (wanted, { queryParams }) =>
    firstMismatch('query parameter', wanted, queryParams),
  ),
  sourceRanges: asking('sourceRanges', (wanted, { source }) =>
    wanted.some((range) => isInRange(source, range))
      ? undefined
      : `The client ${source ?? 'without address'} is in none of ${wanted.join(', ')}.`,
  ),
  tls: asking('tls', (wanted, { tls }) =>
    JSON.stringify(wanted) === JSON.stringify(tls)
      ? undefined
      : 'The host is served with other TLS settings than the rule, which asks for client certificates.',
  ),
};

function asking<K extends keyof Conditions>(
  kind: K,
  ask: (wanted: NonNullable<Conditions[K]>, subject: Subject) => Mismatch,
): Check {
  return ({ [kind]: wanted }, subject) => (wanted === undefined ? undefined : ask(wanted, subject));
}

/** Why the route does not match, as one sentence; undefined when it does. */
export function mismatch(route: Route, subject: Subject): string | undefined {
  const place = hostMismatch(route.host, subject.host) ?? pathMismatch(route.path, subject.path);
  if (place !== undefined) return place;
  for (const check of Object.values(CHECKS)) {
    const why = check(route.conditions, subject);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** `type/subtype` in lower case, without parameters. */
function mediaType(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^[^;\s]*/.exec(header.trim())?.[0].toLowerCase();
}

function isOfType(type: string, range: string): boolean {
  return range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)));
}

function hostMismatch(wanted: string | undefined, host: string): Mismatch {
  const holds =
    wanted?.startsWith('*.') === true ? isBelow(host, wanted.slice(1)) : wanted === undefined || wanted === host;
  return holds ? undefined : `The host is ${host === '' ? 'not given' : host}; wanted: ${wanted}.`;
}

/** Whether a host is one of a wildcard's. `suffix` begins with a dot: the name itself is not below itself. */
export function isBelow(host: string, suffix: string): boolean {
  return host.length > suffix.length && host.endsWith(suffix);
}

function pathMismatch(wanted: Route['path'], path: string): Mismatch {
  if (wanted === undefined || pathHolds(wanted, path)) return undefined;
  return `The path is ${path}; wanted: ${wanted.type} ${wanted.value}.`;
}

function pathHolds({ type, value }: NonNullable<Route['path']>, path: string): boolean {
  if (type === 'Regex') return matchesWhole(value, path);
  return path === value || (type === 'Prefix' && path.startsWith(`${value}/`));
}

function firstMismatch(what: string, wanted: readonly ValueCondition[], given: ReadonlyMap<string, string>): Mismatch {
  for (const { name, type, value } of wanted) {
    const found = given.get(name);
    if (found === undefined) return `The ${what} ${name} is missing.`;
    const holds = type === 'Exact' ? found === value : matchesWhole(value, found);
    if (!holds) return `The ${what} ${name} is "${found}"; wanted: ${type} ${value}.`;
  }
  return undefined;
}

function matchesWhole(pattern: string, text: string): boolean {
  return RE2JS.compile(pattern).matches(text);
}

/** Whether an address is in a canonical range; one that is not known is in none. */
export function isInRange(address: string | undefined, range: string): boolean {
  const canonical = canonicalAddress(address ?? '');
  if (canonical === undefined) return false;
  const client = ipaddr.parse(canonical);
  const [network, length] = ipaddr.parseCIDR(range);
  return client.kind() === network.kind() && client.match([network, length]);
}
