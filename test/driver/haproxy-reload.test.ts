/** A HAProxy that gets another structure, another driver, a configuration that is no good, or that dies. */
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMasterCommand } from '../../operator/driver/runtime-socket.ts';
import type { ServerState } from '../../operator/haproxy/proxy.ts';
import { admitted } from '../support/admit.ts';
import { allTo, createTestProxy, poolOf, ROUTER, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const OTHER_PORT = 8081;
const BACKEND = 'http_default_site';

let proxy: TestProxy;
let one: WebServer;
let two: WebServer;

useWebServers(['one', 'two'], (servers) => {
  [one, two] = servers;
});
beforeEach(async () => {
  proxy = await createTestProxy();
  await proxy.apply(site());
  await proxy.serving();
});
afterEach(async () => {
  await proxy.stop();
});

const site = (spec: object = {}) => [poolOf('site', [one, two], spec), ruleOf('site', PORT, [allTo('site')])];
const more = (port: number) => [...site(), ruleOf('more', port, [{ name: 'all', respond: { status: 418 } }])];

/** Servers and their states, without times and counters. */
async function states(): Promise<unknown> {
  return [...(await proxy.servers(BACKEND)).values()].map(({ name, admin, health, weight }) => ({
    name,
    admin,
    health,
    weight,
  }));
}

describe('a reload', () => {
  it.each([
    ['listeners', () => more(OTHER_PORT)],
    ['pools', () => [...site(), poolOf('other', [])]],
    ['pool-options', () => site({ retries: { attempts: 1 } })],
  ])('has its reason: %s', async (reason, objects) => {
    await proxy.apply(objects());
    expect(proxy.told.reloaded).toEqual([reason]);
    expect(await proxy.processes()).toMatchObject({ reloads: 1, failed: 0 });
    expect((await proxy.get(PORT, '/')).status).toBe(200);
  });

  it('is one for any number of changes', async () => {
    await proxy.apply([...more(OTHER_PORT), poolOf('other', []), poolOf('third', [])]);
    expect(await proxy.processes()).toMatchObject({ reloads: 1 });
  });

  it('loses no request and no server, not even a drained one', async () => {
    const { name, address, port } = two;
    const drained = {
      externalEndpoints: [
        { name: 'one', address: one.address, port: one.port, weight: 30 },
        { name, address, port, state: 'Drain' },
      ],
    };
    await proxy.apply(site(drained));
    const before = await states();
    const load = proxy.load(PORT);
    await load.more(50);
    await proxy.apply([...site(drained), poolOf('other', [])]);
    expect(await states()).toEqual(before);
    await proxy.apply([...site(drained), poolOf('other', []), poolOf('third', [])]);
    await load.more(50);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.servers.keys()]).toEqual(['one']);
    expect(await proxy.processes()).toMatchObject({ reloads: 2 });
  });

  it('keeps a server in maintenance, which can come back and leave after it', async () => {
    const resting = (state: string) => {
      const list = [one, two].map(({ name, address, port }) => ({
        name,
        address,
        port,
        ...(name === 'two' ? { state } : {}),
      }));
      return [...site({ externalEndpoints: list, drainTimeout: '0s' }), poolOf('other', [])];
    };
    await proxy.apply(resting('Maintenance'));
    const id = `two_${two.address}:${two.port}`;
    expect((await proxy.servers(BACKEND)).get(id)?.admin).toBe('maint');
    await proxy.apply(resting('Active'));
    await proxy.serving();
    expect((await proxy.servers(BACKEND)).get(id)?.admin).toBe('ready');
    await proxy.apply([poolOf('site', [one], { drainTimeout: '0s' }), ...resting('Active').slice(1)]);
    await proxy.until('the server to be gone', async () => !(await proxy.servers(BACKEND)).has(id));
    expect(proxy.told.refused).toEqual([]);
    expect(await proxy.processes()).toMatchObject({ reloads: 1 });
  });

  it('lets a request finish that it found open', async () => {
    const slow = proxy.get(PORT, '/slow?1000');
    await eventually('the request to be open', () => one.open + two.open === 1);
    await proxy.apply(more(OTHER_PORT));
    expect((await slow).status).toBe(200);
  });
});

