import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A program that we started and that ends with us. */
export interface Child {
  readonly pid: number;
  readonly running: boolean;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Sends the signal and waits for the end; after 15 s it is killed. */
  readonly end: (name?: NodeJS.Signals) => Promise<void>;
  /** The last lines that it wrote. */
  readonly tail: () => Promise<string>;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Where both its outputs go. */
  readonly log: string;
  /** The network namespace that it runs in. Default: ours. */
  readonly netns?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const PATIENCE = 15_000;
/** For slow, busy machines. */
const START_LIMIT = 120_000;
const TAIL = 3_000;

/** Programs that are not on everybody's PATH. */
export const ENV: NodeJS.ProcessEnv = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** The command line that runs a program in a network namespace; cgroup mounts stay visible, as `ip netns exec` would not have it. */
export function inNetns(netns: string | undefined, command: readonly string[]): readonly string[] {
  return netns === undefined ? command : ['nsenter', `--net=/run/netns/${netns}`, '--', ...command];
}

/** Runs a command to its end; what it printed. Throws with what it complained about. */
export async function run(command: readonly string[]): Promise<string> {
  const [program = '', ...args] = command;
  try {
    const { stdout } = await promisify(execFile)(program, args, { env: ENV, maxBuffer: 1 << 28 });
    return stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(`${command.join(' ')}: ${stderr.trim() || message}`, { cause: error });
  }
}

/** Starts a program. It is killed when we end, even if we cannot say goodbye. */
export async function startChild({ command, args, log, netns, env = {} }: ChildOptions): Promise<Child> {
  const [program = '', ...rest] = inNetns(netns, ['setpriv', '--pdeathsig', 'KILL', '--', command, ...args]);
  const file = await open(log, 'a');
  const child = spawn(program, rest, { env: { ...ENV, ...env }, stdio: ['ignore', file.fd, file.fd] });
  const ended = once(child, 'exit').catch(() => []);
  await once(child, 'spawn');
  await file.close();
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    get running() {
      return running();
    },
    signal: (name) => child.kill(name),
    end: async (name = 'SIGTERM') => {
      if (!running()) return;
      child.kill(name);
      const patience = new AbortController();
      const late = delay(PATIENCE, true, { signal: patience.signal }).catch(() => false);
      if (await Promise.race([late, ended.then(() => false)])) child.kill('SIGKILL');
      patience.abort();
      await ended;
    },
    tail: async () => (await readFile(log, 'utf8')).slice(-TAIL),
  };
}

/**
 * Looks every 25 ms until the condition holds; an error in looking counts as "not yet".
 * Errors: the program ended, or two minutes have passed; with the last lines that it wrote.
 */
export async function whenTrue(child: Child, what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + START_LIMIT;
  let cause: unknown;
  for (;;) {
    try {
      if (await isTrue()) return;
    } catch (error) {
      cause = error;
    }
    if (!child.running || performance.now() > limit) {
      const why = child.running ? `not within ${START_LIMIT / 1000} s` : 'the program ended';
      throw new Error(`${what}: ${why}\n${await child.tail()}`, { cause });
    }
    await delay(25);
  }
}
