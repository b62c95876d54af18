/** The report of a proxy: there whatever stood there before, and of a change only the change is sent. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ProxyReportSpec } from '../../operator/api/kinds.gen.ts';
import { createReportWriter, type ReportWriter } from '../../operator/driver/proxy-report.ts';
import { createClient, type Client } from '../../operator/kube/client.ts';
import { createTransport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer, type Fault } from '../kube/fake-api-server.ts';

const PLACE = { namespace: 'system', name: 'proxy-1', uid: 'of-the-pod' };
const KEY = 'system/proxy-1';
const OWNER = { apiVersion: 'v1', kind: 'Pod', name: 'proxy-1', uid: 'of-the-pod' };
const POOLS = ['blog', 'forum', 'shop'].map((name) => ({ key: `default/${name}`, total: 2, ready: 2 }));
const REPORT: ProxyReportSpec = { heartbeatTime: '2026-01-01T00:00:00Z', programmed: { webPools: '1' }, pools: POOLS };
const NEXT: ProxyReportSpec = { ...REPORT, pools: POOLS.with(1, { key: 'default/forum', total: 2, ready: 1 }) };

let server: FakeApiServer;
let client: Client;
let writer: ReportWriter;

const stands = () => server.get('proxyreports', KEY);
/** What was sent by this work, and whether it told of a pool that had not changed. */
const sentBy = async (work: () => Promise<unknown>) => {
  const before = server.requests.length;
  await work();
  return server.requests.slice(before).map(({ method, body }) => [method, JSON.stringify(body).includes('blog')]);
};

beforeEach(async () => {
  server = await startFakeApiServer();
  client = createClient(createTransport({ access: server.access, userAgent: 'test', firstRetry: 1 }));
  writer = createReportWriter(client, PLACE);
});
afterEach(async () => {
  await client.transport.close();
  await server.close();
});

test('the first one is made and belongs to its Pod', async () => {
  await writer.write(REPORT);
  expect(stands()).toMatchObject({ metadata: { ownerReferences: [OWNER] }, spec: REPORT });
});

test('one of the same name that another agent left is taken over', async () => {
  const spec = { ...REPORT, problem: { reason: 'ConfigRejected', message: 'of long ago' } };
  server.put('proxyreports', { metadata: { namespace: 'system', name: 'proxy-1' }, spec });
  await writer.write(REPORT);
  expect(stands()).toMatchObject({ metadata: { ownerReferences: [OWNER] } });
  expect(stands()?.['spec']).toEqual(REPORT);
});

test('of a change only the change is sent', async () => {
  await writer.write(REPORT);
  expect(await sentBy(() => writer.write(NEXT))).toEqual([['PATCH', false]]);
  expect(stands()?.['spec']).toEqual(NEXT);
});

test('what says the same waits for the heartbeat', async () => {
  await writer.write(REPORT);
  let wait = 0;
  const later = { ...REPORT, heartbeatTime: '2026-01-01T00:00:01Z' };
  expect(await sentBy(async () => (wait = await writer.write(later)))).toEqual([]);
  expect(wait).toBeGreaterThan(9000);
  expect(wait).toBeLessThanOrEqual(10_000);
});

test.each<[string, () => void]>([
  [
    'edited',
    () => void server.put('proxyreports', { metadata: stands()?.metadata ?? {}, spec: { pools: [] } } as never),
  ],
  ['deleted', () => server.remove('proxyreports', KEY)],
])('one that somebody %s meanwhile is whole again with the next change', async (_, meddle) => {
  await writer.write(REPORT);
  meddle();
  await writer.write(NEXT);
  expect(stands()).toMatchObject({ metadata: { ownerReferences: [OWNER] } });
  expect(stands()?.['spec']).toEqual(NEXT);
});

test.each<[string, Fault]>([
  ['was refused', { type: 'Answer', status: 500 }],
  ['was carried out or not', { type: 'Reset' }],
])('a write that %s is made good', async (_, fault) => {
  await writer.write(REPORT);
  server.misbehave(fault, ({ method }) => method === 'PATCH');
  await expect(writer.write(NEXT)).rejects.toThrow();
  await writer.write(NEXT);
  expect(stands()?.['spec']).toEqual(NEXT);
});