describe('a reload by somebody else', () => {
  it('hides nothing from us, and the worker before it may end', async () => {
    await proxy.rail.flush();
    for (const weight of [10, 20, 30]) {
      const { worker } = await proxy.processes();
      await runMasterCommand(join(proxy.folder, 'master.sock'), 'reload').catch(() => undefined);
      await eventually('another worker', async () => ![worker, undefined].includes((await proxy.processes()).worker));
      await proxy.apply(site({ externalEndpoints: [{ name: 'one', address: one.address, port: one.port, weight }] }));
      expect([...(await proxy.servers(BACKEND)).values()].find(({ name }) => name.startsWith('one'))).toMatchObject({
        weight,
      });
    }
    await eventually('the old workers to end', async () => (await proxy.processes()).old.length === 0);
    expect(proxy.told.reloaded).toEqual([]);
  });
});

describe('a reload that takes its time', () => {
  /** HAProxy does not get past this script while there is a file `gate`, and says that it waits there. */
  const gated = `${ROUTER}
local gate = io.open("gate")
if gate ~= nil then io.open("waiting", "w"):close() end
while gate ~= nil do
  gate:close()
  os.execute("sleep 0.02")
  gate = io.open("gate")
end
`;

  const shares = async (target: TestProxy, count: number) => {
    const answers = await Promise.all(Array.from({ length: count }, () => target.get(PORT, '/')));
    return new Set(answers.map(({ server }) => server));
  };

  it('keeps no server from joining, leaving or resting', async () => {
    const slow = await createTestProxy({ settings: { router: gated } });
    const gate = join(slow.folder, 'gate');
    const three = await startWebServer({ name: 'three' });
    try {
      await slow.apply(site());
      await slow.serving();
      const { pid } = await slow.info();
      const wanted = (spec: object, pool: string) => [
        poolOf('site', [two, three], spec),
        poolOf(pool, []),
        ruleOf('site', PORT, [allTo('site')]),
      ];
      await writeFile(gate, '');
      slow.aim(admitted([...site(), poolOf('other', [])]));
      await slow.until('HAProxy to wait in its reload', () => slow.file('waiting').catch(() => false));

      slow.aim(admitted(wanted({}, 'other')));
      await slow.until('the new server to serve, and the old one not', async () => {
        const found = await slow.servers(BACKEND);
        return serves(found, three) && !serves(found, one);
      });
      expect(await shares(slow, 20)).toEqual(new Set(['three', 'two']));
      expect((await slow.info()).pid).toBe(pid);
      expect(slow.rail.loadingSince).toBeDefined();
      expect(slow.told.reloaded).toEqual([]);
      // Another structure waits for its turn, and servers do not wait for it.
      const drained = [two, three].map(({ name, address, port }) => ({ name, address, port, state: 'Drain' }));
      slow.aim(admitted(wanted({ externalEndpoints: [drained[0], { ...drained[1], state: 'Active' }] }, 'third')));
      await slow.until('the other server to rest', async () => !serves(await slow.servers(BACKEND), two));
      expect(await shares(slow, 20)).toEqual(new Set(['three']));
      expect(slow.told.reloaded).toEqual([]);

      await rm(gate);
      await slow.until('both reloads to be over', () => slow.rail.observed.programmed);
      expect(slow.told.reloaded).toEqual(['pools', 'pools']);
      expect(await slow.processes()).toMatchObject({ reloads: 2, failed: 0 });
      await slow.serving();
      expect(await shares(slow, 20)).toEqual(new Set(['three']));
      expect(slow.told.refused).toEqual([]);
    } finally {
      await rm(gate, { force: true });
      await slow.stop();
      await three.stop();
    }
  });

  const serves = (found: ReadonlyMap<string, ServerState>, { name, address, port }: WebServer) =>
    found.get(`${name}_${address}:${port}`)?.admin === 'ready';
});

