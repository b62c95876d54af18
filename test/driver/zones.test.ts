/** Pools that prefer servers of the proxy's own zone, on a real HAProxy. */
import { afterEach, expect, test } from 'vitest';
import { compareText } from '../../operator/api/stable.ts';
import { createPeerKeeper } from '../../operator/controller/proxy-peers.ts';
import type { Peer } from '../../operator/haproxy/peers.ts';
import { loopbackAddress } from '../support/address.ts';
import {
  allTo,
  becomePeers,
  createTestProxy,
  goRound,
  poolOf,
  ruleOf,
  type TestProxy,
  type TestProxyOptions,
} from '../support/haproxy.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const TCP_PORT = 8081;

let near: WebServer;
let far: WebServer;
let all: readonly WebServer[];
let proxies: TestProxy[] = [];
/** Of the proxies that a test makes without one of their own. */
let zone: string | undefined;

useWebServers(['near', 'far', 'farther'], (servers) => {
  all = servers;
  [near, far] = servers;
});
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  for (const server of all) server.health = 200;
  [proxies, zone] = [[], undefined];
});

async function proxyWith(options: TestProxyOptions = {}): Promise<TestProxy> {
  const proxy = await createTestProxy({ zone: () => zone, ...options });
  proxies.push(proxy);
  return proxy;
}

const ZONES: Readonly<Record<string, string | undefined>> = { near: 'a', far: 'b', farther: 'c' };
/** The pool of these servers, each in its zone. */
const site = (spec: object = {}, zones = ZONES, list = all) => {
  const externalEndpoints = list.map(({ name, address, port }) => {
    return { name, address, port, ...(zones[name] !== undefined && { zone: zones[name] }) };
  });
  return [
    poolOf('site', [], { trafficDistribution: 'PreferSameZone', externalEndpoints, ...spec }),
    ruleOf('site', PORT, [allTo('site')]),
  ];
};

/** Who answers these requests, sorted, and how. */
async function answersOf(proxy: TestProxy, port = PORT) {
  const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => proxy.get(port, `/${index}`)));
  const names = [...new Set(answers.map(({ server = 'none' }) => server))].toSorted(compareText).join();
  return { names, statuses: new Set(answers.map(({ status }) => status)) };
}
/** Who answers; each request has to be answered. */
async function served(proxy: TestProxy, port?: number): Promise<string> {
  const { names, statuses } = await answersOf(proxy, port);
  expect([...statuses]).toEqual([200]);
  return names;
}
/** Waits for them; meanwhile each request has to be answered too. */
async function untilServed(proxy: TestProxy, names: string, port?: number): Promise<void> {
  const seen = new Set<number>();
  await proxy.until(`${names} to serve`, async () => {
    const got = await answersOf(proxy, port);
    for (const status of got.statuses) seen.add(status);
    return got.names === names;
  });
  expect([...seen]).toEqual([200]);
}

test.each(['RoundRobin', 'LeastConnections', 'Random', 'URI'])(
  'servers of the own zone serve; when none can, all others together, and not a visitor longer: %s',
  async (algorithm) => {
    zone = 'a';
    const proxy = await proxyWith();
    await proxy.apply(site({ balance: { algorithm } }));
    await proxy.serving();
    expect(await served(proxy)).toBe('near');
    near.health = 500;
    await untilServed(proxy, 'far,farther');
    far.health = 500;
    await untilServed(proxy, 'farther');
    near.health = 200;
    await untilServed(proxy, 'near');
    expect(await served(proxy)).toBe('near');
    expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  },
);

test('a connection to a TCP port goes to the own zone too', async () => {
  zone = 'b';
  const proxy = await proxyWith();
  const [pool] = site();
  await proxy.apply([
    ...(pool === undefined ? [] : [pool]),
    ruleOf('bytes', { port: TCP_PORT, protocol: 'TCP' }, [allTo('site')]),
  ]);
  await proxy.serving();
  expect(await served(proxy, TCP_PORT)).toBe('far');
  far.health = 500;
  await untilServed(proxy, 'farther,near', TCP_PORT);
});

