/** Short forms of the objects that the tests of this room speak about. */
import type { DatabaseGrantSpec, RoutingRuleSpec, Rule, WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import { keyOf, NO_RESOURCES } from '../../operator/api/resources.ts';
import type {
  ConfigMapInfo,
  DatabaseGrant,
  EndpointSlice,
  Metadata,
  Resources,
  RoutingRule,
  SecretInfo,
  WebPool,
} from '../../operator/api/resources.ts';

export type SliceOptions = Partial<Pick<EndpointSlice, 'addressType' | 'ports'>> & { readonly pool: string };

export function metadata(name: string, more: Partial<Metadata> = {}): Metadata {
  return { namespace: 'default', name, generation: 1, ...more };
}

export function pool(name: string, spec: WebPoolSpec = {}, more: Partial<Metadata> = {}): WebPool {
  return { kind: 'WebPool', metadata: metadata(name, more), spec: { port: 80, ...spec } };
}

export function rule(
  name: string,
  spec: Partial<RoutingRuleSpec> & { readonly rules: readonly Rule[] },
  more: Partial<Metadata> = {},
): RoutingRule {
  return { kind: 'RoutingRule', metadata: metadata(name, more), spec: { listener: { protocol: 'HTTP' }, ...spec } };
}

export function grant(name: string, spec: Partial<DatabaseGrantSpec> = {}): DatabaseGrant {
  return {
    kind: 'DatabaseGrant',
    metadata: metadata(name),
    spec: {
      server: { host: 'db01.example.com', adminSecretName: 'admin' },
      username: 'app',
      passwordSecret: { name: 'app', key: 'password' },
      grants: [{ schema: 'site', privileges: ['SELECT'] }],
      ...spec,
    },
  };
}

export function secret(name: string, keys: readonly string[], version = '1'): SecretInfo {
  return { metadata: metadata(name), version, keys };
}

export function slice(name: string, options: SliceOptions, endpoints: EndpointSlice['endpoints']): EndpointSlice {
  const { pool: service, addressType = 'IPv4', ports = [{ port: 8080 }] } = options;
  const labels = { 'kubernetes.io/service-name': service };
  return { metadata: metadata(name, { labels }), addressType, ports, endpoints };
}

interface Objects {
  readonly pools?: readonly WebPool[];
  readonly rules?: readonly RoutingRule[];
  readonly grants?: readonly DatabaseGrant[];
  readonly secrets?: readonly SecretInfo[];
  readonly configMaps?: readonly ConfigMapInfo[];
  readonly slices?: readonly EndpointSlice[];
}

export function resources(
  objects: Objects,
  rest: Partial<Pick<Resources, 'held' | 'pictureComplete'>> = {},
): Resources {
  return {
    ...NO_RESOURCES,
    pools: byKey(objects.pools),
    rules: byKey(objects.rules),
    grants: byKey(objects.grants),
    secrets: byKey(objects.secrets),
    configMaps: byKey(objects.configMaps),
    slices: byKey(objects.slices),
    ...rest,
  };
}

export function byKey<T extends { readonly metadata: Metadata }>(objects: readonly T[] = []): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [keyOf(object.metadata), object]));
}

export const NO_NAMES: ReadonlyMap<string, readonly string[]> = new Map();
