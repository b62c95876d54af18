import type { Key } from '../api/resources.ts';
import type { EndpointCounts, UnhealthyEndpoint } from '../api/kinds.gen.ts';
import type { HealthCheckOptions, Pool, Server } from '../topology/topology.ts';
import type { AccountObserved, ServerObserved } from './observed.ts';
import { oneLine, time } from './text.ts';

/** How a server stands towards visitors. */
export type ServerStanding = 'Ready' | 'Draining' | 'Unhealthy' | 'Starting' | 'Maintenance';

/** Servers of one pool as HAProxy has them; undefined when it was not read back with this pool. */
export type ServersObserved = ReadonlyMap<string, ServerObserved> | undefined;

/** A server's database account that is not ready. */
export interface WaitingAccount {
  readonly grant: Key;
  readonly host: string;
  readonly state: AccountObserved['state'];
  readonly message?: string;
}

/** Server id → what it waits for; of one grant each. */
export type WaitingAccounts = readonly ReadonlyMap<string, WaitingAccount>[];

/** How `server` stands. Weight 0 and Drain are the same for a visitor: no new ones. */
export function standingOf(server: Server, observed: ServerObserved | undefined): ServerStanding {
  if (server.state === 'Maintenance') return 'Maintenance';
  if (observed === undefined) return 'Starting';
  if (observed.leaving || server.state === 'Drain') return 'Draining';
  if (observed.health === 'Down') return 'Unhealthy';
  // A server is born in drain and promoted after its first passed check: until then it has only not begun.
  const waits = observed.health === 'Starting' || (observed.admin === 'drain' && observed.failure !== undefined);
  if (waits || observed.admin === 'maint') return 'Starting';
  return observed.admin === 'drain' || server.weight === 0 ? 'Draining' : 'Ready';
}

/**
 * The servers of a pool by state.
 * Shape: `total` counts the pool's own servers; one that left and only finishes its connections counts as draining alone.
 */
export function countEndpoints(pool: Pool, observed: ServersObserved): EndpointCounts {
  let [ready, draining, unhealthy] = [0, 0, 0];
  const own = new Set<string>();
  for (const server of pool.servers) {
    own.add(server.id);
    const standing = standingOf(server, observed?.get(server.id));
    if (standing === 'Ready') ready += 1;
    else if (standing === 'Draining') draining += 1;
    else if (standing === 'Unhealthy') unhealthy += 1;
  }
  for (const [id, server] of observed ?? []) if (server.leaving && !own.has(id)) draining += 1;
  const total = pool.servers.length;
  return { total, ready, draining, unhealthy, summary: `${ready}/${total}` };
}

/** Servers that should serve and do not, with the reason and the way out; failing ones first, at most 16. */
export function unhealthyEndpoints(
  pool: Pool,
  observed: ServersObserved,
  waiting: WaitingAccounts,
): UnhealthyEndpoint[] {
  const failing: UnhealthyEndpoint[] = [];
  const starting: UnhealthyEndpoint[] = [];
  for (const server of pool.servers) {
    const standing = standingOf(server, observed?.get(server.id));
    if (standing !== 'Unhealthy' && standing !== 'Starting') continue;
    const why = whyNot(server, standing, { pool, waiting, seen: observed?.get(server.id) });
    (standing === 'Unhealthy' ? failing : starting).push({ name: server.id, ...why });
  }
  return [...failing, ...starting].slice(0, 16);
}

interface Around {
  readonly pool: Pool;
  readonly seen: ServerObserved | undefined;
  readonly waiting: WaitingAccounts;
}

/** Why a server does not serve: its failing check, or what it waits for. */
export function whyNot(
  server: Server,
  standing: 'Unhealthy' | 'Starting',
  { pool, waiting, seen }: Around,
): { readonly reason: string; readonly message: string } {
  const check = { ...pool.options.healthCheck, ...server.healthCheck };
  if (standing === 'Unhealthy') {
    const message = `Its health check fails: ${describeCheck(server, check)}${failing(seen, check)}. It serves again after ${check.rise} passed checks.`;
    return { reason: 'HealthCheckFailed', message: oneLine(message) };
  }
  const account = waiting.map((accounts) => accounts.get(server.id)).find((found) => found !== undefined);
  if (account !== undefined) {
    const detail = account.message === undefined ? '' : `: ${account.message}`;
    const message = `Waits for its database account at '${account.host}' of DatabaseGrant ${account.grant} (${account.state})${detail}`;
    return { reason: 'AccountPending', message: oneLine(message) };
  }
  return { reason: 'Starting', message: `Waits for its first passed check: ${describeCheck(server, check)}.` };
}

/** What a server that serves has to be looked at for: its last check failed; undefined when it did not. */
export function warningOf(server: Server, pool: Pool, seen: ServerObserved | undefined): string | undefined {
  if (seen?.failure === undefined) return undefined;
  const check = { ...pool.options.healthCheck, ...server.healthCheck };
  return oneLine(
    `It serves, but its last check failed: ${describeCheck(server, check)}${failing(seen, check)}. It is taken out after ${check.fall} in a row.`,
  );
}

/** How far the check gets. */
const FAILURES: Readonly<Record<NonNullable<ServerObserved['failure']>, (check: HealthCheckOptions) => string>> = {
  Refused: () => 'no connection',
  Unreachable: ({ timeout }) => `no connection within ${time(timeout)}`,
  Handshake: () => 'no TLS handshake',
  Timeout: ({ type, receive, timeout }) =>
    type === 'TCP' && receive !== undefined
      ? `it takes the connection, but ${JSON.stringify(receive)} did not come within ${time(timeout)}`
      : `it takes the connection, but did not answer within ${time(timeout)}`,
  Answer: () => 'another answer than that of a healthy server',
};

function failing(seen: ServerObserved | undefined, check: HealthCheckOptions): string {
  if (seen?.failure === undefined) return '';
  return `; ${FAILURES[seen.failure](check)}${seen.offer === undefined ? '' : `: ${seen.offer}`}`;
}

function describeCheck(server: Server, check: HealthCheckOptions): string {
  const host = server.address.includes(':') ? `[${server.address}]` : server.address;
  const at = `${host}:${check.port ?? server.port}`;
  const often = `every ${time(check.interval)}`;
  if (check.type === 'MySQL') return `log in to MySQL at ${at} as '${check.username}' without password ${often}`;
  if (check.type === 'TCP') {
    const answer = check.receive === undefined ? '' : `, expecting ${JSON.stringify(check.receive)}`;
    return oneLine(`connect to ${at} ${often}${answer}`, 400);
  }
  const ranges = check.expect.status.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  return oneLine(
    `${check.method} ${server.transport?.tls === undefined ? 'http' : 'https'}://${at}${check.path} ${often}, expecting ${ranges}`,
    400,
  );
}
