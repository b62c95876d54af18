/** Proxies that come and go and remember the same of their visitors, as in a Deployment. */
import { afterEach, expect, test } from 'vitest';
import { createPeerKeeper } from '../../operator/controller/proxy-peers.ts';
import type { Peer } from '../../operator/haproxy/peers.ts';
import { loopbackAddress } from '../support/address.ts';
import { allTo, becomePeers, createTestProxy, goRound, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

let servers: readonly WebServer[];
/** Whoever is there. */
let live: readonly Peer[] = [];
let proxies: TestProxy[] = [];
let joined = 0;

useWebServers(['one', 'two', 'three'], (all) => {
  servers = all;
});
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  [proxies, live] = [[], []];
});

/** A proxy that the others get to know at once, as they do by an EndpointSlice. */
async function join(): Promise<TestProxy> {
  const own: Peer = { name: `proxy-${(joined += 1)}`, address: loopbackAddress(), port: 10_000 };
  live = [...live, own];
  const keeper = createPeerKeeper({ own, live: () => live, told: [], now: () => performance.now() });
  const proxy = await createTestProxy({ peers: (topology) => keeper.wanted(topology).peers });
  proxies.push(proxy);
  return proxy;
}

const affine = (list: readonly WebServer[], spec: object = { sessionAffinity: { type: 'SourceIP' } }) => [
  poolOf('site', list, spec),
  ruleOf('site', PORT, [allTo('site')]),
];
async function begin(proxy: TestProxy, lists: readonly (readonly WebServer[])[]): Promise<void> {
  for (const list of lists) await proxy.apply(affine(list));
  await proxy.serving();
}
const VISITORS = Array.from({ length: 8 }, (_, index) => `127.5.0.${index + 1}`);
const where = async (proxy: TestProxy) => {
  const found = [];
  for (const from of VISITORS) found.push((await proxy.get(PORT, '/', { from })).server);
  return found;
};
const together = (what: string, look: () => boolean | Promise<boolean>) => goRound(proxies, what, look);
const remembersAll = async (proxy: TestProxy) => {
  const table = await proxy.command('show table http_default_site');
  return VISITORS.every((address) => table.includes(`:${address} `));
};

test('visitors stay where they are while all proxies are replaced, whatever the order in which servers joined', async () => {
  const first = await join();
  await first.apply(affine(servers.slice(0, 1)));
  for (const list of [servers.slice(0, 2), servers]) await first.apply(affine(list));
  await first.serving();
  const before = await where(first);
  expect(new Set(before)).toEqual(new Set(['one', 'two', 'three']));
  await together(
    'the first to know that there is nobody to learn from',
    async () => !(await first.driver.wouldForget()),
  );

  const second = await join();
  const load = first.load(PORT, { from: '127.5.1.1' });
  const orders = [servers.slice(2), servers.slice(1), servers];
  // It has an address before it has a HAProxy.
  await first.until('it to know the second', () => first.told.reloaded.length > 0);
  await begin(second, orders);
  await together('the second to have learnt', () => remembersAll(second));
  expect(await where(second)).toEqual(before);
  await load.more(100);
  await load.stop();
  expect(load.failures).toEqual([]);

  live = live.slice(1);
  await first.stop();
  proxies = [second];
  expect(await where(second)).toEqual(before);
  const third = await join();
  await second.until('it to know the third', () => second.told.reloaded.length > 0);
  await begin(third, [servers]);
  await together('the third to have learnt', () => remembersAll(third));
  expect(await where(third)).toEqual(before);
  expect([first, second, third].map(({ told }) => told.reloaded)).toEqual([['peers'], ['peers'], []]);
});

test('a user is known by his header on each proxy', async () => {
  const [one, two] = [await join(), await join()];
  const by = { sessionAffinity: { type: 'Header', header: 'X-User' } };
  for (const proxy of [one, two]) await proxy.apply(affine(servers, by));
  for (const proxy of [one, two]) await proxy.serving();
  await becomePeers(proxies);
  const ask = async (proxy: TestProxy, user: string) =>
    (await proxy.get(PORT, '/', { headers: { 'X-User': user } })).server;
  for (const user of ['ann', 'bob', 'eve', 'dan']) {
    const server = await ask(one, user);
    const known = async (proxy: TestProxy) =>
      /used:(\d+)/.exec(await proxy.command('show table http_default_site'))?.[1];
    await together('the other to know', async () => (await known(one)) === (await known(two)));
    expect([await ask(two, user), await ask(two, user), await ask(two, user)]).toEqual([server, server, server]);
  }
});

test('a visitor who moves is known elsewhere too', async () => {
  const [one, two] = [await join(), await join()];
  for (const proxy of [one, two]) await proxy.apply(affine(servers));
  for (const proxy of [one, two]) await proxy.serving();
  await becomePeers(proxies);
  const before = await where(one);
  await together('the other to know them', () => remembersAll(two));
  expect(await where(two)).toEqual(before);
});
