import type { Key } from '../api/resources.ts';
import type { Pool, Server, Topology } from '../topology/topology.ts';
import {
  standingOf,
  warningOf,
  whyNot,
  type ServersObserved,
  type ServerStanding,
  type WaitingAccount,
} from './endpoints.ts';
import { createWaiting } from './lookups.ts';
import type { AccountObserved, Observed, ServerObserved } from './observed.ts';

/** One server of one pool, with all that decides whether a visitor or the database sees it. */
export interface ServerRow {
  readonly pool: Key;
  readonly id: string;
  /** `<address>:<port>`. */
  readonly address: string;
  readonly weight: number;
  /** As it is wanted; Leaving: it left the pool and finishes its connections. */
  readonly state: Server['state'] | 'Leaving';
  readonly standing: ServerStanding;
  readonly health: ServerObserved['health'] | 'Unknown';
  /** Of its database accounts the one that is worst off; absent when no grant names the pool. */
  readonly account?: AccountObserved['state'];
  /** DatabaseGrants that give it an account. */
  readonly grants: readonly Key[];
  /** Why it does not serve, or what is not well though it does. */
  readonly why?: string;
}

/** All servers, sorted by pool and id. */
export function serverRows(topology: Topology, observed: Observed): readonly ServerRow[] {
  const grants = grantsByServer(topology);
  const waitingOf = createWaiting()(topology.accounts, observed);
  return [...topology.pools.values()].flatMap((pool) => {
    const servers = observed.proxy.pools.get(pool.key);
    const waiting = waitingOf(pool.key);
    const rows = pool.servers.map((server): ServerRow => {
      const seen = servers?.get(server.id);
      const accounts = waiting.flatMap((accounts) => accounts.get(server.id) ?? []);
      const names = grants.get(pool.key)?.get(server.id) ?? [];
      const standing = standingOf(server, seen);
      const why = explain(server, standing, { pool, waiting, seen });
      return {
        ...base(pool, server),
        standing,
        health: seen?.health ?? 'Unknown',
        ...account(names, accounts),
        ...why,
      };
    });
    return [...rows, ...leavingRows(pool, servers)];
  });
}

function base(pool: Pool, server: Server): Pick<ServerRow, 'pool' | 'id' | 'address' | 'weight' | 'state'> {
  const { id, address, port, weight, state } = server;
  return {
    pool: pool.key,
    id,
    address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    weight,
    state,
  };
}

function account(grants: readonly Key[], waiting: readonly WaitingAccount[]): Pick<ServerRow, 'account' | 'grants'> {
  return grants.length === 0 ? { grants } : { account: waiting[0]?.state ?? 'Ready', grants };
}

function explain(
  server: Server,
  standing: ServerStanding,
  around: Parameters<typeof whyNot>[2],
): Pick<ServerRow, 'why'> | undefined {
  switch (standing) {
    case 'Ready':
      return warning(warningOf(server, around.pool, around.seen));
    case 'Maintenance':
      return { why: 'state is Maintenance.' };
    case 'Draining':
      return { why: server.state === 'Drain' ? 'state is Drain.' : server.weight === 0 ? 'weight is 0.' : 'Draining.' };
    case 'Unhealthy':
    case 'Starting':
      return { why: whyNot(server, standing, around).message };
    default:
      return standing satisfies never;
  }
}

function warning(why: string | undefined): Pick<ServerRow, 'why'> | undefined {
  return why === undefined ? undefined : { why };
}

function leavingRows(pool: Pool, servers: ServersObserved): ServerRow[] {
  const own = new Set(pool.servers.map((server) => server.id));
  return [...(servers ?? [])]
    .filter(([id, server]) => server.leaving && !own.has(id))
    .map(([id, { health }]) => ({
      pool: pool.key,
      id,
      address: id.slice(id.lastIndexOf('_') + 1),
      weight: 0,
      state: 'Leaving',
      standing: 'Draining',
      health,
      grants: [],
      why: 'It left the pool and finishes its connections.',
    }));
}

function grantsByServer({ accounts }: Topology): ReadonlyMap<Key, ReadonlyMap<string, Key[]>> {
  const grants = new Map<Key, Map<string, Key[]>>();
  for (const need of accounts) {
    for (const { pool, id } of need.hosts.flatMap(({ servers }) => servers)) {
      const ids = grants.get(pool) ?? new Map<string, Key[]>();
      grants.set(pool, ids);
      const names = ids.get(id) ?? [];
      ids.set(id, names.includes(need.grant) ? names : [...names, need.grant]);
    }
  }
  return grants;
}
