/** What visitors of a running HAProxy get: how servers are chosen, checked, queued for, and what happens when there is none. */
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasIpv6 } from '../support/address.ts';
import { describeWhere } from '../support/announce.ts';
import { exchange, request } from '../support/http-client.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { startWebServer, useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

let proxy: TestProxy;
let one: WebServer;
let two: WebServer;

useWebServers(['one', 'two'], (servers) => {
  [one, two] = servers;
});
beforeEach(async () => {
  proxy = await createTestProxy();
});
afterEach(async () => {
  await proxy.stop();
  for (const server of [one, two]) Object.assign(server, { health: 200, healthBody: 'ok', handler: undefined });
});

const site = (spec: object = {}, servers: readonly WebServer[] = [one, two]) => [
  poolOf('site', servers, spec),
  ruleOf('site', PORT, [allTo('site')]),
];

/** The servers that these requests got, in order. */
async function servers(
  count: number,
  ask = (index: number) => proxy.get(PORT, `/${index}`),
): Promise<readonly string[]> {
  const found: string[] = [];
  for (let index = 0; index < count; index++) found.push((await ask(index)).server ?? 'none');
  return found;
}

describe('a server is chosen', () => {
  const choose = async (balance: object) => {
    await proxy.apply(site({ balance }, [one]));
    await proxy.serving();
    // The second joins while HAProxy runs, which not every algorithm of HAProxy bears.
    await proxy.apply(site({ balance }));
    await proxy.serving();
    expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  };
  const distinct = (list: readonly string[]) => [...new Set(list)].sort();

  it('in turn by RoundRobin', async () => {
    await choose({ algorithm: 'RoundRobin' });
    const list = await servers(6);
    expect(list.slice(0, 4)).toEqual(list.slice(2, 6));
    expect(distinct(list)).toEqual(['one', 'two']);
  });

  it('by LeastConnections where it is quieter', async () => {
    await choose({ algorithm: 'LeastConnections' });
    const slow = proxy.get(PORT, '/slow?1000');
    await proxy.until('one request to be open', () => one.open + two.open === 1);
    const busy = one.open === 1 ? 'one' : 'two';
    expect(await servers(4)).not.toContain(busy);
    expect((await slow).server).toBe(busy);
  });

  it('by Random anywhere', async () => {
    await choose({ algorithm: 'Random' });
    expect(distinct(await servers(40))).toEqual(['one', 'two']);
  });

  it('by First until that one is full', async () => {
    await proxy.apply(site({ balance: { algorithm: 'First' }, maxConnections: 1 }));
    await proxy.serving();
    const [first = 'none', ...more] = await servers(6);
    expect(distinct(more)).toEqual([first]);
    const slow = proxy.get(PORT, '/slow?1000');
    await proxy.until('the first to be full', () => one.open + two.open === 1);
    expect((await servers(1))[0]).toBe(first === 'one' ? 'two' : 'one');
    expect((await slow).server).toBe(first);
  });

  it('by its weight, three times as often for three times as much', async () => {
    const weighted = (weight: number) => (server: WebServer) => {
      return { name: server.name, address: server.address, port: server.port, weight };
    };
    await proxy.apply(site({ externalEndpoints: [...[one].map(weighted(30)), ...[two].map(weighted(10))] }));
    await proxy.serving();
    const list = await servers(20);
    expect(list.filter((name) => name === 'one')).toHaveLength(15);
  });

  it.each([
    ['SourceIP', {}, (client: number) => proxy.get(PORT, '/', { from: `127.8.0.${client + 1}` })],
    ['URI', {}, (client: number) => proxy.get(PORT, `/page${client}`)],
    [
      'Header',
      { header: 'X-User' },
      (client: number) => proxy.get(PORT, '/', { headers: { 'X-User': `user${client}` } }),
    ],
  ])('by %s always the same for the same', async (algorithm, more, ask) => {
    await choose({ algorithm, ...more });
    const list = await servers(20, ask);
    expect(await servers(20, ask)).toEqual(list);
    expect(distinct(list)).toEqual(['one', 'two']);
  });
});

