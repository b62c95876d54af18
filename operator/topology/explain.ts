/**
 * Why a request goes where it goes: every decision on its way with its reason, from the port down to the servers.
 * In: a Topology, a request and, where somebody knows, which servers fail. Out: plain data for a person or a program.
 */
import type { Key } from '../api/resources.ts';
import { mismatch } from './conditions.ts';
import { matchRequest, subjectAt, type RequestLine } from './matching.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import { isElsewhere } from './zones.ts';
import type { Handling, Listener, Pool, Route, Server, Topology, WeightedPool } from './topology.ts';

/** A request that arrives at a port. */
export interface Arrival extends RequestLine {
  readonly protocol: Listener['protocol'];
  readonly port: number;
}

export interface Explanation {
  /** Absent: nobody listens there. */
  readonly listener?: string;
  /** All listeners, when nobody listens there. */
  readonly listeners?: readonly string[];
  readonly outcome?: Outcome;
  /** Why the request was refused before any rule was looked at. */
  readonly refused?: string;
  /** The rule that decides, and its match. */
  readonly rule?: RuleName;
  /** Routes for the same host that come before and do not match, with the reason. */
  readonly passed: readonly (RuleName & { readonly why: string })[];
  /** Routes that match too and come later: less specific, or lower by priority, age or name. */
  readonly later: readonly RuleName[];
  /** What the rule does on the way, one sentence each. */
  readonly handling: readonly string[];
  readonly pools: readonly ExplainedPool[];
}

export interface RuleName {
  /** `namespace/name` of the RoutingRule. */
  readonly object: Key;
  readonly name: string;
  readonly match: string;
}

export interface ExplainedPool {
  readonly pool: Key;
  /** Percent of the requests. */
  readonly share: number;
  /** Why nobody is served by it; absent when some server may be. */
  readonly problem?: string;
  readonly servers: readonly ExplainedServer[];
}

export interface ExplainedServer {
  readonly name: string;
  readonly address: string;
  readonly weight: number;
  readonly candidate: boolean;
  /** Why it gets no new requests, or when it does. */
  readonly note?: string;
}

/** Why a server that should serve does not, in a few words; undefined when it does. */
export type Health = (pool: Pool, server: Server) => string | undefined;

/** What is known besides the objects. */
export interface Circumstances {
  /** Default: every server is well. */
  readonly health?: Health;
  /** Of the proxy that is asked. Default: unknown. */
  readonly zone?: string;
}

/** Everything that decides about a request. */
export function explain(topology: Topology, arrival: Arrival, circumstances: Circumstances = {}): Explanation {
  const { protocol, port } = arrival;
  const listener = topology.listeners.find((one) => one.port === port && one.protocol === protocol);
  if (listener === undefined) {
    return { listeners: topology.listeners.map(nameOf), passed: [], later: [], handling: [], pools: [] };
  }
  const matching = matchRequest(listener, arrival);
  const outcome = outcomeOf(listener, arrival, matching);
  const route = matching.outcome === 'Matched' ? matching.route : undefined;
  return {
    listener: nameOf(listener),
    outcome,
    ...(matching.outcome === 'Rejected' && { refused: matching.why }),
    ...(route && { rule: ruleName(route) }),
    passed: matching.passed
      .filter((one) => isForHost(one.route, listener, arrival))
      .map((one) => ({ ...ruleName(one.route), why: one.why })),
    later: route === undefined ? [] : laterMatches(listener, route, arrival),
    handling: handlingWords(route?.handling),
    pools: outcome.type === 'Forward' ? poolsOf(topology, outcome.pools, circumstances) : [],
  };
}

function nameOf({ protocol, port }: Listener): string {
  return `${protocol} port ${port}`;
}

function ruleName(route: Route): RuleName {
  return { object: route.rule.key, name: route.rule.name, match: matchWords(route) };
}

/** Routes of other hosts say nothing about this request. */
function isForHost({ rule, host, action }: Route, listener: Listener, request: RequestLine): boolean {
  const subject = subjectAt(listener, request);
  const anyPath = { rule, action, conditions: {}, ...(host !== undefined && { host }) };
  return !('reason' in subject) && mismatch(anyPath, subject) === undefined;
}

function laterMatches(listener: Listener, winner: Route, request: RequestLine): readonly RuleName[] {
  const subject = subjectAt(listener, request);
  if ('reason' in subject) return [];
  const rest = listener.routes.slice(listener.routes.indexOf(winner) + 1);
  return rest.filter((route) => mismatch(route, subject) === undefined).map(ruleName);
}

