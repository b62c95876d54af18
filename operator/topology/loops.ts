/**
 * Redirects that send visitors round in a circle, found by following them as a browser would, through the same matching.
 * In: listeners and whose routes they have. Out: listeners without circles, and what those are told who made one. A host that a redirect names is only ours where a rule names it too: another
 * may be served elsewhere, so nothing is said of it; nor of regular expressions, for which no request is made up.
 */
import type { Finding } from '../api/finding.ts';
import type { Listener, Route } from './topology.ts';
import { nameFor } from './conflicts.ts';
import { mismatch, type Subject } from './conditions.ts';
import { matchRequest, subjectAt, type RequestLine } from './matching.ts';
import { outcomeOf } from './outcome.ts';
import { normalizeHost } from './path.ts';
import { compareObjects, type Candidate } from './precedence.ts';
import { samplesOf } from './samples.ts';

/** A listener and where its routes come from, in the same order. */
export interface PortHolders {
  readonly listener: Listener;
  readonly holders: readonly Candidate[];
}

/** Listeners without circles; one that had none is the same object. */
export interface LoopDecision {
  readonly listeners: readonly Listener[];
  readonly findings: readonly Finding[];
}

/**
 * Of each circle the redirect that comes last by precedence is left out, as one that came later would be: nobody takes somebody
 * else's redirect out of service by closing a circle.
 */
export function decideLoops(ports: readonly PortHolders[]): LoopDecision {
  const dropped = new Map<Candidate, Loop>();
  let open = ports;
  for (let loops = findLoops(open); loops.length > 0; loops = findLoops(open)) {
    const holderOf = new Map(
      open.flatMap(({ listener, holders }) => listener.routes.map((route, at) => [route, holders[at]])),
    );
    const gone = new Set<Route>();
    for (const loop of loops) {
      // It may have ended with another one.
      if (loop.routes.some((route) => gone.has(route))) continue;
      const inIt = loop.routes.flatMap((route) => holderOf.get(route) ?? []);
      const last = inIt.reduce((worst, next) => (compareWritten(next, worst) > 0 ? next : worst));
      dropped.set(last, loop);
      gone.add(loop.routes[inIt.indexOf(last)] as Route);
    }
    open = open.map((port) => without(port, gone));
  }
  return { listeners: open.map(({ listener }) => listener), findings: findingsOf(dropped, open) };
}

function compareWritten(a: Candidate, b: Candidate): number {
  return compareObjects(a.object, b.object) || a.ruleIndex - b.ruleIndex || a.matchIndex - b.matchIndex;
}

function without(port: PortHolders, gone: ReadonlySet<Route>): PortHolders {
  const { listener, holders } = port;
  if (!listener.routes.some((route) => gone.has(route))) return port;
  return {
    listener: { ...listener, routes: listener.routes.filter((route) => !gone.has(route)) },
    holders: holders.filter((_, at) => !gone.has(listener.routes[at] as Route)),
  };
}

/** One finding a rule, however many of its matches and hosts are left out. */
function findingsOf(dropped: ReadonlyMap<Candidate, Loop>, left: readonly PortHolders[]): readonly Finding[] {
  if (dropped.size === 0) return [];
  const serving = new Set(left.flatMap(({ holders }) => holders.map(({ object }) => object.key)));
  const byRule = Map.groupBy(dropped, ([{ object, ruleIndex }]) => `${object.key} ${ruleIndex}`);
  return [...byRule.values()].map((list) => {
    const [[candidate, loop]] = list as [[Candidate, Loop], ...[Candidate, Loop][]];
    const { object, ruleIndex, route } = candidate;
    const place = {
      object: { kind: 'RoutingRule', key: object.key },
      path: `spec.rules[${ruleIndex}].filters.redirect`,
      rule: route.rule.name,
      reason: 'RedirectLoop',
      message: wordsFor(route, loop),
    } as const;
    return { ...place, condition: serving.has(object.key) ? 'PartiallyInvalid' : 'Accepted' };
  });
}

function wordsFor({ rule }: Route, { from, to, routes }: Loop): string {
  const others = routes
    .filter((route) => route.rule.key !== rule.key || route.rule.name !== rule.name)
    .map((route) =>
      route.rule.key === rule.key ? `rule "${route.rule.name}" of this object` : nameFor(rule.key, route.rule.key),
    );
  const by = others.length === 0 ? '' : `, by ${[...new Set(others)].join(', ')} as well`;
  return `Rule "${rule.name}" would send visitors round in a circle: ${from} leads to ${to} and so on${by}. Change the redirect, or give the place to which it leads a rule of its own.`;
}

/** A circle of redirects. */
interface Loop {
  /** A URL from which visitors come into it, and the one that it sends them to first. */
  readonly from: string;
  readonly to: string;
  /** The routes that send visitors on in it, each once. */
  readonly routes: readonly Route[];
}

/** Browsers give up after so many. Source: WHATWG fetch, HTTP-redirect fetch. */
const MOST_REDIRECTS = 20;

/** The loops of these listeners, at most one for each redirect. */
function findLoops(ports: readonly PortHolders[]): readonly Loop[] {
  const listeners = ports.map(({ listener }) => listener);
  const redirects = redirectsByHost(listeners);
  const world = { listeners, redirects };
  return [...redirects.values()].flat().flatMap(({ listener, route }) => {
    const loops = samplesOf(route).map((request) => loopFrom({ listener, request }, world));
    // Only what begins at this redirect tells of it: a more specific route may take the sample.
    return loops.find((loop) => loop?.entry === route) ?? [];
  });
}

