import { PROXY_NAME } from '../api/agent-port.ts';
import type { ClusterFront } from '../source/cluster-world.ts';
import type { ProxyObserved } from '../status/observed.ts';

/**
 * Where the proxies are reached: at what a load balancer gave their Service, at the nodes on which they run, or at its own addresses. While
 * it has none of its own, by its name, which is good inside the cluster.
 */
export function reachOf(
  namespace: string,
  front: ClusterFront | undefined,
  nodes: readonly string[],
): Pick<ProxyObserved, 'bind' | 'portAt'> {
  const name = `${PROXY_NAME}.${namespace}.svc`;
  if (front === undefined) return { bind: name };
  const hosts = hostsOf(front, nodes);
  if (hosts.length === 0) return { bind: name };
  return { bind: hosts.join(','), ...(front.type === 'NodePort' && { portAt: front.nodePorts }) };
}

function hostsOf({ type, clusterIPs, external }: ClusterFront, nodes: readonly string[]): readonly string[] {
  if (type === 'LoadBalancer') return external;
  if (type === 'NodePort') return [...new Set(nodes)].sort();
  return clusterIPs.filter((address) => address !== 'None');
}