test('a server of the own zone that drains or waits gives way to the others, and takes its place again', async () => {
  zone = 'a';
  const proxy = await proxyWith();
  const [pool, rule] = site();
  const resting = (more: object) => {
    const spec = pool?.spec as { readonly externalEndpoints: readonly { readonly name: string }[] };
    const externalEndpoints = spec.externalEndpoints.map((one) => (one.name === 'near' ? { ...one, ...more } : one));
    return site({ externalEndpoints });
  };
  await proxy.apply(site());
  await proxy.serving();
  for (const more of [{ state: 'Drain' }, { state: 'Maintenance' }, { weight: 0 }]) {
    await proxy.apply(resting(more));
    await untilServed(proxy, 'far,farther');
    await proxy.apply([...(pool === undefined ? [] : [pool]), ...(rule === undefined ? [] : [rule])]);
    await untilServed(proxy, 'near');
  }
});

test.each<[string, string | undefined, Readonly<Record<string, string | undefined>>, string]>([
  ['a proxy that does not know its zone has no preference', undefined, ZONES, 'far,farther,near'],
  ['a proxy of a zone without servers sends to all', 'd', ZONES, 'far,farther,near'],
  ['a server of unknown zone is near to all', 'a', { ...ZONES, farther: undefined }, 'farther,near'],
])('%s', async (...[, own, zones, names]) => {
  zone = own;
  const proxy = await proxyWith();
  await proxy.apply(site({}, zones));
  await proxy.serving();
  expect(await served(proxy)).toBe(names);
});

test('a zone that becomes known, or another, takes effect without a reload or a failed request', async () => {
  const proxy = await proxyWith();
  await proxy.apply(site({ drainTimeout: '1s' }));
  await proxy.serving();
  const load = proxy.load(PORT);
  zone = 'a';
  await untilServed(proxy, 'near');
  // Every server moves to the other tier at once, and no check passes for a while.
  for (const server of all) server.health = 0;
  const before = all.map(({ checks }) => checks);
  await proxy.apply(site({ drainTimeout: '1s' }, { near: 'b', far: 'a', farther: 'a' }));
  await proxy.until('each to be asked twice', () =>
    all.every(({ checks }, index) => checks >= (before[index] ?? 0) + 2),
  );
  for (const server of all) server.health = 200;
  await untilServed(proxy, 'far,farther');
  await proxy.until('the servers of before to be gone', async () => {
    return (await proxy.servers('http_default_site')).size === 3;
  });
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  expect([...(await proxy.servers('http_default_site')).keys()].filter((name) => name.endsWith('_backup'))).toEqual([
    `near_${near.address}:${near.port}_backup`,
  ]);
});

test('proxies of different zones keep a visitor on one server', async () => {
  const own = ['a', 'b'].map((name): Peer => ({ name: `proxy-${name}`, address: loopbackAddress(), port: 10_000 }));
  const [one, other] = await Promise.all(
    own.map((peer) => {
      const keeper = createPeerKeeper({ own: peer, live: () => own, told: [], now: () => performance.now() });
      return proxyWith({ peers: (topology) => keeper.wanted(topology).peers, zone: () => peer.name.slice(-1) });
    }),
  );
  if (one === undefined || other === undefined) throw new Error('two were started');
  const affine = { sessionAffinity: { type: 'SourceIP' } };
  await one.apply(site(affine));
  // In another order: HAProxy numbers its servers, and nobody else has these numbers.
  for (const list of [[near], all]) await other.apply(site(affine, ZONES, list));
  for (const proxy of [one, other]) await proxy.serving();
  const at = async (proxy: TestProxy, from: string) => (await proxy.get(PORT, '/', { from })).server;
  await becomePeers([one, other]);
  expect(await at(one, '127.6.0.1')).toBe('near');
  await goRound([one, other], 'the other to know the visitor', async () =>
    (await other.command('show table http_default_site')).includes(':127.6.0.1 '),
  );
  expect(await at(other, '127.6.0.1')).toBe('near');
  expect(await at(other, '127.6.0.2')).toBe('far');
});
