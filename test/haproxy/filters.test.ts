/** What a user of filters sees, on a real HAProxy. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { echoOf, type Answer, type RequestOptions } from '../support/http-client.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

let proxy: TestProxy;
let servers: readonly WebServer[];

const rules = (list: readonly object[], port = PORT) => ruleOf('site', port, list);
const prefix = (value: string) => [{ path: { type: 'Prefix', value } }];
const to = (name: string) => [{ name }];

/** Applies rules; they are data, so HAProxy must not reload for them. */
async function given(list: readonly object[]): Promise<void> {
  await proxy.apply([...servers.map((server) => poolOf(server.name, [server])), rules(list)]);
}

useWebServers(['blog', 'shop'], (all) => {
  servers = all;
});
beforeAll(async () => {
  proxy = await createTestProxy();
  await given([{ name: 'rest', pools: to('blog') }]);
  await proxy.serving();
});
afterAll(async () => {
  expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  await proxy.stop();
});

const get = (target: string, options?: RequestOptions) => proxy.get(PORT, target, options);

/** Headers that would mean something to HAProxy, Lua or a map file, if anybody let them. */
const LITERALS = [
  '%[env(HOME)] 100% %% %20',
  '$HOME ${HOME}',
  `it's "quoted"`,
  'back\\slash \\n',
  'a&b=c|d:e,f;g<<h#i',
  'ä€',
  'x'.repeat(4096),
];

/** Node reads header bytes as Latin-1. */
const asNodeReads = (text: string) => Buffer.from(text).toString('latin1');

describe('headers of requests', () => {
  it('are set, added and removed', async () => {
    await given([
      {
        name: 'all',
        filters: {
          requestHeaders: {
            set: [{ name: 'X-Shop', value: 'new' }],
            add: [{ name: 'X-More', value: 'b' }],
            remove: ['X-Debug'],
          },
        },
        pools: to('blog'),
      },
    ]);
    const answer = await get('/', {
      headers: { 'x-shop': ['old', 'older'], 'X-More': 'a', 'x-debug': '1', 'X-Rest': 'stays' },
    });
    const { headers } = echoOf(answer);
    expect(headers).toMatchObject({ 'x-shop': 'new', 'x-more': 'a, b', 'x-rest': 'stays' });
    expect(headers['x-debug']).toBeUndefined();
  });

  test.each(LITERALS)('arrive as written: %s', async (value) => {
    const changes = { set: [{ name: 'X-Value', value }] };
    await given([{ name: 'all', filters: { requestHeaders: changes, responseHeaders: changes }, pools: to('blog') }]);
    const answer = await get('/');
    expect(echoOf(answer).headers['x-value']).toBe(asNodeReads(value));
    expect(answer.headers['x-value']).toBe(asNodeReads(value));
  });
});

it('changes headers of answers, also of those the load balancer gives itself', async () => {
  const filters = {
    responseHeaders: {
      set: [{ name: 'X-Server', value: 'hidden' }],
      add: [{ name: 'X-New', value: '1' }],
      remove: ['Content-Type'],
    },
  };
  await given([
    { name: 'own', matches: prefix('/own'), filters, respond: { status: 200, body: 'hello' } },
    { name: 'all', filters, pools: to('blog') },
  ]);
  for (const target of ['/', '/own']) {
    const { headers } = await get(target);
    expect(headers).toMatchObject({ 'x-server': 'hidden', 'x-new': '1' });
    expect(headers['content-type']).toBeUndefined();
  }
});

it('changes headers only where one of the pools serves', async () => {
  const mark = (value: string) => ({ set: [{ name: 'X-Pool', value }] });
  await given([
    {
      name: 'all',
      filters: { requestHeaders: { set: [{ name: 'X-Rule', value: 'all' }] } },
      pools: ['blog', 'shop'].map((name) => ({
        name,
        filters: { requestHeaders: mark(name), responseHeaders: mark(name) },
      })),
    },
  ]);
  const seen = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const answer = await get('/');
    const { headers, server } = echoOf(answer);
    expect([headers['x-pool'], answer.headers['x-pool'], headers['x-rule']]).toEqual([server, server, 'all']);
    seen.add(server);
  }
  expect(seen).toEqual(new Set(['blog', 'shop']));
});

