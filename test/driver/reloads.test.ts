/** Which change needs a reload: every row of docs/reloads.md, by HAProxy's own counter. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPeerKeeper } from '../../operator/controller/proxy-peers.ts';
import type { Peer } from '../../operator/haproxy/peers.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import { loopbackAddress } from '../support/address.ts';
import type { Written } from '../support/admit.ts';
import { certificateFor, tlsSecret } from '../support/certificates.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { NEEDS_RELOAD } from '../support/reload-table.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

/** The proxies of a cluster that there are, this one first. Time flies: nothing waits for others. */
const peer = (name: string): Peer => ({ name, address: loopbackAddress(), port: 10_000 });
const own = peer('own');
let live: readonly Peer[] = [own];
let clock = 0;
const keeper = createPeerKeeper({ own, live: () => live, told: [], now: () => (clock += 10_000) });

let proxy: TestProxy;
let one: WebServer;
let two: WebServer;

useWebServers(['one', 'two'], (servers) => {
  [one, two] = servers;
});
beforeAll(async () => {
  const peers = (topology: Topology) => keeper.wanted(topology).peers;
  proxy = await createTestProxy({ settings: { tcpPorts: [20_000, 20_001] }, peers });
  proxy.secrets.set('default/a', tlsSecret(certificateFor(['a.example.com'])));
  proxy.secrets.set('default/b', tlsSecret(certificateFor(['b.example.com'])));
  writePage('soon');
  proxy.secrets.set('default/ca', new Map([['ca.crt', certificateFor([], { authority: true }).certificate]]));
});
afterAll(() => proxy.stop());

const maintenancePage = { configMap: { name: 'pages', key: 'soon.html' } };
const site = (servers: readonly WebServer[] = [one], spec: object = {}) =>
  poolOf('site', servers, { maintenancePage, ...spec });
const writePage = (text: string) => void proxy.configMaps.set('default/pages', new Map([['soon.html', text]]));
const http = (rules: readonly object[] = [allTo('site')]) => ruleOf('site', 8080, rules);
const https = (name: string, tls: object = {}) =>
  ruleOf(
    name,
    { port: 8443, protocol: 'HTTPS', hostnames: [`${name}.example.com`], tls: { secretName: name, ...tls } },
    [allTo('site')],
  );
const endpoint = (more: object) => ({ name: one.name, address: one.address, port: one.port, ...more });
const begin = (): Written[] => [site(), http(), https('a')];
const relay = (): Written => poolOf('relay', [two], { protocol: 'TCP', healthCheck: { type: 'TCP' } });
const limited = (): Written[] => {
  const rule = { ...allTo('site'), rateLimit: { requests: 1, per: '1s' } };
  return [site(), http([rule]), https('a')];
};
const among = (others: readonly Peer[], objects: readonly Written[]) => {
  live = [own, ...others];
  return objects;
};

const [second, third] = [peer('second'), peer('third')];

/** Row → the objects before the change, where they are not what `begin` gives. */
const BEFORE: Readonly<Record<string, () => readonly Written[]>> = {
  'minVersion of a host, or its clientCASecretName where another host of the port has one too': () => [
    ...begin(),
    https('b', { clientCASecretName: 'ca' }),
  ],
  'A TCP port of `--tcp-ports` comes or goes, whose pool has `protocol: TCP` and is there': () => [...begin(), relay()],
  'In Kubernetes: the first such rule or pool, where there are several proxies': () => among([second], begin()),
  'In Kubernetes: a proxy Pod comes while a rule limits rates or a pool has affinity by address or header': () =>
    among([second], limited()),
  'In Kubernetes: a proxy Pod goes, or the last such rule or pool': () => among([second, third], limited()),
};

