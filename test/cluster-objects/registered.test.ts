/** What the operator writes is what an agent reads. */
import { expect, test } from 'vitest';
import type { WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { createTopologyBuilder } from '../../operator/topology/build.ts';
import { NO_NAMES, resources, slice } from '../topology/objects.ts';
import { asApplied, input, pool, slicesOf } from './sample.ts';

const SPEC: WebPoolSpec = {
  port: 80,
  externalEndpoints: [
    { name: 'web01', address: '192.0.2.1', weight: 7, state: 'Drain', zone: 'a' },
    { name: 'web02', address: '2001:DB8:0::2', port: 8080, tier: 'Backup' },
    { name: 'web03', address: 'web03.example.com', maxConnections: 9 },
  ],
};
const names = new Map([['web03.example.com', ['192.0.2.3', '192.0.2.33', '2001:db8::3']]]);
const pods = slice('blog-x', { pool: 'blog' }, [
  { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'blog-1' } },
]);

test('an agent sends to the servers that the operator meant, without resolving a name', () => {
  const objects = resources({ pools: [pool('blog', SPEC)], slices: [pods] });
  const operator = createTopologyBuilder()(objects, names);
  const slices = asApplied(slicesOf(clusterObjects(input([pool('blog', SPEC)], { topology: operator })).objects));
  const agent = createTopologyBuilder({ external: 'Slices', pods: 'Serving' })(
    { ...objects, slices: new Map([...objects.slices, ...slices]) },
    NO_NAMES,
  );
  expect(operator.pools.get('default/blog')?.servers).toHaveLength(6);
  expect([agent.pools, agent.findings]).toEqual([operator.pools, []]);
});
