import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REFUSED } from '../api/variations.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { makeRunFolder } from '../support/run-process.ts';
import { eventually } from '../support/wait.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;

let dist: string;
beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'webpool-dist-'));
  await run(process.execPath, [join(root, 'scripts/build.ts'), dist]);
});
afterAll(() => rm(dist, { recursive: true, force: true }));

const folder = () => join(dist, 'operator/bundle');
const textOf = (file: string) => readFile(join(folder(), file), 'utf8');
const codeFiles = async () => (await readdir(folder())).filter((file) => file.endsWith('.mjs'));

test('has beside the bundle whatever the bundle reads by an address relative to itself', async () => {
  const texts = await Promise.all((await codeFiles()).map(textOf));
  const addresses = texts.flatMap((text) =>
    [...text.matchAll(/new URL\("([^"]+)",\s*import\.meta\.url\)/g)].map(([, address = '']) => address),
  );
  expect(addresses).toContain('../haproxy/router.lua');
  const base = pathToFileURL(`${folder()}/`);
  expect(addresses.filter((address) => !existsSync(new URL(address, base)))).toEqual([]);
});

/** Words that stand in the code of a package and nowhere else. */
const MARKS = {
  undici: 'UND_ERR_REQ_RETRY',
  'all of undici': 'UND_MOCK_ERR_MOCK_NOT_MATCHED',
  'all of node:http': 'from"node:http"',
  mysql2: 'Unknown SSL profile',
  '@kubernetes/client-node': 'makeApiClient',
  'cli-table3': 'top-mid',
  'js-yaml': 'YAMLException',
  ajv: 'schema with key or id',
} as const;

/** Packages whose code a command reads as it begins. */
const packagesOf = async (command: string): Promise<ReadonlySet<string>> => {
  const files = (await codeFiles()).filter((file) => file.startsWith(`${command}-`));
  const texts: string[] = [];
  for (const file of files) {
    const text = await textOf(file);
    texts.push(text);
    for (const [, next = ''] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)";/g))
      if (!files.includes(next)) files.push(next);
  }
  const marks = Object.entries(MARKS).filter(([, mark]) => texts.some((text) => text.includes(mark)));
  return new Set(marks.map(([name]) => name));
};

test('is ASCII alone: V8 keeps a file with any other letter at twice its size', async () => {
  const strange = [];
  for (const file of await codeFiles()) if (/\P{ASCII}/u.test(await textOf(file))) strange.push(file);
  expect(strange).toEqual([]);
});

test('every package can be told by its mark', async () => {
  const texts = await Promise.all((await codeFiles()).map(textOf));
  expect(Object.values(MARKS).filter((mark) => !texts.some((text) => text.includes(mark)))).toEqual([]);
});

test('an agent reads none of the large packages that only others need', async () => {
  const agent = await packagesOf('agent');
  expect(agent).toContain('undici');
  for (const name of ['@kubernetes/client-node', 'mysql2', 'cli-table3', 'ajv']) expect(agent).not.toContain(name);
  expect(await packagesOf('operator')).toContain('undici');
});

test.each(['agent', 'operator', 'run'])('what of a package nobody needs is not read either: %s', async (command) => {
  const found = await packagesOf(command);
  for (const name of ['all of undici', 'all of node:http'] as const) expect(found).not.toContain(name);
});

test('who keeps a folder reads no client of Kubernetes, and one of MySQL only once there is a server', async () => {
  const run = await packagesOf('run');
  expect(run).toContain('js-yaml');
  for (const name of ['undici', 'mysql2', '@kubernetes/client-node', 'ajv']) expect(run).not.toContain(name);
});

test.each(['check', 'render'])('does as the sources do: %s', async (command) => {
  const example = join(root, 'examples/minimal');
  const built = await run(join(dist, 'webpool.mjs'), [command, example]);
  const sources = await run(process.execPath, [join(root, 'operator/main.ts'), command, example]);
  expect(built).toEqual(sources);
  expect(built.stdout).not.toBe('');
});

test('says of every bad object what the sources say, with schemas that were compiled before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-bad-'));
  try {
    for (const [index, { kind, spec }] of REFUSED.entries()) {
      const object = { apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { name: `bad${index}` }, spec };
      await writeFile(join(folder, `bad${index}.yaml`), JSON.stringify(object));
    }
    const check = (main: string) =>
      run(process.execPath, [main, 'check', '--output', 'json', folder], { maxBuffer: Infinity }).catch(
        ({ stdout }: { stdout: string }) => ({ stdout }),
      );
    const built = await check(join(dist, 'webpool.mjs'));
    const sources = await check(join(root, 'operator/main.ts'));
    const { findings } = JSON.parse(built.stdout) as { findings: readonly unknown[] };
    expect(findings.length).toBeGreaterThanOrEqual(REFUSED.length);
    expect(built.stdout).toBe(sources.stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('serves a folder and makes its accounts', async () => {
  const database = await startMariaDb();
  const folder = await makeRunFolder(join(dist, 'webpool.mjs'));
  try {
    await database.query('CREATE DATABASE shop');
    const server = { host: '127.0.0.1', port: database.port, adminSecretName: 'admin' };
    const grants = [{ schema: 'shop', privileges: ['SELECT'] }];
    const passwordSecret = { name: 'shop', key: 'password' };
    const spec = { server, username: 'shop', passwordSecret, hosts: ['127.0.0.9'], grants };
    const objects = [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'admin' }, stringData: database.admin },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop' }, stringData: { password: 'correct-horse' } },
      { apiVersion: 'webpool.dev/v1alpha1', kind: 'DatabaseGrant', metadata: { name: 'shop' }, spec },
    ];
    await folder.write('all.yaml', objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    const started = await folder.start();
    await eventually('the account is there', async () => {
      const rows = await database.query("SELECT Host FROM mysql.user WHERE User = 'shop'");
      return rows.flat().join() === '127.0.0.9';
    });
    expect(await started.end()).toBe(0);
  } finally {
    await folder.remove();
    await database.stop();
  }
});
