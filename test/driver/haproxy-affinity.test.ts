/** Visitors that stay with their server: through reloads, restarts and changes of the set. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

let proxy: TestProxy;
let servers: readonly WebServer[];

useWebServers(['one', 'two', 'three'], (all) => {
  servers = all;
});
beforeEach(async () => {
  proxy = await createTestProxy();
});
afterEach(async () => {
  await proxy.stop();
});

const site = (spec: object, list = servers) => [poolOf('site', list, spec), ruleOf('site', PORT, [allTo('site')])];
/** As `site`, with something else that costs a reload. */
const reloading = (spec: object, list = servers) => [...site(spec, list), poolOf('other', [])];

describe('a cookie', () => {
  const COOKIE = { sessionAffinity: { type: 'Cookie', cookieName: 'SITE', maxAge: '1h' } };

  /** A visitor: returns the server that it got, with the cookie that it was given. */
  async function visitor(): Promise<{ readonly server: string; readonly cookie: string }> {
    const { server = '', headers } = await proxy.get(PORT, '/');
    const [set = ''] = headers['set-cookie'] ?? [];
    return { server, cookie: set.split(';')[0] ?? '' };
  }
  const again = async ({ cookie }: { cookie: string }) => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => proxy.get(PORT, '/', { headers: { Cookie: `a=b; ${cookie}` } })),
    );
    return [...new Set(answers.map(({ server }) => server))];
  };

  it('binds to a server, through reload and restart', async () => {
    await proxy.apply(site(COOKIE));
    await proxy.serving();
    const visitors = [await visitor(), await visitor(), await visitor()];
    expect(new Set(visitors.map(({ server }) => server)).size).toBe(3);
    for (const one of visitors) expect(await again(one)).toEqual([one.server]);

    await proxy.apply(reloading(COOKIE));
    expect(await proxy.processes()).toMatchObject({ reloads: 1 });
    for (const one of visitors) expect(await again(one)).toEqual([one.server]);

    process.kill(await proxy.masterPid(), 'SIGKILL');
    await proxy.until('HAProxy to be back', () => proxy.told.started.length === 2);
    await proxy.serving();
    for (const one of visitors) expect(await again(one)).toEqual([one.server]);
  });

  it('is a session cookie that no script can read, and says nothing of the server', async () => {
    await proxy.apply(site({ sessionAffinity: { type: 'Cookie' } }));
    await proxy.serving();
    const [set = ''] = (await proxy.get(PORT, '/')).headers['set-cookie'] ?? [];
    expect(set).toMatch(/^WEBPOOL=[0-9a-f]{16}; path=\/; HttpOnly$/);
    const { headers } = await proxy.get(PORT, '/', { headers: { Cookie: set.split(';')[0] ?? '' } });
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('with an age is kept by the browser for that long', async () => {
    await proxy.apply(site(COOKIE));
    await proxy.serving();
    const [set = ''] = (await proxy.get(PORT, '/')).headers['set-cookie'] ?? [];
    expect(set).toContain('Max-Age=3600');
  });

  it('stays with a server that drains, and moves on when it is gone', async () => {
    const spec = { ...COOKIE, drainTimeout: '0s' };
    await proxy.apply(site(spec));
    await proxy.serving();
    const one = await visitor();
    const drained = servers.map(({ name, address, port }) => ({
      name,
      address,
      port,
      ...(name === one.server ? { state: 'Drain' } : {}),
    }));
    await proxy.apply(site({ ...spec, externalEndpoints: drained }));
    expect(await again(one)).toEqual([one.server]);
    const rest = servers.filter(({ name }) => name !== one.server);
    await proxy.apply(site(spec, rest));
    await proxy.until('the visitor to move', async () => !(await again(one)).includes(one.server));
    expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  });
});

