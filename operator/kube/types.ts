/** Every kind of the API server that we read or write. */
import type { ResourceType } from './resource.ts';

type KindName =
  | 'WebPool'
  | 'RoutingRule'
  | 'DatabaseGrant'
  | 'ProxyReport'
  | 'Pod'
  | 'Service'
  | 'Secret'
  | 'ConfigMap'
  | 'EndpointSlice'
  | 'Deployment'
  | 'PodDisruptionBudget'
  | 'Event'
  | 'Lease';

const CORE = { group: '', version: 'v1' };
const OURS = { group: 'webpool.dev', version: 'v1alpha1' };

/** By kind. */
export const TYPES: { readonly [K in KindName]: ResourceType & { readonly kind: K } } = {
  WebPool: { ...OURS, plural: 'webpools', kind: 'WebPool' },
  RoutingRule: { ...OURS, plural: 'routingrules', kind: 'RoutingRule' },
  DatabaseGrant: { ...OURS, plural: 'databasegrants', kind: 'DatabaseGrant' },
  ProxyReport: { ...OURS, plural: 'proxyreports', kind: 'ProxyReport' },
  Pod: { ...CORE, plural: 'pods', kind: 'Pod' },
  Service: { ...CORE, plural: 'services', kind: 'Service' },
  Secret: { ...CORE, plural: 'secrets', kind: 'Secret' },
  ConfigMap: { ...CORE, plural: 'configmaps', kind: 'ConfigMap' },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice' },
  Deployment: { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' },
  PodDisruptionBudget: { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget' },
  Event: { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event' },
  Lease: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease' },
};
