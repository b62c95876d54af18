/** What servers learn of clients, and what happens to clients that do not keep to HTTP. */
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { allTo, createTestProxy, haproxyVersion, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { echoOf, exchange } from '../support/http-client.ts';
import { startWebServer, type Echo, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

let proxy: TestProxy;
let server: WebServer;

beforeAll(async () => {
  proxy = await createTestProxy();
  server = await startWebServer({ name: 'web01' });
  await proxy.apply([
    poolOf('site', [server]),
    ruleOf('site', { port: PORT, hostnames: ['a.x'] }, [allTo('site')]),
    ruleOf('any', PORT, [
      { name: 'any', matches: [{ path: { type: 'Prefix', value: '/any' } }], pools: [{ name: 'site' }] },
      {
        name: 'timed',
        matches: [{ path: { type: 'Prefix', value: '/timed' } }],
        timeouts: { request: '9s' },
        pools: [{ name: 'site' }],
      },
    ]),
  ]);
  await proxy.serving();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

/** Names of headers that a CGI program reads as X-Forwarded-Something, sorted: it takes each other character for `_`. */
const forwardedIn = (headers: object) =>
  Object.keys(headers)
    .filter((name) => name.replaceAll(/[^a-z0-9]/g, '_').startsWith('x_forwarded_'))
    .toSorted();
const OURS = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto'];
/** Which some servers take for the same. */
const misspelt = { X_Forwarded_For: '192.0.2.1', 'X-Forwarded_Proto': 'https', 'X.Forwarded-Host': 'evil.x' };

describe('servers learn', () => {
  const spoofed = {
    ...misspelt,
    'X-Forwarded-For': ['192.0.2.1', '192.0.2.2'],
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'evil.x',
    'X-Forwarded-Port': '1',
    'X-Forwarded-Prefix': '/evil',
    Forwarded: 'for=192.0.2.1;proto=https',
    'X-Webpool-Backend': 'http_default_other',
  };

  test.each(['/any', '/timed', '/%61ny'])(
    'who the client is and what it asked for, whatever it says itself: %s',
    async (target) => {
      for (const headers of [{}, spoofed]) {
        const answer = await proxy.get(PORT, target, { host: `B.x:${PORT}`, from: '127.9.0.1', headers });
        const seen = echoOf(answer).headers;
        expect(seen).toMatchObject({
          host: `B.x:${PORT}`,
          'x-forwarded-for': '127.9.0.1',
          'x-forwarded-proto': 'http',
          'x-forwarded-host': `B.x:${PORT}`,
          'x-forwarded-port': String(PORT),
        });
        expect(seen['forwarded']).toBeUndefined();
        expect(forwardedIn(seen)).toEqual(OURS);
      }
    },
  );
});

describe('behind load balancers that are trusted', () => {
  const TRUSTING = 8085;
  const access = { deny: ['192.0.2.66'] };
  const objects = (trustedSources: readonly string[]) => [
    poolOf('site', [server]),
    {
      kind: 'RoutingRule' as const,
      name: 'trusting',
      spec: {
        listener: { protocol: 'HTTP', port: TRUSTING, trustedSources },
        rules: [
          { name: 'old', matches: [{ path: { type: 'Prefix', value: '/old' } }], filters: { redirect: { port: 443 } } },
          {
            name: 'limited',
            matches: [{ path: { type: 'Prefix', value: '/limited' } }],
            rateLimit: { requests: 1, per: '1h' },
            pools: [{ name: 'site' }],
          },
          { name: 'rest', access, pools: [{ name: 'site' }] },
        ],
      },
    },
  ];
  const ask = (from: string, headers: Record<string, string | readonly string[]>, target = '/') =>
    proxy.get(TRUSTING, target, { host: 'a.x', from, headers });

  beforeAll(async () => {
    const others = Array.from({ length: 40 }, (_, index) => `10.0.${index}.0/24`);
    await proxy.apply([...objects(['127.8.0.0/16', '192.0.2.0/28', ...others]), ruleOf('site', PORT, [allTo('site')])]);
    await proxy.serving();
  });

  test.each<[string, string, string | readonly string[] | undefined, string]>([
    ['nobody is believed who is not trusted', '127.9.0.1', '203.0.113.1', '127.9.0.1'],
    ['one load balancer', '127.8.0.1', '203.0.113.1', '203.0.113.1, 127.8.0.1'],
    ['two of them', '127.8.0.1', '203.0.113.1, 192.0.2.1', '203.0.113.1, 192.0.2.1, 127.8.0.1'],
    ['several header lines', '127.8.0.1', ['203.0.113.1', '192.0.2.1'], '203.0.113.1, 192.0.2.1, 127.8.0.1'],
    ['none that names anybody', '127.8.0.1', undefined, '127.8.0.1'],
  ])('%s', async (...[, from, sent, received]) => {
    const answer = await ask(from, sent === undefined ? {} : { 'X-Forwarded-For': sent });
    expect(echoOf(answer).headers['x-forwarded-for']).toBe(received);
  });

  test.each([
    ['127.8.0.1', '192.0.2.66', 403],
    ['127.8.0.1', '192.0.2.66, 192.0.2.1', 403],
    ['127.8.0.1', '192.0.2.66, 203.0.113.1', 200],
    ['127.9.0.1', '192.0.2.66', 200],
    ['127.8.0.1', '2001:db8::1, 192.0.2.66', 403],
    // What is before a word that is no address, nobody vouches for.
    ['127.8.0.1', '192.0.2.66, unknown', 200],
    ['127.8.0.1', '192.0.2.66, [2001:db8::1]:80, 192.0.2.1', 200],
    ['127.8.0.1', '203.0.113.1, 192.0.2.66:4711', 403],
    // As one says it that listens for both families with one socket.
    ['127.8.0.1', '::ffff:192.0.2.66', 403],
    ['127.8.0.1', '192.0.2.66, ::ffff:192.0.2.1', 403],
  ])('access from %s for "%s" is %i', async (from, sent, status) => {
    expect((await ask(from, { 'X-Forwarded-For': sent })).status).toBe(status);
  });

  it('clients of IPv4 are counted one by one, however their address is written', async () => {
    const from = (client: string) => ask('127.8.0.1', { 'X-Forwarded-For': client }, '/limited');
    expect((await from('::ffff:203.0.113.1')).status).toBe(200);
    expect((await from('::ffff:203.0.113.2')).status).toBe(200);
    expect((await from('203.0.113.1')).status).toBe(429);
  });

  it('what they say of the request stays, what others say goes', async () => {
    const said = {
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'b.x',
      'X-Forwarded-Port': '443',
      Forwarded: 'for=x',
    };
    const lower = (headers: Record<string, string>) =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    expect(echoOf(await ask('127.8.0.1', said)).headers).toMatchObject(lower(said));
    // What no load balancer writes has come through it.
    expect(forwardedIn(echoOf(await ask('127.8.0.1', { ...said, ...misspelt })).headers)).toEqual(OURS);
    const { headers } = echoOf(await ask('127.9.0.1', { ...said, ...misspelt, 'X-Forwarded-Prefix': '/evil' }));
    expect(forwardedIn(headers)).toEqual(OURS);
    expect([headers['x-forwarded-proto'], headers['x-forwarded-host'], headers['forwarded']]).toEqual([
      'http',
      'a.x',
      undefined,
    ]);
    expect(echoOf(await ask('127.8.0.1', {})).headers).toMatchObject({
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a.x',
    });
  });

  it('a redirect keeps the scheme that the visitor sees', async () => {
    expect((await ask('127.8.0.1', { 'X-Forwarded-Proto': 'https' }, '/old')).headers.location).toBe('https://a.x/old');
    expect((await ask('127.9.0.1', { 'X-Forwarded-Proto': 'https' }, '/old')).headers.location).toBe(
      'http://a.x:443/old',
    );
  });
});

const line = (first: string, ...fields: string[]) => `${[first, ...fields, 'Connection: close'].join('\r\n')}\r\n\r\n`;

/** The one rule: what two readers could read in two ways is answered 400 and comes to no server. */
const AMBIGUOUS: readonly (readonly [what: string, bytes: string])[] = [
  ['two Host headers', line('GET / HTTP/1.1', 'Host: a.x', 'Host: b.x')],
  ['two hosts in one header', line('GET / HTTP/1.1', 'Host: a.x, b.x')],
  ['a path in the Host header', line('GET / HTTP/1.1', 'Host: a.x/any')],
  ['no Host header in HTTP/1.1', line('GET /any HTTP/1.1')],
  ['another host in the request line than in the Host header', line('GET http://b.x/ HTTP/1.1', 'Host: a.x')],
  ['no path but *', line('OPTIONS * HTTP/1.1', 'Host: a.x')],
  ['a tunnel', line('CONNECT a.x:80 HTTP/1.1', 'Host: a.x:80')],
  ['an encoded slash', line('GET /a%2fb HTTP/1.1', 'Host: a.x')],
  ['a backslash', line('GET /a\\..\\b HTTP/1.1', 'Host: a.x')],
  ['an encoded NUL', line('GET /a%00b HTTP/1.1', 'Host: a.x')],
  ['a path above the root', line('GET /../etc/passwd HTTP/1.1', 'Host: a.x')],
  ['a space in the path', line('GET /a b HTTP/1.1', 'Host: a.x')],
  ['a header name with a space', line('GET / HTTP/1.1', 'Host: a.x', 'X-A : 1')],
  ['a header without a colon', line('GET / HTTP/1.1', 'Host: a.x', 'X-A')],
  ['two lengths', line('POST / HTTP/1.1', 'Host: a.x', 'Content-Length: 1', 'Content-Length: 2')],
  ['a list of lengths', line('POST / HTTP/1.1', 'Host: a.x', 'Content-Length: 1, 2')],
  ['a signed length', line('POST / HTTP/1.1', 'Host: a.x', 'Content-Length: +1')],
  ['an unknown transfer encoding', line('POST / HTTP/1.1', 'Host: a.x', 'Transfer-Encoding: chunked, gzip')],
  // 2.6 leaves it to the server.
  ...(haproxyVersion()[0] < 3
    ? []
    : [['a control character in a header', line('GET /any HTTP/1.1', 'Host: a.x', 'X-A: a\x00b')] as const]),
  ['a header of 17 kB', line('GET / HTTP/1.1', 'Host: a.x', `X-A: ${'a'.repeat(17_000)}`)],
  ['a request line of 17 kB', line(`GET /${'a'.repeat(17_000)} HTTP/1.1`, 'Host: a.x')],
  ['200 headers', line('GET / HTTP/1.1', 'Host: a.x', ...Array.from({ length: 200 }, (_, i) => `X-${i}: 1`))],
];

/** A rule for a host of its own is found by one lookup, with nothing else looked at. */
const plainHost = async () =>
  proxy.apply([
    poolOf('site', [server]),
    ruleOf('site', { port: PORT, hostnames: ['a.x'] }, [
      allTo('site'),
      { name: 'front', matches: [{ path: { type: 'Exact', value: '/' } }], respond: { status: 403 } },
    ]),
  ]);

describe('is answered 400 and comes to no server:', () => {
  beforeAll(plainHost);

  test.each(AMBIGUOUS)('%s', async (_, bytes) => {
    const { requests } = server;
    const { status, headers } = await proxy.raw(PORT, bytes);
    expect(status).toBe(400);
    // A server that could not read it would have said no type, and counted nothing.
    expect(headers['content-type']).toBeDefined();
    expect(server.requests).toBe(requests);
  });
});

it('a header of 10 MB is cut off early', async () => {
  const sent = await new Promise<number>((resolve) => {
    const socket = createConnection({ host: proxy.address, port: PORT });
    const more = () => {
      while (socket.bytesWritten < 10_000_000 && socket.write('a'.repeat(10_000)));
    };
    socket
      .on('error', () => undefined)
      .on('drain', more)
      .on('close', () => resolve(socket.bytesWritten));
    socket.resume();
    socket.write('GET / HTTP/1.1\r\nHost: a.x\r\nX-A: ', more);
  });
  expect(sent).toBeLessThan(10_000_000);
  expect((await proxy.get(PORT, '/any', { host: 'a.x' })).status).toBe(200);
});

it('gives the server one Host header where the client sent the same one twice', async () => {
  const answer = await proxy.raw(PORT, line('GET /any HTTP/1.1', 'Host: a.x', 'Host: a.x'));
  expect([answer.server, /"host":"[^"]*"/.exec(answer.body)?.[0]]).toEqual(['web01', '"host":"a.x"']);
});

it('takes the absolute form without a path for the root, or for none', async () => {
  const answer = await proxy.raw(PORT, line('GET http://a.x HTTP/1.1', 'Host: a.x'));
  // HAProxy 3.0 sends it on as `/`.
  expect([400, 403]).toContain(answer.status);
});

it('serves the absolute form as the path it names', async () => {
  const answer = await proxy.raw(PORT, line('GET http://a.x/b?c HTTP/1.1', 'Host: a.x'));
  expect([answer.status, answer.server]).toEqual([200, 'web01']);
});

test.each([
  ['nothing of its connection', ['Connection: X-Forwarded-For, X-SSL-Client-CN'], {}],
  [
    'that it would speak another protocol',
    ['Connection: X-Forwarded-For, Upgrade', 'Upgrade: x'],
    { connection: 'Upgrade', upgrade: 'x' },
  ],
  [
    // Over which requests would come that no rule has seen.
    'not that it would speak HTTP/2',
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'],
    {},
  ],
])('tells the server of a client %s', async (_, fields, told) => {
  for (const target of ['/any', '/%61ny']) {
    const { body } = await proxy.raw(PORT, line(`GET ${target} HTTP/1.1`, 'Host: a.x', ...fields));
    const { headers } = JSON.parse(/\{.*\}/.exec(body)?.[0] ?? '') as Echo;
    const names = ['connection', 'upgrade', 'http2-settings'].filter((name) => name in headers);
    expect(Object.fromEntries(names.map((name) => [name, headers[name]]))).toEqual(told);
  }
});

it('lets no second request hide in the body of the first', async () => {
  const { requests } = server;
  const hidden = 'GET /any/hidden HTTP/1.1\r\nHost: a.x\r\n\r\n';
  const body = `0\r\n\r\n${hidden}`;
  const both = `POST /any HTTP/1.1\r\nHost: a.x\r\nContent-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${body}`;
  const answers = (await exchange({ address: proxy.address, port: PORT }, both)).match(/HTTP\/1\.1 \d+/g);
  expect(answers).toEqual(['HTTP/1.1 200']);
  expect(server.requests).toBe(requests + 1);
});

it('sends clients away that take more than ten seconds for a request', async () => {
  const begun = performance.now();
  expect((await proxy.raw(PORT, 'GET / HTTP/1.1\r\nHost: a.x\r\nX-Slow: ')).status).toBe(408);
  expect(performance.now() - begun).toBeGreaterThan(9_900);
});
