import type { Finding } from '../api/finding.ts';
import type { EndpointCounts, WebPoolStatus } from '../api/kinds.gen.ts';
import type { Pool } from '../topology/topology.ts';
import { settle, type Judged } from './conditions.ts';
import { countEndpoints, unhealthyEndpoints, type ServersObserved, type WaitingAccounts } from './endpoints.ts';
import type { ProxyObserved } from './observed.ts';
import { admissionOf, programmedOf, type Subject } from './subject.ts';
import { count, sentences, some } from './text.ts';
import { negative, pending, positive, type History, type Verdict, type WaitingReason } from './verdict.ts';

/** What the status of a WebPool is made of. */
export interface WebPoolFacts {
  readonly subject: Subject;
  /** As it is in force; undefined when no version is. */
  readonly pool: Pool | undefined;
  readonly proxy: ProxyObserved;
  readonly servers: ServersObserved;
  readonly waiting: WaitingAccounts;
  /** RoutingRules that name the pool. */
  readonly usedBy: number;
}

/** The status of a WebPool: Ready = Accepted, ResolvedRefs, Programmed and Available. */
export function webPoolStatus(facts: WebPoolFacts, history: History): Judged<WebPoolStatus> {
  const { subject, pool, usedBy } = facts;
  const admission = admissionOf(subject);
  const counts = pool === undefined ? undefined : countEndpoints(pool, facts.servers);
  const programmed = programmedOf(admission, facts.proxy, history);
  const { conditions, recheckAt } = settle(
    {
      required: [admission.accepted, admission.resolved, programmed, availableOf(facts, counts)],
      informative: [...partsOf(subject.findings), ...legacyOf(pool)],
      well: counts === undefined ? '' : readiness(counts),
      waiting: waitingFor,
      ...(subject.held?.paused === true && !admission.refused && { paused: { neverInForce: pool === undefined } }),
    },
    history,
  );
  const unhealthy = pool === undefined ? [] : unhealthyEndpoints(pool, facts.servers, facts.waiting);
  const status: WebPoolStatus = {
    observedGeneration: history.generation,
    conditions,
    ...(pool !== undefined && { protocol: pool.protocol }),
    ...(counts !== undefined && { endpoints: counts }),
    ...(unhealthy.length > 0 && { unhealthyEndpoints: unhealthy }),
    usedBy,
  };
  return recheckAt === undefined ? { status } : { status, recheckAt };
}

function availableOf({ pool, servers }: WebPoolFacts, counts: EndpointCounts | undefined): Verdict {
  if (pool === undefined || counts === undefined) return pending('Available', 'No version of the pool is in force.');
  const { ready, total } = counts;
  if (ready >= Math.max(pool.minReady, 1)) return positive('Available', readiness(counts));
  if (pool.minReady === 0) {
    return {
      type: 'Available',
      status: 'True',
      reason: 'AllowedEmpty',
      message: `${readiness(counts)} minReady: 0 allows it.`,
    };
  }
  if (total === 0) {
    return negative('Available', 'NoEndpoints', 'The pool has no servers: add externalEndpoints or an EndpointSlice.');
  }
  if (servers === undefined) return pending('Available', 'The servers were not read back from HAProxy yet.');
  const wanted = `${readiness(counts)} minReady asks for ${pool.minReady}; see status.unhealthyEndpoints.`;
  return negative('Available', ready === 0 ? 'NoReadyEndpoints' : 'BelowMinimum', wanted);
}

function readiness({ ready, total, draining }: EndpointCounts): string {
  const leaving = draining > 0 ? `, ${draining} draining` : '';
  return `${ready} of ${count(total, 'server')} ready${leaving}.`;
}

/** A risk that somebody took knowingly, for as long as it lasts. */
function legacyOf(pool: Pool | undefined): Verdict[] {
  const legacy = (pool?.servers ?? []).filter(({ transport }) => transport?.tls?.profile === 'Legacy');
  if (legacy.length === 0) return [];
  const names = some([...new Set(legacy.map(({ endpoint }) => endpoint))]);
  const message = `TLS to ${names} may be as old as TLS 1.0, with SHA-1 and short keys: whoever is on the way might read along or answer. Update them, then set tls.profile: Modern.`;
  return [{ type: 'LegacyTLS', status: 'True', reason: 'LegacyTLS', message }];
}

/** Endpoints that were left out. They do not make the pool less ready. */
function partsOf(findings: readonly Finding[]): Verdict[] {
  const parts = findings.filter((finding) => finding.condition === 'PartiallyInvalid');
  const [first] = parts;
  if (first === undefined) return [];
  return [{ type: 'PartiallyInvalid', status: 'True', reason: first.reason, message: sentences(parts) }];
}

function waitingFor([first]: readonly Verdict[]): WaitingReason {
  if (first?.type === 'Available') return 'WaitingForEndpoints';
  return first?.type === 'Programmed' ? 'WaitingForProxies' : 'Progressing';
}
