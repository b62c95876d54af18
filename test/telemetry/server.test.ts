import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startHttp, type HttpOptions, type HttpServer } from '../../operator/telemetry/server.ts';

const WELL = { ok: true, message: 'fine' };

async function start(over: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    status: () => ({ ready: true }),
    healthy: () => WELL,
    ready: () => WELL,
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('a 1\n') },
    ...over,
  });
  onTestFinished(() => server.close());
  return server;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly host?: string;
}

/** fetch would not let us choose Host. */
function ask({ port }: HttpServer, { path = '/', method = 'GET', host }: Ask = {}): Promise<Reply> {
  return new Promise((done, fail) => {
    const headers = host === undefined ? {} : { host };
    const call = request(
      { host: '127.0.0.1', port, path, method, headers, setHost: host === undefined },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    call.on('error', fail).end();
  });
}

describe('what is served', () => {
  test.each([
    ['/', 200, 'text/plain; charset=utf-8', /\/status .*\n.*\/healthz .*\n.*\/readyz .*\n.*\/metrics /],
    ['/status', 200, 'application/json', /^\{"ready":true\}$/],
    ['/status?x=1', 200, 'application/json', /^\{"ready":true\}$/],
    ['/healthz', 200, 'text/plain; charset=utf-8', /^fine\n$/],
    ['/readyz', 200, 'text/plain; charset=utf-8', /^fine\n$/],
    ['/metrics', 200, 'text/plain; version=0.0.4', /^a 1\n$/],
    ['/nowhere', 404, 'text/plain; charset=utf-8', /lists what is there/],
    ['/status/', 404, 'text/plain; charset=utf-8', /Not found/],
    ['//status', 404, 'text/plain; charset=utf-8', /Not found/],
    ['/__proto__', 404, 'text/plain; charset=utf-8', /Not found/],
  ])('%s: %i', async (...[path, status, type, body]) => {
    const reply = await ask(await start(), { path });
    expect([reply.status, reply.headers['content-type']]).toEqual([status, type]);
    expect(reply.body).toMatch(body);
    expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  test('a probe that fails is 503 and says why', async () => {
    const bad = () => ({ ok: false, message: 'not programmed yet' });
    const server = await start({ healthy: bad, ready: bad });
    for (const path of ['/healthz', '/readyz'])
      expect(await ask(server, { path })).toMatchObject({ status: 503, body: 'not programmed yet\n' });
  });

  test('HEAD has the headers of GET and no body', async () => {
    const server = await start();
    const [get, head] = [
      await ask(server, { path: '/status' }),
      await ask(server, { path: '/status', method: 'HEAD' }),
    ];
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', get.headers['content-length']]);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])(
    '%s is refused: nothing can be changed here',
    async (method) => {
      expect(await ask(await start(), { path: '/status', method })).toMatchObject({
        status: 405,
        headers: { allow: 'GET, HEAD' },
      });
      expect((await ask(await start(), { path: '/nowhere', method })).status).toBe(404);
    },
  );

  test('what throws is a 500 that tells nothing', async () => {
    const secret = new Error('hunter2');
    const server = await start({
      status: () => {
        throw secret;
      },
      metrics: { contentType: 'text/plain', text: () => Promise.reject(secret) },
    });
    for (const path of ['/status', '/metrics']) {
      const reply = await ask(server, { path });
      expect(reply.status).toBe(500);
      expect(reply.body).not.toContain('hunter2');
    }
    expect((await ask(server, { path: '/healthz' })).status).toBe(200);
  });
});

describe('Host', () => {
  test.each(['localhost', 'LOCALHOST:9180', '127.0.0.1', '127.0.0.1:80', '127.9.9.9', '[::1]:9180', '[::1]'])(
    '%s is ours',
    async (host) => {
      expect((await ask(await start(), { host })).status).toBe(200);
    },
  );

  test.each([
    'evil.example',
    'evil.example:9180',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '192.0.2.1',
    '10.127.0.0.1',
    'a@localhost',
  ])('%s is not: a page of a foreign site must not read this', async (host) => {
    expect((await ask(await start(), { host })).status).toBe(403);
  });

  test('any, where the network may ask', async () => {
    const server = await start({ host: '0.0.0.0' });
    expect((await ask(server, { host: 'lb01.example.com:9180' })).status).toBe(200);
  });

  test('absent: refused', async () => {
    const { port } = await start();
    const answer = await new Promise<string>((done, fail) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /status HTTP/1.0\r\n\r\n'));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => done(text));
      socket.on('error', fail);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });
});

test('a port that is taken is told', async () => {
  const { port } = await start();
  await expect(start({ port })).rejects.toThrow('EADDRINUSE');
});

test('closing ends open connections too', async () => {
  const server = await start();
  const socket = connect(server.port, '127.0.0.1');
  await new Promise((done) => socket.once('connect', done));
  const closed = new Promise((done) => socket.once('close', done));
  await server.close();
  await closed;
});
