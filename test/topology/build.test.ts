import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import type { Resources } from '../../operator/api/resources.ts';
import { buildTopology, createTopologyBuilder } from '../../operator/topology/build.ts';
import type { Names } from '../../operator/topology/topology.ts';
import { grant, metadata, NO_NAMES, pool, resources, rule, secret, slice } from './objects.ts';

interface World {
  readonly resources: Resources;
  readonly names: Names;
}

type Edit = (world: World) => World;
type Maps = Pick<Resources, 'pools' | 'rules' | 'grants' | 'secrets' | 'slices'>;

function put(
  kind: keyof Maps,
  object: { readonly metadata: { readonly namespace: string; readonly name: string } },
): Edit {
  return ({ resources, names }) => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const map = new Map<string, unknown>(resources[kind]).set(key, object);
    return { resources: { ...resources, [kind]: map }, names };
  };
}

function remove(kind: keyof Maps, name: string): Edit {
  return ({ resources, names }) => {
    const map = new Map<string, unknown>(resources[kind]);
    map.delete(`default/${name}`);
    return { resources: { ...resources, [kind]: map }, names };
  };
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const small = fc.integer({ min: 0, max: 3 });
const address = small.map((n) => (n === 0 ? 'web.example.com' : `10.0.0.${n}`));
const endpoint = fc.record({ name, address, weight: small });
const endpoints = fc.uniqueArray(endpoint, { selector: (one) => one.name, maxLength: 3 });
const poolSpec: fc.Arbitrary<WebPoolSpec> = fc.record({
  protocol: fc.constantFrom('HTTP', 'TCP'),
  port: fc.constant(80),
  externalEndpoints: endpoints,
});
const poolNames = fc
  .uniqueArray(name, { minLength: 1, maxLength: 2 })
  .map((list) => list.map((pool) => ({ name: pool })));
const match = fc.oneof(
  fc.record({
    path: fc.record({ type: fc.constantFrom('Prefix' as const, 'Exact' as const), value: fc.constantFrom('/a', '/b') }),
  }),
  fc.record({ extensions: fc.constant(['php']) }),
);
const ruleOf = fc.record({ matches: fc.array(match, { minLength: 1, maxLength: 2 }), pools: poolNames });
const ruleSpec = fc.record({
  listener: fc.constantFrom(
    { protocol: 'HTTP', port: 80 } as const,
    { protocol: 'TCP', port: 80 } as const,
    { protocol: 'HTTP', port: 81 } as const,
  ),
  hostnames: fc.constantFrom(['a.x'], ['*.x', 'a.x']),
  priority: fc.constantFrom(0, 1),
  rules: fc
    .array(ruleOf, { minLength: 1, maxLength: 2 })
    .map((list) => list.map((one, index) => ({ name: `n${index}`, ...one }))),
});
const namespace = fc.constantFrom('default', 'default', 'other');

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(name, poolSpec, small).map(([at, spec, generation]) => put('pools', pool(at, spec, { generation }))),
  fc.tuple(name, ruleSpec, namespace).map(([at, spec, namespace]) => put('rules', rule(at, spec, { namespace }))),
  fc.tuple(name, poolNames).map(([at, pools]) => put('grants', grant(at, { pools }))),
  fc
    .tuple(name, name, small)
    .map(([at, of, n]) => put('slices', slice(at, { pool: of }, [{ addresses: [`10.0.0.${n}`] }]))),
  fc.constantFrom('admin', 'app').map((at) => put('secrets', secret(at, ['username', 'password']))),
  fc
    .tuple(fc.constantFrom<keyof Maps>('pools', 'rules', 'grants', 'slices', 'secrets'), name)
    .map(([kind, at]) => remove(kind, at)),
  small.map((n): Edit => ({ resources }) => ({
    resources,
    names: new Map([['web.example.com', n === 0 ? [] : [`10.0.0.${n}`]]]),
  })),
  fc.boolean().map((pictureComplete): Edit => ({ resources, names }) => ({
    resources: { ...resources, pictureComplete },
    names,
  })),
);

describe('a builder that remembers', () => {
  const start: World = { resources: resources({}), names: NO_NAMES };

  it('gives what the full computation gives, after any series of edits', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 25 }), (edits) => {
        const build = createTopologyBuilder();
        let world = start;
        for (const change of edits) {
          world = change(world);
          const topology = build(world.resources, world.names);
          expect(topology).toEqual(buildTopology(world.resources, world.names));
          expect([...topology.pools.keys()]).toEqual([...topology.pools.keys()].sort());
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the identity of what an edit did not change', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 15 }), name, poolSpec, (edits, at, spec) => {
        const build = createTopologyBuilder();
        const world = edits.reduce((now, change) => change(now), start);
        const before = build(world.resources, world.names);
        const after = put('pools', pool(at, spec))(world);
        const topology = build(after.resources, after.names);
        for (const [key, unchanged] of before.pools) {
          if (key !== `default/${at}`) expect(topology.pools.get(key)).toBe(unchanged);
        }
        const known = world.resources.pools.get(`default/${at}`);
        if (known?.spec.protocol === spec.protocol) expect(topology.listeners).toBe(before.listeners);
        expect(build(after.resources, new Map(after.names))).toBe(topology);
      }),
      { numRuns: 300 },
    );
  });
});

describe('identity', () => {
  const toSite = { pools: [{ name: 'site' }] };
  const first = rule('first', {
    rules: [
      { name: 'a', matches: [{ extensions: ['php'] }], ...toSite },
      { name: 'b', ...toSite },
    ],
  });
  const objects = {
    pools: [pool('site', { externalEndpoints: [{ name: 'web01', address: '10.0.0.1' }] })],
    rules: [first, rule('second', { hostnames: ['a.x'], rules: [{ name: 'a', ...toSite }] })],
    grants: [grant('g', toSite)],
    secrets: [secret('admin', ['username', 'password']), secret('app', ['password'])],
  };

  it('of options, routes and needs outlives a change that does not concern them', () => {
    const build = createTopologyBuilder();
    const before = build(resources(objects), NO_NAMES);
    const weighted = pool(
      'site',
      { externalEndpoints: [{ name: 'web01', address: '10.0.0.1', weight: 5 }] },
      { generation: 2 },
    );
    const changed = {
      ...first,
      metadata: metadata('first', { generation: 2 }),
      spec: { ...first.spec, rules: first.spec.rules.slice(0, 1) },
    };
    const after = build(
      resources({ ...objects, pools: [weighted], rules: [changed, ...objects.rules.slice(1)] }),
      NO_NAMES,
    );
    expect(after.pools.get('default/site')).not.toBe(before.pools.get('default/site'));
    expect(after.pools.get('default/site')?.options).toBe(before.pools.get('default/site')?.options);
    expect(after.accounts).toBe(before.accounts);
    const routes = after.listeners[0]?.routes ?? [];
    expect(routes).toHaveLength(2);
    expect(routes.every((route) => before.listeners[0]?.routes.includes(route))).toBe(true);
  });
});
