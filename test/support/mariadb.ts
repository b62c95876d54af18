import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { asRoot, startDatabase } from './database-process.ts';
import type { DatabaseProcess, DatabaseProcessOptions, DatabaseProgram } from './database-process.ts';

export { freePort } from './database-process.ts';

/** A MariaDB server of our own, on 127.0.0.1. */
export type MariaDb = DatabaseProcess;

/** Where Debian keeps programs that are not on everybody's PATH. */
const ENV = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

const MARIADB: DatabaseProgram = {
  flavor: 'MariaDB',
  command: 'mariadbd',
  args: ['--no-defaults', '--innodb-log-file-size=16M'],
  env: ENV,
  install: async (folder) => {
    const args = [
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      `--tmpdir=${folder}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--skip-name-resolve',
    ];
    await promisify(execFile)('mariadb-install-db', [...args, ...asRoot()], { env: ENV });
  },
};

/** Makes a data folder, starts MariaDB on it and waits until it takes logins. */
export function startMariaDb(options: DatabaseProcessOptions = {}): Promise<MariaDb> {
  return startDatabase(MARIADB, options);
}
