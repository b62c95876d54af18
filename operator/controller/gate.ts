/**
 * Who may join the load balancer: a server whose account is on its way waits for it. The database is never given the power
 * to keep a site down: only servers that would join now wait, only for a short time, and only for a database that answers.
 */
import type { Key } from '../api/resources.ts';
import type { DatabaseObserved } from '../status/observed.ts';
import type { AccountNeed, Pool, Topology } from '../topology/topology.ts';

export interface Gate {
  /** The topology without servers that still wait, and in how many milliseconds the first of them stops waiting. */
  admit(topology: Topology, seen: Seen): { readonly topology: Topology; readonly againAfter?: number };
}

/** What the gate looks at. */
export interface Seen {
  readonly databases: ReadonlyMap<string, DatabaseObserved>;
  /** Whether a server, by the key of its pool and its id, has joined already: then it stays, whatever is known of its account. */
  readonly joined: (pool: Key, id: string) => boolean;
  /** Milliseconds of a monotonic clock. */
  readonly now: number;
}

/** Milliseconds that a server waits for its account: on a database that answers, and on one that was not heard of yet. */
const LIMIT_KNOWN = 10_000;
const LIMIT_UNKNOWN = 1000;

/** A gate that has seen nobody yet. */
export function createGate(): Gate {
  const since = new Map<string, number>();
  const narrowed = new WeakMap<Pool, { readonly without: string; readonly pool: Pool }>();

  const narrow = (pool: Pool, without: ReadonlySet<string>): Pool => {
    const key = [...without].join(' ');
    const known = narrowed.get(pool);
    if (known?.without === key) return known.pool;
    const servers = pool.servers.filter(({ id }) => !without.has(id));
    const made: Pool = { ...pool, servers, incomplete: true };
    narrowed.set(pool, { without: key, pool: made });
    return made;
  };

  return {
    admit(topology, seen) {
      let againAfter: number | undefined;
      const waiting = new Map<Key, Set<string>>();
      const stillWaiting = new Set<string>();
      for (const { pool, id, limit } of topology.accounts.flatMap((need) => pendingServers(need, seen))) {
        const name = `${pool} ${id}`;
        const begun = since.get(name) ?? seen.now;
        const left = begun + limit - seen.now;
        stillWaiting.add(name);
        since.set(name, begun);
        if (left <= 0) continue;
        againAfter = Math.min(againAfter ?? left, left);
        waiting.set(pool, (waiting.get(pool) ?? new Set<string>()).add(id));
      }
      for (const name of since.keys()) if (!stillWaiting.has(name)) since.delete(name);
      if (againAfter === undefined) return { topology };
      const pools = new Map(topology.pools);
      for (const [key, without] of waiting) {
        const pool = pools.get(key);
        if (pool !== undefined) pools.set(key, narrow(pool, without));
      }
      return { topology: { ...topology, pools }, againAfter };
    },
  };
}

/** Servers that would join now and whose account is not there yet, though nothing says that it will not come. */
function pendingServers(need: AccountNeed, { databases, joined }: Seen) {
  const database = databases.get(need.server.id);
  if (database?.problem !== undefined) return [];
  const grant = database?.grants.get(need.grant);
  if (grant?.problem !== undefined && grant.problem.condition !== 'Synced') return [];
  const states = new Map(grant?.accounts.map(({ host, state }) => [host, state]));
  const limit = database === undefined ? LIMIT_UNKNOWN : LIMIT_KNOWN;
  return need.hosts
    .filter(({ host }) => (states.get(host) ?? 'Pending') === 'Pending')
    .flatMap(({ servers }) => servers)
    .filter(({ pool, id }) => !joined(pool, id))
    .map(({ pool, id }) => ({ pool, id, limit }));
}
