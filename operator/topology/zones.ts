/** Where a proxy is decides which servers it sends to first. */
import type { Pool, Server } from './topology.ts';

/** Whether a server waits until none near the proxy can serve: the pool prefers zones, and both are known and not the same. */
export function isElsewhere(
  { options }: Pick<Pool, 'options'>,
  { zone }: Pick<Server, 'zone'>,
  own: string | undefined,
): boolean {
  return options.prefersZone === true && own !== undefined && zone !== undefined && zone !== own;
}
