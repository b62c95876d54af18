/** What becomes of a request, as topology/ says and `explain` tells it: a real HAProxy has to think the same. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildProxyConfig } from '../../operator/haproxy/config.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import type { RequestLine } from '../../operator/topology/matching.ts';
import { outcomeOf, type Outcome } from '../../operator/topology/outcome.ts';
import type { Listener } from '../../operator/topology/topology.ts';
import { admitted, type Written } from '../support/admit.ts';
import { createTestProxy, poolOf, ROUTER, type TestProxy } from '../support/haproxy.ts';
import type { Answer } from '../support/http-client.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';
import { bytesOf, requestLine, rulesOn } from './traffic.ts';

const PORT = 8080;
const SETTINGS = { bind: ['127.0.0.1'], maxConnections: 1000, router: ROUTER };
const SAMPLES = Number(process.env['WEBPOOL_SAMPLES'] ?? 150);
const REQUESTS = 30;

let proxy: TestProxy;
let servers: readonly WebServer[];
let pools: readonly Written[];

useWebServers(['pool-a', 'pool-b'], (all) => {
  servers = all;
});
beforeAll(async () => {
  proxy = await createTestProxy();
  pools = [...servers.map((server) => poolOf(server.name, [server])), poolOf('pool-empty', [])];
  const rest = { name: 'rest', pools: [{ name: 'pool-a' }] };
  await proxy.apply([
    ...pools,
    { kind: 'RoutingRule', name: 'r', spec: { listener: { protocol: 'HTTP', port: PORT }, rules: [rest] } },
  ]);
  await proxy.serving();
});
afterAll(() => proxy.stop());

/** What an answer may be, as text: a route with weights has several. */
function expected(outcome: Outcome, method: string): readonly string[] {
  if (outcome.type === 'Closed') return ['closed'];
  if (outcome.type === 'Answer') {
    const { status, reason, location } = outcome;
    // What is no HTTP to HAProxy's parser (3.0 looks at hosts too) is refused before any section could give a reason.
    if (status === 400) return ['400 bad-path', '400 bad-host', '400'];
    return [textOf(status, reason, location)];
  }
  return outcome.pools.map(({ key, usable }) => {
    // Node's own server refuses methods in lower case.
    if (usable && method === 'get' && key !== 'default/pool-empty') return '400';
    if (!usable) return '500 pool-not-found';
    if (key === 'default/pool-empty') return '503 no-ready-server';
    const what = method === 'HEAD' ? '' : ` ${outcome.host} ${outcome.target}`;
    return `200 from ${key.replace('default/', '')}${what}`;
  });
}

function textOf(...parts: readonly (string | number | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}

function seen({ status, server, reason, headers, body }: Answer, method: string): string {
  if (server === undefined) return textOf(status, reason, headers.location);
  return `${status} from ${server}${method === 'HEAD' ? '' : ` ${echoed(body, 'host')} ${echoed(body, 'url')}`}`;
}

/** A text of the echo, which comes in chunks as they are. */
function echoed(body: string, name: string): string {
  const text = new RegExp(`"${name}":("(?:[^"\\\\]|\\\\.)*")`).exec(body)?.[1];
  return text === undefined ? '' : String(JSON.parse(text));
}

async function difference(listener: Listener, request: Required<RequestLine>): Promise<string | undefined> {
  const wanted = expected(outcomeOf(listener, request), request.method);
  const got = seen(await proxy.raw(PORT, bytesOf(request), request.source), request.method);
  return wanted.includes(got) ? undefined : `${JSON.stringify(request)}: got ${got}, wanted ${wanted.join(' or ')}`;
}

type Met = 400 | 403 | 404 | 204 | 'redirect' | 'rewritten' | 'forwarded';

function kindOf(outcome: Outcome, { target }: RequestLine): Met {
  if (outcome.type === 'Forward') return outcome.target === target ? 'forwarded' : 'rewritten';
  if (outcome.type === 'Closed') return 'forwarded';
  const known = ([400, 403, 404, 204] as const).find((status) => status === outcome.status);
  return known ?? (outcome.location === undefined ? 'forwarded' : 'redirect');
}

it('sends every request where the reference says', { timeout: 240_000 }, async () => {
  const met = { 400: 0, 403: 0, 404: 0, 204: 0, redirect: 0, rewritten: 0, forwarded: 0 };
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
          met[kindOf(outcomeOf(listener, request), request)] += 1;
        }
        expect(differences.filter((text) => text !== undefined)).toEqual([]);
      },
    ),
    { numRuns: SAMPLES },
  );
  // The samples have to be worth something.
  for (const [what, count] of Object.entries(met)) expect([what, count > SAMPLES / 15]).toEqual([what, true]);
  expect(await proxy.processes()).toMatchObject({ reloads: 0 });
});
