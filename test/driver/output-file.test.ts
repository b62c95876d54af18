import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createOutputFile, type OutputFile } from '../../operator/driver/output-file.ts';
import { eventually } from '../support/wait.ts';

let folder: string;
let path: string;
let output: OutputFile | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webpool-output-'));
  path = join(folder, 'output.txt');
});
afterEach(async () => {
  output?.close();
  await rm(folder, { recursive: true });
});

test('of what was printed the first lines of trouble count, since it was begun or forgotten', async () => {
  output = createOutputFile(path);
  expect(await output.trouble()).toEqual([]);
  await output.forget();
  const file = await output.begin();
  await file.write('[NOTICE] (1) : hello\n[ALERT] (1) : no port\n[WARNING] (1) : slow\n');
  expect(await output.trouble()).toEqual(['[ALERT] (1) : no port', '[WARNING] (1) : slow']);
  await output.forget();
  await file.write(Array.from({ length: 60 }, (_, index) => `[ALERT] ${index}\n`).join(''));
  expect(await output.trouble()).toEqual(Array.from({ length: 50 }, (_, index) => `[ALERT] ${index}`));
  await file.write('[WARNING] later\n[ALERT] last\n');
  expect(await output.alerts()).toEqual([
    ...Array.from({ length: 49 }, (_, index) => `[ALERT] ${index + 11}`),
    '[ALERT] last',
  ]);
  await (await output.begin()).close();
  expect(await output.trouble()).toEqual([]);
  await file.close();
});

test('it is kept short, and who prints goes on', async () => {
  output = createOutputFile(path, { longest: 100, look: 5 });
  const file = await output.begin();
  await file.write('x'.repeat(101));
  await eventually('it was forgotten', async () => (await readFile(path, 'utf8')) === '');
  await file.write('[ALERT] again\n');
  expect(await readFile(path, 'utf8')).toBe('[ALERT] again\n');
  await appendFile(path, 'y'.repeat(50));
  expect(await output.trouble()).toEqual(['[ALERT] again']);
  await file.close();
});
