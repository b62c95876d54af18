/** New TCP ports on a running HAProxy that has them open already. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePortOn, loopbackAddress } from '../support/address.ts';
import { createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { eventually } from '../support/wait.ts';

const FIRST = 20_000;
const PORTS = Array.from({ length: 16 }, (_, index) => FIRST + index);

/** Greets with its name and echoes. */
interface Echo {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly server: Server;
}

let proxy: TestProxy;
let echoes: readonly Echo[];

async function startEcho(name: string): Promise<Echo> {
  const address = loopbackAddress();
  const port = await freePortOn(address);
  const server = createServer((socket) => {
    socket.on('error', () => undefined).write(`${name};`);
    socket.pipe(socket);
  });
  await new Promise<void>((done) => server.listen(port, address, done));
  return { name, address, port, server };
}

const relay = (names: readonly string[]) =>
  poolOf('relay', [], {
    protocol: 'TCP',
    healthCheck: { type: 'TCP', interval: '200ms' },
    externalEndpoints: echoes
      .filter(({ name }) => names.includes(name))
      .map(({ name, address, port }) => ({ name, address, port })),
  });
const tcp = (port: number, more: object = {}, proxyProtocol?: object) =>
  ruleOf(`tcp-${port}`, { port, protocol: 'TCP', ...(proxyProtocol && { proxyProtocol }) }, [
    { name: 'all', pools: [{ name: 'relay' }], ...more },
  ]);
const pools = () => [relay(['one', 'two'])];

beforeAll(async () => {
  [proxy, echoes] = await Promise.all([
    createTestProxy({ settings: { tcpPorts: PORTS } }),
    Promise.all(['one', 'two'].map(startEcho)),
  ]);
  await proxy.apply(pools());
  await proxy.serving();
});
afterAll(async () => {
  await proxy.stop();
  for (const { server } of echoes) server.close();
});

/** What is said first; `closed` when nothing is. */
async function first(port: number, from?: string, says = ''): Promise<string> {
  const socket = createConnection({ host: proxy.address, port, ...(from && { localAddress: from }) });
  try {
    if (says !== '') socket.write(says);
    const said = await new Promise<string>((done) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes: Buffer) => done(bytes.toString())).once('close', () => done('closed'));
    });
    return said.split(';')[0] ?? '';
  } finally {
    socket.destroy();
  }
}
const serves = async (port: number) => ['one', 'two'].includes(await first(port));

async function session(
  port: number,
): Promise<{ readonly socket: Socket; readonly echo: (text: string) => Promise<boolean> }> {
  let received = '';
  const socket = createConnection({ host: proxy.address, port });
  socket.on('error', () => undefined).on('data', (bytes: Buffer) => (received += bytes.toString()));
  await eventually('a greeting', () => received.includes(';'));
  return {
    socket,
    async echo(text) {
      socket.write(text);
      return (
        (await eventually('the echo, or the end', () => (received.endsWith(text) ? 'yes' : socket.closed && 'no'))) ===
        'yes'
      );
    },
  };
}

test('a port that no rule has closes at once', async () => {
  for (const port of PORTS) expect(await first(port)).toBe('closed');
});

test('ports come and go without a reload, and what is open on them stays open', async () => {
  await proxy.apply([...pools(), tcp(FIRST)]);
  expect(await serves(FIRST)).toBe(true);
  const long = await session(FIRST);
  for (let step = 1; step < 6; step++) {
    await proxy.apply([...pools(), tcp(FIRST), tcp(FIRST + step)]);
    expect([await serves(FIRST), await serves(FIRST + step)]).toEqual([true, true]);
    expect(await first(FIRST + step + 1)).toBe('closed');
    expect(await long.echo(`step-${step};`)).toBe(true);
  }
  await proxy.apply(pools());
  expect([await first(FIRST), await first(FIRST + 5)]).toEqual(['closed', 'closed']);
  expect(await long.echo('its rule is gone;')).toBe(true);
  long.socket.destroy();
  expect(await proxy.processes()).toMatchObject({ reloads: 0, failed: 0 });
});

test('access, sources and weights of a rule count on its port alone', async () => {
  const weighted = {
    pools: [
      { name: 'relay', weight: 1 },
      { name: 'relay2', weight: 0 },
    ],
  };
  await proxy.apply([
    ...pools(),
    tcp(FIRST, { access: { deny: ['127.1.0.0/16'] } }),
    tcp(FIRST + 1, { matches: [{ sourceRanges: ['127.1.0.0/16'] }] }),
    tcp(FIRST + 2, weighted),
  ]);
  const from = async (address: string) => {
    const said = [];
    for (const port of [FIRST, FIRST + 1, FIRST + 2]) said.push((await first(port, address)) !== 'closed');
    return said;
  };
  expect(await from('127.1.0.1')).toEqual([false, true, true]);
  expect(await from('127.2.0.1')).toEqual([true, false, true]);
  expect(await proxy.processes()).toMatchObject({ reloads: 0 });
});

test('a port with PROXY protocol takes a reload, both ways, and its neighbours never close', async () => {
  const at = (port: number, trusted: boolean) =>
    tcp(port, { access: { allow: ['192.0.2.7'] } }, trusted ? { trustedSources: ['127.0.0.0/8'] } : undefined);
  await proxy.apply([...pools(), tcp(FIRST), at(FIRST + 1, false)]);
  expect(await first(FIRST + 1)).toBe('closed');
  const long = await session(FIRST);
  const { reloads } = await proxy.processes();
  await proxy.apply([...pools(), tcp(FIRST), at(FIRST + 1, true)]);
  expect(await first(FIRST + 1, undefined, 'PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n')).toMatch(/one|two/);
  expect(await first(FIRST + 1, undefined, 'PROXY TCP4 192.0.2.8 192.0.2.1 1 2\r\n')).toBe('closed');
  await proxy.apply([...pools(), tcp(FIRST), tcp(FIRST + 1)]);
  expect([await serves(FIRST), await serves(FIRST + 1)]).toEqual([true, true]);
  expect(await long.echo('through both;')).toBe(true);
  long.socket.destroy();
  expect((await proxy.processes()).reloads).toBe(reloads + 2);
});
