/** Runs a benchmark in a process of its own, within its time, and leaves nothing of it behind. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BENCHMARKS, type Name } from './benchmarks.ts';
import type { Result } from './frame.ts';
import type { FromWorker } from './worker.ts';

export type Outcome = { readonly name: Name; readonly seconds: number } & (
  { readonly result: Result } | { readonly problem: string }
);

const WORKER = new URL('./worker.ts', import.meta.url).pathname;
/** Every process of a benchmark inherits this variable, wherever it was started. */
const MARK = 'WEBPOOL_BENCH';
/** A busy machine may need that many times the budget; what needs longer hangs. */
const PATIENCE = 3;
/** Milliseconds in which what tidies up by itself may do so. */
const TIDY = 10_000;

/** Runs it. A problem is an outcome, no error. `say` gets lines for people. */
export async function runBenchmark(name: Name, say: (text: string) => void, signal: AbortSignal): Promise<Outcome> {
  const begun = performance.now();
  const { budget } = BENCHMARKS[name];
  const mark = randomUUID();
  const ended = new AbortController();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE * budget * 1000)]);
  const worker = spawn(process.execPath, [WORKER, name], {
    // Its output is for people too.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    env: { ...process.env, [MARK]: mark },
    signal: limit,
    killSignal: 'SIGKILL',
  });
  let outcome: { result: Result } | { problem: string } | undefined;
  worker.on('message', (message: FromWorker) => {
    if ('say' in message) say(message.say);
    else if ('started' in message) say(`${message.started.description} (${message.started.method})`);
    else outcome = message;
  });
  worker.on('error', () => {});
  const [code, killed] = (await once(worker, 'close')) as [number | null, NodeJS.Signals | null];
  ended.abort();
  const left = await endAll(mark);
  if (left.length > 0) say(`left behind and ended: ${left.join(', ')}`);
  const seconds = (performance.now() - begun) / 1000;
  if (limit.aborted && !signal.aborted) outcome = { problem: `did not end within ${PATIENCE * budget} s` };
  outcome ??= { problem: `its process ended (${killed ?? code})` };
  return { name, seconds, ...outcome };
}

/** Waits for what ends by itself, then ends what is left of a benchmark; the names of these programs. */
async function endAll(mark: string): Promise<readonly string[]> {
  const limit = performance.now() + TIDY;
  let left = await marked(mark);
  for (; left.length > 0 && performance.now() < limit; left = await marked(mark)) await delay(100);
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  return left.map(({ name }) => name);
}

interface Process {
  readonly pid: number;
  readonly name: string;
}

async function marked(mark: string): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid): Promise<readonly Process[]> => {
      // Of others, and of what ended meanwhile, there is nothing to read.
      const read = (file: string): Promise<string> =>
        readFile(join('/proc', String(pid), file), 'utf8').catch(() => '');
      return (await read('environ')).includes(`${MARK}=${mark}\0`) ? [{ pid, name: (await read('comm')).trim() }] : [];
    }),
  );
  return found.flat();
}
