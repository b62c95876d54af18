/** A disk that can be full: a tmpfs of its own. Needs root; it is taken away when the process ends at the latest. */
import { execFile, execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PAGE = 4096;

export interface SmallDisk {
  readonly folder: string;
  /** Takes all room that is left. */
  fill(): void;
  /** Gives it back. */
  free(): Promise<void>;
  stop(): Promise<void>;
}

/** Why there can be none here. */
export async function missingSmallDisk(): Promise<string | undefined> {
  try {
    await (await makeSmallDisk(1)).stop();
    return undefined;
  } catch (error) {
    return `no file system can be mounted: ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}

/** Makes an empty one. */
export async function makeSmallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-disk-'));
  const ballast = join(folder, 'ballast');
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'webpool-test', folder]);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  // Also when a test is ended in the midst of it. Whoever has a file open there keeps it, and nobody else finds it any more.
  const leave = () => void execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' });
  process.once('exit', leave);
  return {
    folder,
    fill() {
      const file = openSync(ballast, 'a');
      try {
        for (;;) writeSync(file, Buffer.alloc(PAGE));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rm(ballast, { force: true }),
    async stop() {
      process.removeListener('exit', leave);
      leave();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
