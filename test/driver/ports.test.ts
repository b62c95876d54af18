/** Who holds a port of this host: real sockets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createPortInspector } from '../../operator/driver/ports.ts';
import { freePortOn, loopbackAddress } from '../support/address.ts';

const address = loopbackAddress();
const servers: Server[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webpool-ports-'));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function listen(on: string): Promise<number> {
  const server = createServer();
  const port = await freePortOn(on);
  await new Promise<void>((done) => server.listen({ host: on, port, ipv6Only: on === '::' }, done));
  servers.push(server);
  return port;
}
const taken = async (bind: readonly string[], port: number, home = folder) =>
  (await createPortInspector({ bind, folder: home })(new Set([port]))).get(port);

test.each<[string, string, readonly string[], boolean]>([
  ['the same address', address, [address], true],
  ['another address', address, [loopbackAddress()], false],
  ['all addresses, and it has one', address, ['0.0.0.0'], true],
  ['one address, and it has all', '0.0.0.0', [address], true],
  ['the other family', address, ['::'], false],
  ['the same IPv6 address', '::1', ['::1'], true],
  ['another IPv6 address', '::1', ['2001:db8::1'], false],
  ['all IPv6 addresses, and it has one', '::1', ['0.0.0.0', '::'], true],
  ['one of several', address, ['127.0.0.9', address], true],
])('%s', async (...[, on, bind, conflicts]) => {
  const port = await listen(on);
  const holder = `node (process ${process.pid})`;
  expect(await taken(bind, port)).toBe(conflicts ? holder : undefined);
});

test('what our HAProxy holds is not taken, also when its folder has another name', async () => {
  const port = await listen(address);
  expect(await taken([address], port, process.cwd())).toBeUndefined();
  await symlink(process.cwd(), join(folder, 'alias'));
  expect(await taken([address], port, join(folder, 'alias'))).toBeUndefined();
});

test.each([
  ['renamed', (home: string) => rename(home, `${home}.away`)],
  ['removed', (home: string) => rm(home, { recursive: true })],
])('what our HAProxy holds is not taken when its folder was %s and another has its name', async (name, spoil) => {
  const home = join(folder, name);
  await mkdir(home);
  const inspect = createPortInspector({ bind: [address], folder: home });
  const port = await freePortOn(address);
  await inspect(new Set([port]));
  const code = `require('net').createServer().listen(${port}, '${address}', () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', code], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await spoil(home);
    expect((await inspect(new Set([port]))).size).toBe(0);
    await mkdir(home);
    expect((await inspect(new Set([port]))).size).toBe(0);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});

test('a port is free once its holder has gone, and the next holder is another one', async () => {
  const inspect = createPortInspector({ bind: [address], folder });
  const port = await listen(address);
  const ports = new Set([port]);
  expect((await inspect(ports)).size).toBe(1);
  await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
  expect((await inspect(ports)).size).toBe(0);
  const code = `require('net').createServer().listen(${port}, '${address}', () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    expect((await inspect(ports)).get(port)).toBe(`node (process ${child.pid})`);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});

test('asking leaves nothing open', async () => {
  const inspect = createPortInspector({ bind: ['0.0.0.0', '::'], folder });
  const port = await listen(address);
  await inspect(new Set([port]));
  const before = (await readdir('/proc/self/fd')).length;
  for (let i = 0; i < 20; i++) await inspect(new Set([port]));
  expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before);
});
