/** A folder with many pools and rules, and a `webpool run` on it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withOwnNode } from '../test/support/own-node.ts';
import { builtProgram, residentMemory, workerMemory } from './process.ts';

export interface FolderSize {
  readonly pools: number;
  readonly serversPerPool: number;
  readonly rules: number;
}

export interface BigFolder {
  readonly path: string;
  /** The file of a pool, and what stands in it. */
  readonly poolFile: (index: number) => string;
  readonly poolText: (index: number, servers?: readonly ServerLine[]) => string;
  readonly remove: () => Promise<void>;
}

export interface ServerLine {
  readonly name: string;
  readonly address: string;
  readonly weight: number;
}

/** Port of every server. */
export const PORT = 18_090;
const RULES_PER_FILE = 100;

/** The servers of a pool; every address is on this host. */
export function serversOf(pool: number, count: number): readonly ServerLine[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `web${index}`,
    address: `127.${1 + Math.floor(pool / 250)}.${pool % 250}.${index + 1}`,
    weight: 100,
  }));
}

/** Writes the folder: one file a pool, a hundred rules a file. */
export async function makeBigFolder({ pools, serversPerPool, rules }: FolderSize, port: number): Promise<BigFolder> {
  const path = await mkdtemp(join(tmpdir(), 'webpool-bench-'));
  await mkdir(join(path, 'pools'));
  await mkdir(join(path, 'rules'));
  const poolFile = (index: number) => join(path, 'pools', `pool${index}.yaml`);
  const poolText = (index: number, servers = serversOf(index, serversPerPool)) =>
    [
      'apiVersion: webpool.dev/v1alpha1',
      'kind: WebPool',
      `metadata: {name: pool${index}}`,
      'spec:',
      `  port: ${PORT}`,
      '  healthCheck: {interval: 1h}',
      '  externalEndpoints:',
      ...servers.map(({ name, address, weight }) => `    - {name: ${name}, address: ${address}, weight: ${weight}}`),
      '',
    ].join('\n');
  for (let index = 0; index < pools; index++) await writeFile(poolFile(index), poolText(index));
  const ruleText = (index: number) =>
    [
      'apiVersion: webpool.dev/v1alpha1',
      'kind: RoutingRule',
      `metadata: {name: rule${index}}`,
      'spec:',
      `  listener: {protocol: HTTP, port: ${port}}`,
      `  hostnames: [site${index % 500}.example.com]`,
      '  rules:',
      `    - {name: all, matches: [{path: {type: Prefix, value: /area${index}}}], pools: [{name: pool${index % pools}}]}`,
      '',
    ].join('\n');
  for (let from = 0; from < rules; from += RULES_PER_FILE) {
    const texts = Array.from({ length: Math.min(RULES_PER_FILE, rules - from) }, (_, index) => ruleText(from + index));
    await writeFile(join(path, 'rules', `rules${from}.yaml`), texts.join('---\n'));
  }
  return { path, poolFile, poolText, remove: () => rm(path, { recursive: true, force: true }) };
}

export interface BigInstance {
  readonly pid: number;
  /** Milliseconds from the start of the process to the first moment that it was programmed. */
  readonly startToProgrammed: number;
  /** Milliseconds from the moment that the files were read. */
  readonly readToProgrammed: number;
  /** Path of HAProxy's runtime socket. */
  readonly socket: string;
  /** Resident memory of the program, without HAProxy (MB). */
  readonly memory: () => Promise<number>;
  readonly haproxyMemory: () => Promise<number>;
  /** Ends the program at once; HAProxy goes on. */
  readonly crash: () => void;
  /** Ends all. */
  readonly stop: () => Promise<void>;
}

/** Puts a file in the place of another, as an editor does. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

const LIMIT = 120_000;

/** Starts `webpool run` and waits until HAProxy is programmed. */
export async function startBigInstance(folder: string): Promise<BigInstance> {
  const main = await builtProgram();
  const args = ['run', folder, '--bind', '127.0.0.1', '--http', '127.0.0.1:0', '--log-format', 'json', '--grace', '1s'];
  const begun = performance.now();
  // As it is started where it is installed: by its first line.
  const child = spawn(main, args, { stdio: ['ignore', 'pipe', 'inherit'], env: withOwnNode() });
  const exit = once(child, 'exit');
  const seen = new Map<string, number>();
  let rest = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = /"msg":"([^"]+)"\}$/.exec(line)?.[1];
      if (message !== undefined && !seen.has(message)) seen.set(message, performance.now());
    }
  });
  while (!seen.has('programmed')) {
    if (child.exitCode !== null) throw new Error('webpool ended');
    if (performance.now() - begun > LIMIT) throw new Error('not programmed in time');
    await delay(2);
  }
  const programmed = seen.get('programmed') ?? 0;
  const pid = child.pid ?? 0;
  const socket = join(folder, '.status', 'haproxy', 'admin.sock');
  return {
    pid,
    startToProgrammed: programmed - begun,
    readToProgrammed: programmed - (seen.get('folder read') ?? begun),
    socket,
    memory: () => residentMemory(pid),
    haproxyMemory: async () => workerMemory(await ask(socket, 'show info')),
    crash: () => void child.kill('SIGKILL'),
    async stop() {
      if (!child.killed) child.kill('SIGTERM');
      await exit;
      if (child.signalCode === 'SIGKILL') await endHaproxy(dirname(socket));
    },
  };
}

async function endHaproxy(folder: string): Promise<void> {
  const master = Number(/^(\d+)\s+master/m.exec(await ask(join(folder, 'master.sock'), 'show proc;quit'))?.[1]);
  process.kill(master, 'SIGTERM');
  while (
    await access(join('/proc', String(master))).then(
      () => true,
      () => false,
    )
  )
    await delay(10);
}

/** The answer of HAProxy's runtime socket to one command. */
export async function ask(socket: string, command: string): Promise<string> {
  const connection = createConnection({ path: socket });
  connection.setEncoding('utf8');
  connection.write(`${command}\n`);
  let answer = '';
  for await (const chunk of connection) answer += String(chunk);
  return answer;
}
