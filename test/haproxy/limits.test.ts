/** Who may, how often and for how long, as a user sees it on a real HAProxy. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { loopbackAddress } from '../support/address.ts';
import { createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import type { RequestOptions } from '../support/http-client.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

let proxy: TestProxy;
let server: WebServer;

const pools = [{ name: 'site' }];
const get = (target: string, options?: RequestOptions) => proxy.get(PORT, target, options);
const seen = async (target: string, options?: RequestOptions) => {
  const { status, reason } = await get(target, options);
  return reason === undefined ? status : `${status} ${reason}`;
};

async function given(rules: readonly object[], pool: object = {}): Promise<void> {
  await proxy.apply([poolOf('site', [server], pool), ruleOf('site', PORT, rules)]);
  await proxy.serving();
}

beforeAll(async () => {
  proxy = await createTestProxy();
  server = await startWebServer({ name: 'web01' });
  await given([{ name: 'all', pools }]);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

describe('access', () => {
  test.each<[object, string, string | number]>([
    [{ deny: ['127.1.0.0/16'] }, '127.1.2.3', '403 access-denied'],
    [{ deny: ['127.1.0.0/16'] }, '127.2.0.1', 200],
    [{ allow: ['127.1.0.0/16'] }, '127.1.2.3', 200],
    [{ allow: ['127.1.0.0/16'] }, '127.2.0.1', '403 access-denied'],
    [{ allow: ['127.0.0.0/8'], deny: ['127.1.2.3'] }, '127.1.2.3', '403 access-denied'],
    [{ allow: ['127.0.0.0/8'], deny: ['127.1.2.3'] }, '127.1.2.4', 200],
    [{ allow: ['127.1.2.3'], deny: ['127.0.0.0/8'] }, '127.1.2.3', '403 access-denied'],
    [{ allow: ['2001:db8::/32'] }, '127.1.2.3', '403 access-denied'],
    [{ deny: ['2001:db8::/32', '0.0.0.0/0'] }, '127.1.2.3', '403 access-denied'],
  ])('%j answers %s with %s', async (access, from, wanted) => {
    await given([{ name: 'all', access, pools }]);
    expect(await seen('/', { from })).toBe(wanted);
  });

  it('is the rule of the path as it is meant, however it is spelled', async () => {
    const secret = { path: { type: 'Prefix', value: '/secret' } };
    await given([
      { name: 'secret', matches: [secret], access: { deny: ['127.0.0.0/8'] }, pools },
      { name: 'rest', pools },
    ]);
    for (const path of ['/secret', '//secret/', '/./secret', '/a/../secret/x', '/%73ecret', '/a/%2e%2e/secret']) {
      const answer = await proxy.raw(PORT, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect([path, answer.status, answer.reason]).toEqual([path, 403, 'access-denied']);
    }
    for (const path of ['/%2fsecret', '/a%5c..%5csecret', '/../secret']) {
      const answer = await proxy.raw(PORT, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect([path, answer.status, answer.reason]).toEqual([path, 400, 'bad-path']);
    }
  });

  it('holds for redirects and answers of the load balancer too', async () => {
    const access = { deny: ['127.1.0.0/16'] };
    await given([
      {
        name: 'old',
        matches: [{ path: { type: 'Prefix', value: '/old' } }],
        access,
        filters: { redirect: { scheme: 'https' } },
      },
      { name: 'own', access, respond: { status: 200 } },
    ]);
    for (const target of ['/old', '/own']) expect(await seen(target, { from: '127.1.0.1' })).toBe('403 access-denied');
  });

  it('closes TCP connections of those who may not', async () => {
    const rule = { name: 'all', access: { deny: ['127.1.0.0/16'] }, pools };
    await proxy.apply([
      poolOf('site', [server]),
      ruleOf('site', PORT, [{ name: 'all', pools }]),
      ruleOf('tcp', { port: 8081, protocol: 'TCP' }, [rule]),
    ]);
    await proxy.until(
      'TCP to be served',
      async () => (await proxy.get(8081, '/').catch(() => undefined))?.server === 'web01',
    );
    await expect(proxy.get(8081, '/', { from: '127.1.0.1' })).rejects.toThrow(/hang up|ECONNRESET/);
  });
});

describe('a rate limit', () => {
  const limited = (rateLimit: object) => given([{ name: `r${(rules += 1)}`, rateLimit, pools }]);
  // Counters belong to a rule, so each test has a rule of its own.
  let rules = 0;

  it('lets so many requests of each client through and tells the others when to come again', async () => {
    await limited({ requests: 3, per: '1h' });
    const from = '127.3.0.1';
    for (let i = 0; i < 3; i++) expect(await seen('/', { from })).toBe(200);
    const answer = await get('/', { from });
    expect([answer.status, answer.reason]).toEqual([429, 'rate-limited']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(1100);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(1200);
    expect(await seen('/', { from: '127.3.0.2' })).toBe(200);
  });

  it('gives requests back evenly', async () => {
    await limited({ requests: 20, per: '1s', burst: 1 });
    await get('/');
    const begun = performance.now();
    let passed = 0;
    for (let sent = 0; sent < 1000 && passed < 5; sent++) {
      if ((await get('/')).status === 200) passed += 1;
    }
    expect(passed).toBe(5);
    // Five times 50 ms, and not a request more than that.
    expect(performance.now() - begun).toBeGreaterThan(240);
  });

  it('may count by a header, with a status of its own', async () => {
    await limited({ requests: 1, per: '1h', key: { type: 'Header', name: 'X-Key' }, statusCode: 503 });
    const as = (key: string, from = '127.3.1.1') => seen('/', { from, headers: { 'x-key': key } });
    expect([await as('a'), await as('a', '127.3.1.2'), await as('b')]).toEqual([200, '503 rate-limited', 200]);
    const without = (from: string) => seen('/', { from });
    expect([await without('127.3.1.1'), await without('127.3.1.1'), await without('127.3.1.2')]).toEqual([
      200,
      '503 rate-limited',
      200,
    ]);
  });

  it('is one for all matches and answers of a rule, and not for its neighbours', async () => {
    const matches = ['/a', '/b'].map((value) => ({ path: { type: 'Prefix', value } }));
    const rateLimit = { requests: 1, per: '1h' };
    await given([
      { name: 'both', matches, rateLimit, respond: { status: 200 } },
      { name: 'rest', rateLimit, pools },
    ]);
    const from = '127.3.2.1';
    expect([await seen('/a', { from }), await seen('/b', { from }), await seen('/c', { from })]).toEqual([
      '200 respond',
      '429 rate-limited',
      200,
    ]);
  });

  it('holds when requests come at the same time', async () => {
    await limited({ requests: 50, per: '1h' });
    const from = '127.3.3.1';
    const all = await Promise.all(Array.from({ length: 200 }, () => seen('/', { from })));
    const passed = all.filter((one) => one === 200).length;
    // Two threads that read the same count in the same microseconds let one request more through.
    expect(passed).toBeGreaterThanOrEqual(50);
    expect(passed).toBeLessThanOrEqual(60);
  });

  it('is new without a reload and remembered over one', async () => {
    const { reloads } = await proxy.processes();
    await limited({ requests: 1, per: '1h' });
    const from = '127.3.4.1';
    expect([await seen('/', { from }), await seen('/', { from })]).toEqual([200, '429 rate-limited']);
    expect((await proxy.processes()).reloads).toBe(reloads);
    const name = `r${rules}`;
    await proxy.apply([
      poolOf('site', [server]),
      ruleOf('site', PORT, [{ name, rateLimit: { requests: 1, per: '1h' }, pools }]),
      ruleOf('more', 8082, [{ name: 'all', pools }]),
    ]);
    expect((await proxy.processes()).reloads).toBe(reloads + 1);
    await eventually('the new worker to have the counters', async () => (await get('/', { from })).status === 429);
  });
});

it('one rate limit holds for all proxies that are peers', async () => {
  const all = ['a', 'b'].map((name) => ({ name, address: loopbackAddress(), port: 10_000 }));
  const proxies = await Promise.all(all.map(({ name }) => createTestProxy({ settings: { peers: { name, all } } })));
  const [a, b] = proxies as [TestProxy, TestProxy];
  try {
    const rule = { name: 'all', rateLimit: { requests: 4, per: '1h' }, pools };
    for (const one of proxies) {
      await one.apply([poolOf('site', [server]), ruleOf('site', PORT, [rule])]);
      await one.serving();
    }
    const status = async (one: TestProxy) => (await one.get(PORT, '/', { from: '127.6.0.1' })).status;
    const shared = async () => {
      const [mine, theirs] = await Promise.all(proxies.map((one) => one.command('show table webpool_limits')));
      const tag = (text = '') => /gpt0=(\d+)/.exec(text)?.[1];
      return tag(mine) !== undefined && tag(mine) === tag(theirs);
    };
    for (const one of [a, b, b, a]) {
      expect(await status(one)).toBe(200);
      await eventually('the other to know', shared);
    }
    expect([await status(a), await status(b)]).toEqual([429, 429]);
  } finally {
    await Promise.all(proxies.map((one) => one.stop()));
  }
});

describe('the time of a request', () => {
  const timed = (request: string, pool: object = {}) => given([{ name: 'all', timeouts: { request }, pools }], pool);
  const took = async (target: string): Promise<readonly [string | number, number]> => {
    const begun = performance.now();
    return [await seen(target), performance.now() - begun];
  };

  it('ends with 504', async () => {
    await timed('300ms');
    const begun = performance.now();
    const [answer, time] = await took('/slow?20000');
    expect(answer).toBe('504 request-timeout');
    expect(time).toBeGreaterThan(290);
    expect(time).toBeLessThan(10_000);
    await eventually('the server to be let go', () => server.open === 0);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  it('leaves alone what is in time', async () => {
    await timed('20s');
    const answer = await get('/slow?100', { headers: { 'X-A': 'b' } });
    expect([answer.status, answer.server]).toEqual([200, 'web01']);
    expect(JSON.stringify(answer.body)).not.toContain('x-webpool-backend');
  });

  it('contains the waiting for a full server', async () => {
    const rest = { name: 'rest', pools };
    const quick = {
      name: 'quick',
      matches: [{ path: { type: 'Prefix', value: '/quick' } }],
      timeouts: { request: '300ms' },
      pools,
    };
    await given([quick, rest], { maxConnections: 1, queueTimeout: '20s' });
    const first = get('/slow?3000');
    await eventually('the server to be busy', () => server.open > 0);
    const [answer, time] = await took('/quick');
    expect(answer).toBe('504 request-timeout');
    expect(time).toBeLessThan(2800);
    const { requests } = server;
    expect((await first).status).toBe(200);
    expect(await seen('/rest')).toBe(200);
    // What waited in vain never came to the server.
    expect(server.requests - requests).toBe(2);
  });

  it('contains all retries', async () => {
    await timed('500ms', { timeouts: { server: '200ms' }, retries: { attempts: 10, when: ['Timeout'] } });
    const [answer, time] = await took('/slow?20000');
    expect(answer).toBe('504 request-timeout');
    expect(time).toBeGreaterThan(490);
    expect(time).toBeLessThan(1900);
  });

  it('tells a pool without servers from a slow one', async () => {
    await proxy.apply([
      poolOf('site', []),
      ruleOf('site', PORT, [{ name: 'all', timeouts: { request: '5s' }, pools }]),
    ]);
    expect(await seen('/')).toBe('503 no-ready-server');
  });

  it('ends at an upgrade', async () => {
    await timed('300ms');
    const talk = await upgraded();
    await delay(700);
    expect(await talk('still there?')).toBe('still there?');
  });

  it('of 0s is none', async () => {
    await timed('0s');
    expect(await seen('/slow?500')).toBe(200);
  });

  it('keeps the address of the client and its cookie', async () => {
    await timed('5s', { sessionAffinity: { type: 'SourceIP' }, maxConnections: 100 });
    await get('/', { from: '127.4.0.1' });
    expect(await proxy.command('show table http_default_site')).toContain('127.4.0.1');
  });
});

/** Opens a WebSocket-like connection whose server echoes. */
async function upgraded(): Promise<(text: string) => Promise<string>> {
  server.handler = (request: IncomingMessage) => {
    const { socket } = request;
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.on('data', (bytes: Buffer) => socket.write(bytes));
  };
  const socket = createConnection({ host: proxy.address, port: PORT });
  socket.setEncoding('utf8');
  const next = () => new Promise<string>((resolve) => socket.once('data', (text) => resolve(String(text))));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  expect(await next()).toContain('101 Switching Protocols');
  server.handler = undefined;
  return async (text) => {
    const answer = next();
    socket.write(text);
    const got = await answer;
    socket.destroy();
    return got;
  };
}

