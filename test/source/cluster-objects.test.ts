import { expect, test } from 'vitest';
import type { Problem } from '../../operator/api/problem.ts';
import { readClusterObject } from '../../operator/source/cluster-objects.ts';

const pool = (spec: object, metadata: { uid: string; generation: number; resourceVersion: string }) => ({
  apiVersion: 'webpool.dev/v1alpha1',
  kind: 'WebPool',
  metadata: { namespace: 'default', name: 'blog', ...metadata },
  spec,
});

test('an object is read again with each generation, and when it is another of that name', () => {
  const read = readClusterObject({
    kind: 'WebPool',
    validate: (_, { spec }) => Object.keys(spec as object) as unknown as Problem[],
  });
  const first = read(pool({ port: 80 }, { uid: 'a', generation: 1, resourceVersion: '7' }), undefined);
  const status = read(pool({ port: 80 }, { uid: 'a', generation: 1, resourceVersion: '8' }), first);
  expect(status.object).toBe(first.object);
  expect([status.version, status.generationVersion]).toEqual(['8', '7']);
  const edited = read(pool({ portName: 'web' }, { uid: 'a', generation: 2, resourceVersion: '9' }), status);
  expect([edited.problems, edited.generationVersion]).toEqual([['portName'], '9']);
  // Deleted and made anew while nobody watched: a list shows the new one only.
  const anew = read(pool({ selector: {} }, { uid: 'b', generation: 2, resourceVersion: '12' }), edited);
  expect(anew.object.spec).toEqual({ selector: {} });
  expect([anew.problems, anew.generationVersion]).toEqual([['selector'], '12']);
});
