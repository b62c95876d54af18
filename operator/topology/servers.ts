/** Where the servers of a pool come from: its external endpoints and the EndpointSlices of its Pods. */
import type { ExternalEndpoint } from '../api/kinds.gen.ts';
import type { Finding, PartialReason } from '../api/finding.ts';
import { keyOf, type EndpointSlice, type Key, type SliceEndpoint, type WebPool } from '../api/resources.ts';
import { canonicalAddress } from '../api/address.ts';
import { claimsToBeOurs, isOurSlice, SLICE_MANAGER_LABEL } from '../api/slice-labels.ts';
import type { Names, Server, TopologyOptions } from './topology.ts';
import { DEFAULTS } from './defaults.ts';
import { normalizeHost } from './path.ts';
import { serverCheck } from './pool-options.ts';
import type { Secrets } from './sites.ts';
import { compareText } from '../api/stable.ts';
import { transportOf, type TransportProblem } from './transport.ts';

/** What the servers of one pool are made of. */
export interface PoolSources {
  readonly pool: WebPool;
  /** The slices of the Service that is named as the pool, sorted by name. */
  readonly slices: readonly EndpointSlice[];
  readonly names: Names;
  readonly secrets: Secrets;
  readonly options: TopologyOptions;
}

/** The servers of one pool, sorted by id. */
export interface PoolServers {
  readonly servers: readonly Server[];
  readonly findings: readonly Finding[];
}

interface Candidate {
  readonly server: Server;
  /** Where in the spec it stands; absent for a Pod. */
  readonly path?: string;
}

interface Candidates {
  readonly candidates: readonly Candidate[];
  readonly findings: readonly Finding[];
}

/** The servers of a pool; an address and port that Pod and endpoint share is the Pod's. */
export function poolServers(sources: PoolSources): PoolServers {
  const external = externalServers(sources);
  const pods = podServers(
    sources,
    external.candidates.some(({ server }) => takesVisitors(server)),
  );
  const unique = dropDuplicates(sources.pool, [...pods.candidates, ...external.candidates]);
  const joined = withTransports(sources, unique.candidates);
  return {
    servers: joined.candidates.map(({ server }) => server).sort((a, b) => compareText(a.id, b.id)),
    findings: [...external.findings, ...pods.findings, ...unique.findings, ...joined.findings],
  };
}

/** Servers that cannot be spoken to in safety are left out, each with a word. */
function withTransports({ pool, secrets }: PoolSources, candidates: readonly Candidate[]): Candidates {
  const { tls, proxyProtocol, externalEndpoints = [] } = pool.spec;
  if (tls === undefined && proxyProtocol === undefined && externalEndpoints.every((entry) => entry.tls === undefined)) {
    return { candidates, findings: [] };
  }
  const owns = new Map(externalEndpoints.map((endpoint) => [endpoint.name, endpoint.tls]));
  return join(
    candidates.map(({ server, path }): Candidates => {
      const own = server.origin === 'External' ? owns.get(server.endpoint) : undefined;
      const { transport, problem } = transportOf(pool, { server, own }, secrets);
      const serves = transport !== 'none';
      const findings = problem ? [untransported(pool, { server, path, serves }, problem)] : [];
      if (!serves) return { candidates: [], findings };
      const placed = { ...(path !== undefined && { path }) };
      return { candidates: [{ server: { ...server, ...(transport && { transport }) }, ...placed }], findings };
    }),
  );
}

function untransported(
  pool: WebPool,
  { server, path, serves }: { readonly server: Server; readonly path: string | undefined; readonly serves: boolean },
  { message: problem, reason }: TransportProblem,
): Finding {
  const where = path === undefined ? 'spec.tls' : `${path}.tls`;
  if (reason === 'NameMissing') {
    const message = `Server "${server.endpoint}" ${problem}`;
    return partial(pool, 'EndpointIgnored', { path: where, message });
  }
  return {
    object: { kind: 'WebPool', key: keyOf(pool.metadata) },
    condition: 'ResolvedRefs',
    reason,
    path: `${where}.caSecretName`,
    message: serves
      ? `${problem} Until it is right, server "${server.endpoint}" is verified by what it held before.`
      : `${problem} Until it is right, server "${server.endpoint}" is left out.`,
  };
}

function takesVisitors({ state, weight }: Server): boolean {
  return state === 'Active' && weight > 0;
}

/** The DNS name of an external endpoint as it is looked up; undefined when it is given by address. */
export function hostnameOf({ address }: Pick<ExternalEndpoint, 'address'>): string | undefined {
  // What has a letter and no colon is no address: parsing it as one would cost more than all the rest.
  const isName = /^[^:]*[A-Za-z][^:]*$/.test(address) || canonicalAddress(address) === undefined;
  return isName ? normalizeHost(address) : undefined;
}

/**
 * What the names of external endpoints mean by the ids of servers that an earlier process made for them. In: ids by pool. Out: addresses,
 * sorted.
 */