describe('a check', () => {
  const verdict = async (healthCheck: object) => {
    await proxy.apply(site({ healthCheck: { interval: '200ms', rise: 1, fall: 1, ...healthCheck } }, [one]));
    const { health } = await proxy.until('a verdict', () => {
      const [server] = [...(proxy.rail.observed.pools.get('default/site')?.values() ?? [])];
      return server?.health === 'Up' || server?.health === 'Down' ? server : undefined;
    });
    return health;
  };

  it.each([
    ['the status', 204, 'ok', { path: '/health', expect: { status: ['204'] } }, 'Up'],
    ['another status', 200, 'ok', { path: '/health', expect: { status: ['204', '300-399'] } }, 'Down'],
    ['the body', 200, 'all is well', { path: '/health', expect: { body: 'is well' } }, 'Up'],
    ['another body', 200, 'all is not so well', { path: '/health', expect: { body: 'is well' } }, 'Down'],
    ['a header', 200, 'ok', { path: '/health', expect: { header: { name: 'X-Health', value: 'one' } } }, 'Up'],
    ['another header', 200, 'ok', { path: '/health', expect: { header: { name: 'X-Health', value: 'on' } } }, 'Down'],
    ['a connection only', 500, '', { type: 'TCP' }, 'Up'],
    ['an error by default', 500, '', { path: '/health' }, 'Down'],
  ] as const)('looks at %s', async (...[, health, healthBody, check, wanted]) => {
    Object.assign(one, { health, healthBody });
    expect(await verdict(check)).toBe(wanted);
  });

  it('asks another port when it is told to', async () => {
    two.health = 204;
    const other = { path: '/health', expect: { status: ['204'] }, port: two.port };
    await expect(verdict(other)).resolves.toBe('Down');
    const beside = await startWebServer({ name: 'beside', address: one.address });
    try {
      beside.health = 204;
      await proxy.apply(site({ healthCheck: { interval: '200ms', ...other, port: beside.port } }, [one]));
      await proxy.serving();
      expect(await servers(1)).toEqual(['one']);
      expect(beside.checks).toBeGreaterThan(0);
    } finally {
      await beside.stop();
    }
  });

  it('of one server is as its endpoint says, from the moment it says so and without a reload', async () => {
    const beside = await startWebServer({ name: 'beside', address: one.address });
    try {
      beside.health = 500;
      const check = { path: '/health', interval: '200ms', rise: 1, fall: 1 };
      const endpoints = (own?: object) => ({
        healthCheck: check,
        externalEndpoints: [
          { name: one.name, address: one.address, port: one.port, ...(own && { healthCheck: own }) },
          { name: two.name, address: two.address, port: two.port },
        ],
      });
      await proxy.apply(site(endpoints()));
      await proxy.serving();
      const { reloads } = await proxy.processes();
      await proxy.apply(site(endpoints({ port: beside.port, interval: '100ms' })));
      await proxy.until('visitors to get the other server alone', async () => {
        const got = await servers(4);
        return beside.checks > 0 && got.every((name) => name === 'two');
      });
      beside.health = 200;
      await proxy.serving();
      expect(new Set(await servers(4))).toEqual(new Set(['one', 'two']));
      // Where the check passes, what it counts is all that differs.
      await proxy.apply(site(endpoints({ rise: 2, fall: 100 })));
      await proxy.serving();
      one.health = two.health = 500;
      await proxy.until('the server of the pool to be out', async () =>
        [...(await proxy.servers('http_default_site')).values()].some(
          ({ name, health }) => name.startsWith('two_') && health === 'Down',
        ),
      );
      expect(await servers(4)).toEqual(['one', 'one', 'one', 'one']);
      expect((await proxy.processes()).reloads).toBe(reloads);
    } finally {
      await beside.stop();
    }
  });

  it('that is going on leaves the server what it was', async () => {
    await proxy.apply(site({ healthCheck: { path: '/health', interval: '100ms', timeout: '10s' } }, [one]));
    await proxy.serving();
    // No answer from now on: the next check is on its way for as long as its time limit.
    one.health = 0;
    const before = one.checks;
    await proxy.until('a check to be going on', () => one.checks > before);
    expect([...(await proxy.servers('http_default_site')).values()]).toMatchObject([{ admin: 'ready', health: 'Up' }]);
  });

  it('that fails, of a few that may, leaves the server serving and is told', async () => {
    await proxy.apply(site({ healthCheck: { path: '/health', interval: '300ms', rise: 1, fall: 100 } }, [one]));
    await proxy.serving();
    one.health = 500;
    const seen = () => [...(proxy.rail.observed.pools.get('default/site')?.values() ?? [])];
    await proxy.until('the failure to be told', () => seen().some(({ failure }) => failure === 'Answer'));
    expect(seen()).toMatchObject([{ admin: 'ready', health: 'Up' }]);
    expect(await servers(2)).toEqual(['one', 'one']);
    one.health = 200;
    await proxy.until('the failure to be over', () => seen().every(({ failure }) => failure === undefined));
  });

  it('takes a server out and back in', async () => {
    await proxy.apply(site());
    await proxy.serving();
    await two.stop();
    await proxy.until('the dead server to be out', () =>
      [...(proxy.rail.observed.pools.get('default/site') ?? [])].some(
        ([id, { health }]) => id.startsWith('two') && health === 'Down',
      ),
    );
    expect(await servers(4)).toEqual(['one', 'one', 'one', 'one']);
    await two.start();
    await proxy.serving();
    expect(await servers(2)).toHaveLength(2);
  });
});

