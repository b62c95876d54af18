import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A lock between processes, held by a child: the kernel gives it back when this process ends, however that happens. */
export interface Lock {
  readonly release: () => Promise<void>;
}

export interface LockOptions {
  /** Wait for the present holder; else somebody's lock answers undefined. */
  readonly wait: boolean;
  /** A command that runs when the lock is released or this process is no more, still under the lock. */
  readonly atEnd?: readonly string[];
}

/** Takes the lock of this file. */
export async function takeLock(file: string, { wait, atEnd = ['true'] }: LockOptions): Promise<Lock | undefined> {
  await mkdir(dirname(file), { recursive: true });
  const held = ['sh', '-c', 'echo held; cat; exec "$@" </dev/null >/dev/null 2>&1', 'lock', ...atEnd];
  // A session of its own: the interrupt that ends us must not end the one who tidies up.
  const child = spawn('flock', [...(wait ? [] : ['--nonblock']), file, ...held], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const isHeld = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!isHeld) return undefined;
  return {
    release: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