export function namesByServers(
  pools: ReadonlyMap<Key, WebPool>,
  idsOf: (pool: Key) => Iterable<string> | undefined,
): Names {
  const names = new Map<string, Set<string>>();
  for (const [key, { spec }] of pools) {
    const named = (spec.externalEndpoints ?? []).filter((endpoint) => hostnameOf(endpoint) !== undefined);
    const ids = named.length === 0 ? [] : [...(idsOf(key) ?? [])];
    for (const endpoint of named) {
      const hostname = hostnameOf(endpoint) ?? '';
      const prefix = `${endpoint.name}_`;
      const own = ids.filter((id) => id.startsWith(prefix));
      const addresses = own.map((id) => id.slice(prefix.length, id.lastIndexOf(':')));
      if (own.length > 0) names.set(hostname, new Set([...(names.get(hostname) ?? []), ...addresses]));
    }
  }
  return new Map([...names].map(([hostname, addresses]) => [hostname, [...addresses].sort(compareText)]));
}

function externalServers(sources: PoolSources): Candidates {
  const { pool } = sources;
  const addressesOf = addressesBy(sources);
  const parts = (pool.spec.externalEndpoints ?? []).map((endpoint, index): Candidates => {
    const path = `spec.externalEndpoints[${index}]`;
    const port = endpoint.port ?? pool.spec.port;
    if (port === undefined)
      return ignored(pool, path, `Endpoint "${endpoint.name}" has no port. Give it or the pool one.`);
    const hostname = hostnameOf(endpoint);
    const addresses = addressesOf(endpoint);
    if (hostname !== undefined && addresses.length === 0 && sources.options.external === 'Names') {
      return { candidates: [], findings: [unresolved(pool, endpoint.name, { path, hostname })] };
    }
    const candidates = addresses.map((address) => ({
      path,
      server: externalServer(pool, endpoint, { address, port }),
    }));
    return { candidates, findings: [] };
  });
  return join(parts);
}

/** How the addresses of an endpoint are found. One that is in no slice yet has none: it waits, and nothing is wrong. */
function addressesBy({ slices, names, options }: PoolSources): (endpoint: ExternalEndpoint) => readonly string[] {
  if (options.external === 'Names') {
    return (endpoint) => {
      const hostname = hostnameOf(endpoint);
      return canonical(hostname === undefined ? [endpoint.address] : (names.get(hostname) ?? []));
    };
  }
  const byName = Map.groupBy(
    slices.filter(isOurSlice).flatMap((slice) => slice.endpoints),
    ({ hostname = '' }) => hostname,
  );
  return ({ name }) => canonical((byName.get(name) ?? []).flatMap(({ addresses }) => addresses.slice(0, 1)));
}

function canonical(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses.map((address) => canonicalAddress(address) ?? address))].sort(compareText);
}

interface Target {
  readonly address: string;
  readonly port: number;
}

function externalServer(pool: WebPool, endpoint: ExternalEndpoint, target: Target): Server {
  const { weight, state, tier } = { ...DEFAULTS.WebPool.externalEndpoints, ...endpoint };
  const hostname = hostnameOf(endpoint);
  return {
    ...identified(endpoint.name, target),
    weight,
    state,
    tier,
    ...(endpoint.zone !== undefined && { zone: endpoint.zone }),
    maxConnections: endpoint.maxConnections ?? pool.spec.maxConnections ?? DEFAULTS.WebPool.maxConnections,
    origin: 'External',
    ...(hostname !== undefined && { hostname }),
    ...(endpoint.healthCheck && { healthCheck: serverCheck(endpoint.healthCheck) }),
  };
}

function identified(endpoint: string, { address, port }: Target): Pick<Server, 'id' | 'endpoint' | 'address' | 'port'> {
  return { id: `${endpoint}_${address}:${port}`, endpoint, address, port };
}

/** Source: KEP-1669 and KEP-1672, and how kube-proxy reads a slice. */
function podServers({ pool, slices: all, options }: PoolSources, othersServe: boolean): Candidates {
  const slices = all.filter((slice) => !claimsToBeOurs(slice));
  const strays = all.filter((slice) => claimsToBeOurs(slice) && !isOurSlice(slice));
  const readable = slices.filter((slice) => slice.addressType !== 'FQDN');
  const endpoints = readable.flatMap((slice) => slice.endpoints.map((endpoint) => ({ slice, endpoint })));
  const ready = endpoints.filter(({ endpoint }) => isReady(endpoint));
  const serving = ready.length > 0 || othersServe ? ready : endpoints.filter(({ endpoint }) => isLastResort(endpoint));
  const wanted = options.pods === 'All' ? endpoints : serving;
  const named = slices.filter((slice) => slice.addressType === 'FQDN').map((slice) => ignoredNames(pool, slice));
  const left = strays.map((slice) => ignoredStray(pool, slice));
  return join([...left, ...named, ...wanted.map(({ slice, endpoint }) => podServer(pool, slice, endpoint))]);
}

