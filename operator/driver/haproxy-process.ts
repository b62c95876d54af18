/**
 * The HAProxy process: finding a running one, starting one, its master's words. It outlives us when we crash, and the next
 * start finds it by the master's socket in its folder.
 */
import { execFile, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseProcesses, type Processes } from '../haproxy/parse.ts';
import { CONFIG_FILE } from '../haproxy/image.ts';
import { createOutputFile, isAlert, isTrouble } from './output-file.ts';
import type { Ensured } from './proxy-driver.ts';
import { RuntimeSocketError, runMasterCommand } from './runtime-socket.ts';

/** HAProxy would not start, with its own words. */
export class ProxyStartError extends Error {
  override readonly name = 'ProxyStartError';
}

const MASTER_SOCKET = 'master.sock';
const OUTPUT_FILE = 'output.txt';
/** Milliseconds. */
const START_LIMIT = 15_000;
const POLL = 10;

export interface HaproxyProcess {
  /** Takes over the one that runs, or starts one after `prepare` has put its files there. */
  ensure(prepare: () => Promise<void>): Promise<Ensured>;
  processes(): Promise<Processes>;
  /** It did not answer: whether one runs has to be found out anew. */
  lost(): void;
  /** Asks the master for a new worker. Undefined when it serves, else why it does not. */
  reload(): Promise<string | undefined>;
  /** What HAProxy says of the configuration in `folder`; empty when it is good. */
  check(folder: string): Promise<string>;
  /** Soft stop; resolves when all processes are gone. */
  stop(graceMs: number): Promise<void>;
}

export interface HaproxyProcessOptions {
  readonly binary: string;
  readonly folder: string;
  /** Somebody else starts it, as soon as its files are there, and starts it again; its processes are not ours to see. Default: false. */
  readonly attached?: boolean;
  /** A line of HAProxy's own log. */
  readonly onLine: (line: string) => void;
  /** HAProxy ended without being asked. */
  readonly onExit: () => void;
}

