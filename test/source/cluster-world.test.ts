/** What an operator watches beside the kinds of users: what of it is news. */
import { expect, test } from 'vitest';
import { createClient } from '../../operator/kube/client.ts';
import { createTransport } from '../../operator/kube/transport.ts';
import { createClusterWorld } from '../../operator/source/cluster-world.ts';
import { startFakeApiServer } from '../kube/fake-api-server.ts';
import { keepLog } from '../kube/wait.ts';
import { eventually } from '../support/wait.ts';

test('a heartbeat is taken note of and wakes nobody; anything else in a report does', async () => {
  const server = await startFakeApiServer();
  const transport = createTransport({ access: server.access, userAgent: 'webpool/1 (test)' });
  const report = (heartbeatTime: string, webPools: string) =>
    server.put('proxyreports', {
      metadata: { namespace: 'home', name: 'proxy-1' },
      spec: { heartbeatTime, programmed: { webPools }, pools: [] },
    });
  report('2026-01-01T00:00:00Z', '1');
  const world = createClusterWorld({ client: createClient(transport), namespaces: [], home: 'home', log: keepLog() });
  try {
    await world.synced;
    let wakes = 0;
    world.changes((what) => {
      if (what === 'Report') wakes += 1;
    });
    const seen = () => world.reports().get('proxy-1')?.spec;
    report('2026-01-01T00:00:10Z', '1');
    await eventually('the heartbeat', async () => seen()?.heartbeatTime === '2026-01-01T00:00:10Z');
    expect(wakes).toBe(0);
    report('2026-01-01T00:00:11Z', '2');
    await eventually('the news', async () => seen()?.programmed.webPools === '2');
    expect(wakes).toBe(1);
    server.remove('proxyreports', 'home/proxy-1');
    await eventually('its end', async () => seen() === undefined);
    expect(wakes).toBe(2);
  } finally {
    await world.close();
    await transport.close();
    await server.close();
  }
});
