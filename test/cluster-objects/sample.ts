/** An installation, pools and what exists, for the tests of what Kubernetes should hold. */
import type { WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import { readOperatorConfig, type OperatorConfig } from '../../operator/api/operator-config.ts';
import { keyOf, type EndpointSlice, type WebPool } from '../../operator/api/resources.ts';
import type { ClusterInput } from '../../operator/cluster/build.ts';
import type { EndpointSliceObject, KubeObject } from '../../operator/cluster/object.ts';
import type { Installation } from '../../operator/cluster/proxy-pod.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { byKey, metadata, NO_NAMES, resources, rule } from '../topology/objects.ts';

export function config(fields: object = {}): OperatorConfig {
  const verdict = readOperatorConfig({ apiVersion: 'webpool.dev/v1alpha1', kind: 'OperatorConfig', ...fields });
  if ('problems' in verdict) throw new Error(JSON.stringify(verdict.problems));
  return verdict.config;
}

export function installation(fields: object = {}): Installation {
  return { namespace: 'webpool-system', image: 'registry.example.com/webpool:1.0.0', config: config(fields) };
}

export function pool(name: string, spec: WebPoolSpec): WebPool {
  return { kind: 'WebPool', metadata: metadata(name, { uid: `uid-of-${name}` }), spec };
}

/** External endpoints `web1` to `web<count>`, each with an address of its own. */
export function machines(count: number): NonNullable<WebPoolSpec['externalEndpoints']> {
  return Array.from({ length: count }, (_, index) => ({
    name: `web${index + 1}`,
    address: `10.${1 + (index >> 8)}.0.${index & 255}`,
  }));
}

export type World = Partial<ClusterInput> & { readonly names?: ReadonlyMap<string, readonly string[]> };

/** The input that these pools and the rest of the world make. */
export function input(pools: readonly WebPool[], world: World = {}): ClusterInput {
  const { names = NO_NAMES, ...over } = world;
  const rules = [rule('site', { rules: [{ name: 'all', pools: [{ name: 'blog' }] }] })];
  return {
    installation: installation(),
    pools: byKey(pools),
    topology: buildTopology(resources({ pools, rules }), names),
    services: new Map(),
    slices: new Map(),
    health: new Map(),
    certificates: [],
    pages: [],
    ...over,
  };
}

/** Everything in reach. */
export function reached(built: ClusterInput): ClusterInput['health'] {
  return new Map(
    [...built.topology.pools.values()].map(({ key, servers }) => [
      key,
      new Map(servers.map(({ id }) => [id, { health: 'Up' }])),
    ]),
  );
}

export function slicesOf(objects: readonly KubeObject[]): readonly EndpointSliceObject[] {
  return objects.filter((object) => object.kind === 'EndpointSlice');
}

/** What an API server shows of slices that were applied. */
export function asApplied(slices: readonly EndpointSliceObject[]): ReadonlyMap<string, EndpointSlice> {
  return new Map(
    slices.map(({ metadata: { namespace, name, labels }, addressType, endpoints, ports }) => {
      const slice = { metadata: { namespace, name, generation: 1, labels }, addressType, endpoints, ports };
      return [keyOf(slice.metadata), slice];
    }),
  );
}