/** Row → the objects after the change; before it there is what `begin` gives. */
const CHANGES: Readonly<Record<string, () => readonly Written[]>> = {
  'A server joins or leaves a pool': () => [site([one, two]), http(), https('a')],
  'Weight, state or maxConnections of a server': () => [
    site([], { externalEndpoints: [endpoint({ weight: 7, maxConnections: 9, state: 'Drain' })] }),
    http(),
    https('a'),
  ],
  'Tier, zone, TLS, authority, PROXY protocol or check of a server': () => [
    site([], {
      externalEndpoints: [
        endpoint({ tier: 'Backup', zone: 'b', tls: { caSecretName: 'ca', serverName: 'x' }, healthCheck: { fall: 9 } }),
      ],
    }),
    http(),
    https('a'),
  ],
  'Rules, matches, weights of pools, answers, filters, limits': () => [
    site(),
    http([
      { name: 'old', matches: [{ path: { type: 'Prefix', value: '/old' } }], respond: { status: 410 } },
      { name: 'all', pools: [{ name: 'site' }] },
    ]),
    https('a'),
  ],
  'A host with its certificate on an HTTPS port that is there': () => [site(), http(), https('a'), https('b')],
  'A renewed certificate or client authority': () => {
    proxy.secrets.set('default/a', tlsSecret(certificateFor(['a.example.com'])));
    return begin();
  },
  'minVersion of a host, or its clientCASecretName where another host of the port has one too': () => [
    site(),
    http(),
    https('a', { minVersion: 'TLSv1.3', clientCASecretName: 'ca' }),
    https('b', { clientCASecretName: 'ca' }),
  ],
  'A TCP port of `--tcp-ports` comes or goes, whose pool has `protocol: TCP` and is there': () => [
    ...begin(),
    relay(),
    ruleOf('relay', { port: 20_001, protocol: 'TCP' }, [allTo('relay')]),
  ],
  'A pool comes or goes': () => [...begin(), poolOf('more', [two])],
  'Another port comes or goes, or its trustedSources or PROXY protocol change': () => [
    ...begin(),
    ruleOf('more', 8081, [allTo('site')]),
    ruleOf('bytes', { port: 2525, protocol: 'TCP' }, [allTo('site')]),
    ruleOf('names', { port: 2526, protocol: 'TLS', hostnames: ['c.example.com'] }, [allTo('site')]),
  ],
  'The first or last clientCASecretName of an HTTPS port': () => [
    site(),
    http(),
    https('a', { clientCASecretName: 'ca' }),
  ],
  'The first or last rule for every host of an HTTPS port': () => [
    ...begin(),
    ruleOf('any', { port: 8443, protocol: 'HTTPS', tls: { secretName: 'b' } }, [allTo('site')]),
  ],
  'Other settings of a pool: balance, trafficDistribution, checks, time limits, retries, affinity, compression, page':
    () => [site([one], { balance: { algorithm: 'LeastConnections' } }), http(), https('a')],
  'The text of a page in a ConfigMap': () => {
    writePage('later');
    return begin();
  },
  'In Kubernetes: the first such rule or pool, where there are several proxies': limited,
  'In Kubernetes: a proxy Pod comes while a rule limits rates or a pool has affinity by address or header': () =>
    among([second, third], limited()),
  'In Kubernetes: a proxy Pod goes, or the last such rule or pool': () => among([], begin()),
};

it('docs/reloads.md has a row for each of these changes and no other', () => {
  expect([...NEEDS_RELOAD.keys()].toSorted()).toEqual(Object.keys(CHANGES).toSorted());
});

/** What HAProxy printed as it took on each of them. */
const printed: string[] = [];

it.each(Object.entries(CHANGES))('%s', async (change, after) => {
  await proxy.apply((BEFORE[change] ?? begin)());
  const before = await proxy.processes();
  await proxy.apply(after());
  const { reloads, failed } = await proxy.processes();
  expect({ reloaded: reloads > before.reloads, failed }).toEqual({ reloaded: NEEDS_RELOAD.get(change), failed: 0 });
  printed.push(...(await proxy.file('output.txt')).split('\n'));
});

it('HAProxy has no warning about any of them', () => {
  const warnings = printed.filter((line) => /^\[(?:WARNING|ALERT)\].* config : /.test(line));
  // It starts before it has certificates (ARCHITECTURE.md, decision 16), and tells of a server that drained and goes on to.
  const known = /no SSL certificate specified|remains in forced drain mode/;
  expect(warnings.filter((line) => !known.test(line))).toEqual([]);
  expect(printed.some((line) => line.includes('[NOTICE]'))).toBe(true);
});
