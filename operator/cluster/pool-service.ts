import type { Finding } from '../api/finding.ts';
import { keyOf, type Key, type WebPool } from '../api/resources.ts';
import { POOL_LABEL } from '../api/slice-labels.ts';
import { isManaged, poolMeta, type ServicePort, type ServiceObject, type Texts } from './object.ts';

/** Services that exist, by key, with their labels. */
export type Services = ReadonlyMap<Key, { readonly labels?: Texts }>;

/** A Service has to have a number even where only the name of the target counts. */
const NOMINAL_PORT = 80;

/** Whether the Service of that name is the pool's or could become it. */
export function ownsService({ metadata }: WebPool, services: Services): boolean {
  const existing = services.get(keyOf(metadata));
  return existing === undefined || (isManaged(existing) && existing.labels?.[POOL_LABEL] === metadata.name);
}

/** The headless Service of a pool: Kubernetes keeps slices of the selected Pods for it, and DNS knows all servers by its name. */
export function poolService(pool: WebPool): ServiceObject {
  const { selector } = pool.spec;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: poolMeta(pool, pool.metadata.name),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      ...(selector !== undefined && { selector: selector.matchLabels }),
      ports: portsOf(pool),
    },
  };
}

function portsOf({ spec: { port, portName } }: WebPool): readonly ServicePort[] {
  if (portName !== undefined)
    return [{ name: portName, protocol: 'TCP', port: port ?? NOMINAL_PORT, targetPort: portName }];
  return port === undefined ? [] : [{ protocol: 'TCP', port, targetPort: port }];
}

/** What to tell of pools whose name somebody else's Service has: it stays as it is, and nothing is registered under it. */
export function serviceConflicts(pools: Iterable<WebPool>, services: Services): readonly Finding[] {
  return [...pools]
    .filter((pool) => !ownsService(pool, services))
    .map(({ metadata }) => ({
      object: { kind: 'WebPool', key: keyOf(metadata) },
      condition: 'Accepted',
      reason: 'Conflicted',
      path: 'metadata.name',
      message: `Service "${metadata.name}" is not ours, so no server can be registered under this name. Give the pool another name, or remove the Service.`,
    }));
}
