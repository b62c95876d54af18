import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DatabaseRound, DatabaseServer } from '../../operator/driver/mysql-server.ts';
import { need } from '../mysql/needs.ts';
import type { NeedOptions } from '../mysql/needs.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { inputOf, logsIn, serverKinds, serverOf, statementsDuring, useDatabase } from './database-world.ts';

describe.each(await serverKinds())('a new password on $name', ({ start }) => {
  let db: DatabaseProcess;
  let server: DatabaseServer;

  useDatabase(start, (database, driver) => {
    db = database;
    server = driver;
  });

  /** A round with this password in the Secret. */
  const round = (password: string, options: NeedOptions = {}): Promise<DatabaseRound> => {
    const needs = [
      need(['127.0.0.1', '127.0.0.2'], { secretVersion: createHash('md5').update(password).digest('hex'), ...options }),
    ];
    return server.round(inputOf(db.admin, needs, { passwords: new Map([['default/shop-db/password', password]]) }));
  };

  it('lets the one before in as well, also after a restart of ours', async () => {
    await round('one');
    expect(await round('two')).toMatchObject({ settled: true });
    await logsIn(db, 'two');
    await logsIn(db, 'one');
    await server.close();
    server = serverOf(db);
    const again = await round('two');
    expect(again).toMatchObject({ settled: true, statements: 0 });
    expect(again.grants.get('default/shop')?.accounts[0]).toEqual({
      host: '127.0.0.1',
      state: 'Ready',
      message: 'the password before is still valid as well',
    });
    await logsIn(db, 'one');
  });

  it('ends the one before once discardAfter has passed', async () => {
    await round('one');
    await round('two');
    // The server's clock counts whole seconds: wait until it says that one has passed.
    await db.query('SELECT SLEEP(1.1)');
    expect(await round('two', { rotation: { discardAfter: '1s' } })).toMatchObject({ settled: true });
    await logsIn(db, 'two');
    await expect(logsIn(db, 'one')).rejects.toThrow('Access denied');
    expect(await round('two')).toMatchObject({ settled: true, statements: 0 });
  });

  it('ends the one before at once with mode Immediate, also in the middle of a rotation', async () => {
    const rotation = { mode: 'Immediate' as const };
    await round('one');
    await round('two', { rotation });
    await logsIn(db, 'two');
    await expect(logsIn(db, 'one')).rejects.toThrow('Access denied');
    await round('three');
    await round('four', { rotation });
    await logsIn(db, 'four');
    await expect(logsIn(db, 'two')).rejects.toThrow('Access denied');
    await expect(logsIn(db, 'three')).rejects.toThrow('Access denied');
    expect(await round('four', { rotation })).toMatchObject({ settled: true, statements: 0 });
  });

  it('waits while the one before the last is still valid, and says so', async () => {
    await round('one');
    await round('two');
    const held = await round('three', { driftPolicy: 'Report' });
    expect(held).toMatchObject({ settled: true, statements: 0 });
    expect(held.grants.get('default/shop')?.problem).toMatchObject({ condition: 'Synced', reason: 'PartiallySynced' });
    await logsIn(db, 'one');
    await logsIn(db, 'two');
    await db.query('SELECT SLEEP(1.1)');
    await round('three', { driftPolicy: 'Report', rotation: { discardAfter: '1s' } });
    await logsIn(db, 'three');
    await logsIn(db, 'two');
    await expect(logsIn(db, 'one')).rejects.toThrow('Access denied');
  });

  it('that is the one before comes back at once', async () => {
    await round('one');
    await round('two');
    expect((await round('one')).grants.get('default/shop')?.problem).toBe(undefined);
    await logsIn(db, 'one');
    await logsIn(db, 'two');
    expect(await round('one')).toMatchObject({ settled: true, statements: 0 });
  });

  it('keeps nothing that somebody else has set', async () => {
    await round('one');
    await db.query("ALTER USER shop@127.0.0.1 IDENTIFIED BY 'by hand'");
    await round('two');
    await logsIn(db, 'two');
    await expect(logsIn(db, 'by hand')).rejects.toThrow('Access denied');
  });

  it('is told in one statement for many accounts, without a password in clear text', async () => {
    await round('first-secret');
    const statements = await statementsDuring(db, () => round('second-secret'));
    const changes = statements.filter((text) => text.startsWith('ALTER USER') && text.includes('IDENTIFIED'));
    expect(changes).toHaveLength(1);
    expect(statements.join('\n')).not.toMatch(/(first|second)-secret/);
  });

  it('gets rid of a second password that somebody else has set', async () => {
    await round('one');
    const second =
      db.flavor === 'MariaDB'
        ? "ALTER USER shop@127.0.0.1 IDENTIFIED VIA mysql_native_password USING PASSWORD('one') OR mysql_native_password USING PASSWORD('by hand')"
        : "ALTER USER shop@127.0.0.1 IDENTIFIED BY 'by hand'; ALTER USER shop@127.0.0.1 IDENTIFIED BY 'one' RETAIN CURRENT PASSWORD";
    await db.query(second);
    await logsIn(db, 'by hand');
    expect(await round('one')).toMatchObject({ settled: true });
    await expect(logsIn(db, 'by hand')).rejects.toThrow('Access denied');
    await logsIn(db, 'one');
  });
});
