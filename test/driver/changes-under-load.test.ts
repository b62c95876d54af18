/** The changes of a working day while visitors come over HTTP, HTTPS and TCP: nobody notices, and only what docs/reloads.md names reloads. */
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Written } from '../support/admit.ts';
import { certificateFor, tlsSecret, type Pair } from '../support/certificates.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { keepAsking, startLoad, type Answer, type Load } from '../support/http-client.ts';
import { NEEDS_RELOAD } from '../support/reload-table.ts';
import { handshake, httpsGet } from '../support/tls-client.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';

const HTTP = 8080;
const HTTPS = 8443;
const TCP = 8081;
/** Open from the start, and another one. */
const OPEN_TCP = 8082;
const MORE_TCP = 8083;
/** Requests of each kind that have to be answered before, in and after each change. */
const ROUND = 40;

let proxy: TestProxy;
let web: readonly WebServer[];
const first = certificateFor(['a.example.com']);
const renewed = certificateFor(['a.example.com']);
const another = certificateFor(['b.example.com']);

useWebServers(['web01', 'web02'], (servers) => {
  web = servers;
});
beforeAll(async () => {
  proxy = await createTestProxy({ settings: { tcpPorts: [OPEN_TCP] } });
  shown('a', first);
  await proxy.apply(objects({}));
  await proxy.serving();
});
afterAll(() => proxy.stop());

interface Shape {
  readonly hosts?: readonly string[];
  readonly tcp?: readonly number[];
  readonly limited?: boolean;
  readonly servers?: readonly WebServer[];
  /** Of checks. */
  readonly interval?: string;
}

function objects({ hosts = ['a'], tcp = [TCP], limited = false, servers = web, interval = '200ms' }: Shape): Written[] {
  // One that this load never reaches, and one that the second request does.
  const limits = limited
    ? [
        {
          name: 'tight',
          matches: [{ path: { type: 'Exact', value: '/tight' } }],
          pools: [{ name: 'site' }],
          rateLimit: { requests: 1, per: '1h' },
        },
      ]
    : [];
  const all = { ...allTo('site'), ...(limited && { rateLimit: { requests: 100_000, per: '1s' } }) };
  return [
    poolOf('site', servers, { healthCheck: { path: '/health', interval, rise: 1 } }),
    poolOf('bytes', servers, { protocol: 'TCP', healthCheck: { type: 'TCP', interval, rise: 1 } }),
    ruleOf('http', HTTP, [...limits, all]),
    ...hosts.map((host) =>
      ruleOf(host, { port: HTTPS, protocol: 'HTTPS', hostnames: [`${host}.example.com`], tls: { secretName: host } }, [
        allTo('site'),
      ]),
    ),
    ...tcp.map((port) => ruleOf(`tcp-${port}`, { port, protocol: 'TCP' }, [allTo('bytes')])),
  ];
}

function shown(name: string, pair: Pair): void {
  proxy.secrets.set(`default/${name}`, tlsSecret(pair));
}

const at = (port: number) => ({ address: proxy.address, port });
const fingerprint = async (host: string) =>
  (await handshake(at(HTTPS), { sni: `${host}.example.com` })).certificate.fingerprint256;
const fingerprintOf = ({ certificate }: Pair) => new X509Certificate(certificate).fingerprint256;

/** As `startLoad`. */
function startTlsLoad(host: string): Load {
  const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), undefined];
  const ask = (client: number): Promise<Answer> => {
    const agent = agents[client];
    return httpsGet(at(HTTPS), '/', { sni: `${host}.example.com`, ...(agent && { agent }) });
  };
  return keepAsking(ask, agents.length, { end: () => agents[0]?.destroy() });
}

