/** Requests that fail while things go wrong or are replaced. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { replaceInFile, startInstance, waitFor, type Instance } from '../demo/instance.ts';
import { startMachine, stopMachines, type Machine } from '../demo/machines.ts';
import { startVisitors, type Visitors } from '../demo/visitors.ts';
import { freePort } from '../test/support/mariadb.ts';
import { figure, type Figures, type Result } from './frame.ts';

export const name = 'faults';
export const description =
  'failed requests of 300 a second: rolling replacement, a killed and a silent server, a killed operator, reloads';
export const method = 'half a second of traffic before each fault';

const ADDRESSES = ['127.0.1.11', '127.0.1.12'];
const OTHERS = ['127.0.1.21', '127.0.1.22', '127.0.1.31', '127.0.1.32', '127.0.1.41', '127.0.1.42'];
const ROLLS = 5;
const LIMIT = 30_000;

interface World {
  readonly folder: string;
  readonly machinePort: number;
  readonly machines: Map<string, Machine>;
  instance: Instance;
}

type Scenario = (world: World, visitors: Visitors) => Promise<void>;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  rolling: rollAll,
  server_killed: killServer,
  server_silent: silenceServer,
  operator_killed: killOperator,
  reloads: reloadOften,
};

export async function run(say: (text: string) => void): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-bench-'));
  let figures: Figures = {};
  try {
    const world = await startWorld(folder);
    for (const [scenario, play] of Object.entries(SCENARIOS)) {
      const expected = new Map([['/blog/', (server: string) => ADDRESSES.includes(server)]]);
      const visitors = startVisitors({ port: await listener(folder), perSecond: 300, expected });
      await delay(500);
      await play(world, visitors);
      await visitors.stop();
      const failed = visitors.answers.filter(({ failure }) => failure !== undefined).length;
      figures = { ...figures, [`failed_${scenario}`]: figure(failed, `of ${visitors.answers.length}`) };
      say(`${scenario}: ${failed} of ${visitors.answers.length} failed`);
    }
    await world.instance.stop();
  } finally {
    await stopMachines();
    await rm(folder, { recursive: true, force: true });
  }
  return { name, figures };
}

async function startWorld(folder: string): Promise<World> {
  await cp(new URL('../examples/story', import.meta.url).pathname, folder, { recursive: true });
  await rm(join(folder, 'database.yaml'));
  const machinePort = await freePort();
  await replaceInFile(join(folder, 'rules.yaml'), 'port: 8080', `port: ${await freePort()}`);
  await replaceInFile(join(folder, 'pools.yaml'), 'port: 8090', `port: ${machinePort}`);
  const started = await Promise.all([...ADDRESSES, ...OTHERS].map((address) => machineAt(address, machinePort)));
  const machines = new Map(started.map((machine) => [machine.address, machine]));
  return { folder, machinePort, machines, instance: await startReady(folder) };
}

function machineAt(address: string, port: number): Promise<Machine> {
  return startMachine({ address, port, version: 'v1' });
}

async function startReady(folder: string): Promise<Instance> {
  const instance = await startInstance({ folder, logFile: join(folder, 'webpool.log') });
  await waitFor('everything to be Ready', LIMIT, async () => (await instance.status()).ready || undefined);
  return instance;
}

async function listener(folder: string): Promise<number> {
  return Number(/port: (\d+)/.exec(await readFile(join(folder, 'rules.yaml'), 'utf8'))?.[1]);
}

async function rollAll(world: World, visitors: Visitors): Promise<void> {
  for (let turn = 0; turn < ROLLS; turn++) {
    for (const address of ADDRESSES) {
      const active = `{name: web${address.slice(-2)}, address: ${address}, weight: 100}`;
      const draining = active.replace('}', ', state: Drain}');
      await world.instance.edit('pools.yaml', active, draining);
      await quiet(visitors, address);
      await world.machines.get(address)?.shutDown();
      world.machines.set(address, await machineAt(address, world.machinePort));
      await world.instance.edit('pools.yaml', draining, active);
      await seen(visitors, address);
    }
  }
}

/** Requests that were inside the server when it died are tried again on the other: GET may be repeated. */
async function killServer(world: World, visitors: Visitors): Promise<void> {
  const [address = ''] = ADDRESSES;
  await world.machines.get(address)?.unplug();
  await delay(3000);
  world.machines.set(address, await machineAt(address, world.machinePort));
  await seen(visitors, address);
}

/** Connections are taken, nobody answers. */
async function silenceServer(world: World, visitors: Visitors): Promise<void> {
  const [address = ''] = ADDRESSES;
  const machine = world.machines.get(address);
  machine?.pause();
  await delay(5000);
  machine?.resume();
  await seen(visitors, address);
}

async function killOperator(world: World): Promise<void> {
  world.instance.crash();
  await delay(2000);
  world.instance = await startReady(world.folder);
  await delay(500);
}

/** A pool option is static: each edit is one reload. */
async function reloadOften(world: World): Promise<void> {
  for (const [before, after] of [
    ['drainTimeout: 5s', 'drainTimeout: 5s\n  queueTimeout: 6s'],
    ['queueTimeout: 6s', 'queueTimeout: 7s'],
    ['\n  queueTimeout: 7s', ''],
  ] as const) {
    const reloads = await world.instance.reloads();
    await world.instance.edit('pools.yaml', before, after);
    await waitFor('the reload', LIMIT, async () => (await world.instance.reloads()) > reloads || undefined);
    await delay(500);
  }
}

async function seen(visitors: Visitors, address: string): Promise<void> {
  const since = performance.now();
  await waitFor('a visitor', LIMIT, () => visitors.answers.findLast((one) => one.at > since && one.server === address));
}

async function quiet(visitors: Visitors, address: string): Promise<void> {
  const since = performance.now();
  const last = () => visitors.answers.findLast(({ server }) => server === address)?.at ?? 0;
  await waitFor('quiet', LIMIT, () => performance.now() - Math.max(last(), since) > 500 || undefined);
}
