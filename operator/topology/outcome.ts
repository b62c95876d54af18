/**
 * What becomes of a request whose route is known, in plain code: what `explain` tells, and what the load balancer is
 * tested against. Rate limits, checks and connections are not in it: they depend on what happened before.
 */
import { readsHttp } from '../api/layer.ts';
import { isInRange, type Subject } from './conditions.ts';
import { isTrusted, matchRequest, subjectAt, type Matching, type RequestLine } from './matching.ts';
import type { Access, Action, Cors, Handling, Listener, PathChange, Route, WeightedPool } from './topology.ts';

/** `reason` as in the header X-Webpool-Reason. */
export type Outcome =
  | { readonly type: 'Answer'; readonly status: number; readonly reason: string; readonly location?: string }
  /** A connection of Layer 4 that nobody takes. */
  | { readonly type: 'Closed' }
  /** HTTP: `host` and `target` are what the server gets. Only pools with a share; none of them is missing. */
  | {
      readonly type: 'Forward';
      readonly host: string;
      readonly target: string;
      readonly pools: readonly WeightedPool[];
    };

type Redirect = Extract<Action, { type: 'Redirect' }>;

/** A request and what is known of it. */
interface Case {
  readonly listener: Listener;
  readonly request: RequestLine;
  readonly subject: Subject;
}

/** What a listener does with a request. `matching` is the result of `matchRequest` for it. */
export function outcomeOf(
  listener: Listener,
  request: RequestLine,
  matching: Matching = matchRequest(listener, request),
): Outcome {
  if (matching.outcome === 'Rejected') return answer(400, matching.reason);
  const subject = subjectAt(listener, request);
  const isTcp = !readsHttp(listener.protocol);
  if (matching.outcome === 'NoRoute' || 'reason' in subject) {
    return isTcp ? { type: 'Closed' } : answer(404, 'no-matching-rule');
  }
  const { route } = matching;
  if (!mayEnter(route.handling?.access, subject.source))
    return isTcp ? { type: 'Closed' } : answer(403, 'access-denied');
  return isTcp ? connected(route) : handled(route, { listener, request, subject });
}

function answer(status: number, reason: string): Outcome {
  return { type: 'Answer', status, reason };
}

/** Whether a client may. Deny counts before allow. */
export function mayEnter({ allow, deny = [] }: Access = {}, source: string | undefined): boolean {
  if (deny.some((range) => isInRange(source, range))) return false;
  return allow === undefined || allow.some((range) => isInRange(source, range));
}

function connected({ action }: Route): Outcome {
  const pools = sharing(action);
  return pools.length === 0 ? { type: 'Closed' } : { type: 'Forward', host: '', target: '', pools };
}

function handled({ action, handling = {} }: Route, seen: Case): Outcome {
  const { subject, request } = seen;
  if (handling.cors !== undefined && isPreflight(subject)) return answer(204, 'cors-preflight');
  const refused = bodyRefusal(handling, subject);
  if (refused !== undefined) return refused;
  if (action.type === 'Respond') return answer(action.status, 'respond');
  if (action.type === 'Redirect') {
    return { type: 'Answer', status: action.status, reason: 'redirect', location: locationOf(action, seen) };
  }
  const pools = sharing(action);
  if (pools.length === 0) return answer(500, 'pool-not-found');
  return {
    type: 'Forward',
    host: handling.rewrite?.hostname ?? request.host ?? '',
    target: targetOf(handling, seen),
    pools,
  };
}

function bodyRefusal({ largestBody }: Handling, { headers }: Subject): Outcome | undefined {
  const length = headers.get('content-length');
  if (largestBody === undefined) return undefined;
  if (length !== undefined) return Number(length) > largestBody ? answer(413, 'body-too-large') : undefined;
  return headers.has('transfer-encoding') ? answer(411, 'length-required') : undefined;
}

function sharing(action: Action): readonly WeightedPool[] {
  return action.type === 'Pools' ? action.pools.filter(({ weight }) => weight > 0) : [];
}

function isPreflight({ method, headers }: Subject): boolean {
  return method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method');
}

/** Whether scripts of a site may use the answers. */
export function isAllowedOrigin({ allowOrigins }: Pick<Cors, 'allowOrigins'>, origin: string): boolean {
  const site = origin.toLowerCase();
  return allowOrigins.some((allowed) => {
    if (allowed === '*' || allowed === site) return true;
    const [scheme = '', suffix] = allowed.split('*');
    if (suffix === undefined || !site.startsWith(scheme) || !site.endsWith(suffix)) return false;
    const label = site.slice(scheme.length, site.length - suffix.length);
    return label !== '' && !label.includes('/');
  });
}

/** The server gets the path as it was sent, unless a rule changes it. */
function targetOf({ rewrite }: Handling, { request, subject }: Case): string {
  if (rewrite?.path === undefined) return request.target;
  const at = request.target.indexOf('?');
  return `${changedPath(rewrite.path, subject.path)}${at < 0 ? '' : request.target.slice(at)}`;
}

function changedPath(change: PathChange, path: string): string {
  if (change.type === 'Full') return change.to;
  return `${change.to}${path.slice(change.from.length)}` || '/';
}

function queryOf({ target }: RequestLine): string {
  const at = target.indexOf('?');
  return at < 0 || at === target.length - 1 ? '' : target.slice(at);
}

/** The ports that a URL need not name. */
export const WELL_KNOWN = { http: 80, https: 443 } as const;

/** As the client spoke it: a load balancer in front that is trusted may have ended its TLS. */
function schemeOf(listener: Listener, { source }: RequestLine, { headers }: Subject): 'http' | 'https' {
  const told = isTrusted(listener.trustedSources, source) ? headers.get('x-forwarded-proto') : undefined;
  if (told !== undefined) return told === 'https' ? 'https' : 'http';
  return listener.protocol === 'HTTP' ? 'http' : 'https';
}

/** Source: Gateway API, HTTPRequestRedirectFilter, for the port. */
function locationOf(redirect: Redirect, { listener, request, subject }: Case): string {
  const scheme = redirect.scheme ?? schemeOf(listener, request, subject);
  const host = redirect.hostname ?? (request.host ?? '').replace(/:\d*$/, '');
  const port = redirect.port ?? (redirect.scheme === undefined ? listener.port : WELL_KNOWN[redirect.scheme]);
  const path = redirect.path === undefined ? subject.path : changedPath(redirect.path, subject.path);
  const rest = `${path}${queryOf(request)}`;
  return host === '' ? rest : `${scheme}://${host}${port === WELL_KNOWN[scheme] ? '' : `:${port}`}${rest}`;
}
