import { writeFileSync } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  mkdir,
  readdir,
  rename,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createFolderFiles, type Look } from '../../operator/source/folder-files.ts';
import { createFolderSource } from '../../operator/source/folder.ts';
import { eventually } from '../support/wait.ts';
import { errors, folder, generations, pool, ports } from './folder-world.ts';

describe('a file that cannot be read', () => {
  test.each([
    ['a link in a circle', (path: string) => symlink('a.yaml', path), 'ELOOP'],
    ['a link to nothing', (path: string) => symlink('nowhere/x.yaml', path), 'ENOENT'],
    [
      'a huge file',
      (path: string) => writeFile(path, '').then(() => truncate(path, 65 * 1024 * 1024)),
      'larger than 64 MiB',
    ],
  ])('%s: what it held stays, and the picture is not complete', async (_, spoil, message) => {
    const own = await folder({ 'a.yaml': pool('one'), 'b.yaml': pool('two') });
    const source = await own.open();
    const before = await source.read();
    await own.remove('a.yaml');
    await spoil(join(own.path, 'a.yaml'));
    const after = await eventually('the problem', async () => {
      const resources = await source.read();
      return errors(resources).length > 0 && resources;
    });
    expect(after.pools.get('default/one')).toBe(before.pools.get('default/one'));
    expect(errors(after)).toEqual([expect.stringMatching(/^a\.yaml:1: cannot be read: /)]);
    expect(errors(after)[0]).toContain(message);
    expect(after.pictureComplete).toBe(false);
    await own.remove('a.yaml');
    await own.write('a.yaml', pool('one', 81));
    expect(ports(await own.read(source))).toEqual({ one: 81, two: 80 });
  });

  test('a folder that cannot be listed: what it held stays, the others go on', async () => {
    const own = await folder({ 'sub/a.yaml': pool('one'), 'b.yaml': pool('two') });
    const source = await own.open();
    const before = await source.read();
    await asNobody(own.path, async () => {
      await chmod(join(own.path, 'sub'), 0);
      await own.write('b.yaml', pool('two', 81));
      await mkdir(join(own.path, 'new'));
      const after = await eventually('the problem', async () => {
        const resources = await own.read(source);
        return errors(resources).length > 0 && resources;
      });
      await chmod(join(own.path, 'sub'), 0o755);
      expect(errors(after)).toEqual([expect.stringMatching(/^sub:1: cannot be read: EACCES/)]);
      expect(after.pools.get('default/one')).toBe(before.pools.get('default/one'));
      expect(ports(after)).toEqual({ one: 80, two: 81 });
      expect(after.pictureComplete).toBe(false);
    });
  });

  test('a folder too deep is not passed over in silence', async () => {
    const deep = `${'d/'.repeat(40)}a.yaml`;
    const { open } = await folder({ [deep]: pool('one'), 'b.yaml': pool('two') });
    const resources = await (await open()).read();
    expect(generations(resources)).toEqual({ two: 1 });
    expect(errors(resources)).toEqual([
      expect.stringMatching(/^(d\/)+d:1: cannot be read: lies more than 32 folders deep$/),
    ]);
  });

  test('what is no file is passed over', async () => {
    const own = await folder({ 'a.yaml': pool('one') });
    await mkdir(join(own.path, 'b.yaml'));
    expect(generations(await (await own.open()).read())).toEqual({ one: 1 });
  });
});

