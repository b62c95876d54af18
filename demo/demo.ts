/**
 * `npm run demo`: the main job on one machine, under a constant load. A server dies, one is drained, one is added, a weight is
 * changed, all are replaced one by one, one leaves for good; visitors and the database tell what they saw.
 * With `-- --keep` everything goes on until Ctrl-C.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, startMariaDb, type MariaDb } from '../test/support/mariadb.ts';
import { replaceInFile, startInstance, waitFor, type Instance } from './instance.ts';
import { startMachine, stopMachines, type Machine, type MachineOptions } from './machines.ts';
import { startVisitors, type Answer, type Visitors } from './visitors.ts';

const EXAMPLE = new URL('../examples/story', import.meta.url).pathname;
const PASSWORD = 'correct-horse-battery-staple';
const BLOG = ['127.0.1.11', '127.0.1.12'] as const;
const FORUM = ['127.0.1.21', '127.0.1.22'] as const;
const SITE = ['127.0.1.31', '127.0.1.32'] as const;
const MEDIA = ['127.0.1.41', '127.0.1.42'] as const;
const ADDED = '127.0.1.13';
const PER_SECOND = 300;
const LIMIT = 30_000;

interface World {
  readonly folder: string;
  readonly port: number;
  readonly database: MariaDb;
  readonly instance: Instance;
  readonly visitors: Visitors;
  readonly machines: Map<string, Machine>;
  /** Starts a machine with that version of the site. */
  readonly machine: (address: string, version: string) => Promise<Machine>;
}

const begun = performance.now();
const say = (text: string) => console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${text}`);

/** What has to be ended, the last started first. */
const endings: (() => Promise<unknown>)[] = [];

async function end(): Promise<void> {
  for (let ending = endings.pop(); ending !== undefined; ending = endings.pop()) await ending();
}

async function main(): Promise<number> {
  const keep = process.argv.includes('--keep');
  const folder = await mkdtemp(join(tmpdir(), 'webpool-demo-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  await cp(EXAMPLE, folder, { recursive: true });
  const database = await startMariaDb();
  endings.push(() => database.stop());
  await prepareDatabase(database);
  say(`MariaDB runs on port ${database.port}, with one account: the one that manages accounts`);
  const ports = { visitors: await freePort(), machines: await freePort(), database: database.port };
  await usePorts(folder, ports);
  endings.push(stopMachines);
  const machine = (address: string, version: string) => startMachine(machineAt(address, version, ports));
  const started = await Promise.all([...BLOG, ...FORUM, ...SITE, ...MEDIA].map((address) => machine(address, 'v1')));
  const machines = new Map(started.map((one) => [one.address, one]));
  say(`${machines.size} web servers run: two for the blog, two for the forum, two for the rest, two for media`);
  const instance = await startInstance({ folder, logFile: join(folder, 'webpool.log') });
  endings.push(() => instance.stop());
  await waitFor('everything to be Ready', LIMIT, async () => (await instance.status()).ready || undefined);
  say(`webpool run: everything is Ready; http://127.0.0.1:${ports.visitors}/`);
  const visitors = startVisitors({ port: ports.visitors, perSecond: PER_SECOND, expected: expectedServers() });
  return story({ folder, port: ports.visitors, database, instance, visitors, machines, machine }, keep);
}

async function prepareDatabase({ query }: MariaDb): Promise<void> {
  await query('CREATE DATABASE MyWPSite');
  await query('CREATE TABLE MyWPSite.visits (id BIGINT AUTO_INCREMENT PRIMARY KEY, path VARCHAR(200))');
  await query(`CREATE USER webpool@127.0.0.1 IDENTIFIED BY 'only-for-the-demo'`);
  await query('GRANT ALL PRIVILEGES ON *.* TO webpool@127.0.0.1 WITH GRANT OPTION');
}

interface Ports {
  readonly visitors: number;
  readonly machines: number;
  readonly database: number;
}