interface Redirecting {
  readonly listener: Listener;
  readonly route: Route;
}

interface World {
  readonly listeners: readonly Listener[];
  readonly redirects: ReadonlyMap<string, readonly Redirecting[]>;
}

/** Routes that are for more than one host stand under this name. */
const MANY = '*';

function redirectsByHost(listeners: readonly Listener[]): ReadonlyMap<string, readonly Redirecting[]> {
  const all = listeners.flatMap((listener) =>
    listener.routes.flatMap((route) => (route.action.type === 'Redirect' ? [{ listener, route }] : [])),
  );
  return Map.groupBy(all, ({ route: { host } }) => (host === undefined || host.startsWith('*.') ? MANY : host));
}

/** A request at a listener. */
interface Visit {
  readonly listener: Listener;
  readonly request: RequestLine;
}

interface LoopFrom extends Loop {
  /** The route that the first request gets. */
  readonly entry: Route;
}

function loopFrom(start: Visit, world: World): LoopFrom | undefined {
  const visits: { readonly route: Route; readonly url: string }[] = [];
  let at: Visit | undefined = start;
  while (at !== undefined) {
    const { listener, request }: Visit = at;
    const matching = matchRequest(listener, request);
    if (matching.outcome !== 'Matched') return undefined;
    visits.push({ route: matching.route, url: urlOf(at) });
    const [first, second] = visits;
    if (visits.length > MOST_REDIRECTS && first !== undefined && second !== undefined) {
      // Whatever led into the circle is behind us by then.
      const routes = new Set(visits.slice(MOST_REDIRECTS / 2).map(({ route }) => route));
      return { entry: first.route, from: first.url, to: second.url, routes: [...routes] };
    }
    const outcome = outcomeOf(listener, request, matching);
    if (outcome.type !== 'Answer' || outcome.location === undefined) return undefined;
    at = visitOf(outcome.location, { before: at, status: outcome.status, world });
  }
  return undefined;
}

function urlOf({ listener: { protocol, port }, request: { host = '', target } }: Visit): string {
  const scheme = protocol === 'HTTPS' ? 'https' : 'http';
  return `${scheme}://${normalizeHost(host)}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}${target}`;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

interface Hop {
  readonly before: Visit;
  readonly status: number;
  readonly world: World;
}

/** Where a visitor comes to by a Location; undefined when no redirect of ours is there, or somebody else may be. */
function visitOf(location: string, hop: Hop): Visit | undefined {
  const { world, before } = hop;
  const place = placeOf(location);
  const listener = world.listeners.find(({ protocol, port }) => protocol === place.protocol && port === place.port);
  if (listener === undefined) return undefined;
  const request = requestAfter(hop, place);
  const subject = subjectAt(listener, request);
  // Most redirects end here: no other takes what they lead to. Only then is it worth while to look at all routes.
  if ('reason' in subject || !isRedirected(subject, listener, world)) return undefined;
  const stays = subject.host === normalizeHost(before.request.host ?? '');
  return stays || isNamed(subject, world) ? { listener, request } : undefined;
}

function isRedirected(subject: Subject, at: Listener, { redirects }: World): boolean {
  const all = [...(redirects.get(subject.host) ?? []), ...(redirects.get(MANY) ?? [])];
  return all.some(({ listener, route }) => listener === at && mismatch(route, subject) === undefined);
}

interface Place {
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly port: number;
  readonly host: string;
  readonly target: string;
}

function placeOf(location: string): Place {
  const [, scheme = '', authority = '', target = ''] = /^(https?):\/\/([^/?]*)(.*)$/.exec(location) ?? [];
  const port = /:(\d+)$/.exec(authority)?.[1] ?? DEFAULT_PORTS[scheme];
  const protocol = scheme === 'https' ? 'HTTPS' : 'HTTP';
  return { protocol, port: Number(port), host: normalizeHost(authority), target };
}

/** What belongs to one host alone. Source: WHATWG fetch; cookies do as well. */
const OF_ONE_HOST: ReadonlySet<string> = new Set(['authorization', 'cookie']);

function requestAfter({ before, status }: Hop, { host: next, target }: Place): RequestLine {
  const { host = '', headers, method } = before.request;
  const stays = next === normalizeHost(host);
  return {
    ...before.request,
    host: next,
    target,
    method: methodAfter(status, method),
    headers: stays ? headers : headers.filter(({ name }) => !OF_ONE_HOST.has(name)),
  };
}

/** Whether a rule says that it serves this host. */
function isNamed(subject: Subject, { listeners }: World): boolean {
  const names = ({ rule, action, host }: Route) =>
    host !== undefined && mismatch({ rule, action, host, conditions: {} }, subject) === undefined;
  return listeners.some(({ routes }) => routes.some(names));
}

/** Source: WHATWG fetch, HTTP-redirect fetch. */
function methodAfter(status: number, method: string): string {
  const becomesGet = status === 303 ? method !== 'HEAD' : (status === 301 || status === 302) && method === 'POST';
  return becomesGet ? 'GET' : method;
}
