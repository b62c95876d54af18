/** RoutingRules → listeners with their routes in order of precedence. */
import type { Finding } from '../api/finding.ts';
import type { Key, RoutingRule } from '../api/resources.ts';
import type { Listener } from './topology.ts';
import { decideMatches, decidePort, decideTrust } from './conflicts.ts';
import { decideLoops, type LoopDecision } from './loops.ts';
import { compareCandidates, type Candidate } from './precedence.ts';
import { referencedPools, ruleRoutes, type PoolProtocols, type RuleRoutes } from './rule-routes.ts';
import { keepIdentity, keepList, sameItems, sortedKeys } from '../api/stable.ts';
import { decideSites, referencedSecrets, type Secrets } from './sites.ts';

/** The listeners, sorted by port, and what could not be routed as written. */
export interface Routing {
  readonly listeners: readonly Listener[];
  readonly findings: readonly Finding[];
}

type Rules = ReadonlyMap<Key, RoutingRule>;
type RoutingBuilder = (rules: Rules, pools: PoolProtocols, secrets: Secrets) => Routing;

interface PortRouting {
  readonly asking: readonly RuleRoutes[];
  readonly owners: readonly RuleRoutes[];
  /** All candidates of the owners in order, also those that lost: the next sort begins from here. */
  readonly sorted: readonly Candidate[];
  readonly listener: Listener;
  /** Where its routes come from, in the same order. */
  readonly holders: readonly Candidate[];
  readonly findings: readonly Finding[];
}

/**
 * The routing of a series of inputs. Each result depends on its input alone; listeners, routes and the whole keep their
 * identity as long as neither rules nor the set of pools and their protocols nor the Secrets of certificates change.
 */
export function createRoutingBuilder(): RoutingBuilder {
  const routesOf = memoisedRuleRoutes();
  let ports: ReadonlyMap<number, PortRouting> = new Map();
  let loops: { readonly among: readonly PortRouting[]; readonly decision: LoopDecision } | undefined;
  let last: { readonly inputs: readonly unknown[]; readonly result: Routing } | undefined;
  return (rules, pools, secrets) => {
    const inputs = [rules, pools, secrets];
    if (last !== undefined && sameItems(last.inputs, inputs)) return last.result;
    const all = routesOf(rules, pools, secrets);
    ports = routePorts(all, ports);
    const among = [...ports.values()];
    if (loops === undefined || !sameItems(loops.among, among)) loops = { among, decision: decideLoops(among) };
    const result = routingOf({ all, ports: among, loops: loops.decision }, last?.result);
    last = { inputs, result };
    return result;
  };
}

interface Memo {
  readonly source: RoutingRule;
  readonly referenced: readonly Key[];
  readonly referencedSecrets: readonly Key[];
  /** What is known of both. */
  readonly known: readonly unknown[];
  readonly result: RuleRoutes;
}

/** The routes of one object are computed again only when it or what is known of its pools changes. */
function memoisedRuleRoutes(): (rules: Rules, pools: PoolProtocols, secrets: Secrets) => readonly RuleRoutes[] {
  let memos: ReadonlyMap<Key, Memo> = new Map();
  return (rules, pools, secrets) => {
    const next = new Map<Key, Memo>();
    for (const key of sortedKeys(rules, memos)) {
      const rule = rules.get(key);
      if (rule !== undefined) next.set(key, memoOf(rule, { pools, secrets }, memos.get(key)));
    }
    memos = next;
    return [...memos.values()].map((memo) => memo.result);
  };
}

interface Around {
  readonly pools: PoolProtocols;
  readonly secrets: Secrets;
}

function memoOf(source: RoutingRule, { pools, secrets }: Around, previous: Memo | undefined): Memo {
  const unchanged = previous?.source === source;
  const references = unchanged
    ? { referenced: previous.referenced, referencedSecrets: previous.referencedSecrets }
    : { referenced: referencedPools(source), referencedSecrets: referencedSecrets(source) };
  const known = [
    ...references.referenced.map((key) => pools.get(key)),
    ...references.referencedSecrets.map((key) => secrets.get(key)),
  ];
  if (unchanged && sameItems(previous.known, known)) return previous;
  const result = keepIdentity(previous?.result, ruleRoutes(source, pools, secrets));
  return { source, ...references, known, result };
}

function routePorts(
  all: readonly RuleRoutes[],
  previous: ReadonlyMap<number, PortRouting>,
): ReadonlyMap<number, PortRouting> {
  const byPort = [...Map.groupBy(all, (rules) => rules.port)].sort(([a], [b]) => a - b);
  return new Map(byPort.map(([port, asking]) => [port, routePort(port, asking, previous.get(port))]));
}

function routePort(port: number, asking: readonly RuleRoutes[], previous: PortRouting | undefined): PortRouting {
  if (previous !== undefined && sameItems(previous.asking, asking)) return previous;
  const decided = decidePort(asking);
  const { sites, owners, findings } = decideSites(decided.owners);
  const trust = decideTrust(owners);
  const { trustedSources } = trust;
  const sorted = sortCandidates(owners, previous);
  const matches = decideMatches(sorted);
  const routes = keepList(previous?.listener.routes, matches.routes);
  const protocol = owners[0]?.protocol ?? 'HTTP';
  const proxyFrom = owners[0]?.proxyFrom;
  const parts = {
    protocol,
    port,
    routes,
    ...(proxyFrom && { proxyFrom }),
    ...(trustedSources && { trustedSources }),
    ...(sites && { sites }),
  };
  const listener = keepIdentity(previous?.listener, parts);
  return {
    asking,
    owners,
    sorted,
    listener,
    holders: matches.holders,
    findings: [...decided.findings, ...findings, ...trust.findings, ...matches.findings],
  };
}

/** Sorting an almost sorted list is cheap, so the new candidates go behind what is left of the previous order. */
function sortCandidates(owners: readonly RuleRoutes[], previous: PortRouting | undefined): readonly Candidate[] {
  const before = new Set(previous?.owners);
  const added = owners.filter((rules) => !before.delete(rules)).flatMap((rules) => rules.candidates);
  const gone = new Set([...before].flatMap((rules) => rules.candidates));
  const kept = (previous?.sorted ?? []).filter((candidate) => !gone.has(candidate));
  return [...kept, ...added.sort(compareCandidates)].sort(compareCandidates);
}

interface Decided {
  readonly all: readonly RuleRoutes[];
  readonly ports: readonly PortRouting[];
  readonly loops: LoopDecision;
}

function routingOf({ all, ports, loops }: Decided, previous: Routing | undefined): Routing {
  const before = new Map(previous?.listeners.map((listener) => [listener.port, listener]));
  const listeners = keepList(
    previous?.listeners,
    loops.listeners.map((listener) => keepIdentity(before.get(listener.port), listener)),
  );
  const findings = keepList(previous?.findings, [
    ...all.flatMap((rules) => rules.findings),
    ...ports.flatMap((port) => port.findings),
    ...loops.findings,
  ]);
  return previous?.listeners === listeners && previous.findings === findings ? previous : { listeners, findings };
}
