/** The access log as a user reads it. */
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenForLines } from '../../operator/driver/line-socket.ts';
import { ACCESS_SOCKET, accessLogLine, type AccessLog } from '../../operator/haproxy/access-log.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { certificateFor, tlsSecret } from '../support/certificates.ts';
import { http2Get } from '../support/tls-client.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const TCP = 8081;

let server: WebServer;

beforeAll(async () => {
  server = await startWebServer({ name: 'web01' });
});
afterAll(() => server.stop());

async function start(accessLog: AccessLog, accessLogTo: 'Output' | 'Socket' = 'Output'): Promise<TestProxy> {
  const proxy = await createTestProxy({ settings: { accessLog, accessLogTo } });
  const path = (value: string) => [{ path: { type: 'Prefix', value } }];
  const pools = [{ name: 'site' }];
  await proxy.apply([
    poolOf('site', [server]),
    ruleOf('site', { port: PORT, hostnames: ['a.x'] }, [
      { name: 'own', matches: path('/own'), respond: { status: 200, body: 'hello' } },
      { name: 'no', matches: path('/no'), access: { deny: ['127.0.0.0/8'] }, pools },
      { name: 'timed', matches: path('/timed'), timeouts: { request: '300ms' }, pools },
      { name: 'slow', matches: path('/slow'), timeouts: { request: '300ms' }, pools },
      { name: 'rest', pools },
    ]),
    ruleOf('tcp', { port: TCP, protocol: 'TCP' }, [allTo('site')]),
  ]);
  await proxy.serving();
  await proxy.until('TCP to be served', async () => (await proxy.get(TCP, '/').catch(() => undefined))?.status === 200);
  return proxy;
}

type Line = Record<string, unknown>;

const linesOf = (proxy: TestProxy) =>
  proxy.told.lines.flatMap((line) => {
    const access = accessLogLine(line);
    return access === undefined ? [] : [JSON.parse(access) as Line];
  });

async function lineFor(proxy: TestProxy, url: string): Promise<Line> {
  return eventually(`the line for ${url}`, () => linesOf(proxy).find((line) => line['url'] === url));
}