/** As in Gateway API's table for ReplacePrefixMatch. */
const PREFIXES: readonly (readonly [path: string, prefix: string, value: string, result: string])[] = [
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
  ['/foo', '/foo', '/xyz', '/xyz'],
  ['/foo/', '/foo', '/xyz', '/xyz/'],
  ['/foo/bar', '/foo', '', '/bar'],
  ['/foo/', '/foo', '', '/'],
  ['/foo', '/foo', '', '/'],
  ['/foo/', '/foo', '/', '/'],
  ['/foo', '/foo', '/', '/'],
  ['/a', '/', '/xyz', '/xyz/a'],
  ['/foo/%20b?q=%2Ff&q', '/foo', '/x', '/x/%20b?q=%2Ff&q'],
];

describe('rewrite', () => {
  test.each(PREFIXES)('of %s, prefix %s, by "%s" gives %s', async (...[target, match, value, result]) => {
    await given([
      {
        name: 'all',
        matches: prefix(match),
        filters: { rewrite: { path: { type: 'ReplacePrefix', value } } },
        pools: to('blog'),
      },
    ]);
    expect(echoOf(await get(target)).url).toBe(result);
  });

  it('of the whole path keeps the query', async () => {
    await given([
      { name: 'all', filters: { rewrite: { path: { type: 'ReplaceFullPath', value: '/new/x' } } }, pools: to('blog') },
    ]);
    expect(echoOf(await get('/a/b?c=d')).url).toBe('/new/x?c=d');
  });

  it('of the host changes the host that the server sees', async () => {
    await given([{ name: 'all', filters: { rewrite: { hostname: 'Inner.example.com' } }, pools: to('blog') }]);
    const { headers, url } = echoOf(await get('/a', { host: 'www.example.com' }));
    expect([headers['host'], url]).toEqual(['inner.example.com', '/a']);
  });
});

describe('redirect', () => {
  const location = async (
    redirect: object,
    target = '/foo/bar?q=1',
    host = `www.example.com:${PORT}`,
  ): Promise<Answer> => {
    await given([{ name: 'all', matches: prefix('/foo'), filters: { redirect } }]);
    return get(target, { host });
  };

  test.each<[object, string]>([
    [{ scheme: 'https' }, 'https://www.example.com/foo/bar?q=1'],
    [{ scheme: 'https', port: 8443 }, 'https://www.example.com:8443/foo/bar?q=1'],
    [{ scheme: 'https', port: 443 }, 'https://www.example.com/foo/bar?q=1'],
    [{ scheme: 'http' }, 'http://www.example.com/foo/bar?q=1'],
    [{ port: 80 }, 'http://www.example.com/foo/bar?q=1'],
    [{ hostname: 'Example.org' }, `http://example.org:${PORT}/foo/bar?q=1`],
    [{ path: { type: 'ReplaceFullPath', value: '/new' } }, `http://www.example.com:${PORT}/new?q=1`],
    [{ path: { type: 'ReplacePrefix', value: '/new' } }, `http://www.example.com:${PORT}/new/bar?q=1`],
    [{ path: { type: 'ReplacePrefix', value: '/' }, hostname: 'a.x', scheme: 'https' }, 'https://a.x/bar?q=1'],
  ])('%j leads to %s', async (redirect, wanted) => {
    const answer = await location(redirect);
    expect([answer.status, answer.headers.location, answer.reason]).toEqual([302, wanted, 'redirect']);
  });

  test.each([301, 302, 303, 307, 308])('may have status %i', async (statusCode) => {
    expect((await location({ scheme: 'https', statusCode })).status).toBe(statusCode);
  });

  it('leads to the path only when the client named no host', async () => {
    const redirect = { path: { type: 'ReplaceFullPath', value: '/new' } };
    await given([{ name: 'all', matches: prefix('/a'), filters: { redirect } }]);
    const { headers } = await proxy.raw(PORT, 'GET /a HTTP/1.0\r\n\r\n');
    expect(headers.location).toBe('/new');
  });
});

