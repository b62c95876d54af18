/**
 * Redirects that send visitors round in a circle, found by following them as a browser would, through the same matching.
 * In: listeners and whose routes they have. Out: listeners without circles, and what those are told who made one. A host that a redirect names is only ours where a rule names it too: another
 * may be served elsewhere, so nothing is said of it; nor of regular expressions, for which no request is made up.
 */
import type { Finding } from '../api/finding.ts';
import type { Listener, Route } from './topology.ts';
import { nameFor } from './conflicts.ts';
import { isBelow, mismatch, type Subject } from './conditions.ts';
import { matchRequest, subjectAt, type RequestLine } from './matching.ts';
import { outcomeOf, WELL_KNOWN } from './outcome.ts';
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
  const redirects = listeners.flatMap((listener) =>
    listener.routes.filter(({ action }) => action.type === 'Redirect').map((route) => ({ listener, route })),
  );
  if (redirects.length === 0) return [];
  const world = worldOf(listeners);
  return redirects.flatMap(({ listener, route }) => {
    for (const request of samplesOf(route)) {
      const loop = loopFrom(route, { listener, request }, world);
      if (loop !== undefined) return [loop];
    }
    return [];
  });
}

/** Routes and hosts in the form in which few of them have to be looked at. */
interface World {
  readonly listeners: readonly Listener[];
  /** Host and first segment of the path, ANY where it is for several → routes in order. */
  readonly routes: ReadonlyMap<Listener, ReadonlyMap<string, readonly Placed[]>>;
  readonly hosts: ReadonlySet<string>;
  /** What is below such a name, with the dot before it, is served here. */
  readonly suffixes: ReadonlySet<string>;
}

interface Placed {
  readonly route: Route;
  /** Its place among all of the listener. */
  readonly at: number;
}

const ANY = '*';

function worldOf(listeners: readonly Listener[]): World {
  const named = new Set(listeners.flatMap(({ routes }) => routes.flatMap(({ host }) => host ?? [])));
  const wildcards = [...named].filter((host) => host.startsWith('*.'));
  return {
    listeners,
    routes: new Map(
      listeners.map((listener) => {
        const placed = listener.routes.map((route, at): Placed => ({ route, at }));
        return [listener, Map.groupBy(placed, ({ route }) => bucketOf(route))];
      }),
    ),
    hosts: named,
    suffixes: new Set(wildcards.map((host) => host.slice(1))),
  };
}

function bucketOf({ host = ANY, path }: Route): string {
  const segment = path === undefined || path.type === 'Regex' ? ANY : segmentOf(path.value);
  return `${host.startsWith('*.') ? ANY : host} ${segment}`;
}

function segmentOf(path: string): string {
  return path.split('/', 2)[1] ?? '';
}

/** The listener with those routes only that may be for the request: whatever is left out does not match it. */
function narrowed(listener: Listener, { host, path }: Subject, { routes }: World): Listener {
  const buckets = [host, ANY].flatMap((name) => [segmentOf(path), ANY].map((segment) => `${name} ${segment}`));
  const found = [...new Set(buckets)].flatMap((bucket) => routes.get(listener)?.get(bucket) ?? []);
  return { ...listener, routes: found.toSorted((a, b) => a.at - b.at).map(({ route }) => route) };
}

/** A request at a listener. */
interface Visit {
  readonly listener: Listener;
  readonly request: RequestLine;
}

/** The loop into which a redirect sends a visitor; undefined when there is none, or another route takes that visitor. */
function loopFrom(entry: Route, start: Visit, world: World): Loop | undefined {
  // Most redirects lead to no other one: then nobody has to know which route takes the first request.
  const first = follow(entry, start, world);
  if (first === undefined || routeFor(start, world) !== entry) return undefined;
  const visits = [{ route: entry, url: urlOf(start) }];
  let at: Visit | undefined = first;
  while (at !== undefined) {
    const route = routeFor(at, world);
    if (route === undefined) return undefined;
    const url = urlOf(at);
    const again = visits.findIndex((visit) => visit.url === url && visit.route === route);
    // Where no URL comes twice, whatever led into the circle is behind us by then.
    const from = visits.length >= MOST_REDIRECTS ? MOST_REDIRECTS / 2 : again;
    if (from >= 0) {
      const routes = new Set(visits.slice(from).map((visit) => visit.route));
      return { from: urlOf(start), to: urlOf(first), routes: [...routes] };
    }
    visits.push({ route, url });
    at = follow(route, at, world);
  }
  return undefined;
}

function routeFor({ listener, request }: Visit, world: World): Route | undefined {
  const subject = subjectAt(listener, request);
  if ('reason' in subject) return undefined;
  const matching = matchRequest(narrowed(listener, subject, world), request);
  return matching.outcome === 'Matched' ? matching.route : undefined;
}

/** Where a visitor whom this route takes is sent; undefined when nowhere, or where no redirect of ours is. */
function follow(route: Route, visit: Visit, world: World): Visit | undefined {
  const outcome = outcomeOf(visit.listener, visit.request, { outcome: 'Matched', route, passed: [] });
  if (outcome.type !== 'Answer' || outcome.location === undefined) return undefined;
  return visitOf(outcome.location, { before: visit, status: outcome.status, world });
}

function urlOf({ listener: { protocol, port }, request: { host = '', target } }: Visit): string {
  const scheme = protocol === 'HTTPS' ? 'https' : 'http';
  return `${scheme}://${normalizeHost(host)}${port === WELL_KNOWN[scheme] ? '' : `:${port}`}${target}`;
}

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
  if ('reason' in subject || !isRedirected(subject, listener, world)) return undefined;
  const stays = subject.host === normalizeHost(before.request.host ?? '');
  return stays || isNamed(subject.host, world) ? { listener, request } : undefined;
}

function isRedirected(subject: Subject, at: Listener, world: World): boolean {
  const { routes } = narrowed(at, subject, world);
  return routes.some((route) => route.action.type === 'Redirect' && mismatch(route, subject) === undefined);
}

interface Place {
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly port: number;
  readonly host: string;
  readonly target: string;
}

function placeOf(location: string): Place {
  const [, scheme = '', authority = '', target = ''] = /^(https?):\/\/([^/?]*)(.*)$/.exec(location) ?? [];
  const protocol = scheme === 'https' ? 'HTTPS' : 'HTTP';
  const port = /:(\d+)$/.exec(authority)?.[1] ?? WELL_KNOWN[scheme === 'https' ? 'https' : 'http'];
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
function isNamed(host: string, { hosts, suffixes }: World): boolean {
  return hosts.has(host) || [...suffixes].some((suffix) => isBelow(host, suffix));
}

/** Source: WHATWG fetch, HTTP-redirect fetch. */
function methodAfter(status: number, method: string): string {
  const becomesGet = status === 303 ? method !== 'HEAD' : (status === 301 || status === 302) && method === 'POST';
  return becomesGet ? 'GET' : method;
}
