/** Short forms of what the tests of this room speak about. */
import * as fc from 'fast-check';
import { buildProxyConfig, type ProxySettings } from '../../operator/haproxy/config.ts';
import type { ProxyConfig, ServerState } from '../../operator/haproxy/proxy.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import { admitted, type Written } from '../support/admit.ts';

export const SETTINGS: ProxySettings = { bind: ['127.0.0.1'], maxConnections: 100, router: '-- router' };

/** The topology of objects, which all have to be good. */
export function topologyOf(objects: readonly Written[]): Topology {
  const resources = admitted(objects);
  if (resources.held.length > 0) throw new Error(JSON.stringify(resources.held));
  return buildTopology(resources, new Map());
}

/** The ProxyConfig of objects, which all have to be good. */
export function configOf(objects: readonly Written[], settings: ProxySettings = SETTINGS): ProxyConfig {
  return buildProxyConfig(topologyOf(objects), settings);
}

export function pool(name: string, spec: object = {}): Written {
  return { kind: 'WebPool', name, spec: { port: 80, ...spec } };
}

export function rule(name: string, spec: object): Written {
  return { kind: 'RoutingRule', name, spec: { listener: { protocol: 'HTTP', port: 80 }, ...spec } };
}

/** The lines of one section of a skeleton, without indentation. */
export function section(config: Pick<ProxyConfig, 'skeleton'>, head: string): readonly string[] {
  const found = config.skeleton.split('\n\n').find((text) => text.split('\n', 1)[0] === head);
  return (found ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}

const endpoint = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  address: fc.constantFrom('127.77.0.1', '127.77.0.2', '::1'),
  weight: fc.constantFrom(0, 1, 100, 256),
  state: fc.constantFrom('Active', 'Active', 'Active', 'Drain', 'Maintenance'),
  tier: fc.constantFrom('Primary', 'Primary', 'Backup'),
  zone: fc.constantFrom('a', 'b'),
  maxConnections: fc.constantFrom(1, 10),
});

const externalEndpoints = fc
  .uniqueArray(endpoint, { selector: ({ name }) => name, maxLength: 5 })
  // An address and port may stand once only.
  .map((list) => list.map((one, index) => ({ ...one, port: 80 + index })));

/** What needs a reload when it changes. */
const structure = fc.record({
  pools: fc.uniqueArray(fc.constantFrom('p', 'q', 'r'), { minLength: 1, maxLength: 3 }),
  slowStart: fc.constantFrom('0s', '0s', '0s', '10s'),
  tcp: fc.boolean(),
});

/** What does not. */
const content = fc.record({
  servers: fc.tuple(externalEndpoints, externalEndpoints, externalEndpoints),
  drainTimeout: fc.constantFrom('0s', '1m'),
  paths: fc.uniqueArray(fc.constantFrom('/a', '/b', '/c'), { maxLength: 3 }),
});

type Generated<T> = T extends fc.Arbitrary<infer Value> ? Value : never;

function objectsOf(
  { pools, slowStart, tcp }: Generated<typeof structure>,
  { servers, drainTimeout, paths }: Generated<typeof content>,
): readonly Written[] {
  const prefixes = paths.map((value, index) => ({
    name: `n${index}`,
    matches: [{ path: { type: 'Prefix', value } }],
    pools: [{ name: 'p' }],
  }));
  const relay = { listener: { protocol: 'TCP', port: 2525 }, rules: [{ name: 'all', pools: [{ name: 'q' }] }] };
  return [
    ...pools.map((name, index) => pool(name, { externalEndpoints: servers[index], drainTimeout, slowStart })),
    rule('web', {
      listener: { protocol: 'HTTP', port: 8080 },
      rules: [...prefixes, { name: 'rest', respond: { status: 404 } }],
    }),
    ...(tcp ? [rule('relay', relay)] : []),
  ];
}

/** Some pools, some of which rules name. */
export const objects: fc.Arbitrary<readonly Written[]> = fc
  .tuple(structure, content)
  .map(([frame, inside]) => objectsOf(frame, inside));

/** Objects before and after an edit; in most cases one that needs no reload. */
export const edit: fc.Arbitrary<readonly [before: readonly Written[], after: readonly Written[]]> = fc
  .tuple(structure, content, content, structure)
  .chain(([frame, before, after, other]) =>
    fc.integer({ min: 0, max: 3 }).map((dice) => {
      const next = dice === 0 ? other : frame;
      return [objectsOf(frame, before), objectsOf(next, after)] as const;
    }),
  );

/** Something that happened to a server behind our back. */
export const drift: fc.Arbitrary<(server: ServerState) => ServerState> = fc.oneof(
  fc
    .constantFrom('ready' as const, 'drain' as const, 'maint' as const)
    .map((admin) => (server: ServerState) => ({ ...server, admin })),
  fc.constantFrom(1, 7).map((weight) => (server: ServerState) => ({ ...server, weight })),
  fc
    .constantFrom('Up' as const, 'Down' as const, 'Starting' as const, 'Unchecked' as const)
    .map((health) => (server: ServerState) => ({ ...server, health })),
  fc.constant((server: ServerState) => {
    const { maxConnections: _, ...rest } = server;
    return rest;
  }),
);