describe('a file that is being written', () => {
  test('is not read before its writer has finished; until then nobody takes it for deleted', async () => {
    const own = await folder({ 'b.yaml': pool('two') });
    const source = await own.open();
    const woken = Promise.withResolvers<void>();
    source.changes(woken.resolve);
    await writeFile(join(own.path, 'a.yaml'), pool('one'));
    const { mtimeMs } = await stat(join(own.path, 'a.yaml'));
    // Time stands still a moment after the last write, so that a slow machine does not miss it.
    vi.useFakeTimers({ toFake: ['Date'], now: mtimeMs + 2 });
    onTestFinished(() => void vi.useRealTimers());
    const first = await source.read();
    expect([generations(first), first.pictureComplete]).toEqual([{ two: 1 }, false]);
    await woken.promise;
    vi.setSystemTime(mtimeMs + 20);
    const second = await eventually('the file', async () => {
      const resources = await source.read();
      return resources.pools.size === 2 && resources;
    });
    expect([errors(second), second.pictureComplete]).toEqual([[], true]);
  });

  test('is waited for by those who look only once', async () => {
    const own = await folder();
    await writeFile(join(own.path, 'a.yaml'), pool('one'));
    const source = await createFolderSource({ folder: own.path, log: { info() {}, warn() {} }, live: false });
    expect(generations(await source.read())).toEqual({ one: 1 });
    await source.close();
    expect(await readdir(own.path)).toEqual(['a.yaml']);
  });

  test('is read at once when it was moved there complete', async () => {
    const own = await folder();
    await writeFile(join(own.path, 'a.new'), pool('one'));
    await utimes(join(own.path, 'a.new'), new Date(), new Date(Date.now() - 1_000));
    await rename(join(own.path, 'a.new'), join(own.path, 'a.yaml'));
    const { pools, pictureComplete } = await (await own.open()).read();
    expect([pools.size, pictureComplete]).toEqual([1, true]);
  });

  describe('that was just moved over another', () => {
    const moved = async (text: string) => {
      const own = await folder({ 'a.yaml': 'old' });
      const path = join(own.path, 'a.yaml');
      const files = createFolderFiles(own.path);
      await eventually('the old text', async () => (await files.look()).files.get('a.yaml') === 'old');
      await writeFile(join(own.path, 'a.new'), text);
      await rename(join(own.path, 'a.new'), path);
      return { path, files };
    };
    const seen = ({ files, unfinished }: Look) => ({ text: files.get('a.yaml'), unfinished });

    test('is read at once when no write was heard of under its name', async () => {
      const { path, files } = await moved('new');
      expect(seen(await files.look(new Map([[path, 'Named']])))).toEqual({ text: 'new', unfinished: false });
    });

    test('waits when more is heard of it while it is read', async () => {
      const { path, files } = await moved('new');
      expect(seen(await files.look(new Map([[path, 'Named']]), () => true))).toEqual({ text: 'old', unfinished: true });
    });
  });

  test('waits as long as it is empty: it is new and about to be written', async () => {
    const own = await folder({ 'a.yaml': 'old' });
    const files = createFolderFiles(own.path);
    await files.look();
    await writeFile(join(own.path, 'b.yaml'), '');
    const { unknown, unfinished } = await files.look(new Map([[join(own.path, 'b.yaml'), 'Named']]));
    expect([[...unknown], unfinished]).toEqual([['b.yaml'], true]);
  });

  test('piece by piece, as over a slow network, is read when no more comes for a while', async () => {
    const own = await folder({ 'a.yaml': 'old' });
    const [path, start] = [join(own.path, 'a.yaml'), Date.now() + 60_000];
    const files = createFolderFiles(own.path);
    await files.look();
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const seen = async (at: number) => {
      vi.setSystemTime(start + at);
      return (await files.look(new Map([[path, 'Written']]))).files.get('a.yaml');
    };
    await writeFile(path, 'first, ');
    await utimes(path, new Date(), new Date(start));
    expect(await seen(10)).toBe('old');
    await appendFile(path, 'second, ');
    await utimes(path, new Date(), new Date(start + 40));
    expect(await seen(90)).toBe('old');
    await appendFile(path, 'last');
    await utimes(path, new Date(), new Date(start + 140));
    expect(await seen(600)).toBe('old');
    expect(await seen(640)).toBe('first, second, last');
  });

  test('again and again ends with its last text, and never shows half of one', async () => {
    const own = await folder({ 'a.yaml': pool('one', 1) });
    const source = await own.open();
    await source.read();
    const long = '# a long comment\n'.repeat(20_000);
    const writing = { now: true };
    const writer = (async () => {
      for (let port = 2; port <= 40; port += 1)
        await writeFile(join(own.path, 'a.yaml'), `${pool('one', port)}${long}${pool('x').replace(/^/, '---\n')}`);
      writing.now = false;
    })();
    try {
      while (writing.now) {
        await setImmediate();
        const resources = await source.read();
        expect(errors(resources)).toEqual([]);
        expect(resources.pools.has('default/one')).toBe(true);
      }
    } finally {
      await writer;
    }
    const last = await eventually('the last text', async () => {
      const resources = await source.read();
      return ports(resources)['one'] === 40 && resources;
    });
    expect(Object.keys(ports(last))).toEqual(['one', 'x']);
  });
});

describe('links', () => {
  test('to files and folders are followed, in a circle once', async () => {
    const own = await folder({ 'real/a.yaml': pool('one') });
    const other = await folder({ 'b.yaml': pool('two'), 'c.yml': pool('three') });
    await symlink(join(other.path, 'b.yaml'), join(own.path, 'b.yaml'));
    await symlink('..', join(own.path, 'real/up'));
    await symlink(other.path, join(own.path, 'other'));
    const resources = await (await own.open()).read();
    expect(generations(resources)).toEqual({ one: 1, two: 1, three: 1 });
  });

  test('as Kubernetes mounts a ConfigMap: all files change in one moment', async () => {
    const own = await folder({ '..1/a.yaml': pool('one'), '..2/a.yaml': pool('one', 81) });
    await symlink('..1', join(own.path, '..data'));
    await symlink('..data/a.yaml', join(own.path, 'a.yaml'));
    const source = await own.open();
    expect(ports(await source.read())).toEqual({ one: 80 });
    const woken = new Promise<void>((wake) => source.changes(wake));
    await symlink('..2', join(own.path, '..data_tmp'));
    await rename(join(own.path, '..data_tmp'), join(own.path, '..data'));
    await woken;
    expect(ports(await source.read())).toEqual({ one: 81 });
  });
});

/** Runs without the rights of root, who may read everything. */
async function asNobody(path: string, work: () => Promise<void>): Promise<void> {
  const nobody = 65_534;
  if (process.getuid?.() !== 0) return work();
  for (const entry of ['.', ...(await readdir(path, { recursive: true }))])
    await chown(join(path, entry), nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

test('a folder is told before it is listed: what is written in between is not missed', async () => {
  const own = await folder({});
  const files = createFolderFiles(own.path, (path) => writeFileSync(join(path, 'late.yaml'), pool('late')));
  const found = await files.look();
  expect([...found.files.keys(), ...found.unknown]).toEqual(['late.yaml']);
});
