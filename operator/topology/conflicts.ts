/** Who keeps what only one can have: a port, and a match. Everyone else is told. */
import type { Finding } from '../api/finding.ts';
import { namesIn, type Key } from '../api/resources.ts';
import type { Route } from './topology.ts';
import { compareObjects, type Candidate } from './precedence.ts';
import type { RuleRoutes } from './rule-routes.ts';

/** The RoutingRules that keep one port, and what the others are told. */
export interface PortDecision {
  readonly owners: readonly RuleRoutes[];
  readonly findings: readonly Finding[];
}

/** The first by precedence decides what its port speaks. Many objects share one that tells hosts apart; TCP has one owner. */
export function decidePort(asking: readonly RuleRoutes[]): PortDecision {
  const winner = asking.reduce((best, next) => (compareObjects(next.object, best.object) < 0 ? next : best));
  const keeps = (rules: RuleRoutes) =>
    rules === winner || (rules.protocol === winner.protocol && winner.protocol !== 'TCP' && trustsLike(rules, winner));
  const losers = asking.filter((rules) => !keeps(rules));
  return { owners: asking.filter(keeps), findings: losers.map((loser) => portFinding(loser, winner)) };
}

function trustsLike(one: RuleRoutes, other: RuleRoutes): boolean {
  return JSON.stringify(one.proxyFrom) === JSON.stringify(other.proxyFrom);
}

function portFinding(loser: RuleRoutes, winner: RuleRoutes): Finding {
  const holder = nameFor(loser.object.key, winner.object.key);
  const place = { object: { kind: 'RoutingRule', key: loser.object.key }, path: 'spec.listener' } as const;
  if (loser.protocol === winner.protocol && winner.protocol !== 'TCP') {
    const message = `Port ${loser.port} belongs to ${holder}, which says otherwise who may use the PROXY protocol there. Say the same in proxyProtocol, or choose another port.`;
    return { ...place, path: 'spec.listener.proxyProtocol', condition: 'Accepted', reason: 'Conflicted', message };
  }
  if (loser.protocol === winner.protocol) {
    const message = `TCP port ${loser.port} belongs to ${holder}, and a TCP port has one RoutingRule. Choose another port or put the rules into one object.`;
    return { ...place, condition: 'Accepted', reason: 'Conflicted', message };
  }
  const message = `Port ${loser.port} is used for ${winner.protocol} by ${holder}, so it cannot be ${loser.protocol} as well. Choose another port.`;
  return { ...place, condition: 'Accepted', reason: 'PortUnavailable', message };
}

/** Who is believed at a port, and what those are told who say otherwise. */
export interface TrustDecision {
  readonly trustedSources?: readonly string[];
  readonly findings: readonly Finding[];
}

/** The first by precedence that says who is believed about clients decides it for the port: there is one way in. */
export function decideTrust(owners: readonly RuleRoutes[]): TrustDecision {
  const [first, ...others] = owners
    .filter(({ trustedSources }) => trustedSources !== undefined)
    .toSorted((a, b) => compareObjects(a.object, b.object));
  if (first?.trustedSources === undefined) return { findings: [] };
  const same = first.trustedSources.join();
  const losers = others.filter(({ trustedSources }) => trustedSources?.join() !== same);
  return { trustedSources: first.trustedSources, findings: losers.map((loser) => trustFinding(loser, first)) };
}

function trustFinding({ object, port }: RuleRoutes, winner: RuleRoutes): Finding {
  return {
    object: { kind: 'RoutingRule', key: object.key },
    condition: 'PartiallyInvalid',
    reason: 'UnsupportedValue',
    path: 'spec.listener.trustedSources',
    message: `Port ${port} believes whom ${nameFor(object.key, winner.object.key)} names, since a port has one list. Write the same list or remove it.`,
  };
}

/** The routes that serve, and what those are told whose match was taken. */
export interface MatchDecision {
  readonly routes: readonly Route[];
  /** Where they come from, in the same order. */
  readonly holders: readonly Candidate[];
  readonly findings: readonly Finding[];
}

interface Loss {
  readonly lost: Candidate;
  readonly winner: Candidate;
}

/** Of textually equal matches the first keeps it. `sorted` is in order of precedence. */
export function decideMatches(sorted: readonly Candidate[]): MatchDecision {
  const holders = new Map<string, Candidate>();
  const losses: Loss[] = [];
  for (const candidate of sorted) {
    const winner = holders.get(candidate.identity);
    if (winner === undefined) holders.set(candidate.identity, candidate);
    else losses.push({ lost: candidate, winner });
  }
  const routes = [...holders.values()].map((candidate) => candidate.route);
  return { routes, holders: [...holders.values()], findings: losses.length === 0 ? [] : lossFindings(losses, routes) };
}

function lossFindings(losses: readonly Loss[], routes: readonly Route[]): readonly Finding[] {
  const serving = new Set(routes.map((route) => route.rule.key));
  const byObject = Map.groupBy(losses, ({ lost }) => lost.object.key);
  return [...byObject].flatMap(([key, list]) => {
    return serving.has(key) ? partlyLost(list) : [allLost(key, list)];
  });
}

function allLost(key: Key, losses: readonly Loss[]): Finding {
  const holders = new Set(losses.map(({ winner }) => nameFor(key, winner.object.key)));
  const message = `Every match is already held by ${[...holders].sort().join(', ')}. Change the matches, or set a higher priority to take them over.`;
  return { object: { kind: 'RoutingRule', key }, condition: 'Accepted', reason: 'Conflicted', message };
}

/** One finding a match, however many of its hosts are lost. */
function partlyLost(losses: readonly Loss[]): readonly Finding[] {
  const byMatch = Map.groupBy(losses, ({ lost }) => `spec.rules[${lost.ruleIndex}].matches[${lost.matchIndex}]`);
  return [...byMatch].map(([path, list]) => {
    const [{ lost, winner }] = list as [Loss, ...Loss[]];
    const hosts = list.map((loss) => loss.lost.route.host ?? 'every host');
    const holder =
      winner.object.key === lost.object.key
        ? `rule "${winner.route.rule.name}" of this object`
        : nameFor(lost.object.key, winner.object.key);
    const message = `Dropped a match of rule "${lost.route.rule.name}" for ${hosts.join(', ')}: ${holder} has the same match. Change or remove one of them.`;
    const object = { kind: 'RoutingRule', key: lost.object.key } as const;
    const rule = lost.route.rule.name;
    return { object, condition: 'PartiallyInvalid', reason: 'MatchConflicted', path, rule, message };
  });
}

/** The winner, by name only to those who may know it: the same namespace. */
export function nameFor(reader: Key, winner: Key): string {
  const { namespace, name } = namesIn(winner);
  return reader.startsWith(`${namespace}/`) ? `RoutingRule "${name}"` : 'a RoutingRule of another namespace';
}
