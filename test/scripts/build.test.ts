import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;

let dist: string;
beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'webpool-dist-'));
  await run(process.execPath, [join(root, 'scripts/build.ts'), dist]);
});
afterAll(() => rm(dist, { recursive: true, force: true }));

test('has beside the bundle whatever the bundle reads by an address relative to itself', async () => {
  const bundle = pathToFileURL(join(dist, 'operator/bundle/webpool.mjs'));
  const text = await readFile(bundle, 'utf8');
  const addresses = [...text.matchAll(/new URL\("([^"]+)", import\.meta\.url\)/g)].map(([, address = '']) => address);
  expect(addresses).toContain('../haproxy/router.lua');
  expect(addresses.filter((address) => !existsSync(new URL(address, bundle)))).toEqual([]);
});

test.each(['check', 'render'])('does as the sources do: %s', async (command) => {
  const example = join(root, 'examples/minimal');
  const built = await run(join(dist, 'webpool.mjs'), [command, example]);
  const sources = await run(process.execPath, [join(root, 'operator/main.ts'), command, example]);
  expect(built).toEqual(sources);
  expect(built.stdout).not.toBe('');
});