/** A match as a person would say it. */
function matchWords({ host, path, conditions }: Route): string {
  const { extensions, contentTypes, method, headers = [], queryParams = [], sourceRanges } = conditions;
  const value = (what: string) => (one: { readonly name: string; readonly type: string; readonly value: string }) =>
    `${what} ${one.name} ${one.type === 'Regex' ? 'matches' : 'is'} ${one.value}`;
  const parts = [
    `host ${host ?? 'any'}`,
    ...(path ? [`path ${path.type} ${path.value}`] : []),
    ...(extensions ? [`file type ${extensions.join(' or ')}`] : []),
    ...(method ? [`method ${method}`] : []),
    ...(contentTypes ? [`content type ${contentTypes.join(' or ')}`] : []),
    ...headers.map(value('header')),
    ...queryParams.map(value('query parameter')),
    ...(sourceRanges ? [`client in ${sourceRanges.join(' or ')}`] : []),
  ];
  return parts.join(', ');
}

function handlingWords(handling: Handling = {}): readonly string[] {
  const { cors, requestHeaders, responseHeaders, rewrite } = handling;
  return [
    ...limitWords(handling),
    ...(cors ? [`Scripts of ${cors.allowOrigins.join(', ')} may use the answers.`] : []),
    ...(requestHeaders ? ['Headers of the request are changed.'] : []),
    ...(responseHeaders ? ['Headers of the answer are changed.'] : []),
    ...(rewrite ? ['The server gets another host or path.'] : []),
  ];
}

function limitWords({ access, rateLimit, largestBody, requestTimeout }: Handling): readonly string[] {
  return [
    ...(access?.deny ? [`Clients in ${access.deny.join(', ')} get 403.`] : []),
    ...(access?.allow ? [`Only clients in ${access.allow.join(', ')} may.`] : []),
    ...(rateLimit
      ? [`Each client may send ${rateLimit.requests} requests in ${rateLimit.per} ms, ${rateLimit.burst} at once.`]
      : []),
    ...(largestBody === undefined
      ? []
      : [`The body of a request may have ${largestBody} bytes, and has to say how many.`]),
    ...(requestTimeout === undefined ? [] : [`An answer that has not begun after ${requestTimeout} ms becomes 504.`]),
  ];
}

function poolsOf(
  topology: Topology,
  pools: readonly WeightedPool[],
  circumstances: Circumstances,
): readonly ExplainedPool[] {
  const total = pools.reduce((sum, { weight }) => sum + weight, 0);
  return pools.map(({ key, weight, usable }) => {
    const pool = usable ? topology.pools.get(key) : undefined;
    const explained = pool === undefined ? [] : serversOf(pool, circumstances);
    const problem = problemOf(usable, explained);
    return {
      pool: key,
      share: Math.round((weight / total) * 1000) / 10,
      ...(problem !== undefined && { problem }),
      servers: explained,
    };
  });
}

function problemOf(usable: boolean, servers: readonly ExplainedServer[]): string | undefined {
  if (!usable) return 'The pool is missing, not accepted, or speaks TCP: its share is answered 500.';
  if (servers.length === 0) return 'The pool has no servers: its share is answered 503.';
  return servers.some(({ candidate }) => candidate)
    ? undefined
    : 'No server takes new requests: they are answered 503.';
}

/** Those that wait for others count only where no other server could take a request. */
function serversOf(pool: Pool, { health, zone }: Circumstances): readonly ExplainedServer[] {
  const idle = (server: Server) => resting(server) ?? health?.(pool, server);
  const waiting = (server: Server) => whyWaiting(pool, server, zone);
  const served = pool.servers.some((server) => waiting(server) === undefined && idle(server) === undefined);
  return pool.servers.map((server) => {
    const note = idle(server) ?? (served ? waiting(server) : undefined);
    const { endpoint: name, address, port, weight } = server;
    return {
      name,
      address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
      weight,
      candidate: note === undefined,
      ...(note !== undefined && { note }),
    };
  });
}

function whyWaiting(pool: Pool, server: Server, zone: string | undefined): string | undefined {
  if (server.tier === 'Backup') return 'backup: waits until no primary server serves';
  return isElsewhere(pool, server, zone)
    ? `other zone (${server.zone}): waits until no server near the load balancer serves`
    : undefined;
}

function resting({ state, weight }: Server): string | undefined {
  if (state === 'Maintenance') return 'in maintenance';
  if (state === 'Drain') return 'drains: only visitors whose session is bound to it';
  return weight === 0 ? 'weight 0: only visitors whose session is bound to it' : undefined;
}
