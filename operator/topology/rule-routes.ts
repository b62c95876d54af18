/** What one RoutingRule asks for, before it meets the others. */
import type { PoolReference, Rule } from '../api/kinds.gen.ts';
import type { Finding } from '../api/finding.ts';
import { readsHttp } from '../api/layer.ts';
import { keyOf, type Key, type RoutingRule } from '../api/resources.ts';
import type { Action, Listener, Route, WeightedPool } from './topology.ts';
import type { Candidate, ObjectRank } from './precedence.ts';
import { DEFAULTS } from './defaults.ts';
import { handlingOf, headerHandlingOf, redirectOf } from './handling.ts';
import { listenerPort } from './listener.ts';
import { canonicalRanges, conditionsOf, hostsOf, identityOf, pathOf } from './matches.ts';
import { siteClaim, type Secrets, type SiteClaim } from './sites.ts';

/** The pools that are there, and what they speak. */
export type PoolProtocols = ReadonlyMap<Key, 'HTTP' | 'TCP'>;

/** One RoutingRule, ready to be merged with the others. */
export interface RuleRoutes {
  readonly object: ObjectRank;
  readonly protocol: Listener['protocol'];
  readonly port: number;
  readonly proxyFrom?: readonly string[];
  readonly candidates: readonly Candidate[];
  /** HTTPS: what its hosts need to be served at all. */
  readonly claim?: SiteClaim;
  /** Who is believed about clients, where it says so. */
  readonly trustedSources?: readonly string[];
  /** References that lead nowhere. */
  readonly findings: readonly Finding[];
}

/** The routes and findings of one RoutingRule. Without a good certificate an HTTPS rule has no routes. */
export function ruleRoutes(source: RoutingRule, pools: PoolProtocols, secrets: Secrets): RuleRoutes {
  const { listener, priority = DEFAULTS.RoutingRule.priority, rules } = source.spec;
  const { creationTimestamp } = source.metadata;
  const key = keyOf(source.metadata);
  const object = { key, priority, ...(creationTimestamp !== undefined && { created: creationTimestamp }) };
  const { claim, findings } = siteClaim(source, secrets);
  const served = listener.protocol !== 'HTTPS' || claim !== undefined;
  const place = { source, object, pools, ...(claim && { claim }) };
  return {
    object,
    protocol: listener.protocol,
    port: listenerPort(listener),
    ...(listener.proxyProtocol && { proxyFrom: canonicalRanges(listener.proxyProtocol.trustedSources) }),
    // A copy: what flatMap makes has room for sixteen more.
    candidates: served ? rules.flatMap((rule, ruleIndex) => candidatesOf(rule, { ...place, ruleIndex })).slice() : [],
    ...(claim && { claim }),
    ...(listener.trustedSources && { trustedSources: canonicalRanges(listener.trustedSources) }),
    findings: [...findings, ...rules.flatMap((rule, ruleIndex) => referenceFindings(rule, { ...place, ruleIndex }))],
  };
}

/** Keys of the pools that a RoutingRule names. */
export function referencedPools(source: RoutingRule): readonly Key[] {
  const { namespace } = source.metadata;
  const names = source.spec.rules.flatMap((rule) => rule.pools ?? []).map(({ name }) => name);
  return [...new Set(names)].map((name) => keyOf({ namespace, name }));
}

interface Place {
  readonly source: RoutingRule;
  readonly object: ObjectRank;
  readonly ruleIndex: number;
  readonly pools: PoolProtocols;
  readonly claim?: SiteClaim;
}

function candidatesOf(rule: Rule, place: Place): readonly Candidate[] {
  const { object, ruleIndex, source } = place;
  const matches = rule.matches ?? [{}];
  return matches.flatMap((match, matchIndex) => {
    const path = pathOf(match);
    const handling = handlingOf(rule, path);
    const does = { ...(handling && { handling }), action: actionOf(rule, path, place) };
    const tls = place.claim?.tls;
    const conditions = { ...conditionsOf(match), ...(tls?.clientCA && { tls }) };
    return hostsOf(source.spec).map((host) => {
      const what = { ...(host !== undefined && { host }), ...(path && { path }), conditions };
      const route = { rule: { key: object.key, name: rule.name }, ...what, ...does };
      return { object, ruleIndex, matchIndex, route, identity: identityOf(what) };
    });
  });
}

function actionOf(rule: Rule, path: Route['path'], place: Place): Action {
  const redirect = rule.filters?.redirect;
  if (redirect !== undefined) return redirectOf(redirect, path);
  if (rule.respond === undefined) {
    return { type: 'Pools', pools: (rule.pools ?? []).map((reference) => weightedPool(reference, place)) };
  }
  const { contentType, body } = DEFAULTS.RoutingRule.rules.respond;
  return { type: 'Respond', contentType, body, ...rule.respond };
}

function weightedPool(reference: PoolReference, place: Place): WeightedPool {
  const { weight = DEFAULTS.RoutingRule.rules.pools.weight } = reference;
  const key = poolKey(reference, place);
  const handling = headerHandlingOf(reference.filters);
  const usable = problemOf(place.pools.get(key), place.source) === undefined;
  return { key, weight, usable, ...(handling && { handling }) };
}

function poolKey({ name }: PoolReference, { source }: Place): Key {
  return keyOf({ namespace: source.metadata.namespace, name });
}

/** TCP takes any pool, since bytes are bytes; HTTP needs servers that speak it. */
function problemOf(
  protocol: 'HTTP' | 'TCP' | undefined,
  source: RoutingRule,
): 'BackendNotFound' | 'UnsupportedProtocol' | undefined {
  if (protocol === undefined) return 'BackendNotFound';
  return readsHttp(source.spec.listener.protocol) && protocol === 'TCP' ? 'UnsupportedProtocol' : undefined;
}

function referenceFindings(rule: Rule, place: Place): readonly Finding[] {
  return (rule.pools ?? []).flatMap((reference, index): readonly Finding[] => {
    const reason = problemOf(place.pools.get(poolKey(reference, place)), place.source);
    if (reason === undefined) return [];
    const message =
      reason === 'BackendNotFound'
        ? `WebPool "${reference.name}" is missing or not accepted; its share of rule "${rule.name}" gets no server. Create it in this namespace or correct the name.`
        : `WebPool "${reference.name}" speaks TCP, so rule "${rule.name}" cannot send HTTP to it. Set its protocol to HTTP or use a TCP listener.`;
    const path = `spec.rules[${place.ruleIndex}].pools[${index}].name`;
    const object = { kind: 'RoutingRule', key: place.object.key } as const;
    return [{ object, condition: 'ResolvedRefs', reason, path, rule: rule.name, message }];
  });
}