describe('the access log', () => {
  it('tells of each request rule, pool, server, times and how it ended', async () => {
    const proxy = await start('Full');
    const ask = (target: string) => proxy.get(PORT, target, { host: 'a.x', from: '127.5.0.1' });
    await ask('/blog?q=1');
    expect(await lineFor(proxy, '/blog?q=1')).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as unknown,
      listener: `http_${PORT}`,
      client: '127.5.0.1',
      method: 'GET',
      host: 'a.x',
      status: 200,
      reason: '',
      rule: 'default/site/rest',
      pool: 'default/site',
      server: expect.stringContaining('web01') as unknown,
      ms: { queue: 0, total: expect.any(Number) as unknown },
      end: 'complete',
    });
    await ask('/own');
    expect(await lineFor(proxy, '/own')).toMatchObject({
      status: 200,
      rule: 'default/site/own',
      pool: '',
      server: '',
      end: 'answered by the load balancer',
    });
    await ask('/no');
    const denied = {
      status: 403,
      reason: 'access-denied',
      rule: 'default/site/no',
      end: expect.stringContaining('load balancer') as unknown,
    };
    expect(await lineFor(proxy, '/no')).toMatchObject(denied);
    await ask('/timed');
    expect(await lineFor(proxy, '/timed')).toMatchObject({
      status: 200,
      rule: 'default/site/timed',
      pool: 'default/site',
      end: 'complete',
      server: expect.stringContaining('web01') as unknown,
    });
    await ask('/slow?5000');
    expect(await lineFor(proxy, '/slow?5000')).toMatchObject({
      status: 504,
      reason: 'request-timeout',
      pool: 'default/site',
      end: 'the server was too slow before the answer began',
    });
    await proxy.get(PORT, '/nobody', { host: 'b.x' });
    expect(await lineFor(proxy, '/nobody')).toMatchObject({ status: 404, reason: 'no-matching-rule', rule: '' });
    const tcp = await eventually('a line for TCP', () =>
      linesOf(proxy).find((line) => line['listener'] === `tcp_${TCP}`),
    );
    expect(tcp).toMatchObject({
      rule: 'default/tcp/all',
      pool: 'default/site',
      server: expect.stringContaining('web01') as unknown,
    });
    expect(linesOf(proxy).every((line) => !('pool2' in line))).toBe(true);
    await proxy.stop();
  });

  it('tells the same of a request over HTTP/2', async () => {
    const proxy = await createTestProxy({ settings: { accessLog: 'Full' } });
    proxy.secrets.set('default/a', tlsSecret(certificateFor(['a.x'])));
    const frame = { port: 8443, protocol: 'HTTPS', tls: { secretName: 'a' }, hostnames: ['a.x'] } as const;
    await proxy.apply([poolOf('site', [server]), ruleOf('site', frame, [allTo('site')])]);
    await proxy.serving();
    await http2Get({ address: proxy.address, port: 8443 }, 'a.x', { ':path': '/two?q' });
    expect(await lineFor(proxy, '/two?q')).toMatchObject({ host: 'a.x', rule: 'default/site/all', end: 'complete' });
    await proxy.stop();
  });

  it('is JSON whatever clients send', async () => {
    const proxy = await start('Full');
    const nasty = [
      `/%22,%22status%22:200,"a":"`,
      '/\\"}\\u0000',
      "/'$(id)`%[env(HOME)]",
      '/\xe4\xff\xc3\xa4',
      `/${'"'.repeat(3000)}`,
    ];
    for (const target of nasty) {
      await proxy.raw(PORT, `GET ${target} HTTP/1.1\r\nHost: a.x\r\nConnection: close\r\n\r\n`);
      // Refused by HAProxy itself since 3.0.
      await proxy.raw(PORT, `GET ${target} HTTP/1.1\r\nHost: a.x"\\{\r\nConnection: close\r\n\r\n`);
      await proxy.raw(PORT, `G"T ${target} HTTP/1.1\r\nHost: a.x\r\nConnection: close\r\n\r\n`).catch(() => undefined);
    }
    await proxy.get(PORT, '/last', { host: 'a.x' });
    await lineFor(proxy, '/last');
    const raw = proxy.told.lines.filter((line) => line.startsWith('{"time"'));
    expect(raw.length).toBeGreaterThan(nasty.length);
    for (const line of raw) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(linesOf(proxy).map((line) => line['url'])).toContain(nasty[0]);
    await proxy.stop();
  });

  it('tells that a client left', async () => {
    const proxy = await start('Full');
    await new Promise<void>((resolve) => {
      const socket = createConnection({ host: proxy.address, port: PORT }, () => {
        socket.write('GET / HTTP/1.1\r\nHost: a.x\r\nX-Half', () => {
          socket.destroy();
          resolve();
        });
      });
    });
    const left = (line: Line) => line['end'] === 'the client left before the request was whole';
    await eventually('the line of who left', () => linesOf(proxy).some(left));
    await proxy.stop();
  });

  it('goes to a socket where it is asked for there, and waits for a reader that is away', async () => {
    const proxy = await start('Full', 'Socket');
    const lines: Line[] = [];
    const listen = () =>
      listenForLines(join(proxy.folder, ACCESS_SOCKET), (line) => {
        const access = accessLogLine(line);
        if (access !== undefined) lines.push(JSON.parse(access) as Line);
      });
    const lineOf = (url: string) => eventually(`the line for ${url}`, () => lines.find((line) => line['url'] === url));
    const first = await listen();
    await proxy.get(PORT, '/first', { host: 'a.x' });
    expect(await lineOf('/first')).toMatchObject({
      rule: 'default/site/rest',
      pool: 'default/site',
      status: 200,
      end: 'complete',
    });
    await first.close();
    for (let i = 0; i < 20; i++) await proxy.get(PORT, `/away?${i}`, { host: 'a.x' });
    const second = await listen();
    await proxy.get(PORT, '/last', { host: 'a.x' });
    await lineOf('/last');
    // What was on its way as the first reader went may be lost; nothing comes twice or garbled.
    const away = lines.map((line) => String(line['url'])).filter((url) => url.startsWith('/away'));
    expect(new Set(away).size).toBe(away.length);
    expect(away.length).toBeGreaterThan(10);
    expect(linesOf(proxy)).toEqual([]);
    await second.close();
    await proxy.stop();
  });

  it('may be of one request in many, and none is the default', async () => {
    const sampled = await start({ oneOf: 10 });
    for (let i = 0; i < 50; i++) await sampled.get(PORT, `/${i}`, { host: 'a.x' });
    await eventually('five lines', () => linesOf(sampled).filter((line) => 'url' in line).length >= 5);
    expect(linesOf(sampled).filter((line) => 'url' in line).length).toBeLessThan(10);
    await sampled.stop();
    const silent = await start('Off');
    await silent.get(PORT, '/', { host: 'a.x' });
    expect(linesOf(silent)).toEqual([]);
    await silent.stop();
  });
});
