import { expect, test } from 'vitest';
import { lingeringHosts, type LingeringPod } from '../../operator/controller/lingering.ts';
import { grant, pool, resources } from '../topology/objects.ts';

const blog = pool('blog', { selector: { matchLabels: { app: 'blog' } } });
const machines = pool('machines', { externalEndpoints: [{ name: 'web01', address: '10.0.0.1' }] });
const removal = { when: 'Deleted' } as const;
const pod = (key: string, more: Partial<LingeringPod> = {}): LingeringPod => ({
  key,
  labels: { app: 'blog', other: 'x' },
  ended: true,
  addresses: [`${key} address`],
  nodeAddresses: [`${key} node`],
  ...more,
});
const PODS = [
  pod('default/ended'),
  pod('default/runs', { ended: false }),
  pod('default/other', { labels: { app: 'shop' } }),
  pod('elsewhere/ended'),
];

test.each<[string, Parameters<typeof grant>[1], Readonly<Record<string, readonly string[]>>]>([
  [
    'Deleted: the addresses of its own Pods that have ended',
    { removal, pools: [{ name: 'blog' }] },
    { 'default/g': ['default/ended address'] },
  ],
  [
    'NodeIP: those of their nodes',
    { removal, pools: [{ name: 'blog', source: 'NodeIP' }] },
    { 'default/g': ['default/ended node'] },
  ],
  [
    'Egress: those of the gateway, as long as a Pod is there',
    { removal, pools: [{ name: 'blog', source: 'Egress', egressAddresses: ['10.9.9.9'] }] },
    { 'default/g': ['10.9.9.9'] },
  ],
  [
    'Egress: none without a Pod',
    { removal, pools: [{ name: 'machines', source: 'Egress', egressAddresses: ['10.9.9.9'] }] },
    { 'default/g': [] },
  ],
  [
    'a pool without Pods, one that is not there',
    { removal, pools: [{ name: 'machines' }, { name: 'gone' }] },
    { 'default/g': [] },
  ],
  ['otherwise nothing', { pools: [{ name: 'blog' }] }, {}],
])('%s', (_, spec, expected) => {
  const hosts = lingeringHosts(resources({ pools: [blog, machines], grants: [grant('g', spec)] }), PODS);
  expect(Object.fromEntries([...hosts].map(([key, found]) => [key, [...found]]))).toEqual(expected);
});
