/** What the plan's property test shows of a HAProxy by the book, a few real ones show too: after apply there is nothing to do. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planProxy } from '../../operator/haproxy/plan.ts';
import type { ProxyConfig, ProxyState } from '../../operator/haproxy/proxy.ts';
import { configOf, edit } from '../haproxy/worlds.ts';
import { createTestProxy, ROUTER, type TestProxy } from '../support/haproxy.ts';

const EDITS = 12;

let proxy: TestProxy;
beforeAll(async () => {
  proxy = await createTestProxy();
});
afterAll(async () => {
  await proxy.stop();
});

/** What somebody does by the socket, behind our back. */
const mischief = fc.constantFrom('weight 7', 'state maint', 'state ready', 'state drain');

/** Servers as they are and as they should be; one that is down is not asked to serve. */
function comparison(state: ProxyState, config: ProxyConfig) {
  const found: string[] = [];
  const wanted: string[] = [];
  for (const { name, servers } of config.backends.values()) {
    const has = state.backends.get(name);
    for (const server of servers.values()) {
      const seen = has?.get(server.name);
      const waits = server.admin === 'ready' && seen?.health !== 'Up' && seen?.admin === 'drain';
      wanted.push(
        `${name}/${server.name} ${server.weight} ${waits ? 'drain' : server.admin} ${server.address} ${server.port}`,
      );
    }
    for (const { name: own, weight, admin, address, port } of has?.values() ?? []) {
      found.push(`${name}/${own} ${weight} ${admin} ${address} ${port}`);
    }
  }
  return { found: found.sort(), wanted: wanted.sort() };
}

it('ends with nothing to do, whatever was there before', { timeout: 120_000 }, async () => {
  const edits = fc.sample(fc.tuple(edit, fc.array(fc.tuple(fc.nat(), mischief), { maxLength: 3 })), EDITS);
  for (const [[before, after], tricks] of edits) {
    for (const objects of [before, after]) {
      const { reloads } = await proxy.processes().catch(() => ({ reloads: undefined }));
      const { checksum } = await proxy.info().catch(() => ({ checksum: undefined }));
      await proxy.apply(objects);
      const config = configOf(objects, { bind: [proxy.address], maxConnections: 1000, router: ROUTER });
      const state = await proxy.until('servers that left to be gone', async () => {
        const read = await proxy.read();
        const { found, wanted } = comparison(read, config);
        return found.join() === wanted.join() ? read : undefined;
      });
      expect(state.checksum).toBe(config.checksum);
      expect(Object.fromEntries(state.routes)).toEqual(Object.fromEntries(config.routes));
      expect(planProxy(state, config, { now: 0, leaving: new Map(), runningSkeleton: config.skeleton })).toEqual([]);
      if (reloads !== undefined) {
        expect((await proxy.processes()).reloads).toBe(reloads + (checksum === config.checksum ? 0 : 1));
      }
      const all = [...state.backends].flatMap(([backend, servers]) =>
        [...servers.keys()].map((name) => `${backend}/${name}`),
      );
      const commands = tricks.flatMap(([index, trick]) =>
        all.length === 0 ? [] : [`set server ${all[index % all.length]} ${trick}`],
      );
      for (const command of commands) await proxy.command(command);
    }
  }
  expect(proxy.told.refused).toEqual([]);
});
