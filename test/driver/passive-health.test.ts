import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const ERRORS = 3;

describe('errors that visitors meet', () => {
  let proxy: TestProxy;
  let good: WebServer;
  let bad: WebServer;

  useWebServers(['good', 'bad'], (servers) => {
    [good, bad] = servers;
  });
  beforeAll(async () => {
    proxy = await createTestProxy();
  });
  afterAll(() => proxy.stop());
  beforeEach(() => {
    bad.handler = undefined;
  });

  /** Checks that pass, and that take long to bring a server back. */
  const start = async (passiveHealth: object | undefined) => {
    const healthCheck = { path: '/health', interval: '200ms', rise: 100, fall: 2 };
    await proxy.apply([
      poolOf('site', [good, bad], { healthCheck, ...(passiveHealth && { passiveHealth }) }),
      ruleOf('site', PORT, [allTo('site')]),
    ]);
    await proxy.serving();
  };
  const answers = async (count: number) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push((await proxy.get(PORT, '/')).status);
    return statuses.filter((status) => status !== 200).length;
  };
  const breakIt = (status: number) => {
    bad.handler = (_, response) => void response.writeHead(status).end();
  };

  it.each([500, 503])(
    'take a server out after so many answers %i in a row, though its check passes',
    async (status) => {
      await start({ errors: ERRORS });
      breakIt(status);
      await answers(ERRORS * 2 + 2);
      await proxy.until('the server to be out', async () =>
        [...(await proxy.servers('http_default_site')).values()].some(
          ({ name, health }) => name.startsWith('bad_') && health === 'Down',
        ),
      );
      expect(await answers(10)).toBe(0);
      expect((await proxy.get(PORT, '/')).server).toBe('good');
      await proxy.apply([]);
    },
  );

  it.each([404, 501])('are none where the server only says %i', async (status) => {
    await start({ errors: ERRORS });
    breakIt(status);
    expect(await answers(ERRORS * 4)).toBeGreaterThan(ERRORS);
    const servers = [...(await proxy.servers('http_default_site')).values()];
    expect(servers.map(({ health }) => health)).toEqual(['Up', 'Up']);
    await proxy.apply([]);
  });

  it('count for nothing where nobody asks', async () => {
    await start(undefined);
    breakIt(500);
    expect(await answers(ERRORS * 4)).toBeGreaterThan(ERRORS);
    const servers = [...(await proxy.servers('http_default_site')).values()];
    expect(servers.map(({ health }) => health)).toEqual(['Up', 'Up']);
  });
});
