/**
 * How an agent reads what the operator registered: the inverse of `externalSlices`.
 * An agent resolves no names and waits for no database; a machine is a server once its pool's EndpointSlices have it.
 */
import type { ExternalEndpoint } from '../api/kinds.gen.ts';
import { keyOf, type EndpointSlice, type Key, type WebPool } from '../api/resources.ts';
import { keepMap, sameItems } from '../api/stable.ts';
import { isExternalSlice } from './external-slices.ts';
import { POOL_LABEL } from './object.ts';

/** Pools whose external endpoints are those that are registered, by address, and the slices of Pods alone. */
export interface Registered {
  readonly pools: ReadonlyMap<Key, WebPool>;
  readonly slices: ReadonlyMap<Key, EndpointSlice>;
}

interface Memo {
  readonly inputs: readonly unknown[];
  readonly pool: WebPool;
}

/** Pools and slices as an agent takes them, for a series of inputs: what did not change keeps its identity. */
export function createRegisteredReader(): (seen: Registered) => Registered {
  let memos: ReadonlyMap<Key, Memo> = new Map();
  let last: Registered | undefined;
  return (seen) => {
    const external = Map.groupBy([...seen.slices.values()].filter(isExternalSlice), poolOf);
    memos = new Map([...seen.pools].map(([key, pool]) => [key, memoOf(pool, external.get(key) ?? [], memos.get(key))]));
    last = {
      pools: keepMap(last?.pools, new Map([...memos].map(([key, { pool }]) => [key, pool]))),
      slices: keepMap(last?.slices, new Map([...seen.slices].filter(([, slice]) => !isExternalSlice(slice)))),
    };
    return last;
  };
}

function poolOf({ metadata: { namespace, labels } }: EndpointSlice): Key {
  return keyOf({ namespace, name: labels?.[POOL_LABEL] ?? '' });
}

function memoOf(pool: WebPool, slices: readonly EndpointSlice[], last: Memo | undefined): Memo {
  const inputs = [pool, ...slices];
  if (last !== undefined && sameItems(last.inputs, inputs)) return last;
  return { inputs, pool: registeredPool(pool, slices) };
}

function registeredPool(pool: WebPool, slices: readonly EndpointSlice[]): WebPool {
  const { externalEndpoints, ...spec } = pool.spec;
  if (externalEndpoints === undefined) return pool;
  const places = Map.groupBy(slices.flatMap(placesIn), ({ name }) => name);
  const registered = externalEndpoints.flatMap((endpoint): ExternalEndpoint[] =>
    (places.get(endpoint.name) ?? []).map(({ address, port }) => ({ ...endpoint, address, port })),
  );
  return { ...pool, spec: { ...spec, externalEndpoints: registered } };
}

interface Place {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

function placesIn({ endpoints, ports }: EndpointSlice): readonly Place[] {
  const port = ports[0]?.port;
  return endpoints.flatMap(({ hostname, addresses: [address] }) =>
    hostname === undefined || address === undefined || port === undefined ? [] : [{ name: hostname, address, port }],
  );
}
