import { canonicalAddress } from '../api/address.ts';
import { keyOf, type Key, type Resources, type WebPool } from '../api/resources.ts';
import type { ClusterPod } from '../source/cluster-objects.ts';

/** A Pod as far as its account is concerned. */
export type LingeringPod = Pick<ClusterPod, 'key' | 'labels' | 'ended' | 'addresses' | 'nodeAddresses'>;

/**
 * By grant with `removal.when: Deleted`, the hosts of Pods of its pools that have ended and are still there. Kubernetes takes them out of
 * EndpointSlices, so no server tells of them any more.
 */
export function lingeringHosts(
  { grants, pools }: Pick<Resources, 'grants' | 'pools'>,
  pods: Iterable<LingeringPod>,
): ReadonlyMap<Key, ReadonlySet<string>> {
  const patient = [...grants].filter(([, { spec }]) => spec.removal?.when === 'Deleted');
  if (patient.length === 0) return new Map();
  const ended = [...pods].filter((pod) => pod.ended);
  return new Map(
    patient.map(
      ([
        key,
        {
          metadata: { namespace },
          spec,
        },
      ]) => {
        const hosts = (spec.pools ?? []).flatMap(({ name, source, egressAddresses = [] }) => {
          const pool = pools.get(keyOf({ namespace, name }));
          const own = pool === undefined ? [] : ended.filter((pod) => isOf(pod, pool));
          if (source === 'Egress')
            return own.length === 0 ? [] : egressAddresses.map((host) => canonicalAddress(host) ?? host);
          return own.flatMap((pod) => (source === 'NodeIP' ? pod.nodeAddresses : pod.addresses));
        });
        return [key, new Set(hosts)];
      },
    ),
  );
}

function isOf({ key, labels }: LingeringPod, { metadata, spec }: WebPool): boolean {
  if (spec.selector === undefined || !key.startsWith(`${metadata.namespace}/`)) return false;
  return Object.entries(spec.selector.matchLabels).every(([name, value]) => labels[name] === value);
}
