import type { Finding } from '../api/finding.ts';
import { keyOf, type Held, type Key, type Kind, type Resources, type RoutingRule } from '../api/resources.ts';
import { lastOf } from '../api/stable.ts';
import type { AccountNeed, Listener, Pool, Topology } from '../topology/topology.ts';
import type { StatusInput } from './document.ts';
import { standingOf, type ServersObserved, type WaitingAccount, type WaitingAccounts } from './endpoints.ts';
import type { DatabaseObserved, GrantObserved, Observed } from './observed.ts';
import { poolNames } from './routing-rule.ts';

/** What the status of one object asks about the others, answered once for all of them. */
export interface Lookups {
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly held: ReadonlyMap<string, Held>;
  /** RoutingRules that name a pool. */
  readonly usedBy: ReadonlyMap<Key, readonly Key[]>;
  /** Rules of a RoutingRule that have a route. */
  readonly routed: ReadonlyMap<Key, readonly string[]>;
  readonly needs: ReadonlyMap<Key, AccountNeed>;
  /** The pools named by a RoutingRule that are there and have no ready server. */
  readonly unavailable: (rule: RoutingRule) => readonly Key[];
  readonly waiting: (pool: Key) => WaitingAccounts;
}

/** Key of an object among all kinds. */
export function objectId(kind: Kind, key: Key): string {
  return `${kind}/${key}`;
}

/** A function that makes the lookups of a round and repeats only what changed since the round before. */
export function createLookups(): (input: StatusInput) => Lookups {
  const usedBy = lastOf(rulesByPool);
  const routed = lastOf(routedRules);
  const needs = lastOf(needsByGrant);
  const availability = createAvailability();
  const waiting = createWaiting();
  return ({ resources, topology, observed }) => ({
    findings: findingsByObject(resources, topology),
    held: new Map(resources.held.map((held) => [objectId(held.kind, held.key), held])),
    usedBy: usedBy(resources.rules),
    routed: routed(topology.listeners),
    needs: needs(topology.accounts),
    unavailable: (rule) =>
      unavailablePools(rule, (key) => availability(topology.pools.get(key), observed.proxy.pools.get(key))),
    waiting: waiting(topology.accounts, observed),
  });
}

function findingsByObject(resources: Resources, topology: Topology): Map<string, Finding[]> {
  const byObject = new Map<string, Finding[]>();
  const add = (id: string, finding: Finding): void => {
    const list = byObject.get(id);
    if (list === undefined) byObject.set(id, [finding]);
    else list.push(finding);
  };
  for (const held of resources.held) for (const finding of held.findings) add(objectId(held.kind, held.key), finding);
  for (const finding of [...resources.findings, ...topology.findings]) {
    if (finding.object !== undefined) add(objectId(finding.object.kind, finding.object.key), finding);
  }
  return byObject;
}

/** The pools that a rule names are read once per version of the rule. */
function createPoolsOf(): (rule: RoutingRule) => readonly Key[] {
  const known = new WeakMap<RoutingRule, readonly Key[]>();
  return (rule) => {
    const before = known.get(rule);
    if (before !== undefined) return before;
    const { namespace } = rule.metadata;
    const keys = poolNames(rule.spec).map((name) => keyOf({ namespace, name }));
    known.set(rule, keys);
    return keys;
  };
}

const poolsOf = createPoolsOf();

function rulesByPool(rules: Resources['rules']): Map<Key, Key[]> {
  const uses = new Map<Key, Key[]>();
  for (const [key, rule] of rules) {
    for (const pool of poolsOf(rule)) {
      const users = uses.get(pool);
      if (users === undefined) uses.set(pool, [key]);
      else users.push(key);
    }
  }
  return uses;
}

function routedRules(listeners: readonly Listener[]): Map<Key, string[]> {
  const routed = new Map<Key, string[]>();
  for (const { routes } of listeners) {
    for (const { rule } of routes) {
      const names = routed.get(rule.key);
      if (names === undefined) routed.set(rule.key, [rule.name]);
      else if (!names.includes(rule.name)) names.push(rule.name);
    }
  }
  return routed;
}

function needsByGrant(accounts: readonly AccountNeed[]): Map<Key, AccountNeed> {
  return new Map(accounts.map((need) => [need.grant, need]));
}

const NONE: readonly never[] = [];

function unavailablePools(rule: RoutingRule, isAvailable: (key: Key) => boolean): readonly Key[] {
  const keys = poolsOf(rule);
  return keys.every(isAvailable) ? NONE : keys.filter((key) => !isAvailable(key));
}

/** A missing pool is not unavailable: its share is answered 500, which ResolvedRefs tells. */
function createAvailability(): (pool: Pool | undefined, servers: ServersObserved) => boolean {
  const known = new WeakMap<Pool, { readonly servers: ServersObserved; readonly available: boolean }>();
  return (pool, servers) => {
    if (pool === undefined) return true;
    const before = known.get(pool);
    if (before !== undefined && before.servers === servers) return before.available;
    const available = pool.servers.some((server) => standingOf(server, servers?.get(server.id)) === 'Ready');
    known.set(pool, { servers, available });
    return available;
  };
}

type ByPool = ReadonlyMap<Key, ReadonlyMap<string, WaitingAccount>>;

/** Accounts that are not ready, by the servers that need them; found anew only for a grant whose accounts changed. */
export function createWaiting(): (
  accounts: readonly AccountNeed[],
  observed: Observed,
) => (pool: Key) => WaitingAccounts {
  const known = new WeakMap<AccountNeed, { readonly grant: GrantObserved | undefined; readonly byPool: ByPool }>();
  const waitingOf = (need: AccountNeed, database: DatabaseObserved | undefined): ByPool => {
    const grant = database?.grants.get(need.grant);
    const before = known.get(need);
    if (before !== undefined && before.grant === grant) return before.byPool;
    const byPool = waitingByPool(need, grant);
    known.set(need, { grant, byPool });
    return byPool;
  };
  return (accounts, observed) => {
    const all = accounts.map((need) => waitingOf(need, observed.databases.get(need.server.id)));
    return (pool) => all.flatMap((byPool) => byPool.get(pool) ?? []);
  };
}

function waitingByPool(need: AccountNeed, grant: GrantObserved | undefined): ByPool {
  const byPool = new Map<Key, Map<string, WaitingAccount>>();
  const states = new Map(grant?.accounts.map((account) => [account.host, account]));
  for (const { host, servers } of need.hosts) {
    const { state, message } = states.get(host) ?? { state: 'Pending' as const, message: undefined };
    if (state === 'Ready') continue;
    const account = { grant: need.grant, host, state, ...(message !== undefined && { message }) };
    for (const { pool, id } of servers) {
      const ids = byPool.get(pool);
      if (ids === undefined) byPool.set(pool, new Map([[id, account]]));
      else ids.set(id, account);
    }
  }
  return byPool;
}
