/** Every object of one installation, as it would be applied. `UPDATE_GOLDEN=1` writes the file anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dump } from 'js-yaml';
import { expect, test } from 'vitest';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { secret } from '../topology/objects.ts';
import { input, installation, machines, pool, reached } from './sample.ts';

const FILE = new URL('./objects.golden.yaml', import.meta.url);

test('an installation with Pods, VMs and a certificate', () => {
  const pools = [
    pool('blog', { port: 8080, selector: { matchLabels: { app: 'blog' } }, externalEndpoints: machines(2) }),
    pool('relay', { protocol: 'TCP', portName: 'smtp', selector: { matchLabels: { app: 'relay' } } }),
  ];
  const built = input(pools, { certificates: [secret('www', ['tls.crt', 'tls.key'])] });
  const { objects, findings } = clusterObjects({
    ...built,
    installation: installation({ watchNamespaces: ['default'] }),
    health: reached(built),
  });
  const text = objects.map((object) => dump(object, { noRefs: true, lineWidth: 140 })).join('---\n');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(FILE, text);
  expect([text, findings]).toEqual([readFileSync(FILE, 'utf8'), []]);
});
