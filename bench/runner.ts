/** Runs a benchmark in a process of its own, within its time, and leaves nothing of it behind. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BENCHMARKS, type Name } from './benchmarks.ts';
import type { Result } from './frame.ts';
import type { FromWorker } from './worker.ts';

export type Ending = { readonly result: Result } | { readonly problem: string };

export type Outcome = Ending & { readonly name: Name; readonly seconds: number };

/** A process that talks as `worker.ts` does. */
export interface Job {
  /** Path and arguments of a script. */
  readonly script: readonly string[];
  /** Milliseconds after which it hangs. */
  readonly limit: number;
  /** Milliseconds in which what it started may tidy up after its end. */
  readonly tidy: number;
  /** Gets lines for people. */
  readonly say: (text: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const WORKER = new URL('./worker.ts', import.meta.url).pathname;
/** Who measures collects no garbage meanwhile: that takes both cores for up to 15 ms. */
const ROOMY = ['--min-semi-space-size=64', '--max-semi-space-size=64', '--initial-old-space-size=512'];
/** Every process of a benchmark inherits this variable, wherever it was started. */
const MARK = 'WEBPOOL_BENCH';
/** A busy machine may need that many times the budget; what needs longer hangs. */
const PATIENCE = 3;
const TIDY = 10_000;

/** Runs a benchmark. A problem is an outcome, no error. */
export async function runBenchmark(name: Name, say: Job['say'], signal: AbortSignal): Promise<Outcome> {
  const begun = performance.now();
  const limit = PATIENCE * BENCHMARKS[name].budget * 1000;
  const ending = await runJob({ script: [WORKER, name], limit, tidy: TIDY, say, signal });
  return { name, seconds: (performance.now() - begun) / 1000, ...ending };
}

export async function runJob({ script, limit, tidy, say, signal }: Job): Promise<Ending> {
  const mark = randomUUID();
  const time = AbortSignal.timeout(limit);
  const worker = spawn(process.execPath, [...ROOMY, ...script], {
    // Its output is for people too.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    env: { ...process.env, [MARK]: mark },
    signal: AbortSignal.any([signal, time]),
    killSignal: 'SIGKILL',
  });
  let ending: Ending | undefined;
  worker.on('message', (message: FromWorker) => {
    if ('say' in message) say(message.say);
    else if ('started' in message) say(`${message.started.description} (${message.started.method})`);
    else ending = message;
  });
  // An abort is told as an error, before the end.
  worker.on('error', () => {});
  const [code, killed] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    worker.once('close', (...end) => resolve(end));
  });
  const left = await endAll(mark, tidy);
  if (left.length > 0) say(`left behind and ended: ${left.join(', ')}`);
  if (ending !== undefined) return ending;
  return { problem: time.aborted ? `did not end within ${limit / 1000} s` : `its process ended (${killed ?? code})` };
}

/** Waits for what ends by itself, then ends what is left of a benchmark; the names of these programs. */
async function endAll(mark: string, tidy: number): Promise<readonly string[]> {
  const left = await stillThere(mark, tidy);
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  await stillThere(mark, TIDY);
  return left.map(({ name }) => name);
}

/** What of a benchmark is there after so many milliseconds; at once when nothing is. */
async function stillThere(mark: string, limit: number): Promise<readonly Process[]> {
  const end = performance.now() + limit;
  for (;;) {
    const left = await marked(mark);
    if (left.length === 0 || performance.now() > end) return left;
    await delay(100);
  }
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
