import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { asRoot, startDatabase } from './database-process.ts';
import type { DatabaseProcess, DatabaseProcessOptions, DatabaseProgram } from './database-process.ts';

const FETCH = new URL('../../scripts/fetch-mysql.sh', import.meta.url).pathname;
const run = promisify(execFile);

/** Where MySQL 9 is, fetched when it is not there yet; or why it cannot be had here. */
export async function findMySql(): Promise<{ readonly root: string } | { readonly unavailable: string }> {
  try {
    const { stdout } = await run('sh', [FETCH], { timeout: 300_000 });
    return { root: stdout.trim() };
  } catch (error) {
    const { stderr = '', message } = error as Error & { readonly stderr?: string };
    return { unavailable: stderr.trim().split('\n').at(-1) ?? message };
  }
}

/** Makes a data folder, starts the MySQL of `root` on it and waits until it takes logins. */
export function startMySql(root: string, options: DatabaseProcessOptions = {}): Promise<DatabaseProcess> {
  return startDatabase(programOf(root), options);
}

/** Unpacked beside a system of another age: the program brings its own loader and libraries. */
function programOf(root: string): DatabaseProgram {
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  const command = join(libraries, 'ld-linux-x86-64.so.2');
  const args = [
    '--library-path',
    libraries,
    join(root, 'usr/sbin/mysqld'),
    '--no-defaults',
    `--basedir=${join(root, 'usr')}`,
    `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
    `--character-sets-dir=${join(root, 'usr/share/mysql/charsets')}`,
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    '--secure-file-priv=NULL',
    '--innodb-redo-log-capacity=16M',
    '--mysqlx=OFF',
    '--skip-log-bin',
  ];
  // Making a data folder takes 5 s, copying one a fraction of that.
  const install = async (folder: string): Promise<void> => {
    const template = `${root}-data`;
    if (!existsSync(template)) {
      const fresh = `${template}.${process.pid}`;
      await run(command, [...args, `--datadir=${fresh}`, '--initialize-insecure', ...asRoot()]);
      // Somebody else may have been faster.
      await rename(fresh, template).catch(() => rm(fresh, { recursive: true, force: true }));
    }
    await cp(template, join(folder, 'data'), { recursive: true });
  };
  return { flavor: 'MySQL', command, args, env: process.env, install };
}