describe('a configuration that HAProxy refuses', () => {
  it('leaves the last one in force and is told in its own words', async () => {
    const { pid } = await proxy.info();
    const next = proxy.successor({ settings: { router: 'this is no Lua' } });
    next.aim(admitted(site()));
    await next.until('the refusal', () => next.rail.observed.problem);
    expect(next.rail.observed).toMatchObject({
      programmed: false,
      problem: { reason: 'ConfigRejected', message: expect.stringContaining('router.lua') as unknown },
    });
    expect((await next.info()).pid).toBe(pid);
    // Servers and routes go on.
    next.aim(
      admitted([
        poolOf('site', [one]),
        ruleOf('site', PORT, [
          { name: 'tea', matches: [{ path: { type: 'Exact', value: '/tea' } }], respond: { status: 418 } },
          allTo('site'),
        ]),
      ]),
    );
    await next.until('the other server to be gone', async () => (await next.servers(BACKEND)).size === 1);
    expect((await next.get(PORT, '/tea')).status).toBe(418);
    // A HAProxy that dies now comes back as it was.
    await next.rail.flush();
    expect(await next.file('router.lua')).toBe(ROUTER);
    process.kill(await next.masterPid(), 'SIGKILL');
    await next.until('HAProxy to be back', async () => (await next.get(PORT, '/tea')).status === 418);
    await next.until('its server to serve', async () => (await next.get(PORT, '/')).server === 'one');
  });

  it('because of a port that is taken is told too, and the rest goes on', async () => {
    const thief = createServer();
    await new Promise<void>((resolve) => {
      thief.listen(OTHER_PORT, proxy.address, resolve);
    });
    await expect(proxy.apply(more(OTHER_PORT))).rejects.toThrow(`[${proxy.address}:${OTHER_PORT}]`);
    expect((await proxy.get(PORT, '/')).status).toBe(200);
    await new Promise((resolve) => {
      thief.close(resolve);
    });
    // Other objects are tried at once.
    await proxy.apply([...more(OTHER_PORT), poolOf('third', [])]);
    expect((await proxy.get(OTHER_PORT, '/')).status).toBe(418);
  });
});

describe('a HAProxy that dies', () => {
  it('is back with the same servers and states', async () => {
    await proxy.apply(
      site({
        externalEndpoints: [
          { name: 'one', address: one.address, port: one.port, weight: 30 },
          { name: 'two', address: two.address, port: two.port, state: 'Drain' },
        ],
      }),
    );
    const before = await states();
    // What the state file knows is what was read last.
    await proxy.until('a look at all servers', async () => {
      await proxy.driver.readServers();
      return true;
    });
    const worker = (await proxy.info()).pid;
    process.kill(worker, 'SIGKILL');
    await eventually('the master to end with its worker', () => proxy.told.exits === 1);
    await proxy.until('HAProxy to be back', () => proxy.told.started.length === 2 && proxy.rail.observed.programmed);
    expect(await states()).toEqual(before);
    // Nothing had to be put right: it was born so.
    expect((await proxy.get(PORT, '/')).server).toBe('one');
    expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  });
});

describe('a second start of ours', () => {
  it('takes over a running HAProxy and loses no request', async () => {
    const { pid } = await proxy.info();
    const before = await states();
    const load = proxy.load(PORT);
    await load.more(50);
    const next = proxy.successor();
    await next.apply(site());
    expect(next.told.started).toEqual(['took-over']);
    expect((await next.info()).pid).toBe(pid);
    expect(await states()).toEqual(before);
    await next.apply(more(OTHER_PORT));
    expect(next.told.reloaded).toEqual(['listeners']);
    await load.more(50);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await next.processes()).toMatchObject({ reloads: 1 });
  });

  it('puts right what changed while nobody looked', async () => {
    await proxy.command(`set server ${BACKEND}/one_${one.address}:${one.port} weight 3`);
    await proxy.command('clear map routes.map');
    expect((await proxy.get(PORT, '/')).status).toBe(404);
    const next = proxy.successor();
    await next.apply(site());
    expect((await next.get(PORT, '/')).status).toBe(200);
    expect((await next.servers(BACKEND)).get(`one_${one.address}:${one.port}`)?.weight).toBe(100);
    expect(await next.processes()).toMatchObject({ reloads: 0 });
  });

  it('sets limits that it cannot read back', async () => {
    const next = proxy.successor();
    await next.apply(site({ maxConnections: 3 }));
    const told = next.told.applied.filter(({ kind }) => kind === 'set-max-connections');
    expect(told).toHaveLength(2);
    expect(next.told.reloaded).toEqual([]);
  });
});

describe('stopping', () => {
  it('lets requests finish and ends', async () => {
    const slow = proxy.get(PORT, '/slow?700');
    await eventually('the request to be open', () => one.open + two.open === 1);
    const pid = await proxy.masterPid();
    await proxy.rail.stop(30_000);
    expect((await slow).status).toBe(200);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(proxy.told.exits).toBe(0);
  });
});
