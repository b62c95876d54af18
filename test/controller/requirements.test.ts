import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyOf, type Held, type RoutingRule, type WebPool } from '../../operator/api/resources.ts';
import { createRequirements, type RequirementsOptions } from '../../operator/controller/requirements.ts';
import type { KubeObject } from '../../operator/cluster/object.ts';
import { byKey, metadata, pool, resources, rule } from '../topology/objects.ts';

const NAMES = ['blog', 'site'];
/** By name, a generation: 0 = there is none. */
const generations = fc.array(fc.nat({ max: 3 }), { minLength: 2, maxLength: 2 });
const fields = {
  pools: generations,
  rules: generations,
  held: fc.subarray(NAMES),
  /** By pool, the versions of its slices; 0 = not written. */
  slices: fc.array(fc.array(fc.constantFrom('', '7', '12', '100'), { maxLength: 2 }), { minLength: 2, maxLength: 2 }),
};
const full = fc.record(fields);
/** What changes from one round to the next. */
const partial = fc.record(fields, { requiredKeys: [] });
type Step = typeof full extends fc.Arbitrary<infer T> ? T : never;

/** The same object as long as its content is the same. */
const POOLS = new Map<string, WebPool>();
const RULES = new Map<string, RoutingRule>();
function same<T>(known: Map<string, T>, value: T): T {
  const text = JSON.stringify(value);
  known.set(text, known.get(text) ?? value);
  return known.get(text) ?? value;
}

function worldAt(now: Step, versions: Map<string, string>, kept: Map<string, KubeObject>) {
  const of = <T>(list: readonly number[], make: (name: string, generation: number) => T) =>
    NAMES.flatMap((name, index) => (list[index] === 0 ? [] : [make(name, list[index] ?? 0)]));
  const pools = of(now.pools, (name, generation) => same(POOLS, pool(name, {}, { generation })));
  const rules = of(now.rules, (name, generation) => same(RULES, rule(name, { rules: [] }, { generation })));
  const held = now.held.map((name): Held => ({
    kind: 'WebPool',
    key: `default/${name}`,
    metadata: metadata(name, { generation: 9 }),
    findings: [],
    paused: true,
    fallback: true,
  }));
  const written: string[] = [];
  const made = new Map<string, KubeObject>();
  for (const [index, name] of NAMES.entries()) {
    for (const [number, version] of (now.slices[index] ?? []).entries()) {
      const id = `EndpointSlice default/${name}-${number}`;
      if (versions.get(id) !== version) written.push(id);
      versions.set(id, version);
      kept.set(id, kept.get(id) ?? sliceOf(name, `${name}-${number}`));
      made.set(id, kept.get(id) as KubeObject);
    }
  }
  const all = { WebPool: byKey(pools), RoutingRule: byKey(rules), DatabaseGrant: new Map<string, never>() };
  const newest: RequirementsOptions['newest'] = (kind, key) => {
    const object = held.some((one) => one.kind === kind && one.key === key)
      ? { ...pool('x'), metadata: metadata('x', { generation: 9 }) }
      : all[kind].get(key);
    if (object === undefined) return undefined;
    const generationVersion = `${object.metadata.generation}`;
    return {
      object,
      problems: [],
      status: undefined,
      servedBefore: false,
      version: '',
      generationVersion,
      finalizers: [],
      deleting: false,
    };
  };
  return { input: { resources: resources({ pools, rules }, { held }), made, written }, newest };
}

function sliceOf(name: string, slice: string): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'default', name: slice, labels: { 'webpool.dev/pool': name } },
    addressType: 'IPv4',
    endpoints: [],
    ports: [],
  };
}

test('what is asked of the proxies depends on the last picture alone', () => {
  fc.assert(
    fc.property(full, fc.array(partial, { maxLength: 8 }), (first, changes) => {
      const versions = new Map<string, string>();
      const kept = new Map<string, KubeObject>();
      let { newest } = worldAt({ pools: [], rules: [], held: [], slices: [] }, versions, kept);
      const versionOf = (id: string) => versions.get(id);
      const requirements = createRequirements({ newest: (kind, key) => newest(kind, key), versionOf });
      let now = first;
      for (const change of changes) {
        now = { ...now, ...change };
        const world = worldAt(now, versions, kept);
        ({ newest } = world);
        const found = requirements(world.input);
        const alone = createRequirements({ newest, versionOf })(world.input);
        expect(new Map(found)).toEqual(new Map(alone));
      }
    }),
  );
});

test('a pool asks for its own version and for the newest of its slices', () => {
  const blog = pool('blog', {}, { generation: 4 });
  const made = new Map(['a', 'b'].map((name) => [`EndpointSlice default/${name}`, sliceOf('blog', name)]));
  const { newest } = worldAt({ pools: [4, 0], rules: [], held: [], slices: [] }, new Map(), new Map());
  const versions = new Map([
    ['EndpointSlice default/a', '99'],
    ['EndpointSlice default/b', '100'],
  ]);
  const found = createRequirements({ newest, versionOf: (id) => versions.get(id) })({
    resources: resources({ pools: [blog] }),
    made,
    written: [],
  });
  expect([...found]).toEqual([
    [
      'WebPool/default/blog',
      { kind: 'WebPool', key: keyOf(blog.metadata), generation: 4, version: '4', slices: '100' },
    ],
  ]);
});
