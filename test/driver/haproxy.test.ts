import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

describe('a HAProxy', () => {
  let proxy: TestProxy;
  let one: WebServer;
  let two: WebServer;

  beforeAll(async () => {
    [proxy, one, two] = await Promise.all([
      createTestProxy(),
      startWebServer({ name: 'one' }),
      startWebServer({ name: 'two' }),
    ]);
  });
  afterAll(async () => {
    await proxy.stop();
    await Promise.all([one.stop(), two.stop()]);
  });

  it('serves what the objects say', async () => {
    await proxy.apply([poolOf('site', [one, two]), ruleOf('site', PORT, [allTo('site')])]);
    await proxy.serving();
    const answers = [await proxy.get(PORT, '/a'), await proxy.get(PORT, '/b')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(answers.map(({ server }) => server))).toEqual(new Set(['one', 'two']));
    expect(await proxy.processes()).toMatchObject({ reloads: 0, failed: 0 });
  });
});
