/** A `webpool run` of the demo: the program as a user starts it, and what it tells of itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { InstanceStatus } from '../operator/status/instance.ts';

export interface Instance {
  readonly url: string;
  status(): Promise<InstanceStatus>;
  /** Reloads of HAProxy since it was started. */
  reloads(): Promise<number>;
  /** Replaces text in a file of the folder, as an editor does: a new file is moved into place. */
  edit(file: string, before: string, after: string): Promise<void>;
  /** Ends it as Ctrl-C does. */
  stop(): Promise<void>;
  /** Ends the program at once; HAProxy goes on. */
  crash(): void;
}

export interface InstanceOptions {
  readonly folder: string;
  readonly logFile: string;
}

const START_LIMIT = 30_000;
const STOP_LIMIT = 20_000;

/** Starts `webpool run` and waits until it answers. Errors: rejects with the end of its log when it does not. */
export async function startInstance({ folder, logFile }: InstanceOptions): Promise<Instance> {
  const main = new URL('../operator/main.ts', import.meta.url).pathname;
  const args = [main, 'run', folder, '--bind', '127.0.0.1', '--http', '127.0.0.1:0', '--log-format', 'json'];
  const child = spawn(process.execPath, [...args, '--grace', '5s'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exit = once(child, 'exit');
  const url = await waitFor('webpool to start', START_LIMIT, async () => {
    if (child.exitCode !== null) throw new Error(`webpool ended:\n${(await readFile(logFile, 'utf8')).slice(-2000)}`);
    const text = await readFile(join(folder, '.status', 'instance.json'), 'utf8').catch(() => '{}');
    const { pid, url } = JSON.parse(text) as { pid?: number; url?: string };
    // An instance that crashed has left its file.
    return pid === child.pid ? url : undefined;
  });
  return {
    url,
    status: async () => (await (await fetch(`${url}/status`)).json()) as InstanceStatus,
    reloads: async () => reloadsIn(await (await fetch(`${url}/metrics`)).text()),
    edit: (file, before, after) => replaceInFile(join(folder, file), before, after),
    crash: () => void child.kill('SIGKILL'),
    async stop() {
      child.kill('SIGTERM');
      await Promise.race([exit, delay(STOP_LIMIT).then(() => child.kill('SIGKILL'))]);
      log.end();
    },
  };
}

function reloadsIn(metrics: string): number {
  const counts = [...metrics.matchAll(/^webpool_reloads_total\{[^}]*\} (\d+)$/gm)].map(([, count]) => Number(count));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Replaces text in a file as an editor does: a new file is moved into place. Errors: rejects when the text is not there. */
export async function replaceInFile(path: string, before: string, after: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  if (!text.includes(before)) throw new Error(`${path} has no ${before}`);
  await writeFile(`${path}.new`, text.replaceAll(before, after));
  await rename(`${path}.new`, path);
}

/** Asks again and again until there is an answer. Errors: rejects when time is up. */
export async function waitFor<T>(
  what: string,
  limit: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = performance.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`waited ${limit / 1000} s for ${what}`);
    await delay(5);
  }
}
