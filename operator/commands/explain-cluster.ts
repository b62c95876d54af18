/** What a cluster holds at this moment, for `explain`: the same topology as in an agent, and health as the proxies reported it. */
import { hasCode } from '../kube/api-error.ts';
import { reached } from '../kube/resource.ts';
import { readClusterOnce, type ClusterReading } from '../source/cluster-reading.ts';
import { standingOf, whyNot } from '../status/endpoints.ts';
import { createReportsReader, STALE } from '../status/proxy-reports.ts';
import { createTopologyBuilder } from '../topology/build.ts';
import type { Health } from '../topology/explain.ts';
import type { Topology } from '../topology/topology.ts';
import { namedSecrets } from '../topology/transport.ts';
import { openCluster } from './cluster.ts';
import { UsageError } from './usage-error.ts';

/** Which cluster, as kubectl is told it. */
export interface ClusterChoice {
  /** Path; default: what kubectl would use, or the Pod's own identity. */
  readonly kubeconfig?: string;
  /** Default: the kubeconfig's current one. */
  readonly context?: string;
  /** Namespaces whose objects count, as for an operator that watches only them; empty = all. */
  readonly namespaces: readonly string[];
}

/** A cluster as `explain` needs it. */
export interface ExplainedCluster {
  readonly topology: Topology;
  readonly health: Health;
  /** What could not be looked at, one sentence each. */
  readonly notes: readonly string[];
}

/** Reads it once. Errors: UsageError when it cannot be read. */
export async function readCluster(choice: ClusterChoice): Promise<ExplainedCluster> {
  try {
    return explained(await read(choice));
  } catch (error) {
    throw new UsageError(`cannot read the cluster: ${wordsOf(error)}`);
  }
}

async function read({ namespaces, ...access }: ClusterChoice): Promise<ClusterReading> {
  const cluster = await openCluster({ ...access, component: 'explain' });
  try {
    return await readClusterOnce({
      client: cluster.client,
      validate: cluster.validate,
      namespaces,
      secretsOf: namedSecrets,
    });
  } finally {
    await cluster.close();
  }
}

function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  return hasCode(error, 403) ? `${words}. Name the namespaces that you may read by --namespace` : words;
}

function explained({ resources, reports, hidden }: ClusterReading): ExplainedCluster {
  const topology = createTopologyBuilder({ external: 'Slices', pods: 'Serving' })(resources, new Map());
  const proxies = [...reports].map(([name, report]) => {
    return { name, ready: true, report, silentFor: Date.now() - Date.parse(report.heartbeatTime) };
  });
  const fresh = proxies.filter(({ silentFor }) => silentFor < STALE);
  const silent = proxies.filter((proxy) => !fresh.includes(proxy)).map(({ name }) => name);
  const { observed } = createReportsReader(reached)({
    proxies: fresh,
    pools: topology.pools,
    slices: resources.slices,
    requirements: new Map(),
    reach: { bind: '*' },
  });
  const health: Health = (pool, server) => {
    const seen = observed.pools.get(pool.key);
    const standing = standingOf(server, seen?.get(server.id));
    if (standing !== 'Unhealthy' && standing !== 'Starting') return undefined;
    return whyNot(server, standing, { pool, waiting: [], seen: seen?.get(server.id) }).message;
  };
  return {
    topology,
    health: fresh.length === 0 ? () => undefined : health,
    notes: notesOf({ fresh: fresh.length, silent, hidden }),
  };
}

function notesOf(about: {
  readonly fresh: number;
  readonly silent: readonly string[];
  readonly hidden: ClusterReading['hidden'];
}): readonly string[] {
  const { fresh, silent, hidden } = about;
  const unknown = 'so servers are taken to be well.';
  return [
    ...(hidden.has('ProxyReport') ? [`You may not read ProxyReports, ${unknown}`] : []),
    ...(fresh === 0 && !hidden.has('ProxyReport') ? [`No proxy has reported lately, ${unknown}`] : []),
    ...(fresh > 0 && silent.length > 0 ? [`Not heard of lately: ${silent.join(', ')}.`] : []),
    ...(hidden.has('Secret') ? ['You may not read all Secrets: certificates among them are taken to be good.'] : []),
  ];
}
