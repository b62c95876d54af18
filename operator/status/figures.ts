import type { EndpointCounts } from '../api/kinds.gen.ts';
import type { Resources } from '../api/resources.ts';
import type { Topology } from '../topology/topology.ts';
import { certificateEnds } from './certificates.ts';
import type { StatusDocument } from './document.ts';
import { countEndpoints } from './endpoints.ts';
import type { Observed, ProxyObserved } from './observed.ts';
import { secondsOf } from './time.ts';

/** The state of things in numbers, for the gauges. */
export interface Figures {
  readonly programmed: boolean;
  readonly endpoints: readonly { readonly pool: string; readonly state: string; readonly count: number }[];
  readonly accounts: readonly { readonly grant: string; readonly state: string; readonly count: number }[];
  readonly findings: readonly { readonly reason: string; readonly count: number }[];
  /** Seconds since 1970. */
  readonly certificates: readonly { readonly secret: string; readonly end: number }[];
}

/** What figures are counted from. */
export interface FiguresInput {
  readonly documents: readonly StatusDocument[];
  readonly resources: Resources;
  readonly topology: Topology;
  readonly observed: Observed;
}

/** The figures of one round. */
export function figuresOf({ documents, resources, topology, observed }: FiguresInput): Figures {
  return {
    programmed: observed.proxy.programmed,
    endpoints: documents.flatMap(endpointsOf),
    accounts: documents.flatMap(accountsOf),
    findings: findingsOf(resources, topology),
    certificates: certificatesOf(resources),
  };
}

/** The figures of one proxy, from what it saw itself. */
export function proxyFigures({ resources, topology, proxy }: ProxyFiguresInput): Figures {
  const endpoints = [...topology.pools.values()].flatMap((pool) =>
    endpointFigures(pool.key, countEndpoints(pool, proxy.pools.get(pool.key))),
  );
  const findings = findingsOf(resources, topology);
  return { programmed: proxy.programmed, endpoints, accounts: [], findings, certificates: certificatesOf(resources) };
}

/** What the figures of one proxy are counted from. */
export interface ProxyFiguresInput {
  readonly resources: Resources;
  readonly topology: Topology;
  readonly proxy: ProxyObserved;
}

function endpointsOf(document: StatusDocument): Figures['endpoints'] {
  if (document.kind !== 'WebPool' || document.status.endpoints === undefined) return [];
  return endpointFigures(document.key, document.status.endpoints);
}

function endpointFigures(pool: string, { total, ready, draining, unhealthy }: EndpointCounts): Figures['endpoints'] {
  const counts = { ready, draining, unhealthy, other: Math.max(0, total - ready - draining - unhealthy) };
  return Object.entries(counts).map(([state, count]) => ({ pool, state, count }));
}

function accountsOf(document: StatusDocument): Figures['accounts'] {
  if (document.kind !== 'DatabaseGrant' || document.status.accounts === undefined) return [];
  const { ready, pending, conflicting, leaving } = document.status.accounts;
  return Object.entries({ ready, pending, conflicting, leaving }).map(([state, count]) => ({
    grant: document.key,
    state,
    count,
  }));
}

function certificatesOf({ rules, secrets }: Resources): Figures['certificates'] {
  const ends = [...rules.values()].flatMap((rule) => certificateEnds(rule, secrets));
  const first = new Map<string, number>();
  for (const { secret, notAfter } of ends) {
    first.set(secret, Math.min(first.get(secret) ?? Infinity, secondsOf(notAfter)));
  }
  return [...first].map(([secret, end]) => ({ secret, end }));
}

function findingsOf({ held, findings, unnamed }: Resources, topology: Topology): Figures['findings'] {
  const all = [...topology.findings, ...findings, ...held.flatMap((object) => object.findings), ...unnamed];
  const counts = new Map<string, number>();
  for (const { reason } of all) {
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => ({ reason, count }));
}
