/** Sessions that last: nothing that changes around them may end them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Peer } from '../../operator/haproxy/peers.ts';
import { loopbackAddress } from '../support/address.ts';
import { certificateFor, tlsSecret } from '../support/certificates.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { eventually } from '../support/wait.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const HTTP = 8080;
const TCP = 8081;
const HTTPS = 8443;
/** Open from the start. */
const OPEN = 20_000;
const UPGRADE = 'GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

let proxy: TestProxy;
let first: WebServer;
let second: WebServer;
/** Proxies beside this one. */
let others: readonly Peer[] = [];
const own: Peer = { name: 'own', address: loopbackAddress(), port: 10_000 };
const streams = new Set<ServerResponse>();

useWebServers(['web01', 'web02'], (servers) => {
  [first, second] = servers;
});
beforeAll(async () => {
  proxy = await createTestProxy({
    settings: { tcpPorts: [OPEN] },
    peers: () => ({ name: own.name, all: [own, ...others] }),
  });
  renew();
  first.handler = answer;
  await proxy.apply(objects());
  await proxy.until('both listeners to serve', async () => {
    const all = await Promise.all([HTTP, TCP].map((port) => proxy.get(port, '/').catch(() => undefined)));
    return all.every((one) => one?.status === 200);
  });
});
afterAll(() => proxy.stop());

function renew(): void {
  proxy.secrets.set('default/site-tls', tlsSecret(certificateFor(['a'])));
}

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
  /** Of the rule for everything. */
  readonly spec?: object;
  /** The TCP rule on the port that is open from the start. */
  readonly open?: boolean;
}

function objects({
  servers = [first],
  state = 'Active',
  weight = 100,
  more = [],
  ports = [],
  spec = {},
  open = true,
}: Shape = {}) {
  const externalEndpoints = servers.map(({ name, address, port }) => ({
    name,
    address,
    port,
    weight,
    ...(name === 'web01' && { state }),
  }));
  return [
    poolOf('site', [], { externalEndpoints, drainTimeout: '1h' }),
    ruleOf('site', HTTP, [...more, { ...allTo('site'), ...spec }]),
    ruleOf('secure', { port: HTTPS, protocol: 'HTTPS', hostnames: ['a'], tls: { secretName: 'site-tls' } }, [
      { ...allTo('site'), ...spec },
    ]),
    ...(open ? [ruleOf('open', { port: OPEN, protocol: 'TCP' }, [allTo('site')])] : []),
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
  const place = { host: proxy.address, port };
  const socket: Socket =
    port === HTTPS ? connect({ ...place, servername: 'a', rejectUnauthorized: false }) : createConnection(place);
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

test('WebSocket, over TLS too, server-sent events and TCP go on through every change and reload', async () => {
  const sessions = {
    websocket: await echoing(HTTP),
    'websocket over TLS': await echoing(HTTPS),
    events: await events(),
    tcp: await echoing(TCP),
    'tcp on an open port': await echoing(OPEN),
  };
  const check = async (after: string) => {
    for (const [what, session] of Object.entries(sessions))
      expect([after, what, await session.alive()]).toEqual([after, what, true]);
  };
  await check('the beginning');
  const rule = { name: 'new', matches: [{ path: { type: 'Prefix', value: '/socket' } }], respond: { status: 404 } };
  const steps: readonly (readonly [string, Shape])[] = [
    ['another weight', { weight: 50 }],
    ['a rule that takes its path', { more: [rule] }],
    [
      'a limit and a list that are against it',
      { spec: { rateLimit: { requests: 1, per: '1h' }, access: { deny: ['127.0.0.0/8'] } } },
    ],
    ['a request limit in time', { spec: { timeouts: { request: '1s' } } }],
    ['its TCP rule is gone', { open: false }],
    ['a server that joins', { servers: [first, second] }],
    ['its server drains', { servers: [first, second], state: 'Drain' }],
    ['its server is no longer wanted', { servers: [second] }],
  ];
  for (const [what, shape] of steps) {
    await proxy.apply(objects(shape));
    await check(what);
  }
  renew();
  await proxy.apply(objects({ servers: [second] }));
  await check('a renewed certificate');
  expect((await proxy.processes()).reloads).toBe(0);
  for (const ports of [[8082], [8082, 8083], [8083], []]) {
    await proxy.apply(objects({ servers: [first, second], ports }));
    await check(`a reload for the ports ${ports.join()}`);
  }
  others = [{ name: 'other', address: loopbackAddress(), port: 10_000 }];
  await proxy.apply(objects({ servers: [first, second] }));
  await check('a reload for another proxy');
  expect((await proxy.processes()).reloads).toBe(5);
  await proxy.apply(objects({ servers: [second] }));
  await proxy.serving();
  expect((await proxy.get(HTTP, '/')).server).toBe('web02');
  for (const session of Object.values(sessions)) session.end();
});
