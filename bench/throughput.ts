/**
 * Proxied requests per second against a haproxy.cfg written by hand for the same one route, and with 5,000 routes of
 * which the requests use all. All three HAProxies run side by side and are measured in turns, so that what else the
 * machine does hits each alike.
 */
import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, createConnection, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Resources, RoutingRule, WebPool } from '../operator/api/resources.ts';
import { buildProxyConfig } from '../operator/haproxy/config.ts';
import { imageFiles } from '../operator/haproxy/image.ts';
import { buildTopology } from '../operator/topology/build.ts';

export const name = 'throughput';
export const description = 'requests per second through one and 5,000 routes, against a haproxy.cfg written by hand';
export const method = 'a second each warms up; ten turns of two seconds, by turns in both directions';

interface Figure {
  readonly value: number;
  readonly unit: string;
}

const ROUTES = 5000;
/** More than HAProxy's pattern cache holds, so that no lookup is remembered. */
const URLS = 200_000;
const TURNS = 10;
const SECONDS = 2;
const CONNECTIONS = 32;
const RULES_AN_OBJECT = 16;

const running: ChildProcess[] = [];

/** Runs the benchmark; needs haproxy and wrk in PATH. */
export async function run(): Promise<{ readonly name: string; readonly figures: Readonly<Record<string, Figure>> }> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-bench-'));
  try {
    const web = await freePort();
    await start(join(folder, 'web'), new Map([['haproxy.cfg', webServer(web)]]), web);
    const hand = await measured(folder, 'hand', (port) => new Map([['haproxy.cfg', byHand(port, web)]]));
    const one = await measured(folder, 'one', (port, router) => ours({ port, web, router, routes: 1 }));
    const many = await measured(folder, 'many', (port, router) => ours({ port, web, router, routes: ROUTES }));
    const rates = await inTurns([hand, one, many]);
    return { name, figures: figuresOf(rates) };
  } finally {
    for (const child of running.splice(0)) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

interface Subject {
  readonly port: number;
  readonly script: string;
}

type Files = ReadonlyMap<string, string>;
type Make = (port: number, router: string) => Files;

async function measured(folder: string, what: string, make: Make): Promise<Subject> {
  const port = await freePort();
  const router = await readFile(new URL('../operator/haproxy/router.lua', import.meta.url), 'utf8');
  await start(join(folder, what), make(port, router), port);
  const script = join(folder, `${what}.lua`);
  await writeFile(script, requests(what === 'many' ? ROUTES : 1));
  return { port, script };
}

/** A web server that costs as little as can be. */
function webServer(port: number): string {
  return `defaults
  mode http
  timeout client 1m
  timeout server 1m
  timeout connect 1s
frontend web
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string ok
`;
}

/** What a careful administrator writes for one route: the same headers for the server, nothing else. */
function byHand(port: number, web: number): string {
  return `global
  maxconn 2000
defaults
  mode http
  option redispatch
  timeout connect 1s
  timeout client 1m
  timeout server 1m
  timeout http-request 10s
  timeout http-keep-alive 1m
frontend site
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port ${port}
  use_backend site if { hdr(host) -i www.example.com } { path_beg /site0/ }
backend site
  balance roundrobin
  server web 127.0.0.1:${web} check
`;
}

function ours({ port, web, router, routes }: { port: number; web: number; router: string; routes: number }): Files {
  const topology = buildTopology(resources(port, web, routes), new Map());
  const config = buildProxyConfig(topology, { bind: ['127.0.0.1'], maxConnections: 2000, router });
  const backends = new Map([...config.backends].map(([name, { servers }]) => [name, servers]));
  return imageFiles(config, { backends, certificateLists: new Map() });
}

function resources(port: number, web: number, routes: number): Resources {
  const pool: WebPool = {
    kind: 'WebPool',
    metadata: { namespace: 'bench', name: 'site', generation: 1 },
    spec: { port: web, externalEndpoints: [{ name: 'web', address: '127.0.0.1' }] },
  };
  const rules = Array.from({ length: Math.ceil(routes / RULES_AN_OBJECT) }, (_, object): [string, RoutingRule] => {
    const first = object * RULES_AN_OBJECT;
    const numbers = Array.from({ length: Math.min(RULES_AN_OBJECT, routes - first) }, (__, index) => first + index);
    const name = `site${object}`;
    const metadata = { namespace: 'bench', name, generation: 1 };
    const spec: RoutingRule['spec'] = {
      listener: { protocol: 'HTTP', port },
      hostnames: ['www.example.com'],
      rules: numbers.map((number) => ({
        name: `r${number}`,
        matches: [{ path: { type: 'Prefix', value: `/site${number}` } }],
        pools: [{ name: 'site' }],
      })),
    };
    return [`bench/${name}`, { kind: 'RoutingRule', metadata, spec }];
  });
  const none = new Map<string, never>();
  return {
    pools: new Map([['bench/site', pool]]),
    rules: new Map(rules),
    grants: none,
    secrets: none,
    slices: none,
    held: [],
    findings: [],
    unnamed: [],
    pictureComplete: true,
  };
}

/** Requests for URLS distinct URLs in an order of no meaning, spread over all routes. */
function requests(routes: number): string {
  return `local n = math.random(0, ${URLS - 1})
request = function()
  n = (n + 7919) % ${URLS}
  return "GET /site" .. (n % ${routes}) .. "/page" .. n .. " HTTP/1.1\\r\\nHost: www.example.com\\r\\n\\r\\n"
end
`;
}

async function start(folder: string, files: Files, port: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [file, content] of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), content);
  }
  const child = spawn('haproxy', ['-db', '-f', 'haproxy.cfg'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(child);
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words += text));
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (child.exitCode !== null || attempt === 500) throw new Error(`haproxy does not start: ${words}`);
    await delay(10);
  }
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Requests per second of each subject, turn by turn. */
async function inTurns(subjects: readonly Subject[]): Promise<readonly (readonly number[])[]> {
  for (const subject of subjects) await rate(subject, 1);
  const turns: number[][] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const rates: number[] = [];
    // Each other turn in the other direction: a machine that gets slower favours nobody.
    const order = turn % 2 === 0 ? subjects : subjects.toReversed();
    for (const subject of order) rates.push(await rate(subject, SECONDS));
    turns.push(turn % 2 === 0 ? rates : rates.toReversed());
  }
  return turns;
}

async function rate({ port, script }: Subject, seconds: number): Promise<number> {
  const url = `http://127.0.0.1:${port}`;
  const options = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '-s', script, url];
  const { stdout } = await promisify(execFile)('wrk', options);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`not every request was answered well:\n${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

function figuresOf(turns: readonly (readonly number[])[]): Record<string, Figure> {
  const column = (at: number) => turns.map((rates) => rates[at] ?? 0);
  const ratio = (of: number, to: number) => median(turns.map((rates) => (rates[of] ?? 0) / (rates[to] ?? 1)));
  const [hand, one, many] = [0, 1, 2];
  return {
    by_hand_rps: { value: median(column(hand)), unit: 'requests/s' },
    one_route_rps: { value: median(column(one)), unit: 'requests/s' },
    routes_5000_rps: { value: median(column(many)), unit: 'requests/s' },
    one_route_ratio: { value: ratio(one, hand), unit: 'ratio' },
    routes_5000_ratio: { value: ratio(many, one), unit: 'ratio' },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
