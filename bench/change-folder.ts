/**
 * From the edit of a file to the moment that HAProxy has it, beside a script that only says the same commands; and to the first request
 * that a new server answers, and to the last one of a server that was taken out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { collectGarbage } from '../operator/commands/tidy.ts';
import { createRuntimeSocket, type RuntimeSocket } from '../operator/driver/runtime-socket.ts';
import { freePort } from '../test/support/mariadb.ts';
import {
  makeBigFolder,
  PORT,
  replaceFile,
  serversOf,
  startBigInstance,
  type BigFolder,
  type BigInstance,
  type ServerLine,
} from './big-folder.ts';
import { echoServer } from './echo-server.ts';
import { percentiles, type Figures } from './frame.ts';
import { createVisitor } from './visitor.ts';

const SIZES = [
  { label: '10', pools: 1, rules: 1 },
  { label: '1000', pools: 100, rules: 500 },
  { label: '10000', pools: 1000, rules: 5000 },
] as const;
/** Of the largest size the figures have no size in their name. */
const LARGEST = SIZES.at(-1)?.label;
/** The p99 of a run is the second largest of its third of three changes a turn. */
const TURNS = 105;
const WARM_UP = 15;
const MOVES = 20;
const SERVERS = 10;
const LIMIT = 5000;
/** Milliseconds: for reading back, image and status of the start, and of a change. */
const SETTLE = 2000;
const PAUSE = 20;
/** Milliseconds between two looks, less than a timer can wait: who never rests takes the processor from those whom it measures. */
const REST = 0.2;
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** The figures of all sizes. */
export async function measureFolders(say: (text: string) => void): Promise<Figures> {
  const { command, args, env } = echoServer(PORT);
  const servers = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  let figures: Figures = {};
  for (const size of SIZES) figures = { ...figures, ...(await measureSize(size, say)) };
  servers.kill();
  return figures;
}

async function measureSize({ label, pools, rules }: (typeof SIZES)[number], say: (text: string) => void) {
  const prefix = label === LARGEST ? 'apply' : `apply_${label}`;
  const port = await freePort();
  const folder = await makeBigFolder({ pools, serversPerPool: SERVERS, rules }, port);
  const bare = await makeBigFolder({ pools, serversPerPool: SERVERS, rules }, await freePort());
  const instance = await startBigInstance(folder.path);
  // What changes by hand is put right at once, so the bare command needs a HAProxy that nobody keeps.
  const unkept = await startBigInstance(bare.path);
  unkept.crash();
  await delay(SETTLE);
  const { times, floor } = await measureChanges({ folder, instance, pools }, unkept);
  const moves = label === LARGEST ? await measureMoves(folder, port) : {};
  for (const one of [instance, unkept]) await one.stop();
  for (const one of [folder, bare]) await one.remove();
  const figures = { ...percentiles(prefix, times), ...percentiles(`floor_${label}`, floor), ...moves };
  const [own, other] = [prefix, `floor_${label}`].map((name) => figures[`${name}_p99_ms`]?.value.toFixed(1));
  say(`${label} servers: p99 ${own} ms, bare command ${other} ms`);
  return figures;
}

interface Kept {
  readonly folder: BigFolder;
  readonly instance: BigInstance;
  readonly pools: number;
}

/** Weights, a server more, a server less, each in another pool; after each the bare commands, so that both meet the same moments. */
async function measureChanges({ folder, instance, pools }: Kept, unkept: BigInstance) {
  const bare = await startBareCommands(unkept);
  const own = createRuntimeSocket(instance.socket);
  const other = createRuntimeSocket(unkept.socket);
  const times: number[] = [];
  const floor: number[] = [];
  collectGarbage();
  for (let turn = 0; turn < WARM_UP + TURNS; turn++) {
    const pool = (turn * 37) % pools;
    for (const { servers, commands, done } of changesOf(pool, turn)) {
      const seen = { command: `show servers state ${backendOf(pool)}`, done };
      const took = await timeUntil(own, await editOf(folder.poolFile(pool), folder.poolText(pool, servers)), seen);
      const least = await timeUntil(other, () => bare.say(commands.join(';')), seen);
      if (turn < WARM_UP) continue;
      times.push(took);
      floor.push(least);
    }
  }
  bare.stop();
  return { times, floor };
}

interface Change {
  readonly servers: readonly ServerLine[];
  /** The same to HAProxy. */
  readonly commands: readonly string[];
  /** Whether `show servers state` has it. */
  readonly done: (state: string) => boolean;
}

