import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionTls } from '../../operator/driver/mysql-session.ts';
import { need } from '../mysql/needs.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { describeWhere } from '../support/announce.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { findMySql, startMySql } from '../support/mysql.ts';
import { inputOf, serverOf, statesOf } from './database-world.ts';

/** The problem of one round with this encryption, or the states of its accounts. */
async function seen(db: DatabaseProcess, tls: SessionTls): Promise<unknown> {
  const server = serverOf(db);
  const round = await server.round(inputOf(db.admin, [need(['127.0.0.1'])], { tls }));
  await server.close();
  return round.problem ?? statesOf(round);
}

const READY = { '127.0.0.1': 'Ready' };

describe('a server without TLS', () => {
  let db: DatabaseProcess;

  beforeAll(async () => {
    db = await startMariaDb();
  });
  afterAll(() => db.stop());

  it.each(['Preferred', 'Disabled'] as const)('is used with mode %s', async (mode) => {
    expect(await seen(db, { mode })).toEqual(READY);
  });

  it('is not used with mode Required, and is told no password', async () => {
    await db.query("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    expect(await seen(db, { mode: 'Required' })).toEqual({
      reason: 'ServerUnreachable',
      message: '127.0.0.1 does not offer TLS: set it up there, or set spec.server.tls.mode to Preferred',
    });
    const logins = await db.query("SELECT 1 FROM mysql.general_log WHERE command_type = 'Connect'");
    expect(logins).toEqual([]);
  });
});

const mysql = await findMySql();

const root = 'root' in mysql ? mysql.root : '';

describeWhere('a server with TLS (MySQL 9)', 'root' in mysql ? undefined : mysql.unavailable, () => {
  let db: DatabaseProcess;
  let ca: string;
  let name: string;

  beforeAll(async () => {
    db = await startMySql(root);
    // The connection of `query` is there already.
    await db.query(`ALTER USER ${db.admin.username}@'127.0.0.1' REQUIRE SSL`);
    // MySQL makes itself an authority and a certificate, whose name is in no DNS.
    ca = await readFile(join(db.dataDir, 'data/ca.pem'), 'utf8');
    const certificate = new X509Certificate(await readFile(join(db.dataDir, 'data/server-cert.pem')));
    name = certificate.subject.replace('CN=', '').toLowerCase();
  });
  afterAll(() => db.stop());

  it.each(['Required', 'Preferred'] as const)('is used encrypted with mode %s', async (mode) => {
    expect(await seen(db, { mode })).toEqual(READY);
  });

  it('is used in the clear with mode Disabled, which this account refuses', async () => {
    expect(await seen(db, { mode: 'Disabled' })).toMatchObject({
      reason: 'AdminAuthenticationFailed',
      message: expect.stringContaining('or the account requires TLS') as string,
    });
  });

  it('is used when the authority and the name are right', async () => {
    expect(await seen(db, { mode: 'Required', ca, serverName: name })).toEqual(READY);
  });

  it('is not asked without its authority when the Secrets go before the grant does', async () => {
    const server = serverOf(db);
    const connections = () =>
      db.query(
        `SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '${db.admin.username}' AND ID <> CONNECTION_ID()`,
      );
    await server.round(inputOf(db.admin, [need(['127.0.0.1'])], { tls: { mode: 'Required', ca, serverName: name } }));
    const verified = await connections();
    expect(verified).toHaveLength(1);
    const last = await server.round(inputOf(undefined, [], { tls: { mode: 'Required', serverName: name } }));
    expect(last).toMatchObject({ settled: true });
    expect(await connections()).toEqual(verified);
    await server.close();
  });

  it('is not used when its certificate has another name', async () => {
    expect(await seen(db, { mode: 'Required', ca, serverName: 'db.example.com' })).toMatchObject({
      reason: 'ServerUnreachable',
      message: expect.stringContaining('spec.server.tls.serverName') as string,
    });
  });

  it('is not used when another authority has signed its certificate', async () => {
    const other = await startMySql(root);
    const foreign = await readFile(join(other.dataDir, 'data/client-cert.pem'), 'utf8');
    await other.stop();
    expect(await seen(db, { mode: 'Required', ca: foreign, serverName: name })).toMatchObject({
      reason: 'ServerUnreachable',
      message: expect.stringContaining('spec.server.tls.caSecretName') as string,
    });
  });
});
