/** Resources → Topology, in one pass over the three kinds. */
import type { Finding } from '../api/finding.ts';
import type { Resources } from '../api/resources.ts';
import type { Names, PodNodes, Topology, TopologyOptions } from './topology.ts';
import { createAccountBuilder } from './accounts.ts';
import { createPoolBuilder } from './pools.ts';
import { createRoutingBuilder } from './routing.ts';
import { keepList, keepParts } from '../api/stable.ts';

/** One program does everything: it looks names up itself and sends visitors to Pods that serve. */
export const STANDALONE: TopologyOptions = { external: 'Names', pods: 'Serving' };

/** What the resources mean, with a Finding for whatever they cannot mean. */
export function buildTopology(resources: Resources, names: Names): Topology {
  return createTopologyBuilder()(resources, names);
}

/**
 * `buildTopology` for a series of inputs that differ little: it remembers the last input and computes what changed. Without `nodes` nobody
 * knows where Pods run.
 * Shape: equal to the full computation in every value; a part that equals the one before is the one before (`===`).
 */
export function createTopologyBuilder(
  options: TopologyOptions = STANDALONE,
): (resources: Resources, names: Names, nodes?: PodNodes) => Topology {
  const buildPools = createPoolBuilder(options);
  const buildRouting = createRoutingBuilder();
  const buildAccounts = createAccountBuilder();
  let last: Topology | undefined;
  return (resources, names, nodes) => {
    const pools = buildPools(resources, names);
    const routing = buildRouting(resources.rules, pools.protocols, resources.secrets);
    const accounts = buildAccounts(resources, pools, nodes);
    const findings: readonly Finding[] = [...pools.findings, ...routing.findings, ...accounts.findings];
    last = keepParts(last, {
      pools: pools.pools,
      listeners: routing.listeners,
      accounts: accounts.accounts,
      findings: keepList(last?.findings, findings),
      hostnames: pools.hostnames,
    });
    return last;
  };
}
