/** From the edit of a file to the moment that HAProxy has it, beside a script that only knows the one command. */
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../test/support/mariadb.ts';
import {
  ask,
  makeBigFolder,
  PORT,
  serversOf,
  startBigInstance,
  type BigFolder,
  type BigInstance,
} from './big-folder.ts';
import { measureKubernetes } from './change-kubernetes.ts';
import { figure, percentile, type Figures, type Result } from './frame.ts';

export const name = 'change';
export const description =
  'one edited file until HAProxy has the change, at 10, 1,000 and 10,000 servers, against the bare command';
export const method = '60 turns of three changes in each size, in Kubernetes 200 of two, after the start has settled';

const SIZES = [
  { label: '10', pools: 1, rules: 1 },
  { label: '1000', pools: 100, rules: 500 },
  { label: '10000', pools: 1000, rules: 5000 },
] as const;
const CHANGES = 60;
const SERVERS = 10;
const LIMIT = 5000;

export async function run(say: (text: string) => void): Promise<Result> {
  let figures: Figures = {};
  const listener = createServer((connection) => connection.destroy()).listen(PORT, '0.0.0.0');
  await once(listener, 'listening');
  for (const { label, pools, rules } of SIZES) {
    const folder = await makeBigFolder({ pools, serversPerPool: SERVERS, rules }, await freePort());
    const instance = await startBigInstance(folder.path);
    // Reading back, image and status of the start are not what is measured.
    await delay(2000);
    const times = await measureChanges(folder, instance, pools);
    // What changes by hand is put right at once, so the bare command needs a HAProxy that nobody keeps.
    instance.crash();
    const floor = await measureFloor(instance);
    figures = { ...figures, ...figuresOf(label, times, floor) };
    say(
      `${label} servers: p50 ${percentile(times, 0.5).toFixed(1)} ms, bare command ${percentile(floor, 0.5).toFixed(1)} ms`,
    );
    await instance.stop();
    await folder.remove();
  }
  listener.close();
  return { name, figures: { ...figures, ...(await measureKubernetes(say)) } };
}

function figuresOf(label: string, times: readonly number[], floor: readonly number[]): Figures {
  // The largest set gives the figures that have no size in their name.
  const prefix = label === SIZES.at(-1)?.label ? 'apply' : `apply_${label}`;
  return {
    [`${prefix}_p50_ms`]: figure(percentile(times, 0.5), 'ms'),
    [`${prefix}_p99_ms`]: figure(percentile(times, 0.99), 'ms'),
    [`floor_${label}_p50_ms`]: figure(percentile(floor, 0.5), 'ms'),
    [`floor_${label}_p99_ms`]: figure(percentile(floor, 0.99), 'ms'),
  };
}

/** Weights, a server more, a server less, each in another pool. */
async function measureChanges(folder: BigFolder, instance: BigInstance, pools: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < CHANGES; turn++) {
    const pool = (turn * 37) % pools;
    const servers = serversOf(pool, SERVERS);
    const added = { name: 'added', address: '127.200.0.1', weight: 100 };
    const weight = 1 + (turn % 90);
    const changes = [
      {
        text: folder.poolText(
          pool,
          servers.map((server) => ({ ...server, weight })),
        ),
        done: weightIs(weight),
      },
      { text: folder.poolText(pool, [...servers, added]), done: (state: string) => state.includes(' added_') },
      { text: folder.poolText(pool), done: (state: string) => /^\d+ \S+ \d+ added_\S+ \S+ \d+ (?!0 )/m.test(state) },
    ];
    for (const { text, done } of changes) {
      await writeFile(`${folder.poolFile(pool)}.new`, text);
      await rename(`${folder.poolFile(pool)}.new`, folder.poolFile(pool));
      times.push(await timeUntil(instance, `show servers state http_default_pool${pool}`, done));
      await delay(30);
    }
    // Until it is deleted a server of that name is in the way of the next one.
    await timeUntil(instance, `show servers state http_default_pool${pool}`, (state) => !state.includes(' added_'));
  }
  return times;
}

function weightIs(weight: number): (state: string) => boolean {
  return (state) => new RegExp(`^\\d+ \\S+ \\d+ web0_\\S+ \\S+ \\d+ \\d+ ${weight} `, 'm').test(state);
}

async function timeUntil({ socket }: BigInstance, command: string, done: (state: string) => boolean): Promise<number> {
  const begun = performance.now();
  while (!done(await ask(socket, command))) {
    if (performance.now() - begun > LIMIT) throw new Error(`not seen in ${LIMIT} ms: ${command}`);
  }
  return performance.now() - begun;
}

/** A script that has the event of one file and writes one command: what the work costs at least. */
async function measureFloor(instance: BigInstance): Promise<readonly number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-floor-'));
  const server = `http_default_pool0/web0_127.1.0.1:${PORT}`;
  let weight = 100;
  const watcher = watch(folder, (_, file) => {
    if (file === 'change') void ask(instance.socket, `set server ${server} weight ${weight}`);
  });
  const times: number[] = [];
  for (let turn = 0; turn < CHANGES; turn++) {
    weight = 101 + turn;
    await writeFile(join(folder, 'change.new'), String(weight));
    await rename(join(folder, 'change.new'), join(folder, 'change'));
    times.push(await timeUntil(instance, 'show servers state http_default_pool0', weightIs(weight)));
    await delay(30);
  }
  watcher.close();
  await rm(folder, { recursive: true, force: true });
  return times;
}
