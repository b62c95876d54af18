/** The machine that is measured. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  /** GB. */
  readonly memory: number;
  readonly kernel: string;
  readonly node: string;
  readonly haproxy: string;
  readonly mariadb: string;
}

export async function describeMachine(): Promise<Machine> {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memory: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
    haproxy: await versionOf('haproxy', ['-v'], /version (\S+)/),
    mariadb: await versionOf('mariadb', ['--version'], /([\d.]+)-MariaDB/),
  };
}

async function versionOf(program: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args).catch(() => ({ stdout: '' }));
  return pattern.exec(stdout)?.[1] ?? 'not installed';
}

const REPETITIONS = 20;
const WARM_UP = 5;
const WORK = Buffer.alloc(4_000_000);

/** Milliseconds of always the same work. */
export function yardstick(): readonly number[] {
  const times = Array.from({ length: WARM_UP + REPETITIONS }, () => {
    const begun = performance.now();
    createHash('sha256').update(WORK).digest();
    return performance.now() - begun;
  });
  return times.slice(WARM_UP);
}