function isReady({ conditions = {} }: SliceEndpoint): boolean {
  return conditions.ready !== false && conditions.terminating !== true;
}

/** A terminating Pod that still answers is better than none at all. */
function isLastResort({ conditions = {} }: SliceEndpoint): boolean {
  return conditions.terminating === true && (conditions.serving ?? conditions.ready) !== false;
}

function podServer(pool: WebPool, slice: EndpointSlice, endpoint: SliceEndpoint): Candidates {
  // The API gives a meaning to the first address only.
  const written = endpoint.addresses[0] ?? '';
  const address = canonicalAddress(written);
  const name = endpoint.targetRef?.name ?? address ?? written;
  const port = podPort(pool, slice);
  const where = `Endpoint "${name}" of EndpointSlice "${slice.metadata.name}"`;
  if (address === undefined) return ignored(pool, undefined, `${where} has no usable address.`);
  if (port === undefined) return ignored(pool, undefined, `${where} ${withoutPort(pool)}`);
  const server = {
    ...identified(name, { address, port }),
    weight: pool.spec.podWeight ?? DEFAULTS.WebPool.podWeight,
    state: 'Active',
    tier: 'Primary',
    ...(endpoint.zone !== undefined && { zone: endpoint.zone }),
    maxConnections: pool.spec.maxConnections ?? DEFAULTS.WebPool.maxConnections,
    origin: 'Pod',
    ...(endpoint.conditions?.terminating === true && { leaving: true as const }),
  } as const;
  return { candidates: [{ server }], findings: [] };
}

/** Pods may give a named port another number each; those that do stand in slices of their own. */
function podPort({ spec: { port, portName } }: WebPool, { ports }: EndpointSlice): number | undefined {
  if (portName !== undefined) return ports.find(({ name }) => name === portName)?.port;
  return ports[0]?.port ?? port;
}

function withoutPort({ spec: { portName } }: WebPool): string {
  return portName === undefined
    ? 'has no port. Give the pool or the Service one.'
    : `has no port named "${portName}". Give the container that port, or the pool another portName.`;
}

/** Pods come first and so stay; slices may name one Pod twice while it moves between them, which nobody has to know. */
function dropDuplicates(pool: WebPool, candidates: readonly Candidate[]): Candidates {
  const holders = new Map<string, Server>();
  const findings: Finding[] = [];
  const kept = candidates.filter(({ server, path }) => {
    const target = JSON.stringify([server.address, server.port]);
    const holder = holders.get(target);
    if (holder === undefined) holders.set(target, server);
    else if (path !== undefined) findings.push(duplicate(pool, path, { server, holder }));
    return holder === undefined;
  });
  return { candidates: kept, findings };
}

function duplicate(pool: WebPool, path: string, { server, holder }: { server: Server; holder: Server }): Finding {
  const who = holder.origin === 'Pod' ? `Pod "${holder.endpoint}"` : `endpoint "${holder.endpoint}"`;
  const target = server.address.includes(':')
    ? `[${server.address}]:${server.port}`
    : `${server.address}:${server.port}`;
  return partial(pool, 'DuplicateEndpoint', {
    path,
    message: `Endpoint "${server.endpoint}" has the same address and port (${target}) as ${who} and is left out. Remove one of them.`,
  });
}

function unresolved(pool: WebPool, endpoint: string, at: { path: string; hostname: string }): Finding {
  return {
    object: { kind: 'WebPool', key: keyOf(pool.metadata) },
    condition: 'ResolvedRefs',
    reason: 'HostnameUnresolvable',
    path: `${at.path}.address`,
    message: `The name "${at.hostname}" of endpoint "${endpoint}" has no address, so it waits; the others serve. Check the name and the DNS servers.`,
  };
}

function ignoredNames(pool: WebPool, slice: EndpointSlice): Candidates {
  return ignored(
    pool,
    undefined,
    `EndpointSlice "${slice.metadata.name}" holds names (addressType FQDN), which are not read. List such servers under externalEndpoints.`,
  );
}

function ignoredStray(pool: WebPool, { metadata }: EndpointSlice): Candidates {
  const message = `EndpointSlice "${metadata.name}" says that webpool keeps it, which is not so, and is left out. Remove it, or its label ${SLICE_MANAGER_LABEL}.`;
  return ignored(pool, undefined, message);
}

function ignored(pool: WebPool, path: string | undefined, message: string): Candidates {
  const finding = partial(pool, 'EndpointIgnored', { ...(path !== undefined && { path }), message });
  return { candidates: [], findings: [finding] };
}

function partial(pool: WebPool, reason: PartialReason, what: { path?: string; message: string }): Finding {
  return { object: { kind: 'WebPool', key: keyOf(pool.metadata) }, condition: 'PartiallyInvalid', reason, ...what };
}

function join(parts: readonly Candidates[]): Candidates {
  return {
    candidates: parts.flatMap((part) => part.candidates),
    findings: parts.flatMap((part) => part.findings),
  };
}
