import { describe, expect, it, test } from 'vitest';
import type { WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { poolService } from '../../operator/cluster/pool-service.ts';
import { input, machines, pool } from './sample.ts';

const selector = { matchLabels: { app: 'blog' } };

describe('the Service of a pool', () => {
  test.each<[string, WebPoolSpec, object]>([
    [
      'Pods by number',
      { port: 8080, selector },
      { selector: { app: 'blog' }, ports: [{ protocol: 'TCP', port: 8080, targetPort: 8080 }] },
    ],
    [
      'Pods by name',
      { portName: 'http', selector },
      { selector: { app: 'blog' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }] },
    ],
    ['VMs', { port: 80, externalEndpoints: machines(1) }, { ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }] }],
    ['VMs with a port each', { externalEndpoints: machines(1).map((vm) => ({ ...vm, port: 81 })) }, { ports: [] }],
  ])('of %s', (_, spec, expected) => {
    expect(poolService(pool('blog', spec)).spec).toEqual({ type: 'ClusterIP', clusterIP: 'None', ...expected });
  });

  it('copies no label or annotation of the pool', () => {
    const written = pool('blog', { port: 80 });
    const labels = { 'app.kubernetes.io/instance': 'argo' };
    const { metadata } = poolService({ ...written, metadata: { ...written.metadata, labels, annotations: labels } });
    expect([metadata.labels, metadata.annotations]).toEqual([
      { 'app.kubernetes.io/managed-by': 'webpool', 'webpool.dev/pool': 'blog' },
      undefined,
    ]);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['no labels', {}],
    ['our label alone', { 'webpool.dev/pool': 'blog' }],
    ['the label of another pool', { 'app.kubernetes.io/managed-by': 'webpool', 'webpool.dev/pool': 'site' }],
  ])('stays away where somebody has one of that name with %s', (_, labels) => {
    const services = new Map([['default/blog', { labels }]]);
    const pools = [
      pool('blog', { port: 80, externalEndpoints: machines(1) }),
      pool('site', { port: 80, externalEndpoints: machines(1) }),
    ];
    const { objects, findings } = clusterObjects(input(pools, { services }));
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names.filter((name) => /blog|site/.test(name))).toEqual(['EndpointSlice site-vm-ipv4-80-1', 'Service site']);
    expect(findings).toEqual([
      expect.objectContaining({
        condition: 'Accepted',
        reason: 'Conflicted',
        object: { kind: 'WebPool', key: 'default/blog' },
      }),
    ]);
  });

  it('that is ours is kept', () => {
    const { metadata } = poolService(pool('blog', { port: 80 }));
    const { objects, findings } = clusterObjects(
      input([pool('blog', { port: 80 })], { services: new Map([['default/blog', metadata]]) }),
    );
    expect([objects.some(({ kind, metadata: { name } }) => kind === 'Service' && name === 'blog'), findings]).toEqual([
      true,
      [],
    ]);
  });
});