describe('trouble', () => {
  it('with one server is not seen: another one is asked', async () => {
    await proxy.apply(site({ healthCheck: { path: '/health', interval: '10m' } }));
    await proxy.serving();
    await two.stop();
    const answers = await Promise.all(Array.from({ length: 10 }, () => proxy.get(PORT, '/')));
    await two.start();
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  });

  it('after a request was sent repeats only what may be repeated', async () => {
    const spec = {
      healthCheck: { path: '/health', interval: '10m' },
      retries: { when: ['ConnectFailure', 'EmptyResponse', '503'], attempts: 2 },
    };
    await proxy.apply(site(spec));
    await proxy.serving();
    let calls = 0;
    two.handler = (_, response) => {
      calls += 1;
      response.destroy();
    };
    expect((await Promise.all([1, 2, 3, 4].map(() => proxy.get(PORT, '/')))).map(({ status }) => status)).toEqual([
      200, 200, 200, 200,
    ]);
    expect(calls).toBeGreaterThan(0);
    const posts = await Promise.all([1, 2, 3, 4].map(() => proxy.get(PORT, '/', { method: 'POST', body: 'x' })));
    expect(posts.filter(({ status }) => status === 502).length).toBeGreaterThan(0);
    // Before it was sent, anything may be tried again.
    two.handler = undefined;
    await two.stop();
    const sent = await Promise.all([1, 2, 3, 4].map(() => proxy.get(PORT, '/', { method: 'POST', body: 'x' })));
    await two.start();
    expect(sent.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  describe('that a pool names is tried again on another server:', () => {
    const GIVE_UP = 300;
    const BAD: Readonly<Record<string, NonNullable<WebServer['handler']>>> = {
      'closes without an answer': (request) => request.socket.destroy(),
      'says nothing': () => undefined,
      'answers 500': (_, response) => response.writeHead(500).end(),
      'answers 502': (_, response) => response.writeHead(502).end(),
      'answers 503': (_, response) => response.writeHead(503).end(),
      'answers 404': (_, response) => response.writeHead(404).end(),
    };
    it.each<[keyof typeof BAD, readonly string[], 'GET' | 'POST', number]>([
      ['closes without an answer', ['EmptyResponse'], 'GET', 200],
      ['closes without an answer', ['EmptyResponse'], 'POST', 502],
      ['closes without an answer', ['ConnectFailure'], 'GET', 502],
      ['says nothing', ['Timeout'], 'GET', 200],
      ['says nothing', ['Timeout'], 'POST', 504],
      ['says nothing', ['ConnectFailure'], 'GET', 504],
      ['answers 503', ['503'], 'GET', 200],
      ['answers 503', ['503'], 'POST', 503],
      ['answers 503', ['500', '502'], 'GET', 503],
      ['answers 502', ['500', '502'], 'GET', 200],
      ['answers 500', ['500', '502'], 'GET', 200],
      ['answers 404', ['404'], 'GET', 200],
      ['answers 404', ['503'], 'GET', 404],
    ])('a server %s, retries when %j, %s gets %i', async (...[bad, when, method, status]) => {
      const externalEndpoints = [one, two].map(({ name, address, port }) => ({ name, address, port }));
      await proxy.apply(
        site({
          externalEndpoints,
          healthCheck: { path: '/health', interval: '10m' },
          timeouts: { server: `${GIVE_UP}ms` },
          retries: { when, attempts: 2 },
        }),
      );
      await proxy.serving();
      // In turn: one of two requests meets it first.
      let met = 0;
      two.handler = (request, response) => {
        met += 1;
        BAD[bad]?.(request, response);
      };
      const ask = () => proxy.get(PORT, '/', { method, ...(method === 'POST' && { body: 'x' }) });
      const seen = [await ask(), await ask()].map((answer) => answer.status);
      expect(new Set(seen)).toEqual(new Set([200, status]));
      expect(met).toBeGreaterThan(0);
    });
  });

  it('is named in a header when nobody can serve', async () => {
    await proxy.apply([
      ...site({}, []),
      ruleOf('lost', { port: PORT, hostnames: ['lost.x'] }, [{ name: 'a', pools: [{ name: 'nowhere' }] }]),
      ruleOf('no', { port: PORT, hostnames: ['no.x'] }, [
        { name: 'a', matches: [{ path: { type: 'Exact', value: '/a' } }], respond: { status: 200 } },
      ]),
    ]);
    const reasons = await Promise.all(
      [
        proxy.get(PORT, '/'),
        proxy.get(PORT, '/', { host: 'lost.x' }),
        proxy.get(PORT, '/', { host: '*' }),
        proxy.get(PORT, '/..', {}),
      ].map(async (answer) => `${(await answer).status} ${(await answer).reason}`),
    );
    expect(reasons).toEqual(['503 no-ready-server', '500 pool-not-found', '400 bad-host', '400 bad-path']);
  });

  it('with all servers shows the maintenance page', async () => {
    await proxy.apply(site({ maintenancePage: { body: '<h1>back soon</h1>' } }));
    await proxy.serving();
    expect((await proxy.get(PORT, '/')).status).toBe(200);
    one.health = two.health = 500;
    const page = await proxy.until('the page', async () => {
      const answer = await proxy.get(PORT, '/');
      return answer.status === 503 ? answer : undefined;
    });
    expect(page).toMatchObject({ body: '<h1>back soon</h1>', reason: 'maintenance' });
    expect(page.headers).toMatchObject({ 'content-type': 'text/html', 'cache-control': 'no-store' });
  });
});

describe('a maintenance page of a ConfigMap', () => {
  const page = { status: 200, configMap: { name: 'pages', key: 'soon.html' } };
  const closed = (maintenancePage: object) => [
    poolOf('site', [], { maintenancePage }),
    ruleOf('site', PORT, [allTo('site')]),
  ];
  const put = (text: string) => void proxy.configMaps.set('default/pages', new Map([['soon.html', text]]));
  const got = async () => {
    const { status, body, reason } = await proxy.get(PORT, '/');
    return `${status} ${reason} ${body}`;
  };

  it('is shown as it is there; a changed one is a reload that loses nobody', async () => {
    await proxy.apply(closed(page));
    expect(await got()).toBe('503 no-ready-server no-ready-server');
    put('<h1>soön</h1>\r\n\t100 % %[env(HOME)] "x"');
    await proxy.apply(closed(page));
    expect(await got()).toBe('200 maintenance <h1>soön</h1>\r\n\t100 % %[env(HOME)] "x"');
    const load = proxy.load(PORT);
    put('later');
    await proxy.apply(closed(page));
    await load.more(20);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await got()).toBe('200 maintenance later');
    expect(proxy.told.reloaded.slice(1)).toEqual(['pool-options']);
    proxy.configMaps.clear();
    await proxy.apply(closed(page));
    expect(await got()).toBe('503 no-ready-server no-ready-server');
  });

  it('may be as long as its bound allows', async () => {
    const text = `${'ä'.repeat(6143)}\n\t`;
    put(text);
    await proxy.apply(closed({ ...page, status: 503 }));
    expect(await got()).toBe(`503 maintenance ${text}`);
  });
});

describe('a backup server', () => {
  it('serves while no primary can, and not a visitor longer', async () => {
    const spec = {
      externalEndpoints: [one, two].map(({ name, address, port }, index) => ({
        name,
        address,
        port,
        tier: index === 0 ? 'Primary' : 'Backup',
      })),
    };
    await proxy.apply(site(spec));
    await proxy.serving();
    const statuses: number[] = [];
    const all = (name: string) => async () => {
      const got = await Promise.all(Array.from({ length: 8 }, (_, index) => proxy.get(PORT, `/${index}`)));
      statuses.push(...got.map(({ status }) => status));
      return got.every(({ server }) => server === name);
    };
    expect(await all('one')()).toBe(true);
    one.health = 500;
    await proxy.until('the backup to serve', all('two'));
    one.health = 200;
    await proxy.until('the primary to serve again', all('one'));
    expect(await all('one')()).toBe(true);
    expect(statuses).not.toContain(503);
  });
});

describe('a backup server behind a TCP port', () => {
  it('serves while no primary can, and not a connection longer', async () => {
    const endpoints = [one, two].map(({ name, address, port }, index) => {
      return { name, address, port, tier: index === 0 ? 'Primary' : 'Backup' };
    });
    await proxy.apply([
      poolOf('site', [], { externalEndpoints: endpoints }),
      ruleOf('site', { port: PORT, protocol: 'TCP' }, [allTo('site')]),
    ]);
    await proxy.serving();
    const all = (name: string) => async () => (await servers(4)).every((server) => server === name);
    expect(await all('one')()).toBe(true);
    one.health = 500;
    await proxy.until('the backup to serve', all('two'));
    one.health = 200;
    await proxy.until('the primary to serve again', all('one'));
  });
});

describe('a full load balancer', () => {
  it('lets visitors wait until another one has gone, and refuses nobody', async () => {
    await proxy.stop();
    proxy = await createTestProxy({ settings: { maxConnections: 2 } });
    await proxy.apply(site({}, [one]));
    await proxy.serving();
    const slow = [proxy.get(PORT, '/slow?1000'), proxy.get(PORT, '/slow?1000')];
    await proxy.until('both to be served', () => one.open === 2);
    const ended: string[] = [];
    const all = [...slow.map((answer) => ['slow', answer] as const), ['waiting', proxy.get(PORT, '/')] as const];
    const statuses = await Promise.all(
      all.map(async ([what, answer]) => {
        const { status } = await answer;
        ended.push(what);
        return status;
      }),
    );
    expect(statuses).toEqual([200, 200, 200]);
    expect(ended[0]).toBe('slow');
  });
});

describe('a full server', () => {
  it('lets visitors wait, for so long', async () => {
    await proxy.apply(site({ maxConnections: 1, queueTimeout: '200ms' }, [one]));
    await proxy.serving();
    const first = proxy.get(PORT, '/slow?1500');
    await proxy.until('the server to be full', () => one.open === 1);
    const second = await proxy.get(PORT, '/');
    expect(second.status).toBe(503);
    expect((await first).status).toBe(200);
    const third = proxy.get(PORT, '/slow?50');
    expect((await proxy.get(PORT, '/')).status).toBe(200);
    await third;
  });
});

describe('weights of pools', () => {
  it('share the visitors', async () => {
    const pools = [
      { name: 'a', weight: 3 },
      { name: 'b', weight: 1 },
      { name: 'gone', weight: 0 },
    ];
    await proxy.apply([poolOf('a', [one]), poolOf('b', [two]), ruleOf('site', PORT, [{ name: 'all', pools }])]);
    await proxy.serving();
    const list = await servers(200);
    const share = list.filter((name) => name === 'one').length / list.length;
    // 150 of 200 are meant; 6 standard deviations are 37.
    expect(share).toBeGreaterThan(0.56);
    expect(share).toBeLessThan(0.94);
    expect(list).not.toContain('none');
  });

  it('answer 500 for the share of a pool that is not there', async () => {
    const pools = [{ name: 'a' }, { name: 'gone' }];
    await proxy.apply([poolOf('a', [one]), ruleOf('site', PORT, [{ name: 'all', pools }])]);
    await proxy.serving();
    const answers = await Promise.all(Array.from({ length: 60 }, () => proxy.get(PORT, '/')));
    expect([...new Set(answers.map(({ status, reason }) => `${status} ${reason ?? ''}`))].sort()).toEqual([
      '200 ',
      '500 pool-not-found',
    ]);
  });
});

describe('a TCP listener', () => {
  let echo: Server;
  let place: { address: string; port: number };
  beforeAll(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('hello ');
      socket.once('data', (data) => socket.end(data));
    });
    await new Promise<void>((resolve) => {
      echo.listen(0, one.address, resolve);
    });
    place = { address: one.address, port: (echo.address() as { port: number }).port };
  });
  afterAll(async () => {
    await new Promise((resolve) => {
      echo.close(resolve);
    });
  });
  const relay = (name: string, at = place) => ({
    kind: 'WebPool' as const,
    name,
    spec: { protocol: 'TCP', healthCheck: { interval: '200ms', rise: 1 }, externalEndpoints: [{ name: 'a', ...at }] },
  });
  const talk = (text: string, from = '127.7.0.1') =>
    exchange({ address: proxy.address, port: 2525 }, text, from).catch(() => 'reset');

  it('carries bytes, chooses by source and closes the rest', async () => {
    const rules = [
      { name: 'near', matches: [{ sourceRanges: ['127.7.0.0/24'] }], pools: [{ name: 'relay' }] },
      { name: 'web', matches: [{ sourceRanges: ['127.6.0.0/24'] }], pools: [{ name: 'site' }] },
    ];
    await proxy.apply([relay('relay'), poolOf('site', [two]), ruleOf('smtp', { port: 2525, protocol: 'TCP' }, rules)]);
    await proxy.serving();
    expect(await talk('EHLO')).toBe('hello EHLO');
    expect(await talk('GET / HTTP/1.0\r\n\r\n', '127.6.0.1')).toContain('"server":"two"');
    expect(await talk('EHLO', '127.5.0.1')).toMatch(/^(reset)?$/);
    // The same pool may be an HTTP one elsewhere.
    await proxy.apply([
      relay('relay'),
      poolOf('site', [two]),
      ruleOf('smtp', { port: 2525, protocol: 'TCP' }, rules),
      ruleOf('site', PORT, [allTo('site')]),
    ]);
    await proxy.until('HTTP too', async () => (await proxy.get(PORT, '/')).server === 'two');
  });

  it('shares connections by weight and changes without a reload', async () => {
    const rule = (pools: readonly object[]) =>
      ruleOf('smtp', { port: 2525, protocol: 'TCP' }, [{ name: 'all', pools }]);
    const other = { address: two.address, port: two.port };
    const both = [relay('a'), relay('b', other)];
    await proxy.apply([
      ...both,
      rule([
        { name: 'a', weight: 1 },
        { name: 'b', weight: 1 },
      ]),
    ]);
    await proxy.serving();
    const answers = await Promise.all(Array.from({ length: 40 }, () => talk('GET / HTTP/1.0\r\n\r\n')));
    expect(new Set(answers.map((text) => text.slice(0, 4)))).toEqual(new Set(['hell', 'HTTP']));
    await proxy.apply([
      ...both,
      rule([
        { name: 'a', weight: 1 },
        { name: 'b', weight: 0 },
      ]),
    ]);
    expect(await proxy.processes()).toMatchObject({ reloads: 0 });
    const rest = await Promise.all(Array.from({ length: 10 }, () => talk('GET / HTTP/1.0\r\n\r\n')));
    expect(new Set(rest.map((text) => text.slice(0, 4)))).toEqual(new Set(['hell']));
  });
});

const noIpv6 = (await hasIpv6()) ? undefined : 'this host has no IPv6';
describeWhere('IPv6', noIpv6, () => {
  it('is spoken on both sides', ipv6);
});

async function ipv6(): Promise<void> {
  const server = await startWebServer({ name: 'six', address: '::1' });
  const dual = await createTestProxy({ bind: ['::1', proxy.address] });
  try {
    const port = server.port === 18_080 ? 18_081 : 18_080;
    await dual.apply([poolOf('site', [server]), ruleOf('site', port, [allTo('site')])]);
    await dual.serving();
    expect((await request({ address: '::1', port }, '/')).server).toBe('six');
    expect((await dual.servers('http_default_site')).get(`six_::1:${server.port}`)).toMatchObject({
      address: '::1',
      health: 'Up',
    });
  } finally {
    await dual.stop();
    await server.stop();
  }
}
