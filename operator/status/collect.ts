import type { Finding } from '../api/finding.ts';
import type { Key, Kind, Metadata } from '../api/resources.ts';
import type { Judged } from './conditions.ts';
import { certificateEnds, refusedCertificates, uncoveredHosts } from './certificates.ts';
import { databaseGrantStatus, leavingGrantStatus } from './database-grant.ts';
import type { AnyStatus, Leaving, StatusInput } from './document.ts';
import type { Lookups } from './lookups.ts';
import type { DatabaseObserved, ProxyObserved } from './observed.ts';
import { routingRuleStatus } from './routing-rule.ts';
import type { Subject } from './subject.ts';
import type { History } from './verdict.ts';
import { webPoolStatus } from './web-pool.ts';
import { referencedSecrets } from '../topology/sites.ts';

/** Which object. */
export interface Identity {
  readonly kind: Kind;
  readonly key: Key;
  /** Unique among all kinds. */
  readonly id: string;
}

/** An object with everything that its status is made of. */
export interface Collected {
  readonly subject: Subject;
  /** The same by identity as long as the status can only change by time or by the previous status. */
  readonly inputs: readonly unknown[];
  readonly judge: (history: History) => Judged<AnyStatus>;
}

type Collector = (identity: Identity, input: StatusInput, lookups: Lookups) => Collected | undefined;

/** Everything that the status of an object is made of; undefined when there is no such object. */
export function collect(identity: Identity, input: StatusInput, lookups: Lookups): Collected | undefined {
  return COLLECTORS[identity.kind](identity, input, lookups);
}

const COLLECTORS: Readonly<Record<Kind, Collector>> = {
  WebPool: collectPool,
  RoutingRule: collectRule,
  DatabaseGrant: collectGrant,
};

function collectPool(identity: Identity, input: StatusInput, lookups: Lookups): Collected | undefined {
  const { key } = identity;
  const object = input.resources.pools.get(key);
  const subject = subjectOf(identity, lookups, object?.metadata);
  if (subject === undefined) return undefined;
  const proxy = proxyFor(identity, input);
  const pool = object === undefined ? undefined : input.topology.pools.get(key);
  const servers = proxy.pools.get(key);
  const waiting = lookups.waiting(key);
  const usedBy = lookups.usedBy.get(key)?.length ?? 0;
  return {
    subject,
    inputs: [object, subject.held, pool, servers, usedBy, ...proxyInputs(proxy), ...subject.findings, ...waiting],
    judge: (history) => webPoolStatus({ subject, pool, proxy, servers, waiting, usedBy }, history),
  };
}

function collectRule(identity: Identity, input: StatusInput, lookups: Lookups): Collected | undefined {
  const object = input.resources.rules.get(identity.key);
  const known = subjectOf(identity, lookups, object?.metadata);
  if (known === undefined) return undefined;
  const refusals = object === undefined ? NONE : refusedCertificates(object, input.observed.proxy.refusedSecrets);
  const subject = refusals.length === 0 ? known : { ...known, findings: [...known.findings, ...refusals] };
  const proxy = proxyFor(identity, input);
  const routed = lookups.routed.get(identity.key) ?? NONE;
  const unavailable = object === undefined ? NONE : lookups.unavailable(object);
  const { secrets } = input.resources;
  const named = object === undefined ? NONE : referencedSecrets(object).map((key) => secrets.get(key));
  const lists = [
    ...named,
    ...known.findings,
    ...refusals.map(({ message }) => message),
    routed.length,
    ...routed,
    ...unavailable,
  ];
  return {
    subject,
    inputs: [object, subject.held, proxy.bind, proxy.portAt, ...proxyInputs(proxy), ...lists],
    judge: (history) => {
      const certificates = object === undefined ? NONE : certificateEnds(object, secrets);
      const uncovered = object === undefined ? NONE : uncoveredHosts(object, secrets);
      const spec = object?.spec;
      return routingRuleStatus({ subject, spec, routed, proxy, unavailable, certificates, uncovered }, history);
    },
  };
}

function collectGrant(identity: Identity, input: StatusInput, lookups: Lookups): Collected | undefined {
  const { key } = identity;
  const leaving = input.leaving?.get(key);
  if (leaving !== undefined) return collectLeaving(identity, input, leaving);
  const object = input.resources.grants.get(key);
  const subject = subjectOf(identity, lookups, object?.metadata);
  if (subject === undefined) return undefined;
  const need = lookups.needs.get(key);
  const { databases } = input.observed;
  const database = need === undefined ? holderOf(key, databases) : databases.get(need.server.id);
  const { flavor, version, problem } = database ?? {};
  const seen = [database === undefined, flavor, version, problem, database?.grants.get(key)];
  return {
    subject,
    inputs: [object, subject.held, need, ...seen, ...subject.findings],
    judge: (history) => databaseGrantStatus({ subject, need, database }, history),
  };
}

function collectLeaving(
  { kind, key }: Identity,
  { observed: { databases } }: StatusInput,
  leaving: Leaving,
): Collected {
  const { metadata, blocked } = leaving;
  const accounts = holderOf(key, databases)?.grants.get(key)?.accounts ?? NONE;
  return {
    subject: { kind, key, metadata, held: undefined, inForce: undefined, findings: NO_FINDINGS },
    inputs: [metadata, blocked, accounts],
    judge: (history) => leavingGrantStatus({ accounts, blocked }, history),
  };
}

/** The server that still holds accounts of a grant that wants none at the moment. */
function holderOf(key: Key, databases: ReadonlyMap<string, DatabaseObserved>): DatabaseObserved | undefined {
  for (const database of databases.values()) if (database.grants.has(key)) return database;
  return undefined;
}

const NONE: readonly never[] = [];
const NO_FINDINGS: readonly Finding[] = [];

function subjectOf(identity: Identity, lookups: Lookups, inForce: Metadata | undefined): Subject | undefined {
  const held = lookups.held.get(identity.id);
  const metadata = held?.metadata ?? inForce;
  if (metadata === undefined) return undefined;
  const findings = lookups.findings.get(identity.id) ?? NO_FINDINGS;
  return { kind: identity.kind, key: identity.key, metadata, held, inForce: inForce?.generation, findings };
}

/** The proxies as this object has to see them: one that some of them do not have yet is not programmed, whatever else is. */
function proxyFor({ id }: Identity, { observed: { proxy } }: StatusInput): ProxyObserved {
  const waitsFor = proxy.awaited?.get(id);
  return waitsFor === undefined ? proxy : { ...proxy, programmed: false, waitsFor };
}

/** The proxy as far as an object's conditions depend on it; its servers are compared for each pool alone. */
export function proxyInputs(proxy: ProxyObserved): unknown[] {
  const { programmed, problem, doubt, waitsFor, pools } = proxy;
  return [programmed, problem?.reason, problem?.message, doubt, waitsFor, pools.size > 0];
}
