import type { Key, SecretInfo } from '../api/resources.ts';
import type { Listener } from '../topology/topology.ts';

/** The Secrets whose text proxies need for their listeners, sorted by key. */
export function certificatesNamed(
  listeners: readonly Listener[],
  secrets: ReadonlyMap<Key, SecretInfo>,
): readonly SecretInfo[] {
  const keys = new Set(
    listeners
      .flatMap(({ sites = [] }) => sites)
      .flatMap(({ tls: { certificates, clientCA } }) => [
        ...certificates,
        ...(clientCA === undefined ? [] : [clientCA]),
      ])
      .map(({ secret }) => secret),
  );
  return [...keys].sort().flatMap((key) => secrets.get(key) ?? []);
}
