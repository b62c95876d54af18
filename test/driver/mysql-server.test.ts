import { describe, expect, it } from 'vitest';
import type { DatabaseServer } from '../../operator/driver/mysql-server.ts';
import type { DatabaseObserved } from '../../operator/status/observed.ts';
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
  statementsDuring,
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

  describe('an account', () => {
    it('is made for every host, and then nothing is left to do', async () => {
      const input = inputOf(db.admin, [need(['127.0.0.1', '127.0.1.2', '2001:db8::1', 'web01.example.com'])]);
      const first = await server.round(input);
      const observed: DatabaseObserved = first;
      expect(observed).toMatchObject({ flavor: db.flavor, settled: true });
      expect(statesOf(first)).toEqual({
        '127.0.0.1': 'Ready',
        '127.0.1.2': 'Ready',
        '2001:db8::1': 'Ready',
        'web01.example.com': 'Ready',
      });
      expect(await server.round(input)).toMatchObject({ settled: true, statements: 0 });
      const restarted = serverOf(db);
      expect(await restarted.round(input)).toMatchObject({ settled: true, statements: 0 });
      await restarted.close();
    });

    it('holds privileges on a schema, a table and columns, the schema name taken literally', async () => {
      const grants = [
        { schema: 'a_b%', privileges: ['SELECT' as const] },
        { schema: 'shop', table: 'orders', privileges: ['UPDATE' as const] },
        { schema: 'shop', table: 'orders', columns: ['id'], privileges: ['SELECT' as const] },
      ];
      await server.round(inputOf(db.admin, [need(['127.0.0.1'], { grants })]));
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual([
        'GRANT SELECT (`id`), UPDATE ON `shop`.`orders` TO `shop`@`127.0.0.1`',
        'GRANT SELECT ON `a\\_b\\%`.* TO `shop`@`127.0.0.1`',
      ]);
    });

    it('gets what is missing and loses what is too much, wherever it was granted', async () => {
      const input = inputOf(db.admin, [need(['127.0.0.1'])]);
      await server.round(input);
      await db.query(
        'GRANT DROP ON shop.* TO shop@127.0.0.1 WITH GRANT OPTION; GRANT FILE ON *.* TO shop@127.0.0.1; GRANT SELECT ON `s_op`.* TO shop@127.0.0.1; GRANT SELECT (id), UPDATE ON shop.orders TO shop@127.0.0.1; REVOKE INSERT ON shop.* FROM shop@127.0.0.1; ALTER USER shop@127.0.0.1 ACCOUNT LOCK',
      );
      expect(await server.round(input)).toMatchObject({ settled: true });
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual([
        'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
      ]);
      await logsIn(db, PASSWORD);
    });

    it('has nothing of what somebody gave by hand to another one', async () => {
      const hosts = ['10.0.0.1', '127.0.0.1'];
      const events = { schema: 'shop', privileges: ['EVENT' as const] };
      const updates = { schema: 'shop', table: 'orders', columns: ['id'], privileges: ['UPDATE' as const] };
      await server.round(inputOf(db.admin, [need(hosts, { grants: [events] })]));
      await db.query("GRANT SELECT (id) ON shop.orders TO 'shop'@'10.0.0.1'");
      await server.round(inputOf(db.admin, [need(hosts, { grants: [events, updates] })]));
      for (const host of hosts) {
        expect(await grantsOf(db, 'shop', host)).toEqual([
          `GRANT EVENT ON \`shop\`.* TO \`shop\`@\`${host}\``,
          `GRANT UPDATE (\`id\`) ON \`shop\`.\`orders\` TO \`shop\`@\`${host}\``,
        ]);
      }
    });

    it('logs in with the password of the Secret', async () => {
      await server.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      await logsIn(db, PASSWORD);
      await expect(logsIn(db, 'another')).rejects.toThrow('Access denied');
    });

    it('is dropped with its open sessions, and only with its own', async () => {
      const needs = (hosts: string[]) => inputOf(db.admin, [need(hosts)], { presentGrants: new Set(['default/shop']) });
      await server.round(needs(['127.0.0.1', '127.0.0.2']));
      await db.query("CREATE USER other@127.0.0.1 IDENTIFIED BY 'x'");
      const session = await db.login({ user: 'shop', password: PASSWORD });
      const other = await db.login({ user: 'other', password: 'x' });
      session.on('error', () => undefined);
      expect(await server.round(needs(['127.0.0.2']))).toMatchObject({ settled: true });
      await expect(session.query('SELECT 1')).rejects.toThrow(/closed|lost|ECONNRESET/i);
      await other.query('SELECT 1');
      await other.end();
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.2']);
    });

    it('stays while its server drains', async () => {
      const present = { presentGrants: new Set(['default/shop']) };
      await server.round(inputOf(db.admin, [need(['127.0.0.1', '127.0.0.2'])]));
      const keepHosts = new Map([['default/shop', new Set(['127.0.0.1'])]]);
      const draining = await server.round(inputOf(db.admin, [need(['127.0.0.2'])], { ...present, keepHosts }));
      expect(statesOf(draining)).toEqual({ '127.0.0.1': 'Leaving', '127.0.0.2': 'Ready' });
      await server.round(inputOf(db.admin, [need(['127.0.0.2'])], present));
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.2']);
    });

    it('of somebody else with the same name is left as it is', async () => {
      await db.query("CREATE USER shop@127.0.0.1 IDENTIFIED BY 'theirs'");
      const round = await server.round(inputOf(db.admin, [need(['127.0.0.1', '127.0.0.2'])]));
      expect(statesOf(round)).toEqual({ '127.0.0.1': 'Conflicting', '127.0.0.2': 'Ready' });
      expect(round.grants.get('default/shop')?.problem).toMatchObject({ condition: 'Synced', reason: 'AccountExists' });
      await logsIn(db, 'theirs');
      await server.round(inputOf(db.admin, [], { presentGrants: new Set() }));
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.1']);
    });

    it('of another installation is left as it is', async () => {
      const other = serverOf(db, { clusterId: 'other' });
      await other.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      await other.close();
      expect(statesOf(await server.round(inputOf(db.admin, [need(['127.0.0.1'])])))).toEqual({
        '127.0.0.1': 'Conflicting',
      });
    });

    it('warns of a pattern that covers it', async () => {
      await db.query("CREATE USER shop@'127.%' IDENTIFIED BY 'x'");
      const round = await server.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      expect(round.grants.get('default/shop')?.accounts[0]).toMatchObject({
        state: 'Ready',
        message: "ShadowedByWildcard: 'shop'@'127.%' lets this server in as well",
      });
    });

    it('of two grants holds the privileges of both, and of one when the other goes', async () => {
      const shop = need(['127.0.0.1']);
      const audit = need(['127.0.0.1'], {
        grant: 'default/audit',
        grants: [{ schema: 'log', privileges: ['SELECT'] }],
      });
      const both = await server.round(inputOf(db.admin, [shop, audit]));
      expect(statesOf(both, 'default/audit')).toEqual({ '127.0.0.1': 'Ready' });
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toHaveLength(2);
      // Refused, but still there: what it was given stays.
      const refused = inputOf(db.admin, [shop], { presentGrants: new Set(['default/shop', 'default/audit']) });
      expect(await server.round(refused)).toMatchObject({ settled: true, statements: 0 });
      await server.round(inputOf(db.admin, [shop]));
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual([
        'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
      ]);
    });

    it('waits for a table that is not there without losing what it has', async () => {
      await server.round(inputOf(db.admin, [need(['127.0.0.1'])]));
      const grants = [{ schema: 'shop', table: 'later', privileges: ['SELECT' as const] }];
      const input = inputOf(db.admin, [need(['127.0.0.1'], { grants })]);
      const round = await server.round(input);
      expect(round.grants.get('default/shop')).toMatchObject({ problem: { condition: 'Synced', reason: 'SQLError' } });
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual([
        'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
      ]);
      await db.query('CREATE TABLE shop.later (id INT)');
      expect(statesOf(await server.round(input))).toEqual({ '127.0.0.1': 'Ready' });
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual(['GRANT SELECT ON `shop`.`later` TO `shop`@`127.0.0.1`']);
    });
  });

  it('is never told a password in clear text', async () => {
    const statements = await statementsDuring(db, async () => {
      for (const password of ['clear-text-1', 'clear-text-2']) {
        const passwords = new Map([['default/shop-db/password', password]]);
        await server.round(inputOf(db.admin, [need(['127.0.0.1'])], { passwords }));
      }
    });
    const text = statements.join('\n');
    expect(text).toContain('CREATE USER');
    expect(text).toContain('ALTER USER');
    expect(text).not.toContain('clear-text');
  });

  it('is given what is missing before it is taken what is too much, and never something twice', async () => {
    await server.round(inputOf(db.admin, [need(['127.0.0.1'])]));
    await db.query('GRANT DROP, ALTER ON shop.* TO shop@127.0.0.1; REVOKE INSERT ON shop.* FROM shop@127.0.0.1');
    const statements = await statementsDuring(db, () => server.round(inputOf(db.admin, [need(['127.0.0.1'])])));
    expect(statements.filter((text) => /^(GRANT|REVOKE|CREATE|DROP|ALTER|FLUSH)/.test(text))).toEqual([
      expect.stringMatching(/^GRANT INSERT ON/),
      expect.stringMatching(/^REVOKE ALTER, DROP ON/),
    ]);
  });
});
