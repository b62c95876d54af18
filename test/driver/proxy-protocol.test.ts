import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopbackAddress } from '../support/address.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { certificateFor, tlsSecret } from '../support/certificates.ts';
import { echoOf, exchange } from '../support/http-client.ts';
import { exchangeTls } from '../support/tls-client.ts';
import { startTlsServer } from '../support/tls-server.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const HTTP_PORT = 8080;
const TCP_PORT = 8081;
const FRONT = '127.0.0.9';
/** What every header of version 2 begins with. */
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const header = (client: string) => `PROXY TCP4 ${client} 198.51.100.1 4711 80\r\n`;
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('the PROXY protocol of load balancers in front', () => {
  let proxy: TestProxy;
  let web: WebServer;

  const frame = { port: HTTP_PORT, proxyProtocol: { trustedSources: [`${FRONT}/32`] } };
  const rules = [
    { name: 'near', matches: [{ sourceRanges: ['192.0.2.0/24'] }], respond: { status: 200, body: 'near' } },
    { name: 'all', pools: [{ name: 'site' }] },
  ];
  const send = (text: string, from: string, port = HTTP_PORT) => exchange({ address: proxy.address, port }, text, from);

  beforeAll(async () => {
    [proxy, web] = await Promise.all([createTestProxy(), startWebServer({ name: 'web' })]);
    await proxy.apply([poolOf('site', [web]), ruleOf('site', frame, rules)]);
    await proxy.serving();
  });
  afterAll(async () => {
    await proxy.stop();
    await web.stop();
  });

  it.each([
    ['version 1', 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n'],
    ['version 2', version2([192, 0, 2, 7])],
  ])('tells by %s who the client is, to source ranges and to servers', async (_, header) => {
    expect(await send(header + REQUEST, FRONT)).toMatch(/\r\n\r\nnear$/);
    const other = header.replace('192.0.2.7', '203.0.113.7').replace('\xc0\x00\x02\x07', '\xcb\x00\x71\x07');
    const answer = await send(other + REQUEST, FRONT);
    expect(echoOf({ status: 200, headers: {}, body: /\{.*\}/.exec(answer)?.[0] ?? '' }).headers).toMatchObject({
      'x-forwarded-for': '203.0.113.7',
    });
  });

  it('is what access and rate limits go by', async () => {
    const limited = [
      {
        name: 'limited',
        matches: [{ path: { type: 'Exact', value: '/limited' } }],
        rateLimit: { requests: 1, per: '1h' },
        pools: [{ name: 'site' }],
      },
      { name: 'all', access: { deny: ['192.0.2.0/24'] }, pools: [{ name: 'site' }] },
    ];
    await proxy.apply([poolOf('site', [web]), ruleOf('site', frame, limited)]);
    const ask = async (client: string, path: string) => {
      const answer = await send(`${header(client)}GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, FRONT);
      return Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);
    };
    expect([await ask('192.0.2.7', '/'), await ask('203.0.113.7', '/')]).toEqual([403, 200]);
    const statuses = [];
    for (const client of ['192.0.2.7', '203.0.113.7', '192.0.2.7']) statuses.push(await ask(client, '/limited'));
    expect(statuses).toEqual([200, 200, 429]);
    await proxy.apply([poolOf('site', [web]), ruleOf('site', frame, rules)]);
  });

  it('works at ports of every kind, TLS or not', async () => {
    proxy.secrets.set('default/a', tlsSecret(certificateFor(['a.example.com'])));
    const { proxyProtocol } = frame;
    const near = { sourceRanges: ['192.0.2.0/24'] };
    const only = [{ name: 'near', matches: [near], pools: [{ name: 'site' }] }];
    const hostnames = ['a.example.com'];
    const web443 = await startTlsServer({ name: 'tls', pair: certificateFor(['a.example.com']) });
    const passed = [{ name: 'near', matches: [near], pools: [{ name: 'tls' }] }];
    await proxy.apply([
      poolOf('site', [web]),
      poolOf('tls', [web443], { healthCheck: { type: 'TCP', interval: '200ms', rise: 1 } }),
      ruleOf('https', { port: 8443, protocol: 'HTTPS', hostnames, tls: { secretName: 'a' }, proxyProtocol }, only),
      ruleOf('tcp', { port: TCP_PORT, protocol: 'TCP', proxyProtocol }, only),
      ruleOf('tls', { port: 8444, protocol: 'TLS', hostnames, proxyProtocol }, passed),
    ]);
    await proxy.serving();
    try {
      for (const [client, wanted] of [
        ['192.0.2.7', true],
        ['203.0.113.7', false],
      ] as const) {
        const overTcp = await send(header(client) + REQUEST, FRONT, TCP_PORT).catch(() => '');
        const tls = (port: number) => {
          const options = { from: FRONT, before: header(client), sni: 'a.example.com' };
          const request = REQUEST.replace('Host: a', 'Host: a.example.com');
          return exchangeTls({ address: proxy.address, port }, request, options).catch(() => '');
        };
        const seen = [overTcp, await tls(8443), await tls(8444)].map((answer) => answer.includes('200 OK'));
        expect([client, seen]).toEqual([client, [wanted, wanted, wanted]]);
      }
    } finally {
      await web443.stop();
      await proxy.apply([poolOf('site', [web]), ruleOf('site', frame, rules)]);
    }
  });

  it('has to be there from them', async () => {
    expect(await send(REQUEST, FRONT).catch(() => '')).not.toContain('200 OK');
  });

  it('counts for nothing from anybody else, who is a client', async () => {
    expect(await send(REQUEST, '127.0.0.3')).toContain('"x-forwarded-for":"127.0.0.3"');
    expect(await send(`PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n${REQUEST}`, '127.0.0.3')).not.toContain('near');
  });

  it('is the same for all rules of a port: who says otherwise is told', async () => {
    const other = ruleOf('z-other', HTTP_PORT, [allTo('site')]);
    await proxy.apply([poolOf('site', [web]), ruleOf('site', frame, rules), other]);
    expect(proxy.findings()).toMatchObject([
      {
        object: { key: 'default/z-other' },
        condition: 'Accepted',
        reason: 'Conflicted',
        path: 'spec.listener.proxyProtocol',
      },
    ]);
  });
});

describe('the PROXY protocol to servers', () => {
  let proxy: TestProxy;
  let server: Server;
  const received: string[] = [];
  const address = loopbackAddress();

  beforeAll(async () => {
    proxy = await createTestProxy();
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        received.push(data.toString('latin1'));
        socket.end('bye');
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, address, resolve);
    });
  });
  afterAll(async () => {
    await proxy.stop();
    server.close();
  });

  it.each([
    ['V1', 'PROXY TCP4 127.0.0.5 ', 'PROXY TCP4 '],
    ['V2', `${SIGNATURE}!\x11\0\x0c\x7f\0\0\x05`, SIGNATURE],
  ])('%s tells the client of a connection, and begins every check', async (proxyProtocol, ofClient, ofCheck) => {
    received.length = 0;
    const { port } = server.address() as AddressInfo;
    const pool = poolOf('bytes', [{ name: 'one', address, port }], {
      protocol: 'TCP',
      proxyProtocol,
      healthCheck: { interval: '200ms', rise: 1 },
    });
    await proxy.apply([pool, ruleOf('bytes', { port: TCP_PORT, protocol: 'TCP' }, [allTo('bytes')])]);
    await proxy.serving();
    await proxy.until(
      'the other version to be gone',
      async () => (await proxy.servers('tcp_default_bytes')).size === 1,
    );
    received.length = 0;
    await proxy.until('a check', () => received.length > 0);
    for (const text of received) expect(text.startsWith(ofCheck)).toBe(true);
    received.length = 0;
    await exchange({ address: proxy.address, port: TCP_PORT }, 'hello', '127.0.0.5');
    expect(received.filter((text) => text.startsWith(ofClient))).toHaveLength(1);
  });
});

/** A header of version 2: TCP over IPv4. Source: proxy-protocol.txt 2.2. */
function version2(source: readonly number[]): string {
  const bytes = [...source, 198, 51, 100, 1, 0x12, 0x67, 0, 80];
  return `${SIGNATURE}!\x11\0\x0c${String.fromCharCode(...bytes)}`;
}