/** Drives the HAProxy whose files and sockets are in `folder`. */
export function createHaproxyProcess(options: HaproxyProcessOptions): HaproxyProcess {
  const { binary, folder, attached = false, onLine, onExit } = options;
  const socket = join(folder, MASTER_SOCKET);
  let pid: number | undefined;
  let stopping = false;
  let found = false;
  let doubted = false;
  let loading = false;

  const output = createOutputFile(join(folder, OUTPUT_FILE));
  /** What one that has ended said, once; that a pool had no server stands in its log too. */
  const tellLastWords = async () => {
    if (pid === undefined || signal(pid, 0)) return;
    pid = undefined;
    for (const line of await output.alerts()) if (!line.includes('has no server available')) onLine(line);
  };

  const processes = async () => parseProcesses(await runMasterCommand(socket, 'show proc'));
  const find = async () => {
    try {
      const answer = await runMasterCommand(socket, 'show proc');
      if (!attached) pid = Number(/^(\d+)\s+master /m.exec(answer)?.[1]);
      found = parseProcesses(answer).worker !== undefined;
      return found;
    } catch (error) {
      // One that is there and says nothing is no reason to start a second one beside it.
      if (error instanceof RuntimeSocketError && error.absent) return false;
      throw error;
    }
  };

  /** Somebody emptied the folder with its sockets: it serves on, and nobody can speak to it any more. */
  const isCutOff = async () => {
    if (!doubted) return false;
    doubted = false;
    return runMasterCommand(socket, 'show proc').then(
      () => false,
      (error: unknown) => error instanceof RuntimeSocketError && error.absent,
    );
  };

  const start = async () => {
    await tellLastWords();
    const file = await output.begin();
    // A group of its own: Ctrl-C in our terminal is our business, not HAProxy's.
    const child = spawn(binary, ['-W', '-S', `unix@${MASTER_SOCKET}`, '-f', CONFIG_FILE], {
      cwd: folder,
      detached: true,
      // It never waits until a line of its log is read.
      stdio: ['ignore', 'pipe', file.fd],
    });
    await file.close();
    let ended: string | undefined;
    child.on('error', (error: NodeJS.ErrnoException) => {
      ended =
        error.code === 'ENOENT' ? `there is no ${binary}: install HAProxy, or name it with --haproxy` : error.message;
    });
    child.on('exit', (code, signal) => {
      ended = `haproxy ended with ${signal ?? code}`;
      if (pid === child.pid && !stopping) onExit();
    });
    // It may outlive us, so its log must not keep us.
    if (child.stdout instanceof Socket) createInterface({ input: child.stdout.unref() }).on('line', onLine);
    const limit = performance.now() + START_LIMIT;
    // While it starts, anything may come instead of an answer.
    while (!(await find().catch(() => false))) {
      if (ended !== undefined) throw new ProxyStartError([ended, ...(await output.trouble())].join('\n'));
      if (performance.now() > limit) throw new ProxyStartError('haproxy did not answer in time');
      await delay(POLL);
    }
    pid = child.pid;
    child.unref();
  };

  /** Waits for the one that somebody else starts. */
  const appear = async () => {
    const limit = performance.now() + START_LIMIT;
    // While it starts, anything may come instead of an answer.
    while (!(await find().catch(() => false))) {
      if (performance.now() > limit) throw new ProxyStartError('no haproxy has been started beside us yet');
      await delay(POLL);
    }
  };

  /** As `reload` of the interface. */
  const load = async () => {
    const before = await processes();
    await output.forget();
    // Before 2.7 the master only closes the connection; either way `show proc` tells how it ended.
    const answer = await runMasterCommand(socket, 'reload').catch(() => '');
    const limit = performance.now() + START_LIMIT;
    while (performance.now() < limit) {
      await delay(POLL);
      if (pid !== undefined && !signal(pid, 0)) throw new ProxyStartError('haproxy ended while it loaded');
      const after = await processes().catch(() => undefined);
      if (after === undefined) continue;
      if (after.failed > before.failed) {
        return (
          [...answer.split('\n').filter(isTrouble), ...(await output.trouble())].join('\n') || 'HAProxy did not load it'
        );
      }
      if (after.worker !== undefined && after.worker !== before.worker) return undefined;
    }
    return 'HAProxy did not load it in time';
  };

  return {
    processes,
    lost() {
      // One worker gives way to another, and for a moment the master is not there to be asked.
      if (loading) return;
      found = false;
      doubted = true;
    },
    async ensure(prepare) {
      // The process id of another container means nothing here.
      if (attached && found) return 'running';
      const running = !attached && pid !== undefined && signal(pid, 0) ? pid : undefined;
      if (running !== undefined && !(await isCutOff())) return 'running';
      if (await find()) return 'took-over';
      await prepare();
      await (attached ? appear() : start());
      // The new one listens beside it by now; what it has begun it may finish.
      if (running !== undefined) signal(running, 'SIGUSR1');
      return 'started';
    },
    async reload() {
      loading = true;
      try {
        return await load();
      } finally {
        loading = false;
      }
    },
    check: (candidate) => checkConfiguration(binary, candidate),
    async stop(graceMs) {
      stopping = true;
      if (pid !== undefined) await terminate(pid, graceMs);
      output.close();
    },
  };
}

/** Softly for `graceMs`, then at once. */
async function terminate(pid: number, graceMs: number): Promise<void> {
  signal(pid, 'SIGUSR1');
  if (await gone(pid, graceMs)) return;
  signal(pid, 'SIGTERM');
  await gone(pid, START_LIMIT);
}

async function checkConfiguration(binary: string, folder: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(binary, ['-c', '-f', CONFIG_FILE], { cwd: folder, timeout: START_LIMIT }, (error, stdout, stderr) => {
      if (error === null) return resolve('');
      const alerts = `${stdout}\n${stderr}`.split('\n').filter(isAlert);
      resolve(alerts.join('\n') || error.message);
    });
  });
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Whether the process has ended within `limit` milliseconds. */
async function gone(pid: number, limit: number): Promise<boolean> {
  const end = performance.now() + limit;
  while (signal(pid, 0)) {
    if (performance.now() > end) return false;
    await delay(POLL);
  }
  return true;
}
