import type { Key } from '../api/resources.ts';
import { changedKeys } from '../api/stable.ts';
import { proxyInputs } from './collect.ts';
import type { StatusInput } from './document.ts';
import { sameItems } from './equal.ts';
import { objectId, type Lookups } from './lookups.ts';

/**
 * The objects whose status may be another because of what is there and was observed, by `objectId`. Undefined when that may be any, or
 * when objects came or went.
 */
export function touchedBetween(
  before: StatusInput,
  now: StatusInput,
  { usedBy }: Lookups,
): ReadonlySet<string> | undefined {
  if (!sameItems(frameOf(before), frameOf(now))) return undefined;
  const grants = changedKeys(before.resources.grants, now.resources.grants);
  const pools = [
    ...changedKeys(before.resources.pools, now.resources.pools),
    ...changedKeys(before.topology.pools, now.topology.pools),
    ...changedKeys(before.observed.proxy.pools, now.observed.proxy.pools),
  ];
  if (!pools.every(stays(before.resources.pools, now.resources.pools))) return undefined;
  if (!grants.every(stays(before.resources.grants, now.resources.grants))) return undefined;
  return new Set([
    ...changedKeys(before.observed.proxy.awaited ?? NOBODY, now.observed.proxy.awaited ?? NOBODY),
    ...grants.map((key) => objectId('DatabaseGrant', key)),
    ...pools.map((key) => objectId('WebPool', key)),
    ...pools.flatMap((key) => usedBy.get(key) ?? []).map((key) => objectId('RoutingRule', key)),
  ]);
}

const NOBODY: ReadonlyMap<string, string> = new Map();

/** What the status of any object may depend on. */
function frameOf({ resources, topology, leaving, observed: { proxy, databases } }: StatusInput): readonly unknown[] {
  const { rules, held, findings, secrets } = resources;
  const { bind, portAt, refusedSecrets } = proxy;
  const found = [findings, topology.findings, topology.listeners, topology.accounts];
  const told = [leaving, bind, portAt, refusedSecrets, ...proxyInputs(proxy)];
  return [rules, held, secrets, ...found, databases, ...told];
}

function stays(before: ReadonlyMap<Key, unknown>, now: ReadonlyMap<Key, unknown>): (key: Key) => boolean {
  return (key) => before.has(key) === now.has(key);
}
