import { createDatabaseServer } from '../../operator/driver/mysql-server.ts';
import type {
  DatabaseRound,
  DatabaseRoundInput,
  DatabaseServer,
  DatabaseServerOptions,
} from '../../operator/driver/mysql-server.ts';
import type { AccountNeed } from '../../operator/topology/topology.ts';
import type { MariaDb } from '../support/mariadb.ts';

export const PASSWORD = 'pa"ss\'wo\\rd %_';

/** A DatabaseServer for this MariaDB. The caller closes it. */
export function serverOf(mariadb: Pick<MariaDb, 'port'>, options: Partial<DatabaseServerOptions> = {}): DatabaseServer {
  return createDatabaseServer({ id: 'test', host: '127.0.0.1', port: mariadb.port, ...options });
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
export async function grantsOf(mariadb: MariaDb, user: string, host: string): Promise<readonly string[]> {
  const rows = await mariadb.query(`SHOW GRANTS FOR '${user}'@'${host}'`);
  return rows
    .map(([line]) => String(line))
    .filter((line) => !line.startsWith('GRANT USAGE'))
    .sort();
}

/** `user@host` of all accounts of a user, sorted. */
export async function hostsOf(mariadb: MariaDb, user: string): Promise<readonly string[]> {
  const rows = await mariadb.query(`SELECT Host FROM mysql.global_priv WHERE User = '${user}' ORDER BY Host`);
  return rows.map(([host]) => String(host));
}

/** Drops every account of the test users and the ledger: each test starts from nothing. */
export async function reset(mariadb: MariaDb): Promise<void> {
  const rows = await mariadb.query(
    `SELECT User, Host FROM mysql.global_priv WHERE User NOT IN ('root', 'mariadb.sys', '${mariadb.admin.username}')`,
  );
  for (const [user, host] of rows) await mariadb.query(`DROP USER '${String(user)}'@'${String(host)}'`);
  await mariadb.query('DROP DATABASE IF EXISTS webpool_ledger');
  await mariadb.query(
    'DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; CREATE TABLE shop.orders (id INT, total INT)',
  );
}
