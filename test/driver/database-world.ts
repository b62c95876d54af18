import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createDatabaseServer } from '../../operator/driver/mysql-server.ts';
import type {
  DatabaseRound,
  DatabaseRoundInput,
  DatabaseServer,
  DatabaseServerOptions,
} from '../../operator/driver/mysql-server.ts';
import type { AccountNeed } from '../../operator/topology/topology.ts';
import type { DatabaseProcess, DatabaseProcessOptions } from '../support/database-process.ts';
import { announce } from '../support/announce.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { findMySql, startMySql } from '../support/mysql.ts';

export const PASSWORD = 'pa"ss\'wo\\rd %_';

/** A DatabaseServer for this server, patient enough for a busy machine. The caller closes it. */
export function serverOf(
  { port }: Pick<DatabaseProcess, 'port'>,
  options: Partial<DatabaseServerOptions> = {},
): DatabaseServer {
  const patience = { budget: 60_000, timeouts: { connect: 20_000, query: 30_000 } };
  return createDatabaseServer({ id: 'test', host: '127.0.0.1', port, ...patience, ...options });
}

/** What a round is asked when nothing special is said: every grant of the needs is present, every password is PASSWORD. */
export function inputOf(
  admin: DatabaseRoundInput['admin'],
  needs: readonly AccountNeed[],
  more: Partial<DatabaseRoundInput> = {},
): DatabaseRoundInput {
  return {
    needs,
    admin,
    passwords: new Map(needs.map(({ password }) => [`${password.secret}/${password.key}`, PASSWORD])),
    presentGrants: new Set(needs.map(({ grant }) => grant)),
    keepHosts: new Map(),
    allowRemoval: new Map(),
    pictureComplete: true,
    ...more,
  };
}

/** `host: state` of a grant's accounts. */
export function statesOf(round: DatabaseRound, grant = 'default/shop'): Record<string, string> {
  return Object.fromEntries((round.grants.get(grant)?.accounts ?? []).map(({ host, state }) => [host, state]));
}

/** SHOW GRANTS without the line of the password, sorted. */
export async function grantsOf({ query }: DatabaseProcess, user: string, host: string): Promise<readonly string[]> {
  const rows = await query(`SHOW GRANTS FOR '${user}'@'${host}'`);
  return rows
    .map(([line]) => String(line))
    .filter((line) => !line.startsWith('GRANT USAGE'))
    .sort();
}

/** The hosts of all accounts of a user, sorted. */
export async function hostsOf({ query }: DatabaseProcess, user: string): Promise<readonly string[]> {
  const rows = await query(`SELECT Host FROM mysql.user WHERE User = '${user}' ORDER BY Host`);
  return rows.map(([host]) => String(host));
}

/** Drops every account of the test users and the ledger: each test starts from nothing. */
export async function reset({ query, admin }: DatabaseProcess): Promise<void> {
  const kept = ['root', 'mariadb.sys', 'mysql.sys', 'mysql.session', 'mysql.infoschema', admin.username];
  const rows = await query(
    `SELECT User, Host FROM mysql.user WHERE User NOT IN (${kept.map((name) => `'${name}'`).join(', ')})`,
  );
  for (const [user, host] of rows) await query(`DROP USER '${String(user)}'@'${String(host)}'`);
  await query('DROP DATABASE IF EXISTS webpool_ledger');
  await query('DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; CREATE TABLE shop.orders (id INT, total INT)');
}

/** Logs in and out again. Errors: the server's. */
export async function logsIn({ login }: DatabaseProcess, password: string, user = 'shop'): Promise<void> {
  const client = await login({ user, password });
  await client.end();
}

/** What happens to the server's general log while `work` runs: statements in their order. */
export async function statementsDuring(
  { query }: DatabaseProcess,
  work: () => Promise<unknown>,
): Promise<readonly string[]> {
  await query("SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = ON");
  try {
    await work();
  } finally {
    await query('SET GLOBAL general_log = OFF');
  }
  const rows = await query("SELECT argument FROM mysql.general_log WHERE command_type = 'Query' ORDER BY event_time");
  return rows.map(([text]) => String(text));
}

/** A kind of server on which behaviour is shown. */
export interface ServerKind {
  readonly name: string;
  readonly start: (options?: DatabaseProcessOptions) => Promise<DatabaseProcess>;
}

/** MariaDB, and MySQL 9 where it can be had; where it cannot, that is announced. */
export async function serverKinds(): Promise<readonly ServerKind[]> {
  const mariadb = { name: 'MariaDB', start: startMariaDb };
  const mysql = await findMySql();
  if ('unavailable' in mysql) {
    announce('database behaviour on MySQL 9', mysql.unavailable);
    return [mariadb];
  }
  return [mariadb, { name: 'MySQL 9', start: (options) => startMySql(mysql.root, options) }];
}

/** One server for the tests of this `describe`; each begins without accounts and is given the server and a driver of its own. */
export function useDatabase(
  start: ServerKind['start'],
  give: (database: DatabaseProcess, server: DatabaseServer) => void,
): void {
  let database: DatabaseProcess;
  let server: DatabaseServer;
  beforeAll(async () => {
    database = await start();
  });
  beforeEach(async () => {
    await reset(database);
    server = serverOf(database);
    give(database, server);
  });
  afterEach(() => server.close());
  afterAll(() => database.stop());
}