/** Ports that nobody on this machine uses, in place of the example's. */
async function usePorts(folder: string, ports: Ports): Promise<void> {
  await replaceInFile(join(folder, 'rules.yaml'), 'port: 8080', `port: ${ports.visitors}`);
  await replaceInFile(join(folder, 'pools.yaml'), 'port: 8090', `port: ${ports.machines}`);
  await replaceInFile(join(folder, 'database.yaml'), 'port: 13306', `port: ${ports.database}`);
}

/** Media are served without PHP, and so without a database. */
function machineAt(address: string, version: string, ports: Ports): MachineOptions {
  const php = !(MEDIA as readonly string[]).includes(address);
  const database = { port: ports.database, password: PASSWORD };
  return { address, port: ports.machines, version, ...(php && { database }) };
}

function expectedServers(): ReadonlyMap<string, (server: string) => boolean> {
  const oneOf = (servers: readonly string[]) => (server: string) => servers.includes(server);
  return new Map([
    ['/blog/', oneOf([...BLOG, ADDED])],
    ['/blog/2026/hello.php?p=1', oneOf([...BLOG, ADDED])],
    ['/forum/thread/7', oneOf(FORUM)],
    ['/', oneOf(SITE)],
    ['/shop/cart.php', oneOf(SITE)],
    ['/style.css', oneOf(SITE)],
    ['/pictures/cat.jpg', oneOf(MEDIA)],
  ]);
}

async function story(world: World, keep: boolean): Promise<number> {
  const before = await accounts(world);
  say(`accounts: ${before.join(', ')}`);
  await delay(1000);
  await killOne(world);
  await drainOne(world);
  await addOne(world);
  await changeWeight(world);
  await rollAll(world);
  await removeOne(world);
  const after = await accounts(world);
  say(`accounts before: ${before.length}; now: ${after.join(', ')}`);
  if (keep) await untilCtrlC(world);
  await world.visitors.stop();
  return summary(world, after.length);
}

async function killOne(world: World): Promise<void> {
  const { machines, instance } = world;
  const [, address] = FORUM;
  const at = performance.now();
  await machines.get(address)?.unplug();
  await waitFor('the dead server to be seen', LIMIT, async () => {
    const row = (await instance.status()).servers.find((server) => server.address.startsWith(`${address}:`));
    return row?.health === 'Down' || undefined;
  });
  say(`killed   ${address}: known to be down after ${since(at)}; its requests went to the other one`);
  machines.set(address, await world.machine(address, 'v1'));
  const back = performance.now();
  await firstAnswer(world, back, ({ server }) => server === address);
  say(`         started again: first visitor after ${since(back)}`);
}

async function drainOne(world: World): Promise<void> {
  const [, address] = BLOG;
  const line = `{name: web12, address: ${address}, weight: 100}`;
  const at = performance.now();
  await world.instance.edit('pools.yaml', line, line.replace('}', ', state: Drain}'));
  const last = await lastAnswer(world, at, ({ server }) => server === address);
  say(`drained  ${address}: last visitor ${last} after the edit`);
  await world.instance.edit('pools.yaml', line.replace('}', ', state: Drain}'), line);
  const back = performance.now();
  await firstAnswer(world, back, ({ server }) => server === address);
  say(`         active again: first visitor after ${since(back)}`);
}

async function addOne(world: World): Promise<void> {
  world.machines.set(ADDED, await world.machine(ADDED, 'v1'));
  const line = `{name: web12, address: ${BLOG[1]}, weight: 100}`;
  const at = performance.now();
  await world.instance.edit('pools.yaml', line, `${line}\n    - {name: web13, address: ${ADDED}, weight: 100}`);
  await waitFor('the new account', LIMIT, async () => (await accounts(world)).includes(ADDED) || undefined);
  const account = since(at);
  await firstAnswer(world, at, ({ server }) => server === ADDED);
  say(`added    ${ADDED}: account after ${account}, check passed and first visitor after ${since(at)}`);
}

