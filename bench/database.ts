/**
 * Database rail: a round in which nothing differs among 10,000 accounts, and the speed of making and dropping 1,000.
 */
import { createDatabaseServer } from '../operator/driver/mysql-server.ts';
import type { DatabaseRound, DatabaseRoundInput, DatabaseServer } from '../operator/driver/mysql-server.ts';
import type { AccountNeed } from '../operator/topology/topology.ts';
import { startMariaDb } from '../test/support/mariadb.ts';
import type { MariaDb } from '../test/support/mariadb.ts';

/** What `npm run bench -- database` prints. */
export interface DatabaseFigures {
  readonly name: 'database';
  readonly figures: Record<string, { readonly value: number; readonly unit: string }>;
}

const ROUNDS = 15;

/** Runs the benchmark on a MariaDB of its own. */
export async function run(): Promise<DatabaseFigures> {
  // The set-up writes a lot; a crash of this server would lose nothing that matters.
  const mariadb = await startMariaDb({ options: ['--innodb-flush-log-at-trx-commit=0'] });
  try {
    const churn = await measureChurn(mariadb);
    const noop = await measureNoop(mariadb);
    return { name: 'database', figures: { ...noop, ...churn } };
  } finally {
    await mariadb.stop();
  }
}

function serverOf(mariadb: MariaDb): DatabaseServer {
  return createDatabaseServer({ id: 'bench', host: '127.0.0.1', port: mariadb.port });
}

function hostsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `10.1.${Math.floor(index / 250)}.${index % 250}`);
}

function inputOf(mariadb: MariaDb, hosts: readonly string[]): DatabaseRoundInput {
  const need: AccountNeed = {
    grant: 'bench/site',
    generation: 1,
    spec: {
      server: { host: '127.0.0.1', port: mariadb.port, adminSecretName: 'admin' },
      username: 'site',
      passwordSecret: { name: 'site', key: 'password' },
      grants: [{ schema: 'site_db', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'INDEX', 'CREATE'] }],
    },
    server: {
      id: 'bench',
      host: '127.0.0.1',
      port: mariadb.port,
      adminSecret: 'bench/admin',
      tls: { mode: 'Preferred' },
    },
    password: { secret: 'bench/site', key: 'password', version: '1' },
    hosts: hosts.map((host) => ({ host, servers: [] })),
  };
  return {
    needs: [need],
    admin: mariadb.admin,
    passwords: new Map([['bench/site/password', 'secret']]),
    presentGrants: new Set([need.grant]),
    keepHosts: new Map(),
    allowRemoval: new Map([[need.grant, hosts.length === 0 ? Number.MAX_SAFE_INTEGER : 0]]),
    pictureComplete: true,
  };
}

async function settle(server: DatabaseServer, input: DatabaseRoundInput): Promise<number> {
  const start = performance.now();
  let result: DatabaseRound;
  do {
    result = await server.round(input);
    if (result.problem) throw new Error(result.problem.message);
  } while (!result.settled);
  return (performance.now() - start) / 1000;
}

async function measureChurn(mariadb: MariaDb): Promise<DatabaseFigures['figures']> {
  const server = serverOf(mariadb);
  const created = await settle(server, inputOf(mariadb, hostsOf(1000)));
  const dropped = await settle(server, inputOf(mariadb, []));
  await server.close();
  return {
    create_1000_per_s: { value: 1000 / created, unit: 'accounts/s' },
    drop_1000_per_s: { value: 1000 / dropped, unit: 'accounts/s' },
  };
}

async function measureNoop(mariadb: MariaDb): Promise<DatabaseFigures['figures']> {
  const hosts = hostsOf(10_000);
  const server = serverOf(mariadb);
  await settle(server, inputOf(mariadb, hosts.slice(0, 1)));
  await multiply(mariadb);
  const input = inputOf(mariadb, hosts);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    const { settled, statements, grants } = await server.round(input);
    times.push((performance.now() - start) / 1000);
    const ready = grants.get('bench/site')?.accounts.filter(({ state }) => state === 'Ready').length;
    if (!settled || statements > 0 || ready !== hosts.length) throw new Error('the round was not a no-op');
  }
  await server.close();
  const sorted = times.sort((a, b) => a - b);
  return {
    noop_10000_s: { value: sorted[Math.floor(ROUNDS / 2)] ?? 0, unit: 's' },
    noop_10000_max_s: { value: sorted.at(-1) ?? 0, unit: 's' },
  };
}

/**
 * Makes 10,000 accounts of one. By the server's own statements that takes two minutes, so the set-up (and only the
 * set-up) copies rows of the grant tables and lets the server read them again.
 */
async function multiply({ query }: MariaDb): Promise<void> {
  const host = `CONCAT('10.1.', seq DIV 250, '.', seq MOD 250)`;
  for (const table of ['mysql.global_priv', 'mysql.db', 'webpool_ledger.accounts']) {
    const [schema = '', name = ''] = table.split('.');
    const columns = await query(
      `SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '${schema}' AND TABLE_NAME = '${name}' ORDER BY ORDINAL_POSITION`,
    );
    const values = columns.map(([column]) => (String(column).toLowerCase() === 'host' ? host : `t.${String(column)}`));
    await query(
      `INSERT INTO ${table} SELECT ${values.join(', ')} FROM ${table} t JOIN webpool_ledger.seq_1_to_9999 WHERE t.User = 'site' AND t.Host = '10.1.0.0'`,
    );
  }
  await query('FLUSH PRIVILEGES');
}