describe('a body', () => {
  const post = (length: number, more: RequestOptions = {}) =>
    seen('/', { method: 'POST', body: 'a'.repeat(length), ...more });

  beforeAll(() => given([{ name: 'all', limits: { requestBody: '1Ki' }, pools }]));

  it('may be as large as the limit, and none at all', async () => {
    expect([await post(1024), await post(0), await seen('/')]).toEqual([200, 200, 200]);
  });

  it('that is larger comes to no server', async () => {
    const { requests } = server;
    expect(await post(1025)).toBe('413 body-too-large');
    expect(await post(100_000)).toBe('413 body-too-large');
    expect(server.requests).toBe(requests);
  });

  it('has to say how large it is', async () => {
    const { requests } = server;
    expect(await post(1, { headers: { 'Transfer-Encoding': 'chunked' } })).toBe('411 length-required');
    expect(server.requests).toBe(requests);
  });

  it('is counted in HTTP/2 as well', async () => {
    const session = connectHttp2(`http://${proxy.address}:${PORT}`);
    const ask = async (headers: OutgoingHttpHeaders, body?: string) => {
      const stream = session.request(
        { ':path': '/', ':authority': 'a', ...headers },
        { endStream: body === undefined },
      );
      stream.on('error', () => undefined).resume();
      if (body !== undefined) stream.end(body);
      const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      return answer[':status'];
    };
    const posted = { ':method': 'POST' };
    expect(await ask({})).toBe(200);
    expect(await ask({ ...posted, 'content-length': '4' }, 'abcd')).toBe(200);
    expect(await ask({ ...posted, 'content-length': '2000' }, 'a'.repeat(2000))).toBe(413);
    expect(await ask(posted)).toBe(200);
    expect(await ask(posted, 'abcd')).toBe(411);
    expect(await ask({ ':method': 'GET' }, 'abcd')).toBe(411);
    expect(await ask(posted, 'a'.repeat(2000))).toBe(411);
    session.destroy();
  });

  it('has a limit of its own in each rule, and a new one without a reload', async () => {
    const { reloads } = await proxy.processes();
    const rule = (name: string, requestBody?: string) => ({
      name,
      matches: [{ path: { type: 'Prefix', value: `/${name}` } }],
      ...(requestBody !== undefined && { limits: { requestBody } }),
      pools,
    });
    await given([rule('small', '10'), rule('large', '1Mi'), rule('any')]);
    const big = { method: 'POST', body: 'a'.repeat(100_000) };
    const got = [await seen('/small', big), await seen('/large', big), await seen('/any', big)];
    expect(got).toEqual(['413 body-too-large', 200, 200]);
    expect((await proxy.processes()).reloads).toBe(reloads);
  });
});
