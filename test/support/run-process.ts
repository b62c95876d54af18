/** `webpool run` as a user starts it: a process on a folder of its own, with a real HAProxy. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { runMasterCommand } from '../../operator/driver/runtime-socket.ts';
import { parseProcesses } from '../../operator/haproxy/parse.ts';
import type { InstanceStatus } from '../../operator/status/instance.ts';
import { loopbackAddress } from './address.ts';
import { eventually } from './wait.ts';

const MAIN = new URL('../../operator/main.ts', import.meta.url).pathname;
const ENV = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

export interface RunFolder {
  readonly path: string;
  /** Where its listeners listen. */
  readonly bind: string;
  /** Writes a file as an editor does: a new one is moved into place. */
  write(name: string, text: string): Promise<void>;
  /** The status that was written for an object, `webpool.default.site` for example. */
  status(name: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** A condition of that status. */
  condition(name: string, type: string): Promise<Condition | undefined>;
  statusFiles(): Promise<readonly string[]>;
  /** Starts `run` on it and waits until it answers. `log`: a file for its log. */
  start(flags?: readonly string[], log?: string): Promise<RunProcess>;
  /** Runs `webpool` with these arguments to its end. */
  command(args: readonly string[]): Promise<{ readonly code: number; readonly out: string }>;
  /** The master of its HAProxy; undefined when none runs. */
  haproxy(): Promise<number | undefined>;
  /** Ends what a failed test left running. */
  endRuns(): Promise<void>;
  /** Ends what is left and removes the folder. */
  remove(): Promise<void>;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface RunProcess {
  readonly url: string;
  readonly pid: number;
  ask(): Promise<InstanceStatus>;
  metrics(): Promise<string>;
  log(): string;
  /** Ends it and returns its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** An empty folder, and what can be done with it by this program; default: these sources. */
export async function makeRunFolder(program = MAIN): Promise<RunFolder> {
  const path = await mkdtemp(join(tmpdir(), 'webpool-run-'));
  const bind = loopbackAddress();
  const children = new Set<ChildProcess>();
  const statusFolder = join(path, '.status');

  const haproxy = async () => {
    try {
      const answer = await runMasterCommand(join(statusFolder, 'haproxy', 'master.sock'), 'show proc');
      parseProcesses(answer);
      return Number(/^(\d+)\s+master /m.exec(answer)?.[1]);
    } catch {
      return undefined;
    }
  };
  const start: RunFolder['start'] = async (flags = [], file) => {
    const args = [program, 'run', path, '--bind', bind, '--http', '127.0.0.1:0', '--log-format', 'json', ...flags];
    const sink = file === undefined ? 'pipe' : openSync(file, 'a');
    const child = spawn(process.execPath, args, { env: ENV, stdio: ['ignore', sink, 'pipe'] });
    if (typeof sink === 'number') closeSync(sink);
    children.add(child);
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log += String(chunk)));
    const exit = once(child, 'exit');
    const url = await eventually('webpool answers', async () => {
      if (child.exitCode !== null) throw new Error(`webpool ended:\n${log.slice(-2000)}`);
      const text = await readFile(join(statusFolder, 'instance.json'), 'utf8');
      const instance = JSON.parse(text) as { readonly url: string; readonly pid: number };
      return instance.pid === child.pid ? instance.url : undefined;
    });
    return {
      url,
      pid: child.pid ?? 0,
      ask: async () => (await (await fetch(`${url}/status`)).json()) as InstanceStatus,
      metrics: async () => (await fetch(`${url}/metrics`)).text(),
      log: () => log,
      async end(signal: NodeJS.Signals = 'SIGTERM') {
        child.kill(signal);
        await exit;
        children.delete(child);
        return child.exitCode;
      },
    };
  };

  const endRuns = async () => {
    for (const child of children) {
      const exit = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGKILL')) await exit;
    }
    children.clear();
  };

  const status: RunFolder['status'] = async (name) => {
    const text = await readFile(join(statusFolder, `${name}.yaml`), 'utf8').catch(() => '{}');
    return (load(text) as { readonly status?: Readonly<Record<string, unknown>> }).status;
  };

  return {
    path,
    bind,
    endRuns,
    async write(name, text) {
      await writeFile(join(path, `${name}.new`), text);
      await rename(join(path, `${name}.new`), join(path, name));
    },
    status,
    async condition(name, type) {
      const conditions = ((await status(name))?.['conditions'] ?? []) as readonly Condition[];
      return conditions.find((one) => one.type === type);
    },
    statusFiles: async () => (await readdir(statusFolder)).filter((name) => name.endsWith('.yaml')).sort(),
    start,
    command: (args) =>
      new Promise((resolve) => {
        execFile(process.execPath, [program, ...args], { env: ENV }, (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: `${stdout}${stderr}` }),
        );
      }),
    haproxy,
    async remove() {
      await endRuns();
      const master = await haproxy();
      if (master !== undefined) {
        process.kill(master, 'SIGTERM');
        await eventually('HAProxy ends', async () => (await haproxy()) === undefined);
      }
      await rm(path, { recursive: true, force: true });
    },
  };
}