describe('a cookie of a pool whose servers all drain', () => {
  it.each([503, 200])('still leads to its server, and who has none sees the page with status %i', async (status) => {
    const pool = (state: string) =>
      site({
        sessionAffinity: { type: 'Cookie' },
        maintenancePage: { status, body: 'soon' },
        externalEndpoints: servers.map(({ name, address, port }) => ({ name, address, port, state })),
      });
    await proxy.apply(pool('Active'));
    await proxy.serving();
    const { server, headers } = await proxy.get(PORT, '/');
    const Cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    await proxy.apply(pool('Drain'));
    expect(await proxy.get(PORT, '/', { headers: { Cookie } })).toMatchObject({ status: 200, server });
    expect(await proxy.get(PORT, '/')).toMatchObject({ status, body: 'soon', reason: 'maintenance' });
  });
});

describe('affinity by header', () => {
  const BY_HEADER = { sessionAffinity: { type: 'Header', header: 'X-User', maxAge: '10m' } };
  const USERS = ['ann', 'bob', 'Bearer eyJhbGciOi', 'x'.repeat(4000), 'é', 'dan'];
  const get = (user: string, from?: string) =>
    proxy.get(PORT, '/', { ...(from && { from }), headers: { 'X-User': user } });
  const where = async () => {
    const found = [];
    for (const user of USERS) found.push((await get(encodeURIComponent(user))).server);
    return found;
  };

  it('keeps a user on a server from wherever he comes, also when the set changes and after a reload', async () => {
    await proxy.apply(site(BY_HEADER, servers.slice(0, 2)));
    await proxy.serving();
    const before = await where();
    expect(new Set(before)).toEqual(new Set(['one', 'two']));
    for (const from of ['127.9.1.1', '127.9.1.2']) expect((await get('ann', from)).server).toBe(before[0]);
    await proxy.apply(site(BY_HEADER));
    await proxy.serving();
    expect(await where()).toEqual(before);
    await proxy.apply(reloading(BY_HEADER));
    expect(await proxy.processes()).toMatchObject({ reloads: 1 });
    expect(await where()).toEqual(before);
  });

  it('moves a user whose server is gone, once', async () => {
    await proxy.apply(site({ ...BY_HEADER, drainTimeout: '0s' }));
    await proxy.serving();
    const { server } = await get('ann');
    await proxy.apply(
      site(
        { ...BY_HEADER, drainTimeout: '0s' },
        servers.filter(({ name }) => name !== server),
      ),
    );
    const next = await proxy.until('the user to move', async () => {
      const answer = await get('ann');
      return answer.server !== server && answer.server;
    });
    await proxy.apply(site({ ...BY_HEADER, drainTimeout: '0s' }));
    await proxy.serving();
    for (let i = 0; i < 6; i++) expect((await get('ann')).server).toBe(next);
  });

  it('spreads those who say nothing', async () => {
    await proxy.apply(site(BY_HEADER));
    await proxy.serving();
    const found = new Set<string | undefined>();
    for (let i = 0; i < 9; i++)
      found.add((await proxy.get(PORT, '/', i % 2 === 0 ? {} : { headers: { 'X-User': '' } })).server);
    expect(found.size).toBe(3);
    expect(await proxy.command('show table http_default_site')).toContain('used:0');
  });
});

describe('affinity by address', () => {
  const BY_ADDRESS = { sessionAffinity: { type: 'SourceIP', maxAge: '10m' } };
  const CLIENTS = ['127.9.0.1', '127.9.0.2', '127.9.0.3', '127.9.0.4', '127.9.0.5', '127.9.0.6'];

  it('remembers the server of a visitor, also when the set changes and after a reload', async () => {
    await proxy.apply(site(BY_ADDRESS, servers.slice(0, 2)));
    await proxy.serving();
    const where = async () => {
      const found = new Map<string, string | undefined>();
      for (const from of CLIENTS) found.set(from, (await proxy.get(PORT, '/', { from })).server);
      return found;
    };
    const before = await where();
    expect(new Set(before.values())).toEqual(new Set(['one', 'two']));
    expect(await where()).toEqual(before);
    await proxy.apply(site(BY_ADDRESS));
    await proxy.serving();
    expect(await where()).toEqual(before);
    await proxy.apply(reloading(BY_ADDRESS));
    expect(await proxy.processes()).toMatchObject({ reloads: 1 });
    expect(await where()).toEqual(before);
  });
});