/**
 * New weights, a server more, and one less. One that left keeps its name until it is deleted, so each turn adds one with a name of its own; it
 * is in drain until it has passed a check, so another one is taken out.
 */
function changesOf(pool: number, turn: number): readonly Change[] {
  const servers = serversOf(pool, SERVERS);
  const added = { name: `added${turn}`, address: `127.200.0.${turn + 1}`, weight: 100 };
  const leavers = servers.slice(-1);
  const weight = 1 + (turn % 90);
  const nameOf = ({ name, address }: ServerLine) => `${backendOf(pool)}/${name}_${address}:${PORT}`;
  const weights = (value: number) => servers.map((server) => `set server ${nameOf(server)} weight ${value}`);
  return [
    {
      servers: servers.map((server) => ({ ...server, weight })),
      commands: [...weights(weight), ...leavers.map((server) => `set server ${nameOf(server)} state ready`)],
      done: weightIs(weight),
    },
    {
      servers: [...servers, added],
      commands: [
        ...weights(100),
        `add server ${nameOf(added)} ${added.address}:${PORT} check inter 1h weight 100`,
        `enable health ${nameOf(added)}`,
        `set server ${nameOf(added)} state drain`,
      ],
      done: (state: string) => state.includes(` ${added.name}_`),
    },
    {
      servers: servers.filter((server) => !leavers.includes(server)),
      commands: leavers.map((server) => `set server ${nameOf(server)} state drain`),
      done: (state: string) => new RegExp(`^\\d+ \\S+ \\d+ web${SERVERS - 1}_\\S+ \\S+ \\d+ (?!0 )`, 'm').test(state),
    },
  ];
}

function weightIs(weight: number): (state: string) => boolean {
  return (state) => new RegExp(`^\\d+ \\S+ \\d+ web0_\\S+ \\S+ \\d+ \\d+ ${weight} `, 'm').test(state);
}

function backendOf(pool: number): string {
  return `http_default_pool${pool}`;
}

interface Seen {
  readonly command: string;
  readonly done: (answer: string) => boolean;
}

/** Writes a file beside another one; what comes back puts it in its place, as an editor does. */
async function editOf(path: string, text: string): Promise<() => void> {
  await writeFile(`${path}.new`, text);
  return () => renameSync(`${path}.new`, path);
}

/** Milliseconds from `change` to the moment that HAProxy has it. */
async function timeUntil(socket: RuntimeSocket, change: () => void, { command, done }: Seen): Promise<number> {
  const isDone = async () => done((await socket.run([command]))[0] ?? '');
  const limit = performance.now() + LIMIT;
  while (await isDone()) {
    // A server that came back is not in use yet.
    if (performance.now() > limit) throw new Error(`was so before it was asked for: ${command}`);
    await delay(PAUSE);
  }
  await delay(PAUSE);
  const begun = performance.now();
  change();
  while (!(await isDone())) {
    if (performance.now() > limit) throw new Error(`not seen in ${LIMIT} ms: ${command}`);
    Atomics.wait(NEVER, 0, 0, REST);
  }
  return performance.now() - begun;
}

/** A script that is told what to say: what a change costs at least for one who has heard of it. */
async function startBareCommands({ socket }: BigInstance) {
  const script = new URL('./bare-command.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, socket], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    say: (commands: string) => void child.stdin.write(`${commands}\n`),
    stop: () => void child.kill(),
  };
}

/** One pool with one server after the other: to the first request of the next one, and to the last of the one before. */
async function measureMoves(folder: BigFolder, port: number): Promise<Figures> {
  const visitor = await createVisitor({ address: '127.0.0.1', port, host: 'site0.example.com', path: '/area0' });
  const serverOf = (turn: number): ServerLine => ({
    name: `mover${turn}`,
    address: `127.201.0.${turn + 1}`,
    weight: 100,
  });
  const write = async (...servers: readonly ServerLine[]) =>
    replaceFile(folder.poolFile(0), folder.poolText(0, servers));
  const joins: number[] = [];
  const leaves: number[] = [];
  await write(...serversOf(0, SERVERS), serverOf(0));
  await visitor.untilFirst(serverOf(0).address);
  for (let turn = 1; turn <= MOVES; turn++) {
    const [current, next] = [serverOf(turn - 1), serverOf(turn)];
    await write(current, next);
    joins.push(await visitor.untilFirst(next.address));
    await write(next);
    leaves.push(await visitor.untilLast(current.address));
  }
  visitor.close();
  return { ...percentiles('join', joins), ...percentiles('leave', leaves) };
}
