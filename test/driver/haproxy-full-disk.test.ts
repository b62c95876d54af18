/** A HAProxy whose disk is full: the last good files stay, on disk too, and are what it starts from. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { admitted } from '../support/admit.ts';
import { describeWhere } from '../support/announce.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { eventually } from '../support/wait.ts';
import { makeSmallDisk, missingSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const [PORT, OTHER_PORT] = [8080, 8081];

describeWhere('a HAProxy whose disk is full', await missingSmallDisk(), () => {
  let disk: SmallDisk;
  let proxy: TestProxy;
  let one: WebServer;
  let two: WebServer;

  useWebServers(['one', 'two'], (servers) => {
    [one, two] = servers;
  });
  beforeEach(async () => {
    disk = await makeSmallDisk(4);
    proxy = await createTestProxy({ within: disk.folder });
    await proxy.apply(site());
    await proxy.serving();
    await proxy.rail.flush();
  });
  afterEach(async () => {
    await proxy.stop();
    await disk.stop();
  });

  const site = (...servers: readonly WebServer[]) => [
    poolOf('site', servers.length === 0 ? [one, two] : servers),
    ruleOf('site', PORT, [allTo('site')]),
  ];
  const more = () => [...site(), ruleOf('more', OTHER_PORT, [{ name: 'all', respond: { status: 418 } }])];
  const refused = () => proxy.until('the refusal', () => proxy.rail.observed.problem);
  const FULL = /^The files .* cannot be written \(ENOSPC: no space left on device, write\)/;

  it('keeps the last good configuration, and reloads by itself once there is room', async () => {
    const before = await proxy.file('haproxy.cfg');
    disk.fill();
    proxy.aim(admitted(more()));
    expect(await refused()).toEqual({ reason: 'FilesNotWritten', message: expect.stringMatching(FULL) as unknown });
    expect(proxy.told).toMatchObject({ reloaded: [], configRefused: [] });
    expect(proxy.rail.observed.programmed).toBe(false);
    expect((await proxy.get(PORT, '/')).status).toBe(200);
    expect(await proxy.file('haproxy.cfg')).toBe(before);
    await disk.free();
    await proxy.until('the reload', () => proxy.rail.observed.programmed);
    expect(proxy.told.reloaded).toEqual(['listeners']);
    expect((await proxy.get(OTHER_PORT, '/')).status).toBe(418);
  });

  it('is started again from the image of before when it ends, and servers follow', async () => {
    disk.fill();
    proxy.aim(admitted(more()));
    await refused();
    process.kill(await proxy.masterPid(), 'SIGKILL');
    await eventually('its end', () => proxy.told.exits === 1);
    proxy.aim(admitted(site(two)));
    await proxy.until('it to serve', () => proxy.told.started.length === 2 && proxy.rail.programmed);
    await proxy.until('the other server to be gone', async () => (await proxy.get(PORT, '/')).server === 'two');
  });
});
