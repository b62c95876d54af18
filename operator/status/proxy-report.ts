/** What an agent tells of the HAProxy beside it. In: what was read back. Out: the spec of its ProxyReport. */
import type { ProxyProblem, ProxyReportSpec, RefusedObject, ReportedPool, ReportedServer } from '../api/kinds.gen.ts';
import type { Held, Key, Resources } from '../api/resources.ts';
import { keepIdentity, keepList } from '../api/stable.ts';
import type { Pool, Topology } from '../topology/topology.ts';
import type { ProxyObserved, ServerObserved } from './observed.ts';
import { refusedCertificates } from './certificates.ts';
import { oneLine, sentences } from './text.ts';

/** Everything that a report is made of. */
export interface ReportInput {
  readonly resources: Pick<Resources, 'held' | 'rules'>;
  readonly topology: Pick<Topology, 'pools'>;
  readonly proxy: ProxyObserved;
  readonly worker: ProxyReportSpec['worker'];
  /** Versions up to which everything was read back. */
  readonly programmed: ProxyReportSpec['programmed'];
  readonly corrected: ProxyReportSpec['corrected'];
  /** RFC 3339. */
  readonly now: string;
}

type Servers = ReadonlyMap<string, ServerObserved>;

interface Memo {
  readonly pool: Pool | undefined;
  readonly servers: Servers;
  readonly reported: ReportedPool;
}

const MOST_REFUSED = 64;
const MOST_POOLS = 5000;
const MOST_SERVERS = 1024;
/** Of Pods that are not ready so many are named: their EndpointSlices tell the rest. */
const MOST_PODS = 16;

/** A function that makes reports and makes anew only what changed: a part that says the same as in the report before is the same object. */
export function createReportBuilder(): (input: ReportInput) => ProxyReportSpec {
  const pools = createPoolReporter();
  let rest: Omit<ProxyReportSpec, 'heartbeatTime' | 'pools'> | undefined;
  return ({ resources, topology, proxy, worker, programmed, corrected, now }) => {
    const held = resources.held.filter(({ paused, kind }) => !paused && kind !== 'DatabaseGrant').map(refusedObject);
    const refused = [...held, ...withRefusedSecrets(resources.rules, proxy.refusedSecrets)];
    const { problem } = proxy;
    rest = keepIdentity(rest, {
      ...(worker !== undefined && { worker }),
      programmed,
      ...(problem !== undefined && problem.reason !== 'NoProxies' && { problem: problemOf(problem) }),
      ...(refused.length > 0 && { refused: refused.slice(0, MOST_REFUSED) }),
      ...(refused.length > MOST_REFUSED && { refusedTotal: refused.length }),
      ...(corrected !== undefined && { corrected }),
    });
    return { heartbeatTime: now, ...rest, pools: pools(proxy.pools, topology.pools) };
  };
}

/** What is reported of each pool; the same list as long as it says the same. */
function createPoolReporter(): (seen: ProxyObserved['pools'], pools: Topology['pools']) => readonly ReportedPool[] {
  let memos: ReadonlyMap<Key, Memo> = new Map();
  let last: { readonly seen?: ProxyObserved['pools']; readonly pools?: Topology['pools'] } = {};
  let reported: readonly ReportedPool[] = [];
  return (seen, pools) => {
    if (last.seen === seen && last.pools === pools) return reported;
    last = { seen, pools };
    const next = new Map<Key, Memo>();
    for (const [key, servers] of seen) {
      const pool = pools.get(key);
      const before = memos.get(key);
      const same = before?.pool === pool && before?.servers === servers;
      next.set(
        key,
        same ? before : { pool, servers, reported: keepIdentity(before?.reported, reportedPool(key, pool, servers)) },
      );
    }
    memos = next;
    const all = [...memos.values()].slice(0, MOST_POOLS).map((memo) => memo.reported);
    reported = keepList(reported, all);
    return reported;
  };
}

function problemOf({ reason, message }: NonNullable<ProxyObserved['problem']>): ProxyProblem {
  return { reason: reason === 'NoProxies' ? 'ProxyUnreachable' : reason, message: message.slice(0, 4096) };
}

/** Rules that name a Secret which HAProxy refused. */
function withRefusedSecrets(
  rules: Resources['rules'],
  refused: ProxyObserved['refusedSecrets'],
): readonly RefusedObject[] {
  if (refused === undefined) return [];
  return [...rules].flatMap(([key, rule]): readonly RefusedObject[] => {
    const findings = refusedCertificates(rule, refused);
    if (findings.length === 0) return [];
    return [refusedObject({ kind: 'RoutingRule', key, metadata: rule.metadata, findings })];
  });
}

function refusedObject({
  kind,
  key,
  metadata,
  findings,
}: Pick<Held, 'kind' | 'key' | 'metadata' | 'findings'>): RefusedObject {
  const reason = findings[0]?.reason ?? 'InvalidSpec';
  const message = oneLine(sentences(findings), 512);
  return { kind: kind === 'WebPool' ? kind : 'RoutingRule', key, generation: metadata.generation, reason, message };
}

function reportedPool(key: Key, pool: Pool | undefined, servers: Servers): ReportedPool {
  const external = new Set(pool?.servers.filter(({ origin }) => origin === 'External').map(({ id }) => id));
  const ready = [...servers].filter(([, server]) => isReady(server)).map(([id]) => id);
  const readyExternal = ready.filter((id) => external.has(id));
  const others = [...servers].filter(([, server]) => !isReady(server));
  // Whoever leaves still has its account, so it is named whatever it is.
  const named = others.filter(([id, { leaving }]) => external.has(id) || leaving);
  const pods = others.filter(([id, { leaving }]) => !external.has(id) && !leaving).slice(0, MOST_PODS);
  const told = [...named, ...pods].slice(0, MOST_SERVERS).map(reportedServer);
  return {
    key,
    total: servers.size,
    ready: ready.length,
    ...(readyExternal.length > 0 && { readyExternal: readyExternal.slice(0, MOST_SERVERS) }),
    ...(told.length > 0 && { others: told }),
  };
}

/** Takes new visitors and fails no check. */
function isReady({ admin, health, leaving }: ServerObserved): boolean {
  return !leaving && admin === 'ready' && health !== 'Down';
}

const ADMIN = { drain: 'Drain', maint: 'Maintenance' } as const;

function reportedServer([id, seen]: readonly [string, ServerObserved]): ReportedServer {
  const { health, failure, offer, admin, leaving } = seen;
  return {
    id,
    health,
    ...(failure !== undefined && { failure }),
    ...(offer !== undefined && { offer: oneLine(offer, 256) }),
    ...(admin !== 'ready' && { admin: ADMIN[admin] }),
    ...(leaving && { leaving }),
  };
}
