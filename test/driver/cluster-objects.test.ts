/** Our objects in a cluster: written when they differ, again when somebody touched them, removed only when they are ours. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { objectId, type KubeObject } from '../../operator/cluster/object.ts';
import { createClusterObjectsDriver, type ClusterObjectsDriver } from '../../operator/driver/cluster-objects.ts';
import { createClient, type Client } from '../../operator/kube/client.ts';
import { createTransport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer } from '../kube/fake-api-server.ts';

let server: FakeApiServer;
let client: Client;
let driver: ClusterObjectsDriver;

const service = (name: string, port: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'default', name, labels: {} },
  spec: { type: 'ClusterIP', clusterIP: 'None', ports: [{ protocol: 'TCP', port, targetPort: port }] },
});
const copy: KubeObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'Opaque',
  metadata: { namespace: 'system', name: 'copy.default.tls', labels: {} },
  copy: { from: 'default/tls', keys: ['tls.crt', 'tls.key'] },
};
const all = (...objects: readonly KubeObject[]) => new Map(objects.map((object) => [objectId(object), object]));
const writes = () => server.requests.filter(({ method }) => method !== 'GET').length;

beforeEach(async () => {
  server = await startFakeApiServer();
  client = createClient(createTransport({ access: server.access, userAgent: 'test', firstRetry: 1 }));
  driver = createClusterObjectsDriver({ client, secretText: (secret, key) => `${secret} ${key}` });
});
afterEach(async () => {
  await client.transport.close();
  await server.close();
});

test('the second time nothing is sent, also for equal objects that were made anew', async () => {
  const one = service('a', 80);
  expect(await driver.apply(all(one, service('b', 80)), [])).toMatchObject({
    applied: new Set(['Service default/a', 'Service default/b']),
    removed: 0,
  });
  expect(await driver.apply(all(one, service('b', 80)), [])).toMatchObject({ applied: new Set() });
  expect(writes()).toBe(2);
  expect(driver.versionOf('Service default/a')).toBe(server.get('services', 'default/a')?.metadata.resourceVersion);
});

test('what differs is sent, alone; what somebody touched too', async () => {
  await driver.apply(all(service('a', 80), service('b', 80)), []);
  expect((await driver.apply(all(service('a', 81), service('b', 80)), [])).applied).toEqual(
    new Set(['Service default/a']),
  );
  driver.forget('Service default/b');
  expect((await driver.apply(all(service('a', 81), service('b', 80)), [])).applied).toEqual(
    new Set(['Service default/b']),
  );
});

test.each([
  ['what somebody changed before our answer came is put right', 1, ['Service default/a']],
  ['our own change that is seen before our answer came is none of somebody else', 0, []],
])('%s', async (_, later, again) => {
  const early: Client = {
    ...client,
    async apply(...given) {
      const answer = await client.apply(...given);
      // The watch is faster than the answer.
      slow.forget('Service default/a', `${Number(answer.metadata.resourceVersion) + later}`);
      return answer;
    },
  };
  const slow = createClusterObjectsDriver({ client: early, secretText: () => undefined });
  await slow.apply(all(service('a', 80)), []);
  expect([...(await slow.apply(all(service('a', 80)), [])).applied]).toEqual(again);
});

test('a copy of a Secret has the text of the original, which is nowhere else', async () => {
  await driver.apply(all(copy), []);
  const made = server.get('secrets', 'system/copy.default.tls');
  expect(made?.['copy']).toBeUndefined();
  expect(made?.['data']).toEqual({
    'tls.crt': Buffer.from('default/tls tls.crt').toString('base64'),
    'tls.key': Buffer.from('default/tls tls.key').toString('base64'),
  });
});

test('of what is there and ours, only what nobody wants goes, and never one that was made anew', async () => {
  await driver.apply(all(service('a', 80), service('b', 80)), []);
  const uid = server.get('services', 'default/b')?.metadata.uid ?? '';
  const there = (name: string, own: string) => ({ kind: 'Service', namespace: 'default', name, uid: own }) as const;
  await driver.apply(all(service('a', 80)), [there('a', 'x'), there('b', 'another')]);
  expect(server.get('services', 'default/b')).toBeDefined();
  expect(await driver.apply(all(service('a', 80)), [there('a', 'x'), there('b', uid)])).toMatchObject({ removed: 1 });
  expect(server.all('services').map(({ metadata }) => metadata.name)).toEqual(['a']);
});

test('a failure keeps nothing else back and is tried again', async () => {
  server.misbehave({ type: 'Answer', status: 403 }, ({ path }) => path.endsWith('/a'));
  const { failures, applied } = await driver.apply(all(service('a', 80), service('b', 80)), []);
  expect([...failures.keys()]).toEqual(['Service default/a']);
  expect(applied).toEqual(new Set(['Service default/b']));
  expect((await driver.apply(all(service('a', 80), service('b', 80)), [])).applied).toEqual(
    new Set(['Service default/a']),
  );
});
