import { beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseServer } from '../../operator/driver/mysql-server.ts';
import { need } from '../mysql/needs.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import {
  grantsOf,
  hostsOf,
  inputOf,
  logsIn,
  PASSWORD,
  serverKinds,
  serverOf,
  statesOf,
  useDatabase,
} from './database-world.ts';

describe.each(await serverKinds())('on $name', ({ start }) => {
  let db: DatabaseProcess;
  let server: DatabaseServer;

  useDatabase(start, (database, driver) => {
    db = database;
    server = driver;
  });

  /** ssl_type and the four limits, in the order of `mysql.user`. */
  const optionsOf = async (host: string): Promise<readonly unknown[] | undefined> => {
    const columns = 'ssl_type, max_questions, max_updates, max_connections, max_user_connections';
    const rows = await db.query(`SELECT ${columns} FROM mysql.user WHERE User = 'shop' AND Host = '${host}'`);
    return rows[0]?.map((cell) => (typeof cell === 'bigint' ? Number(cell) : cell));
  };

  describe('limits and requireTLS', () => {
    const limits = {
      maxUserConnections: 1,
      maxQueriesPerHour: 1000,
      maxUpdatesPerHour: 900,
      maxConnectionsPerHour: 800,
    };

    it('are part of a new account', async () => {
      const input = inputOf(db.admin, [need(['127.0.0.1'], { limits, requireTLS: 'X509' })]);
      expect(await server.round(input)).toMatchObject({ settled: true });
      expect(await optionsOf('127.0.0.1')).toEqual(['X509', 1000, 900, 800, 1]);
      expect(await server.round(input)).toMatchObject({ settled: true, statements: 0 });
    });

    it('are in force: a second connection, and one without TLS, are refused', async () => {
      await server.round(inputOf(db.admin, [need(['127.0.0.1'], { limits })]));
      const first = await db.login({ user: 'shop', password: PASSWORD });
      await expect(logsIn(db, PASSWORD)).rejects.toThrow(/max_user_connections/);
      await first.end();
      await server.round(inputOf(db.admin, [need(['127.0.0.1'], { requireTLS: 'SSL' })]));
      await expect(logsIn(db, PASSWORD)).rejects.toThrow('Access denied');
    });

    it('come, change and go on an account that exists, also where somebody else has set them', async () => {
      await server.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      await db.query('ALTER USER shop@127.0.0.1 REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 7');
      await server.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      expect(await optionsOf('127.0.0.1')).toEqual(['', 0, 0, 0, 0]);
      await server.round(
        inputOf(db.admin, [need(['127.0.0.1'], { limits: { maxUserConnections: 5 }, requireTLS: 'SSL' })]),
      );
      expect(await optionsOf('127.0.0.1')).toEqual(['ANY', 0, 0, 0, 5]);
      await db.query("ALTER USER shop@127.0.0.1 REQUIRE SUBJECT '/CN=somebody'");
      const report = need(['127.0.0.1'], {
        limits: { maxUserConnections: 5 },
        requireTLS: 'SSL',
        driftPolicy: 'Report',
      });
      const round = await server.round(inputOf(db.admin, [report]));
      expect(round.grants.get('default/shop')?.problem).toMatchObject({
        reason: 'DriftDetected',
        message: "'shop'@'127.0.0.1': required TLS or limits differ",
      });
      expect((await optionsOf('127.0.0.1'))?.[0]).toBe('SPECIFIED');
    });

    it('have to agree between grants on one account', async () => {
      const audit = need(['127.0.0.1'], { grant: 'default/z-audit', limits: { maxUserConnections: 3 } });
      const round = await server.round(inputOf(db.admin, [need(['127.0.0.1'], { limits }), audit]));
      expect(round.grants.get('default/z-audit')?.problem).toMatchObject({
        condition: 'Accepted',
        reason: 'Conflicted',
      });
      expect(statesOf(round)).toEqual({ '127.0.0.1': 'Ready' });
    });
  });

  describe('existingAccounts: Adopt', () => {
    const adopt = need(['127.0.0.1', '127.0.0.2'], { existingAccounts: 'Adopt' });

    beforeEach(async () => {
      await db.query(
        "CREATE USER shop@127.0.0.1 IDENTIFIED BY 'theirs'; GRANT SELECT, DROP ON shop.* TO shop@127.0.0.1",
      );
    });

    it('takes the account over: exactly these privileges, and the old password for a while', async () => {
      const round = await server.round(inputOf(db.admin, [adopt]));
      expect(statesOf(round)).toEqual({ '127.0.0.1': 'Ready', '127.0.0.2': 'Ready' });
      expect(round).toMatchObject({ settled: true });
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual([
        'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
      ]);
      await logsIn(db, PASSWORD);
      await logsIn(db, 'theirs');
      expect(await server.round(inputOf(db.admin, [adopt]))).toMatchObject({ statements: 0 });
    });

    it('and then it goes as one of ours', async () => {
      await server.round(inputOf(db.admin, [adopt]));
      await server.round(inputOf(db.admin, []));
      expect(await hostsOf(db, 'shop')).toEqual([]);
    });

    it('keeps no empty password', async () => {
      await db.query("ALTER USER shop@127.0.0.1 IDENTIFIED BY ''");
      await server.round(inputOf(db.admin, [adopt]));
      await logsIn(db, PASSWORD);
      await expect(logsIn(db, '')).rejects.toThrow('Access denied');
    });

    it('leaves what another installation owns', async () => {
      await db.query('DROP USER shop@127.0.0.1');
      const other = serverOf(db, { clusterId: 'other' });
      await other.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      await other.close();
      expect(statesOf(await server.round(inputOf(db.admin, [adopt])))).toEqual({
        '127.0.0.1': 'Conflicting',
        '127.0.0.2': 'Ready',
      });
    });
  });

  it('removal.killSessions: false lets open sessions go on', async () => {
    const removal = { killSessions: false };
    const present = { presentGrants: new Set(['default/shop']) };
    await server.round(inputOf(db.admin, [need(['127.0.0.1', '127.0.0.2'], { removal })]));
    const session = await db.login({ user: 'shop', password: PASSWORD });
    await server.round(inputOf(db.admin, [need(['127.0.0.2'], { removal })], present));
    expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.2']);
    expect(await session.query('SELECT 1')).toBeDefined();
    await session.end();
  });
});
