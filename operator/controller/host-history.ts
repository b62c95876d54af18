import type { Key, Resources } from '../api/resources.ts';
import type { ProxyObserved } from '../status/observed.ts';
import type { AccountNeed } from '../topology/topology.ts';

/** Remembers from which hosts servers log in, for as long as the proxy still has those servers. */
export interface HostHistory {
  learn(needs: readonly AccountNeed[]): void;
  /** By grant, the hosts of servers that are still in the proxy. */
  keep(resources: Resources, proxy: ProxyObserved | undefined): ReadonlyMap<Key, ReadonlySet<string>>;
}

/** `<endpoint>_<address>:<port>`, see `Server.id`. */
const ADDRESS = /_(.+):\d+$/;

/** A history that knows nothing yet: then a server's own address counts as its host. */
export function hostHistory(): HostHistory {
  /** Grant → `pool server` → hosts. */
  const hosts = new Map<Key, Map<string, ReadonlySet<string>>>();
  return {
    learn(needs) {
      for (const { grant, hosts: wanted } of needs) {
        const known = hosts.get(grant) ?? new Map<string, ReadonlySet<string>>();
        hosts.set(grant, known);
        for (const [server, own] of hostsByServer(wanted)) known.set(server, own);
      }
    },
    keep(resources, proxy) {
      const kept = new Map<Key, ReadonlySet<string>>();
      if (proxy === undefined) return kept;
      for (const [grant, { metadata, spec }] of resources.grants) {
        const servers = (spec.pools ?? []).flatMap(({ name }) => {
          const pool = `${metadata.namespace}/${name}`;
          return [...(proxy.pools.get(pool)?.keys() ?? [])].map((id) => ({ pool, id }));
        });
        // Whoever wants accounts gone at once does not want them to wait for connections.
        if (spec.removal?.when === 'DeletionStart') continue;
        const known = hosts.get(grant);
        kept.set(
          grant,
          new Set(servers.flatMap(({ pool, id }) => [...(known?.get(`${pool} ${id}`) ?? addressOf(id))])),
        );
      }
      forget(hosts, resources, proxy);
      return kept;
    },
  };
}

/** Of those that are wanted now; what else they once logged in from does not wait for them. */
function hostsByServer(wanted: AccountNeed['hosts']): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { host, servers } of wanted) {
    for (const { pool, id } of servers) {
      const own = found.get(`${pool} ${id}`);
      if (own === undefined) found.set(`${pool} ${id}`, new Set([host]));
      else own.add(host);
    }
  }
  return found;
}

function addressOf(id: string): readonly string[] {
  const address = ADDRESS.exec(id)?.[1];
  return address === undefined ? [] : [address];
}

/** What the proxy no longer has need not be remembered; wanted servers are learned anew. */
function forget(hosts: Map<Key, Map<string, unknown>>, resources: Resources, proxy: ProxyObserved): void {
  for (const [grant, servers] of hosts) {
    if (!resources.grants.has(grant)) hosts.delete(grant);
    for (const server of servers.keys()) {
      const [pool = '', id = ''] = server.split(' ');
      if (proxy.pools.get(pool)?.has(id) !== true) servers.delete(server);
    }
  }
}
