/** Requests that fail while things go wrong or are replaced, in a folder and in Kubernetes. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { replaceInFile, startInstance, waitFor, type Instance } from '../demo/instance.ts';
import { startMachine, stopMachines, type Machine } from '../demo/machines.ts';
import type { Visitors } from '../demo/visitors.ts';
import { freePort } from '../test/support/mariadb.ts';
import { measureKubernetesFaults } from './faults-kubernetes.ts';
import type { Figures, Result } from './frame.ts';
import { figuresOf, quiet, seen, underTraffic, wordsOf, type Death, type Play } from './traffic.ts';

export const name = 'faults';
export const description =
  'failed requests of 300 a second, a third of them POST: rolling replacement, a killed and a silent server, a killed operator, reloads, new proxies';
export const method =
  'half a second of traffic before each fault; every server is replaced five times in a folder, three times in Kubernetes';

const ADDRESSES = ['127.0.1.11', '127.0.1.12'];
const OTHERS = ['127.0.1.21', '127.0.1.22', '127.0.1.31', '127.0.1.32', '127.0.1.41', '127.0.1.42'];
/** Pages take some time, so that there is always one inside each server. */
const PATH = '/blog/?wait=40';
const ROLLS = 5;
const LIMIT = 30_000;

interface World {
  readonly folder: string;
  readonly machinePort: number;
  readonly machines: Map<string, Machine>;
  instance: Instance;
}

type Fault = (world: World, visitors: Visitors) => ReturnType<Play>;

const FAULTS: Readonly<Record<string, Fault>> = {
  rolling: rollAll,
  server_killed: killServer,
  server_silent: silenceServer,
  operator_killed: killOperator,
  reloads: reloadOften,
};

export async function run(say: (text: string) => void): Promise<Result> {
  return { name, figures: { ...(await measureFolder(say)), ...(await measureKubernetesFaults(say)) } };
}

async function measureFolder(say: (text: string) => void): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-bench-'));
  let figures: Figures = {};
  let world: World | undefined;
  try {
    const own = await startWorld(folder);
    world = own;
    const expected = new Map([[PATH, (server: string) => ADDRESSES.includes(server)]]);
    const target = { port: await listener(folder), expected };
    for (const [fault, play] of Object.entries(FAULTS)) {
      const outcome = await underTraffic(target, (visitors) => play(own, visitors));
      figures = { ...figures, ...figuresOf(fault, outcome) };
      say(wordsOf(fault, outcome));
    }
    return figures;
  } finally {
    await world?.instance.stop();
    await stopMachines();
    await rm(folder, { recursive: true, force: true });
  }
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

async function rollAll(world: World, visitors: Visitors): Promise<undefined> {
  for (let turn = 0; turn < ROLLS; turn++) {
    for (const address of ADDRESSES) {
      const active = `{name: web${address.slice(-2)}, address: ${address}, weight: 100}`;
      const draining = active.replace('}', ', state: Drain}');
      await world.instance.edit('pools.yaml', active, draining);
      await quiet(visitors, address);
      await world.machines.get(address)?.shutDown();
      world.machines.set(address, await machineAt(address, world.machinePort));
      await world.instance.edit('pools.yaml', draining, active);
      await seen(visitors, (server) => server === address);
    }
  }
}

/** A GET that was inside the server when it died is tried again on the other, a POST cannot be. */
async function killServer(world: World, visitors: Visitors): Promise<Death> {
  const [address = ''] = ADDRESSES;
  const from = performance.now();
  await world.machines.get(address)?.unplug();
  const to = performance.now();
  await delay(3000);
  world.machines.set(address, await machineAt(address, world.machinePort));
  await seen(visitors, (server) => server === address);
  return { from, to };
}

/** Connections are taken, nobody answers. */
async function silenceServer(world: World, visitors: Visitors): Promise<undefined> {
  const [address = ''] = ADDRESSES;
  const machine = world.machines.get(address);
  machine?.pause();
  await delay(5000);
  machine?.resume();
  await seen(visitors, (server) => server === address);
}

async function killOperator(world: World): Promise<undefined> {
  world.instance.crash();
  await delay(2000);
  world.instance = await startReady(world.folder);
  await delay(500);
}

/** A pool option is static: each edit is one reload. */
async function reloadOften(world: World): Promise<undefined> {
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
