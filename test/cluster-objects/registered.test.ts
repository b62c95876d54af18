import { describe, expect, it } from 'vitest';
import type { WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { createRegisteredReader } from '../../operator/cluster/registered.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { byKey, NO_NAMES, resources, slice } from '../topology/objects.ts';
import { asApplied, input, machines, pool, slicesOf } from './sample.ts';

const SPEC: WebPoolSpec = {
  port: 80,
  externalEndpoints: [
    { name: 'web01', address: '192.0.2.1', weight: 7, state: 'Drain' },
    { name: 'web02', address: '2001:DB8:0::2', port: 8080, tier: 'Backup' },
    { name: 'web03', address: 'web03.example.com', maxConnections: 9 },
  ],
};
const names = new Map([['web03.example.com', ['192.0.2.3', '192.0.2.33']]]);
const pods = slice('blog-x', { pool: 'blog' }, [
  { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'blog-1' } },
]);

describe('what an agent reads', () => {
  it('gives the servers that the operator meant, without resolving a name', () => {
    const blog = pool('blog', SPEC);
    const operator = input([blog], {
      names,
      topology: buildTopology(resources({ pools: [blog], slices: [pods] }), names),
    });
    const slices = new Map([...asApplied(slicesOf(clusterObjects(operator).objects)), ...byKey([pods])]);
    const seen = createRegisteredReader()({ pools: byKey([blog]), slices });
    const agent = buildTopology({ ...resources({}), ...seen }, NO_NAMES);
    const expected = operator.topology.pools.get('default/blog')?.servers ?? [];
    expect(agent.pools.get('default/blog')?.servers).toEqual(
      // A name is nobody's business but that of whoever resolves it.
      expected.map((server) => Object.fromEntries(Object.entries(server).filter(([field]) => field !== 'hostname'))),
    );
    expect(agent.findings).toEqual([]);
  });

  it('has no machine that is not registered yet, and none that has left the pool', () => {
    const slices = asApplied(
      slicesOf(clusterObjects(input([pool('blog', { port: 80, externalEndpoints: machines(2) })])).objects),
    );
    const changed = pool('blog', { port: 80, externalEndpoints: machines(3).slice(1) });
    const { pools } = createRegisteredReader()({ pools: byKey([changed]), slices });
    expect(pools.get('default/blog')?.spec.externalEndpoints?.map(({ name }) => name)).toEqual(['web2']);
  });

  it('stays the same object as long as nothing changes', () => {
    const read = createRegisteredReader();
    const pools = byKey([pool('blog', SPEC)]);
    const slices = byKey([pods]);
    const first = read({ pools, slices });
    const second = read({ pools: new Map(pools), slices: new Map(slices) });
    expect([second.pools === first.pools, second.slices === first.slices]).toEqual([true, true]);
  });
});