async function changeWeight(world: World): Promise<void> {
  const line = `{name: web13, address: ${ADDED}, weight: 100}`;
  const at = performance.now();
  await world.instance.edit('pools.yaml', line, line.replace('weight: 100', 'weight: 0'));
  const last = await lastAnswer(world, at, ({ server }) => server === ADDED);
  say(`weight   ${ADDED}: 100 to 0, last visitor ${last} after the edit`);
  await world.instance.edit('pools.yaml', line.replace('weight: 100', 'weight: 0'), line);
}

async function rollAll(world: World): Promise<void> {
  const at = performance.now();
  for (const address of [...BLOG, ADDED]) {
    const active = `{name: web${address.slice(-2)}, address: ${address}, weight: 100}`;
    const draining = active.replace('}', ', state: Drain}');
    const edited = performance.now();
    await world.instance.edit('pools.yaml', active, draining);
    await lastAnswer(world, edited, ({ server }) => server === address);
    await world.machines.get(address)?.shutDown();
    world.machines.set(address, await world.machine(address, 'v2'));
    await world.instance.edit('pools.yaml', draining, active);
    await firstAnswer(world, edited, ({ server, version }) => server === address && version === 'v2');
  }
  say(`rolled   the blog from v1 to v2, three servers one by one, in ${since(at)}`);
}

async function removeOne(world: World): Promise<void> {
  const line = `\n    - {name: web13, address: ${ADDED}, weight: 100}`;
  const at = performance.now();
  await world.instance.edit('pools.yaml', line, '');
  const last = await lastAnswer(world, at, ({ server }) => server === ADDED);
  await waitFor('its account to go', LIMIT, async () => !(await accounts(world)).includes(ADDED) || undefined);
  say(
    `removed  ${ADDED}: last visitor ${last} after the edit; drained, account dropped, sessions ended after ${since(at)}`,
  );
}

async function untilCtrlC({ port, instance, folder }: World): Promise<void> {
  say(`everything goes on: http://127.0.0.1:${port}/  status: ${instance.url}/status  folder: ${folder}`);
  say('Ctrl-C ends it');
  await new Promise(() => {});
}

async function summary({ visitors, instance }: World, left: number): Promise<number> {
  const failures = visitors.answers.filter(({ failure }) => failure !== undefined);
  for (const { path, failure } of failures.slice(0, 10)) console.log(`failed: ${path}: ${failure}`);
  const reloads = await instance.reloads();
  const count = visitors.answers.length;
  console.log(`demo: ${count} requests, ${failures.length} failed, ${reloads} reloads, ${left} accounts`);
  return failures.length === 0 && reloads === 0 && count > 0 ? 0 : 1;
}

/** Hosts that have an account, sorted. */
async function accounts({ database }: World): Promise<readonly string[]> {
  const rows = await database.query(`SELECT Host FROM mysql.global_priv WHERE User = 'mywpsite_service' ORDER BY Host`);
  return rows.map(([host]) => String(host));
}

async function firstAnswer({ visitors }: World, since: number, is: (answer: Answer) => boolean): Promise<void> {
  await waitFor('the first visitor', LIMIT, () => visitors.answers.findLast((one) => one.at > since && is(one)));
}

/** Time from `since` to the last answer of a kind, once there was none for a while. */
async function lastAnswer({ visitors }: World, since: number, is: (answer: Answer) => boolean): Promise<string> {
  const quiet = 700;
  const latest = () => visitors.answers.findLast(is)?.at ?? 0;
  await waitFor('the last visitor', LIMIT, () => performance.now() - Math.max(latest(), since) > quiet || undefined);
  return milliseconds(Math.max(0, latest() - since));
}

function since(at: number): string {
  return milliseconds(performance.now() - at);
}

function milliseconds(time: number): string {
  return time < 1000 ? `${Math.round(time)} ms` : `${(time / 1000).toFixed(1)} s`;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void end().then(() => process.exit(130)));
}
try {
  process.exitCode = await main();
} finally {
  await end();
}
