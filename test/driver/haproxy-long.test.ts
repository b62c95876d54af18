/** Sessions that last: nothing that changes around them may end them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const HTTP = 8080;
const TCP = 8081;
const UPGRADE = 'GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

let proxy: TestProxy;
let first: WebServer;
let second: WebServer;
const streams = new Set<ServerResponse>();

beforeAll(async () => {
  proxy = await createTestProxy();
  [first, second] = [await startWebServer({ name: 'web01' }), await startWebServer({ name: 'web02' })];
  first.handler = answer;
  await proxy.apply(objects());
  await proxy.until('both listeners to serve', async () => {
    const all = await Promise.all([HTTP, TCP].map((port) => proxy.get(port, '/').catch(() => undefined)));
    return all.every((one) => one?.status === 200);
  });
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all([first.stop(), second.stop()]);
});

/** Echoes over an upgraded connection; /events goes on for ever. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.upgrade !== undefined) {
    request.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    request.socket.on('data', (bytes: Buffer) => request.socket.write(bytes));
  } else if (request.url === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: hello\n\n');
    streams.add(response);
  } else {
    response.end('ok');
  }
}

interface Shape {
  readonly servers?: readonly WebServer[];
  readonly state?: string;
  readonly weight?: number;
  readonly more?: readonly object[];
  readonly ports?: readonly number[];
}

function objects({ servers = [first], state = 'Active', weight = 100, more = [], ports = [] }: Shape = {}) {
  const externalEndpoints = servers.map(({ name, address, port }) => ({
    name,
    address,
    port,
    weight,
    ...(name === 'web01' && { state }),
  }));
  return [
    poolOf('site', [], { externalEndpoints, drainTimeout: '1h' }),
    ruleOf('site', HTTP, [...more, allTo('site')]),
    ruleOf('relay', { port: TCP, protocol: 'TCP' }, [allTo('site')]),
    ...ports.map((port) => ruleOf(`more-${port}`, port, [allTo('site')])),
  ];
}

interface Session {
  /** Whether what is sent now arrives. */
  alive(): Promise<boolean>;
  end(): void;
}

async function open(
  port: number,
  request: string,
  begins: RegExp,
): Promise<{ socket: Socket; received: () => string }> {
  let received = '';
  const socket = createConnection({ host: proxy.address, port });
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  socket.on('error', () => undefined);
  socket.write(request);
  await eventually(`${request.slice(0, 20)} to be answered`, () => begins.test(received));
  return { socket, received: () => received };
}

async function echoing(port: number): Promise<Session> {
  const { socket, received } = await open(port, UPGRADE, /101 Switching/);
  let count = 0;
  return {
    async alive() {
      const word = `word-${port}-${(count += 1)};`;
      socket.write(word);
      return eventually('the echo, or the end', () => (received().endsWith(word) ? 'yes' : socket.closed && 'no')).then(
        (said) => said === 'yes',
      );
    },
    end: () => socket.destroy(),
  };
}

async function events(): Promise<Session> {
  const { socket, received } = await open(HTTP, 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n', /data: hello/);
  let count = 0;
  return {
    async alive() {
      const word = `data: event-${(count += 1)}\n\n`;
      for (const stream of streams) stream.write(word);
      return eventually('the event, or the end', () =>
        received().includes(word) ? 'yes' : socket.closed && 'no',
      ).then((said) => said === 'yes');
    },
    end: () => socket.destroy(),
  };
}

test('WebSocket, server-sent events and TCP go on through every change and reload', async () => {
  const sessions = { websocket: await echoing(HTTP), events: await events(), tcp: await echoing(TCP) };
  const check = async (after: string) => {
    for (const [what, session] of Object.entries(sessions))
      expect([after, what, await session.alive()]).toEqual([after, what, true]);
  };
  await check('the beginning');
  const rule = { name: 'new', matches: [{ path: { type: 'Prefix', value: '/socket' } }], respond: { status: 404 } };
  const steps: readonly (readonly [string, Shape])[] = [
    ['another weight', { weight: 50 }],
    ['a rule that takes its path', { more: [rule] }],
    ['a server that joins', { servers: [first, second] }],
    ['its server drains', { servers: [first, second], state: 'Drain' }],
    ['its server is no longer wanted', { servers: [second] }],
  ];
  for (const [what, shape] of steps) {
    await proxy.apply(objects(shape));
    await check(what);
  }
  expect((await proxy.processes()).reloads).toBe(0);
  for (const ports of [[8082], [8082, 8083], [8083], []]) {
    await proxy.apply(objects({ servers: [first, second], ports }));
    await check(`a reload for the ports ${ports.join()}`);
  }
  expect((await proxy.processes()).reloads).toBe(4);
  await proxy.apply(objects({ servers: [second] }));
  await proxy.serving();
  expect((await proxy.get(HTTP, '/')).server).toBe('web02');
  for (const session of Object.values(sessions)) session.end();
});
