import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFolderWriter, readIfThere, writeAtomically } from '../../operator/driver/files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webpool-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('writes a file that only its owner may read, and leaves nothing else', async () => {
  const path = join(folder, 'deep', 'file');
  await writeAtomically(path, 'one');
  await writeAtomically(path, 'two');
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'deep'))).toEqual(['file']);
});

it('makes a folder and the one around it, never what stands further up: that is lost, not new', async () => {
  await writeAtomically(join(folder, 'status', 'haproxy', 'file'), 'one');
  await expect(writeAtomically(join(folder, 'lost', 'status', 'haproxy', 'file'), 'one')).rejects.toThrow('ENOENT');
  expect(await readdir(folder)).toEqual(['status']);
});

it('shows a reader the old content or the new, never half of it', async () => {
  const path = join(folder, 'file');
  const contents = ['a'.repeat(200_000), 'b'.repeat(200_000)];
  await writeAtomically(path, contents[0] ?? '');
  const state = { writing: true };
  const writer = (async () => {
    for (let round = 0; round < 20; round++) await writeAtomically(path, contents[round % 2] ?? '');
    state.writing = false;
  })();
  const seen = new Set<string>();
  while (state.writing) seen.add(await readFile(path, 'utf8'));
  await writer;
  expect([...seen].filter((text) => !contents.includes(text))).toEqual([]);
});

it('writes of a folder only what changed, and removes what is ours and gone', async () => {
  const write = createFolderWriter(folder, (name) => name.endsWith('.pem'));
  await writeFile(join(folder, 'old.pem'), 'left by an earlier process');
  await write(
    new Map([
      ['a', '1'],
      ['b.pem', '2'],
    ]),
  );
  const before = await stat(join(folder, 'a'));
  await write(
    new Map([
      ['a', '1'],
      ['c', '3'],
    ]),
  );
  expect((await readdir(folder)).sort()).toEqual(['a', 'c']);
  expect((await stat(join(folder, 'a'))).ino).toBe(before.ino);
  await write(
    new Map([
      ['a', '4'],
      ['c', '3'],
      ['b.pem', '2'],
    ]),
  );
  expect([await readFile(join(folder, 'a'), 'utf8'), await readFile(join(folder, 'b.pem'), 'utf8')]).toEqual([
    '4',
    '2',
  ]);
});

it('writes again what somebody removed, the folder itself too', async () => {
  const state = join(folder, 'status', 'haproxy');
  const write = createFolderWriter(state);
  const files = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  await write(files);
  await rm(join(state, 'a'));
  await write(files);
  expect(await readFile(join(state, 'a'), 'utf8')).toBe('1');
  await rm(join(folder, 'status'), { recursive: true });
  await write(files);
  expect((await readdir(state)).sort()).toEqual(['a', 'b']);
});

it('leaves every file as it was, and nothing beside them, where one of them cannot be written', async () => {
  const write = createFolderWriter(folder);
  await write(new Map([['a', '1']]));
  await mkdir(join(folder, 'c.new'));
  const next = new Map([
    ['a', '2'],
    ['b', '2'],
    ['c', '2'],
  ]);
  await expect(write(next)).rejects.toThrow('EISDIR');
  expect(await readdir(folder)).toEqual(['a', 'c.new']);
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('1');
  await rm(join(folder, 'c.new'), { recursive: true });
  await write(next);
  expect((await readdir(folder)).sort()).toEqual(['a', 'b', 'c']);
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('2');
});

it('reads what is there, and only what is not there is nothing', async () => {
  expect(await readIfThere(join(folder, 'none'))).toBeUndefined();
  await mkdir(join(folder, 'a-folder'));
  await expect(readIfThere(join(folder, 'a-folder'))).rejects.toThrow('EISDIR');
});
