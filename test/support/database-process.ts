import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { inNetns } from '../cluster/child.ts';
import type { Network } from '../cluster/network.ts';

/** A database server of our own, on 127.0.0.1. */
export interface DatabaseProcess {
  readonly flavor: 'MariaDB' | 'MySQL';
  readonly port: number;
  /** An account that may do everything. */
  readonly admin: { readonly username: string; readonly password: string };
  /** Its folder: `data`, `error.log`, `socket`. */
  readonly dataDir: string;
  /** Runs statements as admin; rows are arrays, of several statements those of the last. */
  readonly query: (sql: string) => Promise<readonly (readonly unknown[])[]>;
  /** Logs in as somebody else. The caller ends the connection. */
  readonly login: (options: ConnectionOptions) => Promise<Connection>;
  /** Ends the server as a crash would. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same data and port, after `kill` or while it runs. */
  readonly restart: (options?: readonly string[]) => Promise<void>;
  /** Ends the server and removes its folder. */
  readonly stop: () => Promise<void>;
}

export interface DatabaseProcessOptions {
  /** Addresses to listen on. Default: 127.0.0.1. */
  readonly bind?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
  /** Run in this network, at its address, and let the admin come from anywhere. Default: here, on `bind`. */
  readonly network?: Pick<Network, 'netns' | 'address'>;
  /** Further options of the server, with their dashes. */
  readonly options?: readonly string[];
}

/** How one kind of server is installed and started. */
export interface DatabaseProgram {
  readonly flavor: DatabaseProcess['flavor'];
  /** Makes `<folder>/data`. */
  readonly install: (folder: string) => Promise<void>;
  readonly command: string;
  /** Arguments that come before all others. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const ADMIN = { username: 'webpool_admin', password: "it's \\ a secret" } as const;
const START_TIMEOUT = 30_000;

function hostOf({ network }: { readonly network?: Pick<Network, 'address'> | undefined }): string {
  return network?.address ?? '127.0.0.1';
}

/** The servers refuse to run as root unless they are told to. */
export function asRoot(): readonly string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/** Makes a data folder, starts a server on it and waits until it takes logins. */
export async function startDatabase(
  program: DatabaseProgram,
  options: DatabaseProcessOptions = {},
): Promise<DatabaseProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), `webpool-${program.flavor.toLowerCase()}-`));
  await program.install(dataDir);
  const port = options.port ?? (await freePort());
  let child = await launch(program, { ...options, dataDir, port });
  let connection: Connection | undefined;

  const host = hostOf(options);
  const login: DatabaseProcess['login'] = (own) =>
    createConnection({ host, port, multipleStatements: true, rowsAsArray: true, ...own });
  const query: DatabaseProcess['query'] = async (sql) => {
    connection ??= await adminConnection({ host, port }, () => {
      connection = undefined;
    });
    const [rows] = await connection.query(sql);
    return Array.isArray(rows) ? (rows as unknown[][]) : [];
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    connection?.destroy();
    connection = undefined;
    await endProcess(child, signal);
  };
  return {
    flavor: program.flavor,
    port,
    admin: ADMIN,
    dataDir,
    query,
    login,
    kill: () => end('SIGKILL'),
    restart: async (more = []) => {
      await end('SIGTERM');
      child = await launch(program, { ...options, options: [...(options.options ?? []), ...more], dataDir, port });
    },
    stop: async () => {
      await end('SIGKILL');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

interface Launch extends DatabaseProcessOptions {
  readonly dataDir: string;
  readonly port: number;
}

async function launch(
  program: DatabaseProgram,
  { dataDir, port, network, bind = [hostOf({ network })], options = [] }: Launch,
): Promise<ChildProcess> {
  const errorLog = join(dataDir, 'error.log');
  const log = await open(errorLog, 'a');
  const args = [
    ...program.args,
    `--datadir=${join(dataDir, 'data')}`,
    // Names in the common folder hold a process number, which is not unique where processes are kept apart.
    `--tmpdir=${dataDir}`,
    `--socket=${join(dataDir, 'socket')}`,
    `--pid-file=${join(dataDir, 'pid')}`,
    `--port=${port}`,
    `--bind-address=${bind.join(',')}`,
    '--skip-networking=OFF',
    '--skip-name-resolve',
    '--innodb-buffer-pool-size=32M',
    '--performance-schema=OFF',
    ...asRoot(),
    ...options,
  ];
  const [command = '', ...rest] = inNetns(network?.netns, [program.command, ...args]);
  const child = spawn(command, rest, { env: program.env, stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  try {
    await ready(dataDir, network === undefined ? '127.0.0.1' : '%', child);
  } catch (error) {
    child.kill('SIGKILL');
    const text = await readFile(errorLog, 'utf8').catch(() => '');
    throw new Error(`${program.flavor} did not start:\n${text.slice(-4000)}`, { cause: error });
  }
  return child;
}

/** Waits for a login over the socket, where root has no password yet, and makes the admin account. */
async function ready(dataDir: string, from: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT;
  for (;;) {
    try {
      const root = await createConnection({ socketPath: join(dataDir, 'socket'), user: 'root' });
      // A server that was made read-only by an option already has its admin.
      await root.query('SET sql_mode = ""');
      const [found] = await root.query('SELECT 1 FROM mysql.user WHERE User = ?', [ADMIN.username]);
      if ((found as unknown[]).length === 0) {
        await root.query('CREATE USER ?@? IDENTIFIED BY ?', [ADMIN.username, from, ADMIN.password]);
        await root.query('GRANT ALL PRIVILEGES ON *.* TO ?@? WITH GRANT OPTION', [ADMIN.username, from]);
      }
      await root.end();
      return;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) throw error;
    }
    // A condition, looked at again: the server tells nobody when it is ready.
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
}

interface Place {
  readonly host: string;
  readonly port: number;
}

async function adminConnection(place: Place, lost: () => void): Promise<Connection> {
  const connection = await createConnection({
    ...place,
    user: ADMIN.username,
    password: ADMIN.password,
    charset: 'UTF8MB4_GENERAL_CI',
    rowsAsArray: true,
    multipleStatements: true,
  });
  connection.on('error', lost);
  connection.on('end', lost);
  return connection;
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  child.kill(signal);
  await ended;
}

/** A port on 127.0.0.1 that nobody uses at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
