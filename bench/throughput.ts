/**
 * Proxied requests per second, and how long they take then, against a haproxy.cfg written by hand for the same one route, and with 100
 * and 5,000 routes of which the requests use all. All HAProxies run side by side and are measured in turns, so that what else the
 * machine does hits each alike.
 */
import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { NO_RESOURCES, type Resources, type RoutingRule, type WebPool } from '../operator/api/resources.ts';
import { buildProxyConfig } from '../operator/haproxy/config.ts';
import { imageFiles } from '../operator/haproxy/image.ts';
import { buildTopology } from '../operator/topology/build.ts';
import { freePort } from '../test/support/mariadb.ts';
import { median, type Figures, type Result } from './frame.ts';

export const name = 'throughput';
export const description =
  'requests per second, and their p99, through 1, 100 and 5,000 routes, against a haproxy.cfg written by hand';
export const method = 'a second each warms up; 20 turns of a second, every other in the other direction';

/** More than HAProxy's pattern cache holds, so that no lookup is remembered. */
const URLS = 200_000;
const TURNS = 20;
/** Short, so that the turns of a pair see the same machine. */
const SECONDS = 1;
const CONNECTIONS = 32;
const RULES_AN_OBJECT = 16;

const running: ChildProcess[] = [];

/** Runs the benchmark. Errors: rejects without haproxy and wrk in PATH. */
export async function run(say: (text: string) => void): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-bench-'));
  try {
    const web = await freePort();
    await start(join(folder, 'web'), new Map([['haproxy.cfg', webServer(web)]]), web);
    const router = await readFile(new URL('../operator/haproxy/router.lua', import.meta.url), 'utf8');
    const ourOwn = (routes: number) => (port: number) => ours({ port, web, router, routes });
    const subjects = [
      await measured(folder, 'by_hand', { routes: 1, files: (port) => byHand(port, web) }),
      await measured(folder, 'one_route', { routes: 1, files: ourOwn(1) }),
      await measured(folder, 'routes_100', { routes: 100, files: ourOwn(100) }),
      await measured(folder, 'routes_5000', { routes: 5000, files: ourOwn(5000) }),
    ];
    return { name, figures: figuresOf(subjects, await inTurns(subjects, say)) };
  } finally {
    for (const child of running.splice(0)) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

interface Subject {
  /** In names of figures. */
  readonly label: string;
  readonly port: number;
  readonly script: string;
}

type Files = ReadonlyMap<string, string>;

interface Kind {
  readonly routes: number;
  readonly files: (port: number) => Files;
}

async function measured(folder: string, label: string, { routes, files }: Kind): Promise<Subject> {
  const port = await freePort();
  await start(join(folder, label), files(port), port);
  const script = join(folder, `${label}.lua`);
  await writeFile(script, requests(routes));
  return { label, port, script };
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
function byHand(port: number, web: number): Files {
  const text = `global
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
  return new Map([['haproxy.cfg', text]]);
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
  return { ...NO_RESOURCES, pools: new Map([['bench/site', pool]]), rules: new Map(rules) };
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

interface Measurement {
  /** Requests per second. */
  readonly rate: number;
  /** Milliseconds, at that rate. */
  readonly p99: number;
}

/** What each subject did, turn by turn. */
async function inTurns(
  subjects: readonly Subject[],
  say: (text: string) => void,
): Promise<readonly (readonly Measurement[])[]> {
  for (const subject of subjects) await measure(subject, 1);
  const turns: Measurement[][] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const measurements: Measurement[] = [];
    // Each other turn in the other direction: a machine that gets slower favours nobody.
    const order = turn % 2 === 0 ? subjects : subjects.toReversed();
    for (const subject of order) measurements.push(await measure(subject, SECONDS));
    turns.push(turn % 2 === 0 ? measurements : measurements.toReversed());
    say(`turn ${turn + 1} of ${TURNS}`);
  }
  return turns;
}

async function measure({ port, script }: Subject, seconds: number): Promise<Measurement> {
  const url = `http://127.0.0.1:${port}`;
  const options = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--latency', '-s', script, url];
  const { stdout } = await promisify(execFile)('wrk', options);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`not every request was answered well:\n${stdout}`);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const [, value, unit = ''] = /99%\s+([\d.]+)(us|ms|s)\b/.exec(stdout) ?? [];
  const p99 = Number(value) * (MILLISECONDS[unit] ?? Number.NaN);
  if (!(rate > 0 && p99 > 0)) throw new Error(`wrk said something else:\n${stdout}`);
  return { rate, p99 };
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

function figuresOf(subjects: readonly Subject[], turns: readonly (readonly Measurement[])[]): Figures {
  const column = (label: string): readonly Measurement[] => {
    const at = subjects.findIndex((subject) => subject.label === label);
    return turns.flatMap((measurements) => measurements.slice(at, at + 1));
  };
  const own = subjects.flatMap(({ label }) => [
    [
      `${label}_rps`,
      median(
        column(label).map(({ rate }) => rate),
        'requests/s',
      ),
    ] as const,
    [
      `${label}_p99_ms`,
      median(
        column(label).map(({ p99 }) => p99),
        'ms',
      ),
    ] as const,
  ]);
  const ratio = (of: string, to: string) => {
    const others = column(to);
    return median(
      column(of).map(({ rate }, turn) => rate / (others[turn]?.rate ?? Number.NaN)),
      'ratio',
    );
  };
  return {
    ...Object.fromEntries(own),
    one_route_ratio: ratio('one_route', 'by_hand'),
    routes_100_ratio: ratio('routes_100', 'one_route'),
    routes_5000_ratio: ratio('routes_5000', 'one_route'),
  };
}
