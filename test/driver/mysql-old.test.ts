import { afterEach, describe, expect, it } from 'vitest';
import { createConnection } from 'mysql2/promise';
import { nativeHash } from '../../operator/driver/password-hash.ts';
import type { DatabaseRound, DatabaseServer } from '../../operator/driver/mysql-server.ts';
import { need } from '../mysql/needs.ts';
import type { NeedOptions } from '../mysql/needs.ts';
import { startOldMySql } from '../support/old-mysql.ts';
import type { OldMySql } from '../support/old-mysql.ts';
import { inputOf, PASSWORD, serverOf, statesOf } from './database-world.ts';

let old: OldMySql;
let server: DatabaseServer;

afterEach(async () => {
  await server.close();
  await old.close();
});

const VERSIONS = [
  '5.1.73',
  '5.5.62-log',
  '5.6.51',
  '5.7.44',
  '8.0.11',
  '8.0.19',
  '5.5.68-MariaDB',
  '10.0.38-MariaDB',
  '10.1.48-MariaDB',
  '10.3.39-MariaDB-log',
];

const round = (hosts: readonly string[], password: string, options: NeedOptions = {}): Promise<DatabaseRound> => {
  const needs = [need(hosts, { secretVersion: password, ...options })];
  const passwords = new Map([['default/shop-db/password', password]]);
  return server.round(
    inputOf({ username: 'admin', password: 'secret' }, needs, {
      passwords,
      presentGrants: new Set(['default/shop']),
      tls: { mode: 'Disabled' },
    }),
  );
};

/** What the server holds for one host. */
const held = (host: string) => {
  const { hash, tls, limits, grants } = old.accounts.get(`shop@${host}`) ?? {};
  return { hash, tls, limits, grants: [...(grants ?? [])].map(([place, words]) => [place, [...words].sort()]) };
};

describe.each(VERSIONS)('on %s', (version) => {
  it('an account lives its whole life without a statement that the server does not know', async () => {
    old = await startOldMySql(version);
    server = serverOf(old);
    const options: NeedOptions = {
      limits: { maxUserConnections: 5 },
      requireTLS: 'SSL',
      grants: [
        { schema: 'a_b', privileges: ['SELECT', 'INSERT'] },
        { schema: 'shop', table: 'orders', privileges: ['UPDATE'] },
      ],
    };
    const made = await round(['10.0.0.1', '10.0.0.2'], PASSWORD, options);
    expect(made.problem).toBe(undefined);
    expect(made).toMatchObject({ settled: true });
    expect(statesOf(made)).toEqual({ '10.0.0.1': 'Ready', '10.0.0.2': 'Ready' });
    expect(held('10.0.0.2')).toMatchObject({ tls: 'ANY', limits: { max_user_connections: 5 } });
    expect(held('10.0.0.2').grants).toEqual([
      ['a\\_b\0*', ['INSERT', 'SELECT']],
      ['shop\0orders', ['UPDATE']],
    ]);
    if (!/^(8|9)/.test(version)) expect(held('10.0.0.1').hash).toBe(nativeHash(PASSWORD));
    expect(await round(['10.0.0.1', '10.0.0.2'], PASSWORD, options)).toMatchObject({ settled: true, statements: 0 });

    const before = held('10.0.0.1').hash;
    expect(await round(['10.0.0.1', '10.0.0.2'], 'second')).toMatchObject({ settled: true });
    expect(held('10.0.0.1').hash).not.toBe(before);
    expect(held('10.0.0.1')).toMatchObject({ tls: '', limits: { max_user_connections: 0 } });
    expect(held('10.0.0.1').grants.filter(([, words]) => words?.length !== 0)).toEqual([
      ['shop\0*', ['INSERT', 'SELECT']],
    ]);

    expect(await round(['10.0.0.1'], 'second')).toMatchObject({ settled: true });
    expect([...old.accounts.keys()]).toEqual(['shop@10.0.0.1']);
    expect(old.refused).toEqual([]);
  });

  it('an account that somebody dropped meanwhile stops nothing', async () => {
    old = await startOldMySql(version);
    server = serverOf(old);
    await round(['10.0.0.1', '10.0.0.2', '10.0.0.3'], PASSWORD);
    const connection = await createConnection({ host: '127.0.0.1', port: old.port, user: 'admin' });
    await connection.query("DROP USER 'shop'@'10.0.0.1'");
    await connection.end();
    expect(await round(['10.0.0.3'], PASSWORD)).toMatchObject({ settled: true });
    expect([...old.accounts.keys()]).toEqual(['shop@10.0.0.3']);
  });
});

describe('what an old server cannot do', () => {
  it.each(['5.1.73', '10.3.39-MariaDB'])('%s: deletionPolicy Lock is refused, not tried', async (version) => {
    old = await startOldMySql(version);
    server = serverOf(old);
    const asked = await round(['10.0.0.1'], PASSWORD, { deletionPolicy: 'Lock' });
    expect(asked.grants.get('default/shop')?.problem).toMatchObject({
      condition: 'Accepted',
      reason: 'UnsupportedValue',
      message: expect.stringContaining('cannot lock accounts') as string,
    });
    expect(old.refused).toEqual([]);
  });

  it('5.1.73: names longer than 16 characters are refused', async () => {
    old = await startOldMySql('5.1.73');
    server = serverOf(old);
    const asked = await round(['10.0.0.1'], PASSWORD, { username: 'mywpsite_service_2' });
    expect(asked.grants.get('default/shop')?.problem?.message).toContain('more than 16 characters');
  });

  it.each(['5.0.96', '5.3.12-MariaDB'])('%s is told to be too old', async (version) => {
    old = await startOldMySql(version);
    server = serverOf(old);
    expect((await round(['10.0.0.1'], PASSWORD)).problem).toMatchObject({
      message: expect.stringContaining('use MySQL 5.1.7 or later, or MariaDB 5.5.20 or later') as string,
    });
  });

  it('the stand-in refuses what the version lacks: without that these tests would show nothing', async () => {
    old = await startOldMySql('5.1.73');
    server = serverOf(old);
    const connection = await createConnection({ host: '127.0.0.1', port: old.port, user: 'admin' });
    for (const sql of [
      'ALTER USER a@b ACCOUNT LOCK',
      "CREATE USER 'a'@'b' IDENTIFIED WITH mysql_native_password AS '*A'",
      "DROP USER IF EXISTS 'a'@'b'",
      'SELECT plugin FROM mysql.user',
      'SET NAMES utf8mb4',
    ]) {
      await expect(connection.query(sql)).rejects.toThrow('not in 5.1.73');
    }
    expect(old.refused).toHaveLength(5);
    await connection.end();
  });
});
