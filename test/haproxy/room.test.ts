import { expect, it, onTestFinished } from 'vitest';
import { roomSection } from '../../operator/haproxy/room.ts';
import { allTo, createTestProxy, poolOf, ROUTER, ruleOf } from '../support/haproxy.ts';

it.each([
  [0, 6000],
  [1000, 5500],
  [10_000, 1000],
  [20_000, 1000],
])('with %i servers in its file HAProxy may have %i connections', (servers, connections) => {
  const section = roomSection({ maxConnections: 1000, otherDescriptors: 10_000 }, servers);
  expect(section).toBe(`global\n  maxconn ${connections}\n\n`);
});

it('the Lua of no thread has tables of pools and servers', async () => {
  const tell = `
core.register_task(function()
  core.log(core.notice, "tables " .. tostring(core.proxies) .. " " .. tostring(core.backends) .. " " .. tostring(core.frontends))
end)`;
  const proxy = await createTestProxy({ settings: { router: `${ROUTER}${tell}` } });
  onTestFinished(() => proxy.stop());
  await proxy.apply([poolOf('site', []), ruleOf('site', 8080, [allTo('site')])]);
  const threads = Number(/^Nbthread: (\d+)$/m.exec(await proxy.command('show info'))?.[1]);
  const told = await proxy.until('every thread to tell', () => {
    const lines = proxy.told.lines.flatMap((line) => /tables .*/.exec(line) ?? []);
    return lines.length === threads ? lines : undefined;
  });
  expect(new Set(told)).toEqual(new Set(['tables nil nil nil']));
});
