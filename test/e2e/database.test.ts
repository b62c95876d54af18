import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { grantsOf, hostsOf, logsIn, reset } from '../driver/database-world.ts';
import { freePort } from '../support/database-process.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { eventually } from '../support/wait.ts';

// Seconds on a machine of its own; here others work as well.
vi.setConfig({ testTimeout: 300_000 });

const ROOT = new URL('../../', import.meta.url).pathname;

let db: DatabaseProcess;
let folder: string;
let program: ChildProcess | undefined;

beforeAll(async () => {
  db = await startMariaDb();
});
afterAll(() => db.stop());
beforeEach(async () => {
  await reset(db);
  folder = await mkdtemp(join(tmpdir(), 'webpool-e2e-'));
});
afterEach(async () => {
  await end('SIGTERM');
  await rm(folder, { recursive: true, force: true });
});

/** Starts `webpool run` on the folder. */
async function start(): Promise<void> {
  const http = `127.0.0.1:${await freePort()}`;
  program = spawn(
    process.execPath,
    ['operator/main.ts', 'run', folder, '--bind', '127.0.0.1', '--http', http, '--grace', '100ms'],
    { cwd: ROOT, stdio: 'ignore' },
  );
}

async function end(signal: NodeJS.Signals): Promise<void> {
  const running = program;
  program = undefined;
  if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
  const ended = new Promise((resolve) => running.once('exit', resolve));
  running.kill(signal);
  await ended;
}

/** Puts a file in place as an editor does that writes beside it first. */
async function put(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `.${name}.new`), text);
  await rename(join(folder, `.${name}.new`), join(folder, name));
}

const secret = (name: string, values: Readonly<Record<string, string>>) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: values });

const grant = (more: object = {}) =>
  JSON.stringify({
    apiVersion: 'webpool.dev/v1alpha1',
    kind: 'DatabaseGrant',
    metadata: { name: 'shop' },
    spec: {
      server: { host: '127.0.0.1', port: db.port, adminSecretName: 'admin' },
      username: 'shop',
      passwordSecret: { name: 'shop-db', key: 'password' },
      hosts: ['127.0.0.1'],
      grants: [{ schema: 'shop', privileges: ['SELECT'] }],
      ...more,
    },
  });

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

/** The status file of the grant; empty while there is none. */
async function statusOf(): Promise<Status> {
  const text = await readFile(join(folder, '.status/databasegrant.default.shop.yaml'), 'utf8').catch(() => '');
  return ((load(text) ?? {}) as { status?: Status }).status ?? {};
}

/** `Ready` as the status file says; undefined while there is none. */
async function ready(): Promise<string | undefined> {
  const found = (await statusOf()).conditions?.find(({ type }) => type === 'Ready');
  return found && `${found.status} ${found.reason}`;
}

/** Changes the grant and waits until that version is in force. */
async function change(more: object): Promise<void> {
  const { observedGeneration = 0 } = await statusOf();
  await put('grant.yaml', grant(more));
  await eventually('the new version', async () => ((await statusOf()).observedGeneration ?? 0) > observedGeneration);
  await isReady();
}

const isReady = () => eventually('Ready', async () => (await ready()) === 'True Ready');

describe('a folder with a DatabaseGrant', () => {
  beforeEach(async () => {
    await put('admin.yaml', secret('admin', { ...db.admin }));
    await put('password.yaml', secret('shop-db', { password: 'first' }));
  });

  it('takes an account over, limits it, and changes its password without locking anybody out', async () => {
    await db.query("CREATE USER shop@127.0.0.1 IDENTIFIED BY 'by hand'; GRANT DROP ON shop.* TO shop@127.0.0.1");
    await put('grant.yaml', grant());
    await start();
    await eventually('the refusal', async () => (await ready()) === 'False AccountExists');
    await logsIn(db, 'by hand');

    await change({ existingAccounts: 'Adopt', limits: { maxUserConnections: 7 } });
    await eventually('the limit', async () => {
      const [[limit] = []] = await db.query("SELECT max_user_connections FROM mysql.user WHERE User = 'shop'");
      return Number(limit) === 7;
    });
    expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual(['GRANT SELECT ON `shop`.* TO `shop`@`127.0.0.1`']);
    await logsIn(db, 'by hand');
    await logsIn(db, 'first');

    await change({ existingAccounts: 'Adopt', rotation: { mode: 'Immediate' } });
    await eventually('the end of the old password', () =>
      logsIn(db, 'by hand').then(
        () => false,
        () => true,
      ),
    );
    await change({ existingAccounts: 'Adopt' });
    await put('password.yaml', secret('shop-db', { password: 'second' }));
    await eventually('the new password', () => logsIn(db, 'second').then(() => true));
    await logsIn(db, 'first');
  });

  it('leaves accounts as they are when the program ends, and settles what was deleted meanwhile', async () => {
    await put('grant.yaml', grant());
    await start();
    await isReady();
    await end('SIGKILL');
    expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.1']);
    await rm(join(folder, 'grant.yaml'));
    await start();
    await eventually('the end of the account', async () => (await hostsOf(db, 'shop')).length === 0);
    await end('SIGTERM');
    expect(await db.query('SELECT COUNT(*) FROM webpool_ledger.accounts')).toEqual([[0]]);
  });

  it('keeps what it has while a file is broken, or the server away', async () => {
    await put('grant.yaml', grant());
    await start();
    await isReady();
    await put('grant.yaml', 'kind: [');
    await put('password.yaml', secret('shop-db', { password: '' }));
    await eventually('the complaint', async () => (await ready())?.startsWith('False'));
    await logsIn(db, 'first');
    await db.kill();
    await db.restart();
    await put('password.yaml', secret('shop-db', { password: 'first' }));
    await put('grant.yaml', grant());
    await isReady();
    await logsIn(db, 'first');
  });
});