/** Change → its row in docs/reloads.md, the objects after it, and what shows that it is in force. */
const CHANGES: readonly {
  readonly what: string;
  readonly row: string;
  readonly to: () => readonly Written[];
  readonly inForce: () => Promise<void>;
}[] = [
  {
    what: 'a certificate is renewed',
    row: 'A renewed certificate or client authority',
    to: () => {
      shown('a', renewed);
      return objects({});
    },
    inForce: async () => expect(await fingerprint('a')).toBe(fingerprintOf(renewed)),
  },
  {
    what: 'a host comes with its certificate',
    row: 'A host with its certificate on an HTTPS port that is there',
    to: () => {
      shown('b', another);
      return objects({ hosts: ['a', 'b'] });
    },
    inForce: async () => {
      expect(await fingerprint('b')).toBe(fingerprintOf(another));
      expect(await httpsGet(at(HTTPS), '/', { sni: 'b.example.com' })).toMatchObject({ status: 200 });
    },
  },
  {
    what: 'a TCP port comes that is open already',
    row: 'A TCP port of `--tcp-ports` comes or goes, whose pool has `protocol: TCP` and is there',
    to: () => objects({ hosts: ['a', 'b'], tcp: [TCP, OPEN_TCP] }),
    inForce: async () => expect(await proxy.get(OPEN_TCP, '/')).toMatchObject({ status: 200 }),
  },
  {
    what: 'another TCP port comes',
    row: 'Another port comes or goes, or its trustedSources or PROXY protocol change',
    to: () => objects({ hosts: ['a', 'b'], tcp: [TCP, OPEN_TCP, MORE_TCP] }),
    inForce: async () => expect(await proxy.get(MORE_TCP, '/')).toMatchObject({ status: 200 }),
  },
  {
    what: 'rate limits come',
    row: 'Rules, matches, weights of pools, answers, filters, limits',
    to: () => objects({ hosts: ['a', 'b'], tcp: [TCP, OPEN_TCP, MORE_TCP], limited: true }),
    inForce: async () => {
      const answers = [await proxy.get(HTTP, '/tight'), await proxy.get(HTTP, '/tight')];
      expect(answers.map(({ status }) => status)).toEqual([200, 429]);
    },
  },
  {
    what: 'all of it goes again',
    row: 'Another port comes or goes, or its trustedSources or PROXY protocol change',
    to: () => objects({}),
    inForce: async () => {
      await expect(handshake(at(HTTPS), { sni: 'b.example.com' })).rejects.toThrow(/unrecognized name/);
      for (const port of [OPEN_TCP, MORE_TCP]) {
        await expect(proxy.get(port, '/')).rejects.toThrow(/ECONNREFUSED|hang up|ECONNRESET/);
      }
    },
  },
];

test('certificates, hosts, ports and limits change under load and no request fails', { timeout: 240_000 }, async () => {
  const loads = [startLoad(at(HTTP)), startLoad(at(TCP)), startTlsLoad('a')];
  const round = () => Promise.all(loads.map((load) => load.more(ROUND)));
  for (const { what, row, to, inForce } of CHANGES) {
    await round();
    const { reloads } = await proxy.processes();
    await proxy.apply(to());
    await inForce();
    await round();
    const now = await proxy.processes();
    expect([what, now.reloads > reloads, now.failed]).toEqual([what, NEEDS_RELOAD.get(row), 0]);
  }
  await Promise.all(loads.map((load) => load.stop()));
  expect(loads.map(({ failures }) => failures)).toEqual([[], [], []]);
  for (const { requests, servers } of loads) {
    expect(requests).toBeGreaterThan(2 * ROUND * CHANGES.length);
    // A 429, say, would be no failure of the load's, but it has no server.
    expect([...servers.keys()].toSorted()).toEqual(['web01', 'web02']);
  }
});

test('all servers of a pool give way to others in one change and no request fails', { timeout: 120_000 }, async () => {
  const loads = [startLoad(at(HTTP)), startLoad(at(TCP))];
  const seen = () => Promise.all(loads.map((load) => load.more(ROUND)));
  for (const server of [...web, ...web]) {
    await proxy.apply(objects({ servers: [server], interval: '2s' }));
    await proxy.until(`${server.name} to be the only one that serves`, async () => {
      const backends = [await proxy.servers('http_default_site'), await proxy.servers('tcp_default_bytes')];
      const serving = backends.flatMap((servers) => [...servers.values()].filter(({ admin }) => admin === 'ready'));
      return serving.length === 2 && serving.every(({ name }) => name.startsWith(server.name));
    });
    await seen();
  }
  await Promise.all(loads.map((load) => load.stop()));
  expect(loads.map(({ failures }) => failures)).toEqual([[], []]);
});