describe('an answer of the rule itself', () => {
  it('has its status, type and text, and of HEAD the headers alone', async () => {
    const body = `{"it's": "%[env(HOME)] \\n"}`;
    await given([{ name: 'all', respond: { status: 410, contentType: 'application/json', body } }]);
    const answer = await get('/x');
    expect([answer.status, answer.body, answer.server]).toEqual([410, body, undefined]);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json' });
    const head = await get('/x', { method: 'HEAD' });
    expect([head.status, head.body, head.headers['content-length']]).toEqual([410, '', String(body.length)]);
  });

  it('may be empty', async () => {
    await given([{ name: 'all', respond: { status: 204 } }]);
    expect(await get('/x', { method: 'POST', body: 'ignored' })).toMatchObject({ status: 204, body: '' });
  });
});

describe('cors', () => {
  const cors = {
    allowOrigins: ['https://www.example.com', 'https://*.Example.org', 'http://localhost:3000'],
    allowCredentials: true,
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['X-Token'],
    exposeHeaders: ['X-Server'],
    maxAge: '10m',
  };
  const CORS = /^access-control-/;
  const corsOf = ({ headers }: Answer) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => CORS.test(name)));
  const preflight = (origin: string) =>
    get('/', {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'x-token' },
    });

  it('answers the preflight of a site that may', async () => {
    await given([{ name: 'all', filters: { cors }, pools: to('blog') }]);
    const answer = await preflight('https://www.example.com');
    expect([answer.status, answer.reason, answer.body, answer.headers['content-type']]).toEqual([
      204,
      'cors-preflight',
      '',
      undefined,
    ]);
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': 'https://www.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'x-token',
      'access-control-max-age': '600',
    });
    expect(answer.headers.vary).toBe('Origin');
  });

  test.each([
    ['https://a.b.example.org', true],
    ['HTTP://LOCALHOST:3000', true],
    ['https://example.org', false],
    ['http://www.example.com', false],
    ['https://www.example.com.evil.com', false],
    ['https://evil.com/www.example.com', false],
    ['null', false],
  ])('the site %s may: %s', async (origin, may) => {
    await given([{ name: 'all', filters: { cors }, pools: to('blog') }]);
    const [asked, got] = [await preflight(origin), await get('/', { headers: { Origin: origin } })];
    expect([asked.status, got.status, echoOf(got).server]).toEqual([204, 200, 'blog']);
    for (const answer of [asked, got])
      expect(corsOf(answer)['access-control-allow-origin']).toBe(may ? origin : undefined);
    if (!may) expect([corsOf(asked), corsOf(got)]).toEqual([{}, {}]);
  });

  it('decides instead of the server', async () => {
    const [blog] = servers;
    if (blog === undefined) throw new Error('no server');
    blog.handler = (_, response) =>
      response.writeHead(200, { 'Access-Control-Allow-Origin': '*', 'X-Server': 'blog' }).end('{}');
    await given([{ name: 'all', filters: { cors }, pools: to('blog') }]);
    const answer = await get('/', { headers: { Origin: 'https://www.example.com' } });
    const foreign = await get('/', { headers: { Origin: 'https://evil.com' } });
    blog.handler = undefined;
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': 'https://www.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-server',
    });
    expect(corsOf(foreign)).toEqual({});
  });

  it('lets every site in without naming it when no cookies are concerned', async () => {
    await given([
      {
        name: 'all',
        filters: { cors: { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] } },
        pools: to('blog'),
      },
    ]);
    const answer = await preflight('https://a.x');
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-token',
      'access-control-max-age': '5',
    });
  });

  it('leaves OPTIONS that are no preflight to the server', async () => {
    await given([{ name: 'all', filters: { cors }, pools: to('blog') }]);
    expect((await get('/', { method: 'OPTIONS' })).server).toBe('blog');
  });
});
