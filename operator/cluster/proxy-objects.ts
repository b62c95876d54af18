import { PEERS_PORT, PEERS_SERVICE } from '../api/agent-port.ts';
import type { Listener } from '../topology/topology.ts';
import { PROXY_LABELS, proxyMeta } from './object.ts';
import type { DeploymentObject, PodDisruptionBudgetObject, ServiceObject, ServicePort } from './object.ts';
import { proxyPod, type Installation } from './proxy-pod.ts';

/** The Deployment of the proxies: a new Pod serves before an old one leaves. */
export function proxyDeployment(installation: Installation): DeploymentObject {
  const { namespace, config } = installation;
  const { replicas, scaling } = config.proxy;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: proxyMeta(namespace),
    spec: {
      ...(scaling === 'Fixed' && { replicas }),
      revisionHistoryLimit: 3,
      selector: { matchLabels: PROXY_LABELS },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels: PROXY_LABELS }, spec: proxyPod(installation) },
    },
  };
}

/** The Service in front of the proxies; its ports are those of the listeners, or port 80 while there are none: its address must stay. */
export function proxyService({ namespace, config }: Installation, listeners: readonly Listener[]): ServiceObject {
  const { type, annotations, loadBalancerClass, loadBalancerSourceRanges, externalTrafficPolicy } =
    config.proxy.service;
  const balanced = type === 'LoadBalancer';
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...proxyMeta(namespace), ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      type,
      ipFamilyPolicy: 'PreferDualStack',
      selector: PROXY_LABELS,
      ports: listeners.length === 0 ? [servicePort({ protocol: 'HTTP', port: 80 })] : listeners.map(servicePort),
      ...(type !== 'ClusterIP' && { externalTrafficPolicy }),
      ...(balanced && loadBalancerClass !== undefined && { loadBalancerClass }),
      ...(balanced && loadBalancerSourceRanges.length > 0 && { loadBalancerSourceRanges }),
    },
  };
}

/**
 * The proxies among themselves: by its endpoints each knows the others, from the moment at which they have an address. Of one family, so
 * that each stands there once.
 */
export function peersService({ namespace }: Installation): ServiceObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...proxyMeta(namespace), name: PEERS_SERVICE },
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: PROXY_LABELS,
      ports: [{ name: 'peers', protocol: 'TCP', port: PEERS_PORT, targetPort: PEERS_PORT }],
    },
  };
}

function servicePort({ protocol, port }: Pick<Listener, 'protocol' | 'port'>): ServicePort {
  return { name: `${protocol.toLowerCase()}-${port}`, protocol: 'TCP', port, targetPort: port };
}

/** At most one proxy at a time leaves when nodes are drained; none where there is only one, because that node could never be drained. */
export function proxyBudget({ namespace, config }: Installation): PodDisruptionBudgetObject | undefined {
  if (config.proxy.scaling === 'Fixed' && config.proxy.replicas < 2) return undefined;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: proxyMeta(namespace),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: PROXY_LABELS },
    },
  };
}
