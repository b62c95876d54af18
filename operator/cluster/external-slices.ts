/** The EndpointSlices of servers outside the cluster, under the Service of their pool. */
import { isSliceAddress } from '../api/address.ts';
import type { Finding } from '../api/finding.ts';
import {
  keyOf,
  type EndpointSlice,
  type Key,
  type Resources,
  type SliceEndpoint,
  type WebPool,
} from '../api/resources.ts';
import {
  isOurSlice,
  POOL_LABEL,
  SERVICE_LABEL,
  SLICE_MANAGER,
  SLICE_MANAGER_LABEL,
  sliceKey,
} from '../api/slice-labels.ts';
import type { Server } from '../topology/topology.ts';
import { poolMeta, type EndpointSliceObject, type MachineEndpoint } from './object.ts';
import { layoutSlices } from './slice-layout.ts';

/** What the external slices of one pool are made of. */
export interface ExternalSources {
  readonly pool: WebPool;
  /** All servers of the pool; those outside the cluster count. */
  readonly servers: readonly Server[];
  /** The slices that carry the pool's name as it is now. */
  readonly current: readonly EndpointSlice[];
  readonly health: ServerHealth;
}

/** What the proxies' checks say of a server, by its id; absent: none of them has said anything yet. */
export type ServerHealth = ReadonlyMap<string, { readonly health: 'Up' | 'Down' | 'Starting' | 'Unchecked' }>;

type Family = EndpointSliceObject['addressType'];

/** Endpoints of one slice share family and port. */
interface Group {
  readonly family: Family;
  readonly port: number;
  readonly endpoints: ReadonlyMap<string, MachineEndpoint>;
}

const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** Whether a slice is one of ours: it says so, and has the name that we would give it. */
export function isExternalSlice(slice: EndpointSlice): boolean {
  return isOurSlice(slice) && numberOf(slice.metadata) !== undefined;
}

/** The slices of a pool's external servers, sorted by name; an endpoint stays in the slice that it is in. */
export function externalSlices(sources: ExternalSources): readonly EndpointSliceObject[] {
  return [...groupsOf(sources).values()]
    .flatMap((group) => slicesOf(sources, group))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** What to tell of external servers that no EndpointSlice can hold. */
export function unregistered({ pool, servers }: Pick<ExternalSources, 'pool' | 'servers'>): readonly Finding[] {
  return servers.filter(isExternal).flatMap(({ endpoint, address }): Finding[] => {
    if (isSliceAddress(address)) return [];
    const index = pool.spec.externalEndpoints?.findIndex(({ name }) => name === endpoint) ?? 0;
    return [
      {
        object: { kind: 'WebPool', key: keyOf(pool.metadata) },
        condition: 'PartiallyInvalid',
        reason: 'EndpointIgnored',
        path: `spec.externalEndpoints[${index}].address`,
        message: `Endpoint "${endpoint}" has the address ${address}, which is another host to every Pod, and is left out. Give it an address that all Pods can reach.`,
      },
    ];
  });
}

/** By pool, the ids of the servers that stand in slices of ours. */
export function registeredServers(slices: Resources['slices']): ReadonlyMap<Key, ReadonlySet<string>> {
  const own = Map.groupBy([...slices.values()].filter(isOurSlice), sliceKey);
  return new Map(
    [...own].map(([pool, all]) => {
      const ids = all.flatMap((slice) => slice.endpoints.map((endpoint) => idOf(slice, endpoint)));
      return [pool, new Set(ids)] as const;
    }),
  );
}

function isExternal({ origin }: Server): boolean {
  return origin === 'External';
}

function groupsOf({ servers, current, health }: ExternalSources): ReadonlyMap<string, Group> {
  const known = new Map(
    current.flatMap((slice) => slice.endpoints.map((endpoint) => [idOf(slice, endpoint), endpoint])),
  );
  const groups = new Map<string, { family: Family; port: number; endpoints: Map<string, MachineEndpoint> }>();
  for (const server of servers) {
    if (!isExternal(server) || !isSliceAddress(server.address)) continue;
    const family = server.address.includes(':') ? 'IPv6' : 'IPv4';
    const name = `${family} ${server.port}`;
    const group = groups.get(name) ?? { family, port: server.port, endpoints: new Map() };
    const seen = health.get(server.id);
    const reachable = seen === undefined ? known.get(server.id)?.conditions?.serving === true : seen.health === 'Up';
    group.endpoints.set(server.id, endpointOf(server, reachable));
    groups.set(name, group);
  }
  return groups;
}

/** A server in maintenance is not asked, so nothing is known of it. */
function endpointOf({ endpoint, address, zone, state, weight }: Server, reachable: boolean): MachineEndpoint {
  const serving = reachable && state !== 'Maintenance';
  const ready = serving && state === 'Active' && weight > 0;
  return {
    addresses: [address],
    hostname: endpoint,
    ...(zone !== undefined && { zone }),
    conditions: { ready, serving, terminating: false },
  };
}

function slicesOf({ pool, current }: ExternalSources, group: Group): readonly EndpointSliceObject[] {
  const prefix = `${pool.metadata.name}-vm-${group.family.toLowerCase()}-${group.port}-`;
  const layout = new Map<number, readonly string[]>();
  const taken = new Set<number>();
  for (const slice of current.filter(({ metadata }) => metadata.name.startsWith(prefix))) {
    const number = numberOf(slice.metadata);
    if (number === undefined) continue;
    if (isExternalSlice(slice))
      layout.set(
        number,
        slice.endpoints.map((endpoint) => idOf(slice, endpoint)),
      );
    else taken.add(number);
  }
  return [...layoutSlices([...group.endpoints.keys()], layout, taken)].map(([number, ids]) =>
    sliceOf(pool, group, { name: `${prefix}${number}`, ids }),
  );
}

/** `<endpoint>_<address>:<port>`, the id that the server has in the pool. */
function idOf({ ports }: EndpointSlice, { hostname, addresses }: SliceEndpoint): string {
  return `${hostname}_${addresses[0]}:${ports[0]?.port}`;
}

/** The number at the end of the name that we give. */
function numberOf({ name, labels }: EndpointSlice['metadata']): number | undefined {
  const [, pool, number] = /^(.+)-vm-ipv[46]-[0-9]{1,5}-([1-9][0-9]{0,3})$/.exec(name) ?? [];
  return number === undefined || pool !== labels?.[POOL_LABEL] ? undefined : Number(number);
}

function sliceOf(
  pool: WebPool,
  group: Group,
  { name, ids }: { name: string; ids: readonly string[] },
): EndpointSliceObject {
  const labels = { [SERVICE_LABEL]: pool.metadata.name, [SLICE_MANAGER_LABEL]: SLICE_MANAGER, [HEADLESS_LABEL]: '' };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: poolMeta(pool, name, labels),
    addressType: group.family,
    endpoints: ids.flatMap((id) => group.endpoints.get(id) ?? []),
    ports: [{ name: pool.spec.portName ?? '', protocol: 'TCP', port: group.port }],
  };
}
