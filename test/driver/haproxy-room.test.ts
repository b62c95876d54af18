/** Ten thousand servers under a hard limit of 20,000 descriptors. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EndpointSlice } from '../../operator/api/resources.ts';
import { descriptors } from '../../operator/commands/haproxy-host.ts';
import { loopbackAddress } from '../support/address.ts';
import { describeWhere } from '../support/announce.ts';
import { allTo, createTestProxy, HAPROXY, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const POOLS = 1000;
const SERVERS = 10;
const HARD = 20_000;

let folder: string;
let proxy: TestProxy;
let servers: readonly WebServer[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webpool-room-'));
  const binary = join(folder, 'haproxy');
  await writeFile(binary, `#!/bin/sh\nexec prlimit --nofile=${HARD}:${HARD} ${HAPROXY} "$@"\n`, { mode: 0o755 });
  const first = await startServer();
  const others = Array.from({ length: SERVERS - 1 }, () => startServer(first.port));
  servers = [first, ...(await Promise.all(others))];
  proxy = await createTestProxy({ binary, settings: descriptors(undefined, `Max open files 1024 ${HARD} files`) });
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await rm(folder, { recursive: true, force: true });
});

const missing = mayHave(HARD) ? undefined : `this process may not have ${HARD} descriptors`;

function mayHave(count: number): boolean {
  return spawnSync('prlimit', [`--nofile=${count}:${count}`, 'true']).status === 0;
}

const startServer = (port = 0) => startWebServer({ name: 'web', address: loopbackAddress(), port });
/** An old worker that ends says so too, and servers that a busy machine lets wait. */
const isTrouble = (line: string) =>
  /\[(ALERT|WARNING)\]/.test(line) && !/stopped|Stopping|Former worker|Server \S+ is|no server/.test(line);

describeWhere('ten thousand servers', missing, () => {
  it('starts, reloads and serves without a word of trouble', async () => {
    const port = servers[0]?.port ?? 0;
    const names = Array.from({ length: POOLS }, (_, index) => `pool${index}`);
    const pools = (all: readonly string[]) => [
      ...all.map((name) => poolOf(name, [], { port, healthCheck: { interval: '1h', timeout: '1m' } })),
      ruleOf('site', PORT, [allTo('pool0')]),
    ];
    const slices = names.map((name) => sliceOf(name, port));
    await proxy.apply(pools(names), slices);
    const said = await proxy.file('output.txt');
    await proxy.apply(pools([...names, 'one-more']), slices);

    expect(proxy.told).toMatchObject({ started: ['started'], reloaded: ['pools'] });
    const lines = `${said}${await proxy.file('output.txt')}`.split('\n');
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter(isTrouble)).toEqual([]);
    expect((await proxy.get(PORT, '/')).status).toBe(200);
    expect(proxy.rail.observed.pools.get('default/pool999')?.size).toBe(SERVERS);
    const info = await proxy.command('show info');
    expect(info).toMatch(/^Maxconn: 4500$/m);
    expect(Number(/^Maxsock: (\d+)$/m.exec(info)?.[1])).toBeLessThanOrEqual(HARD);
  });
});

function sliceOf(name: string, port: number): EndpointSlice {
  return {
    metadata: { namespace: 'default', name, generation: 1, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ port }],
    endpoints: servers.map(({ address }) => ({ addresses: [address], conditions: { ready: true } })),
  };
}
