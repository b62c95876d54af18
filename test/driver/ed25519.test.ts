import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ed25519Hash } from '../../operator/driver/ed25519.ts';
import { need } from '../mysql/needs.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { inputOf, PASSWORD, serverOf, statesOf } from './database-world.ts';

/** Where a password has 32 bytes it is an Ed25519 secret as Node knows it. */
test.each(['0123456789abcdef0123456789abcdef', 'x'.repeat(32), 'ü'.repeat(16)])('the public key to %s', (password) => {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(password)]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  const raw = key.export({ format: 'der', type: 'spki' }).subarray(-32);
  expect(ed25519Hash(password)).toBe(raw.toString('base64').replace('=', ''));
});

test('of any length', () => {
  // Source: MariaDB knowledge base, "Authentication Plugin - ed25519".
  expect(ed25519Hash('secret')).toBe('ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY');
});

describe('accounts with authPlugin ed25519', () => {
  let db: DatabaseProcess;

  beforeAll(async () => {
    db = await startMariaDb({ options: ['--plugin-load-add=auth_ed25519'] });
    await db.query("CREATE FUNCTION ed25519_password RETURNS STRING SONAME 'auth_ed25519.so'; CREATE DATABASE shop");
  });
  afterAll(() => db.stop());

  it('hold the hash that MariaDB itself makes', async () => {
    for (const password of ['a', PASSWORD, 'pässwörd', 'x'.repeat(100), ' ']) {
      const [row] = await db.query(`SELECT ed25519_password(${JSON.stringify(password)})`);
      expect([password, String(row?.[0])]).toEqual([password, ed25519Hash(password)]);
    }
  });

  it('are made, let in, and keep the password before', async () => {
    const server = serverOf(db);
    const round = (password: string) => {
      const shop = need(['127.0.0.1'], { authPlugin: 'ed25519', secretVersion: String(password.length) });
      return server.round(inputOf(db.admin, [shop], { passwords: new Map([['default/shop-db/password', password]]) }));
    };
    expect(statesOf(await round('one'))).toEqual({ '127.0.0.1': 'Ready' });
    expect(await round('one')).toMatchObject({ settled: true, statements: 0 });
    expect(await round('second')).toMatchObject({ settled: true });
    await server.close();
    for (const password of ['one', 'second']) {
      const args = ['--no-defaults', '-h127.0.0.1', `-P${db.port}`, '-ushop', '-e', 'SELECT CURRENT_USER()'];
      const { stdout } = await promisify(execFile)('mariadb', args, { env: { ...process.env, MYSQL_PWD: password } });
      expect(stdout).toContain('shop@127.0.0.1');
    }
  });

  it('are refused by name where the plugin is not loaded, and others go on', async () => {
    const bare = await startMariaDb();
    const server = serverOf(bare);
    const modern = need(['127.0.0.1'], { authPlugin: 'ed25519' });
    const blog = need(['127.0.0.1'], { grant: 'default/blog', username: 'blog' });
    const round = await server.round(inputOf(bare.admin, [modern, blog]));
    await server.close();
    await bare.stop();
    expect(statesOf(round, 'default/blog')).toEqual({ '127.0.0.1': 'Ready' });
    expect(round.grants.get('default/shop')?.problem).toMatchObject({
      condition: 'Accepted',
      reason: 'UnsupportedAuthPlugin',
      message: expect.stringContaining('not loaded') as string,
    });
  });
});
