/** topology/matching.ts says which route a request gets; a real HAProxy has to think the same. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildProxyConfig } from '../../operator/haproxy/config.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { matchRequest, type Matching, type RequestLine } from '../../operator/topology/matching.ts';
import type { Listener } from '../../operator/topology/topology.ts';
import { admitted, type Written } from '../support/admit.ts';
import { createTestProxy, poolOf, ROUTER, type TestProxy } from '../support/haproxy.ts';
import type { Answer } from '../support/http-client.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';
import { bytesOf, requestLine, rulesOn } from './traffic.ts';

const PORT = 8080;
const SETTINGS = { bind: ['127.0.0.1'], maxConnections: 1000, router: ROUTER };
const SAMPLES = Number(process.env['WEBPOOL_SAMPLES'] ?? 150);
const REQUESTS = 30;

let proxy: TestProxy;
let servers: readonly WebServer[];
let pools: readonly Written[];

beforeAll(async () => {
  proxy = await createTestProxy();
  servers = await Promise.all(['pool-a', 'pool-b'].map((name) => startWebServer({ name })));
  pools = [...servers.map((server) => poolOf(server.name, [server])), poolOf('pool-empty', [])];
  const rest = { name: 'rest', pools: [{ name: 'pool-a' }] };
  await proxy.apply([
    ...pools,
    { kind: 'RoutingRule', name: 'r', spec: { listener: { protocol: 'HTTP', port: PORT }, rules: [rest] } },
  ]);
  await proxy.serving();
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

/** What an answer may be, as text: a route with weights has several. */
function expected(matching: Matching, method: string): readonly string[] {
  // What is no HTTP to HAProxy's parser (3.0 looks at hosts too) is refused before any section could give a reason.
  if (matching.outcome === 'Rejected') return ['400 bad-path', '400 bad-host', '400'];
  if (matching.outcome === 'NoRoute') return ['404 no-matching-rule'];
  const { action } = matching.route;
  if (action.type !== 'Pools') return [`${action.status}`];
  const shares = action.pools.filter(({ weight }) => weight > 0);
  if (shares.length === 0) return ['500 pool-not-found'];
  return shares.map(({ key, usable }) => {
    // Node's own server refuses methods in lower case.
    if (usable && method === 'get' && key !== 'default/pool-empty') return '400';
    if (!usable) return '500 pool-not-found';
    return key === 'default/pool-empty' ? '503 no-ready-server' : `200 from ${key.replace('default/', '')}`;
  });
}

function seen({ status, server, reason }: Answer): string {
  if (server !== undefined) return `${status} from ${server}`;
  return reason === undefined ? `${status}` : `${status} ${reason}`;
}

async function difference(listener: Listener, request: Required<RequestLine>): Promise<string | undefined> {
  const wanted = expected(matchRequest(listener, request), request.method);
  const got = seen(await proxy.raw(PORT, bytesOf(request), request.source));
  return wanted.includes(got) ? undefined : `${JSON.stringify(request)}: got ${got}, wanted ${wanted.join(' or ')}`;
}

it('sends every request where the reference says', { timeout: 240_000 }, async () => {
  const seen = { 400: 0, 404: 0, routed: 0 };
  await fc.assert(
    fc.asyncProperty(
      rulesOn(PORT),
      fc.array(requestLine, { minLength: 1, maxLength: REQUESTS, size: 'max' }),
      async (rules, requests) => {
        const topology = buildTopology(admitted([...pools, ...rules]), new Map());
        const [listener] = topology.listeners;
        if (listener === undefined) return;
        const { routes } = buildProxyConfig(topology, SETTINGS);
        expect(await proxy.driver.apply([{ kind: 'replace-routes', routes }])).toEqual([]);
        const differences = await Promise.all(requests.map((request) => difference(listener, request)));
        for (const request of requests) {
          const { outcome } = matchRequest(listener, request);
          seen[outcome === 'Rejected' ? 400 : outcome === 'NoRoute' ? 404 : 'routed'] += 1;
        }
        expect(differences.filter((text) => text !== undefined)).toEqual([]);
      },
    ),
    { numRuns: SAMPLES },
  );
  // The samples have to be worth something.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(SAMPLES);
  expect(await proxy.processes()).toMatchObject({ reloads: 0 });
});
