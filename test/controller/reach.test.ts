import { expect, test } from 'vitest';
import { reachOf } from '../../operator/controller/reach.ts';
import type { ClusterFront } from '../../operator/source/cluster-world.ts';

const front = (more: Partial<ClusterFront>): ClusterFront => ({
  labels: {},
  version: '1',
  uid: 'u',
  type: 'ClusterIP',
  clusterIPs: ['10.0.0.7', 'fd00::7'],
  external: [],
  nodePorts: new Map(),
  ...more,
});
const NODES = ['192.0.2.2', '192.0.2.1', '192.0.2.2'];
const NAME = 'webpool-proxy.webpool-system.svc';

test.each<[string, ClusterFront | undefined, readonly string[], object]>([
  ['no Service yet', undefined, NODES, { bind: NAME }],
  ['ClusterIP', front({}), NODES, { bind: '10.0.0.7,fd00::7' }],
  [
    'LoadBalancer',
    front({ type: 'LoadBalancer', external: ['203.0.113.7', 'lb.example.com'] }),
    NODES,
    { bind: '203.0.113.7,lb.example.com' },
  ],
  ['LoadBalancer without an address', front({ type: 'LoadBalancer' }), NODES, { bind: NAME }],
  [
    'NodePort',
    front({ type: 'NodePort', nodePorts: new Map([[80, 30080]]) }),
    NODES,
    { bind: '192.0.2.1,192.0.2.2', portAt: new Map([[80, 30080]]) },
  ],
  ['NodePort without a proxy', front({ type: 'NodePort' }), [], { bind: NAME }],
])('%s', (...[, service, nodes, expected]) => {
  expect(reachOf('webpool-system', service, nodes)).toEqual(expected);
});
