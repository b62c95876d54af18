/** The verbs, as they go over the wire. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient, guardedClient, type Client } from '../../operator/kube/client.ts';
import { createTransport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer } from './fake-api-server.ts';

const TYPE = { group: 'webpool.dev', version: 'v1alpha1', plural: 'webpools', kind: 'WebPool' };
const PLACE = { namespace: 'default', name: 'blog' };
const OWNER = { fieldManager: 'webpool-operator' };

let server: FakeApiServer;
let client: Client;

beforeEach(async () => {
  server = await startFakeApiServer();
  client = createClient(createTransport({ access: server.access, userAgent: 'test', firstRetry: 1 }));
});
afterEach(async () => {
  await client.transport.close();
  await server.close();
});

test('apply is forced, by our name, with the type filled in; the second time it changes nothing', async () => {
  const first = await client.apply(TYPE, { metadata: PLACE, spec: { port: 80 } }, OWNER);
  const second = await client.apply(TYPE, { metadata: PLACE, spec: { port: 80 } }, OWNER);
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  const [request] = server.requests;
  expect(request?.path).toBe('/apis/webpool.dev/v1alpha1/namespaces/default/webpools/blog');
  expect(Object.fromEntries(request?.query ?? [])).toEqual({ fieldManager: 'webpool-operator', force: 'true' });
  expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
  expect(request?.body).toMatchObject({ apiVersion: 'webpool.dev/v1alpha1', kind: 'WebPool' });
});

test('apply of a status goes to the subresource', async () => {
  await client.apply(TYPE, { metadata: PLACE, status: { usedBy: 1 } }, { ...OWNER, subresource: 'status' });
  expect(server.requests[0]?.path).toMatch(/\/webpools\/blog\/status$/);
});

test('a field that is not applied any more goes', async () => {
  await client.apply(TYPE, { metadata: PLACE, spec: { port: 80, minReady: 2 } }, OWNER);
  await client.apply(TYPE, { metadata: PLACE, spec: { port: 80 } }, OWNER);
  expect(server.get('webpools', 'default/blog')?.['spec']).toEqual({ port: 80 });
});

test('patches say of what kind they are; a test that fails changes nothing', async () => {
  server.put('webpools', { metadata: { ...PLACE, finalizers: ['a'] }, spec: {} });
  await client.patch(TYPE, PLACE, { kind: 'Merge', body: { spec: { port: 1 } } });
  expect(server.get('webpools', 'default/blog')?.['spec']).toEqual({ port: 1 });
  const path = '/metadata/finalizers';
  const steps = [
    { op: 'test', path, value: ['b'] },
    { op: 'remove', path },
  ];
  await expect(client.patch(TYPE, PLACE, { kind: 'Json', body: steps })).rejects.toMatchObject({ code: 422 });
  expect(server.get('webpools', 'default/blog')?.metadata.finalizers).toEqual(['a']);
});

test('delete spares an object that was made anew', async () => {
  const { metadata } = server.put('webpools', { metadata: PLACE });
  await expect(client.delete(TYPE, PLACE, 'another')).rejects.toMatchObject({ code: 409 });
  await client.delete(TYPE, PLACE, metadata.uid);
  expect(server.all('webpools')).toEqual([]);
});

test('a guarded client writes while it may, and only reads while it may not', async () => {
  let allowed = true;
  const guarded = guardedClient(client, () => allowed);
  await guarded.apply(TYPE, { metadata: PLACE, spec: { port: 80 } }, OWNER);
  allowed = false;
  const { length } = server.requests;
  const writes: readonly (() => Promise<unknown>)[] = [
    () => guarded.create(TYPE, { metadata: { ...PLACE, name: 'other' } }),
    () => guarded.apply(TYPE, { metadata: PLACE, spec: { port: 81 } }, OWNER),
    () => guarded.patch(TYPE, PLACE, { kind: 'Merge', body: { spec: { port: 81 } } }),
    () => guarded.delete(TYPE, PLACE),
  ];
  for (const write of writes) await expect(write()).rejects.toThrow('does not lead any more');
  expect(server.requests).toHaveLength(length);
  expect((await guarded.get(TYPE, PLACE))['spec']).toEqual({ port: 80 });
});
