import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseServer } from '../../operator/driver/mysql-server.ts';
import type { DatabaseObserved } from '../../operator/status/observed.ts';
import { need } from '../mysql/needs.ts';
import { startMariaDb } from '../support/mariadb.ts';
import type { MariaDb } from '../support/mariadb.ts';
import { grantsOf, hostsOf, inputOf, PASSWORD, reset, serverOf, statesOf } from './database-world.ts';

let mariadb: MariaDb;
let server: DatabaseServer;

beforeAll(async () => {
  mariadb = await startMariaDb();
});
afterAll(() => mariadb.stop());
beforeEach(async () => {
  await reset(mariadb);
  server = serverOf(mariadb);
});
afterEach(() => server.close());

describe('an account', () => {
  it('is made for every host, and then nothing is left to do', async () => {
    const input = inputOf(mariadb.admin, [need(['127.0.0.1', '127.0.1.2', '2001:db8::1', 'web01.example.com'])]);
    const first = await server.round(input);
    const observed: DatabaseObserved = first;
    expect(observed).toMatchObject({ flavor: 'MariaDB', settled: true });
    expect(statesOf(first)).toEqual({
      '127.0.0.1': 'Ready',
      '127.0.1.2': 'Ready',
      '2001:db8::1': 'Ready',
      'web01.example.com': 'Ready',
    });
    expect(await server.round(input)).toMatchObject({ settled: true, statements: 0 });
    const restarted = serverOf(mariadb);
    expect(await restarted.round(input)).toMatchObject({ settled: true, statements: 0 });
    await restarted.close();
  });

  it('holds privileges on a schema, a table and columns, the schema name taken literally', async () => {
    const grants = [
      { schema: 'a_b%', privileges: ['SELECT' as const] },
      { schema: 'shop', table: 'orders', privileges: ['UPDATE' as const] },
      { schema: 'shop', table: 'orders', columns: ['id'], privileges: ['SELECT' as const] },
    ];
    await server.round(inputOf(mariadb.admin, [need(['127.0.0.1'], { grants })]));
    expect(await grantsOf(mariadb, 'shop', '127.0.0.1')).toEqual([
      'GRANT SELECT (`id`), UPDATE ON `shop`.`orders` TO `shop`@`127.0.0.1`',
      'GRANT SELECT ON `a\\_b\\%`.* TO `shop`@`127.0.0.1`',
    ]);
  });

  it('gets what is missing and loses what is too much, wherever it was granted', async () => {
    const input = inputOf(mariadb.admin, [need(['127.0.0.1'])]);
    await server.round(input);
    await mariadb.query(
      'GRANT DROP ON shop.* TO shop@127.0.0.1 WITH GRANT OPTION; GRANT FILE ON *.* TO shop@127.0.0.1; GRANT SELECT ON `s_op`.* TO shop@127.0.0.1; GRANT SELECT (id), UPDATE ON shop.orders TO shop@127.0.0.1; REVOKE INSERT ON shop.* FROM shop@127.0.0.1; ALTER USER shop@127.0.0.1 ACCOUNT LOCK',
    );
    expect(await server.round(input)).toMatchObject({ settled: true });
    expect(await grantsOf(mariadb, 'shop', '127.0.0.1')).toEqual([
      'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
    ]);
    const client = await mariadb.login({ user: 'shop', password: PASSWORD });
    await client.end();
  });

  it('logs in with the password of the Secret, and with the new one after a change', async () => {
    const needs = [need(['127.0.0.1'])];
    await server.round(inputOf(mariadb.admin, needs));
    await (await mariadb.login({ user: 'shop', password: PASSWORD })).end();
    const passwords = new Map([['default/shop-db/password', 'new one']]);
    await server.round(inputOf(mariadb.admin, needs, { passwords }));
    await (await mariadb.login({ user: 'shop', password: 'new one' })).end();
    await expect(mariadb.login({ user: 'shop', password: PASSWORD })).rejects.toThrow('Access denied');
  });

  it('is dropped with its open sessions, and only with its own', async () => {
    const needs = (hosts: string[]) =>
      inputOf(mariadb.admin, [need(hosts)], { presentGrants: new Set(['default/shop']) });
    await server.round(needs(['127.0.0.1', '127.0.0.2']));
    await mariadb.query("CREATE USER other@127.0.0.1 IDENTIFIED BY 'x'");
    const session = await mariadb.login({ user: 'shop', password: PASSWORD });
    const other = await mariadb.login({ user: 'other', password: 'x' });
    session.on('error', () => undefined);
    expect(await server.round(needs(['127.0.0.2']))).toMatchObject({ settled: true });
    await expect(session.query('SELECT 1')).rejects.toThrow(/closed|lost|ECONNRESET/i);
    await other.query('SELECT 1');
    await other.end();
    expect(await hostsOf(mariadb, 'shop')).toEqual(['127.0.0.2']);
  });

  it('stays while its server drains', async () => {
    const present = { presentGrants: new Set(['default/shop']) };
    await server.round(inputOf(mariadb.admin, [need(['127.0.0.1', '127.0.0.2'])]));
    const keepHosts = new Map([['default/shop', new Set(['127.0.0.1'])]]);
    const draining = await server.round(inputOf(mariadb.admin, [need(['127.0.0.2'])], { ...present, keepHosts }));
    expect(statesOf(draining)).toEqual({ '127.0.0.1': 'Leaving', '127.0.0.2': 'Ready' });
    await server.round(inputOf(mariadb.admin, [need(['127.0.0.2'])], present));
    expect(await hostsOf(mariadb, 'shop')).toEqual(['127.0.0.2']);
  });

  it('of somebody else with the same name is left as it is', async () => {
    await mariadb.query("CREATE USER shop@127.0.0.1 IDENTIFIED BY 'theirs'");
    const round = await server.round(inputOf(mariadb.admin, [need(['127.0.0.1', '127.0.0.2'])]));
    expect(statesOf(round)).toEqual({ '127.0.0.1': 'Conflicting', '127.0.0.2': 'Ready' });
    expect(round.grants.get('default/shop')?.problem).toMatchObject({ condition: 'Synced', reason: 'AccountExists' });
    await (await mariadb.login({ user: 'shop', password: 'theirs' })).end();
    await server.round(inputOf(mariadb.admin, [], { presentGrants: new Set() }));
    expect(await hostsOf(mariadb, 'shop')).toEqual(['127.0.0.1']);
  });

  it('of another installation is left as it is', async () => {
    const other = serverOf(mariadb, { clusterId: 'other' });
    await other.round(inputOf(mariadb.admin, [need(['127.0.0.1'])]));
    await other.close();
    expect(statesOf(await server.round(inputOf(mariadb.admin, [need(['127.0.0.1'])])))).toEqual({
      '127.0.0.1': 'Conflicting',
    });
  });

  it('warns of a pattern that covers it', async () => {
    await mariadb.query("CREATE USER shop@'127.%' IDENTIFIED BY 'x'");
    const round = await server.round(inputOf(mariadb.admin, [need(['127.0.0.1'])]));
    expect(round.grants.get('default/shop')?.accounts[0]).toMatchObject({
      state: 'Ready',
      message: "ShadowedByWildcard: 'shop'@'127.%' lets this server in as well",
    });
  });

  it('of two grants holds the privileges of both, and of one when the other goes', async () => {
    const shop = need(['127.0.0.1']);
    const audit = need(['127.0.0.1'], { grant: 'default/audit', grants: [{ schema: 'log', privileges: ['SELECT'] }] });
    const both = await server.round(inputOf(mariadb.admin, [shop, audit]));
    expect(statesOf(both, 'default/audit')).toEqual({ '127.0.0.1': 'Ready' });
    expect(await grantsOf(mariadb, 'shop', '127.0.0.1')).toHaveLength(2);
    // Refused, but still there: what it was given stays.
    const refused = inputOf(mariadb.admin, [shop], { presentGrants: new Set(['default/shop', 'default/audit']) });
    expect(await server.round(refused)).toMatchObject({ settled: true, statements: 0 });
    await server.round(inputOf(mariadb.admin, [shop]));
    expect(await grantsOf(mariadb, 'shop', '127.0.0.1')).toEqual([
      'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
    ]);
  });

  it('waits for a table that is not there without losing what it has', async () => {
    await server.round(inputOf(mariadb.admin, [need(['127.0.0.1'])]));
    const grants = [{ schema: 'shop', table: 'later', privileges: ['SELECT' as const] }];
    const input = inputOf(mariadb.admin, [need(['127.0.0.1'], { grants })]);
    const round = await server.round(input);
    expect(round.grants.get('default/shop')).toMatchObject({ problem: { condition: 'Synced', reason: 'SQLError' } });
    expect(await grantsOf(mariadb, 'shop', '127.0.0.1')).toEqual([
      'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
    ]);
    await mariadb.query('CREATE TABLE shop.later (id INT)');
    expect(statesOf(await server.round(input))).toEqual({ '127.0.0.1': 'Ready' });
    expect(await grantsOf(mariadb, 'shop', '127.0.0.1')).toEqual([
      'GRANT SELECT ON `shop`.`later` TO `shop`@`127.0.0.1`',
    ]);
  });
});

describe('passwords', () => {
  it('never reach the server in clear text', async () => {
    await mariadb.query("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    const passwords = new Map([['default/shop-db/password', 'clear-text-1']]);
    await server.round(inputOf(mariadb.admin, [need(['127.0.0.1'])], { passwords }));
    passwords.set('default/shop-db/password', 'clear-text-2');
    await server.round(inputOf(mariadb.admin, [need(['127.0.0.1'])], { passwords }));
    await mariadb.query('SET GLOBAL general_log = OFF');
    const log = await mariadb.query("SELECT argument FROM mysql.general_log WHERE argument LIKE '%USER%'");
    const text = log.flat().map(String).join('\n');
    expect(text).toContain('CREATE USER');
    expect(text).toContain('ALTER USER');
    expect(text).not.toContain('clear-text');
  });
});
