import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createFolderSource, type FolderSource } from '../../operator/source/folder.ts';
import { eventually } from '../support/wait.ts';
import { errors, folder, generations, pool, ports, secret, writeStatuses, type Folder } from './folder-world.ts';

describe('a folder', () => {
  test('is read whole: sub-folders, several documents, JSON, files of others', async () => {
    const { open } = await folder({
      'a.yaml': `${pool('one')}---\n${pool('two')}`,
      'deep/er/b.yml': pool('three'),
      'c.json': '{"apiVersion": "webpool.dev/v1alpha1", "kind": "WebPool", "metadata": {"name": "four"}, "spec": {}}',
      'deployment.yaml': 'apiVersion: apps/v1\nkind: Deployment\n',
      'kustomization.yaml': 'resources: [a.yaml]\n',
      'README.md': '# not YAML: {',
      '.hidden.yaml': pool('hidden'),
      '.git/x.yaml': pool('hidden'),
      'empty.yaml': '',
    });
    const resources = await (await open()).read();
    expect(generations(resources)).toEqual({ one: 1, two: 1, three: 1, four: 1 });
    expect(errors(resources)).toEqual([]);
    expect(resources.pictureComplete).toBe(true);
  });

  test('that is empty is a picture of nothing', async () => {
    const { open } = await folder();
    expect((await (await open()).read()).pools.size).toBe(0);
  });

  test('that is not there at the beginning is no picture', async () => {
    const { path } = await folder();
    const source = await createFolderSource({
      folder: join(path, 'nowhere'),
      log: { info() {}, warn() {} },
      live: false,
    });
    await expect(source.read()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('keeps the identity of what did not change', async () => {
    const { open, write, read } = await folder({ 'a.yaml': pool('one'), 'b.yaml': pool('two') });
    const source = await open();
    const first = await source.read();
    expect(await source.read()).toBe(first);
    await write('b.yaml', `# only a comment\n${pool('two')}`);
    expect((await read(source)).pools).toBe(first.pools);
    await write('b.yaml', pool('two', 81));
    const second = await read(source);
    expect(second.pools.get('default/one')).toBe(first.pools.get('default/one'));
    expect(second.pools.get('default/two')).not.toBe(first.pools.get('default/two'));
    expect(second.rules).toBe(first.rules);
  });

  test('with 20,000 objects', async () => {
    const many = Array.from({ length: 200 }, (_, file): [string, string] => [
      `${file}.yaml`,
      Array.from({ length: 100 }, (_, index) => pool(`p${file}-${index}`)).join('---\n'),
    ]);
    const { open, write, read } = await folder(Object.fromEntries(many));
    const source = await open();
    const before = await source.read();
    expect(before.pools.size).toBe(20_000);
    await write('7.yaml', pool('p7-0', 81));
    const after = await read(source);
    expect(after.pools.size).toBe(20_000 - 99);
    const stayed = [...after.pools].filter(([key, object]) => before.pools.get(key) === object);
    expect(stayed).toHaveLength(20_000 - 100);
  });
});

describe('a folder that goes away', () => {
  const lost = async (source: FolderSource) =>
    eventually('the folder is missed', async () => {
      const resources = await source.read();
      return errors(resources).some((text) => text.startsWith('.:1: cannot be read')) && resources;
    });

  test.each([
    ['moved', (own: Folder) => rename(own.path, `${own.path}.away`), 'ENOENT'],
    // As below a mount that was lost: a folder is there, and nothing in it.
    [
      'moved, with an empty one in its place',
      async (own: Folder) => {
        await rename(own.path, `${own.path}.away`);
        await mkdir(own.path);
      },
      'an empty folder has taken its place',
    ],
  ])('%s: nothing looks deleted, and all is well when it is back', async (_, spoil, message) => {
    const own = await folder({ 'a.yaml': pool('one'), 'sub/b.yaml': pool('two') });
    onTestFinished(() => rm(`${own.path}.away`, { recursive: true, force: true }));
    const source = await own.open();
    const before = await source.read();
    await writeStatuses(source, before);
    await spoil(own);
    const after = await lost(source);
    expect(errors(after)[0]).toContain(message);
    expect(after.pools).toBe(before.pools);
    expect(after.pictureComplete).toBe(false);
    // Nor does what we write ourselves make an empty folder of it.
    await rm(join(own.path, '.status'), { recursive: true, force: true });
    await writeStatuses(source, after).catch(() => undefined);
    expect((await source.read()).pools).toBe(before.pools);
    await rm(own.path, { recursive: true, force: true });
    await rename(`${own.path}.away`, own.path);
    const back = await eventually('it is back', async () => {
      const resources = await source.read();
      return errors(resources).length === 0 && resources;
    });
    expect(back.pools).toBe(before.pools);
    expect(back.pictureComplete).toBe(true);
    await own.write('a.yaml', pool('one', 81));
    expect(ports(await own.read(source))).toEqual({ one: 81, two: 80 });
  });

  test('is not made by writing its status', async () => {
    const own = await folder({ 'a.yaml': pool('one') });
    const source = await own.open();
    const resources = await source.read();
    await rename(own.path, `${own.path}.away`);
    onTestFinished(() => rm(`${own.path}.away`, { recursive: true, force: true }));
    await expect(writeStatuses(source, resources)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(stat(own.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('for another one with something in it is read anew', async () => {
    const own = await folder({ 'a.yaml': pool('one') });
    const other = await folder({ 'b.yaml': pool('two') });
    const source = await own.open();
    await source.read();
    await rm(own.path, { recursive: true });
    await rename(other.path, own.path);
    const after = await eventually('the new one', async () => {
      const resources = await source.read();
      return resources.pools.has('default/two') && resources.pictureComplete && resources;
    });
    expect(ports(after)).toEqual({ two: 80 });
  });

  test('but not one that somebody emptied: that is meant', async () => {
    const own = await folder({ 'a.yaml': pool('one') });
    const source = await own.open();
    await source.read();
    await own.remove('a.yaml');
    const after = await eventually('it is empty', async () => {
      const resources = await source.read();
      return resources.pools.size === 0 && resources;
    });
    expect(after.pictureComplete).toBe(true);
  });
});

describe('bad input', () => {
  test('is told by file and line, and the others serve', async () => {
    const { open } = await folder({
      'a.yaml': `${pool('one')}---\nkind: [\n---\n${pool('two')}---\nkind: WebPol\napiVersion: webpool.dev/v1alpha1\n`,
      'sub/b.yaml': 'text\n',
    });
    const resources = await (await open()).read();
    expect(generations(resources)).toEqual({ one: 1, two: 1 });
    expect(errors(resources)).toEqual([
      expect.stringMatching(/^a\.yaml:7: is no YAML: /),
      expect.stringMatching(/^a\.yaml:13: kind: .* has no kind "WebPol": did you mean WebPool\?$/),
      expect.stringMatching(/^sub\/b\.yaml:1: is no object/),
    ]);
    expect(resources.pictureComplete).toBe(false);
  });

  test('inside an object is told at the line of the field', async () => {
    const { open } = await folder({
      'a.yaml': `# first\n---\napiVersion: v1\nkind: List\nitems:\n- ${pool('one').trim().replaceAll('\n', '\n  ')}\n- ${pool('two', 0).trim().replaceAll('\n', '\n  ')}\n`,
    });
    const { held } = await (await open()).read();
    expect(held).toMatchObject([{ key: 'default/two', findings: [{ path: 'spec.port', file: 'a.yaml', line: 13 }] }]);
  });

  test('the same object twice: the first by file name is in force', async () => {
    const { open, remove, read } = await folder({ 'a.yaml': pool('blog', 81), 'b.yaml': `# b\n${pool('blog', 82)}` });
    const source = await open();
    const resources = await source.read();
    expect(ports(resources)).toEqual({ blog: 81 });
    expect(errors(resources)).toEqual([
      'b.yaml:2: WebPool default/blog is already written in a.yaml:1, which is in force: remove one of them',
    ]);
    expect(resources.pictureComplete).toBe(true);
    await remove('a.yaml');
    const later = await eventually('it is gone', async () => {
      const resources = await read(source);
      return errors(resources).length === 0 && resources;
    });
    expect([ports(later), generations(later)]).toEqual([{ blog: 82 }, { blog: 2 }]);
  });

  test('one name in two namespaces, and of two kinds, is no repetition', async () => {
    const { open } = await folder({
      'a.yaml': `${pool('blog')}---\n${pool('blog').replace('name: blog', 'name: blog, namespace: shop')}---\n${secret('blog', 'x')}`,
    });
    const resources = await (await open()).read();
    expect([...resources.pools.keys()].sort()).toEqual(['default/blog', 'shop/blog']);
    expect(errors(resources)).toEqual([]);
  });
});

describe('what was good stays in force', () => {
  test('when the file no longer parses, and goes when it parses again without it', async () => {
    const { open, write, read } = await folder({
      'a.yaml': `${pool('one')}---\n${pool('two')}`,
      'b.yaml': pool('three'),
    });
    const source = await open();
    const before = await source.read();
    await write('a.yaml', `${pool('one', 81)}---\n{broken`);
    const during = await read(source);
    expect(ports(during)).toEqual({ one: 81, two: 80, three: 80 });
    expect(during.pools.get('default/two')).toBe(before.pools.get('default/two'));
    expect(during.pictureComplete).toBe(false);
    await write('a.yaml', pool('one', 82));
    const after = await read(source);
    expect(ports(after)).toEqual({ one: 82, three: 80 });
    expect(after.pictureComplete).toBe(true);
  });

  test('when its newest version is refused, and says so', async () => {
    const { open, write, read } = await folder({ 'a.yaml': pool('blog') });
    const source = await open();
    await source.read();
    await write('a.yaml', pool('blog', 0));
    const { pools, held } = await read(source);
    expect(pools.get('default/blog')).toMatchObject({ metadata: { generation: 1 }, spec: { port: 80 } });
    expect(held).toMatchObject([{ key: 'default/blog', fallback: true, metadata: { generation: 2 } }]);
    await write('a.yaml', pool('blog', 81));
    const later = await read(source);
    expect([generations(later), later.held]).toEqual([{ blog: 3 }, []]);
  });

  test('not when the file is removed: that is meant', async () => {
    const { open, remove, read } = await folder({ 'a.yaml': `${pool('one')}---\n{broken`, 'b.yaml': pool('two') });
    const source = await open();
    await source.read();
    await remove('a.yaml');
    const after = await eventually('it is gone', async () => {
      const resources = await read(source);
      return !resources.pools.has('default/one') && resources;
    });
    expect([generations(after), errors(after), after.pictureComplete]).toEqual([{ two: 1 }, [], true]);
  });

  test('while it moves: Git removes the one file before it writes the other', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const own = await folder({ 'z.yaml': pool('one'), 'b.yaml': pool('two') });
    const source = await own.open();
    await source.read();
    await own.remove('z.yaml');
    const between = await own.read(source);
    expect([generations(between), errors(between), between.pictureComplete]).toEqual([{ one: 1, two: 1 }, [], false]);
    await own.write('a.yaml', pool('one'));
    expect(generations(await own.read(source))).toEqual({ one: 1, two: 1 });
    expect(source.find('WebPool', 'default/one')?.file).toBe('a.yaml');
    vi.advanceTimersByTime(500);
    const after = await eventually('it is over', async () => {
      const resources = await source.read();
      return resources.pictureComplete && resources;
    });
    expect([generations(after), errors(after)]).toEqual([{ one: 1, two: 1 }, []]);
  });

  test('over another file that has the object too, and never was in force', async () => {
    const { open, write, read } = await folder({ 'a.yaml': pool('blog', 81), 'old.yaml': pool('blog', 80) });
    const source = await open();
    await source.read();
    const repeated =
      'old.yaml:1: WebPool default/blog is already written in a.yaml:1, which is in force: remove one of them';
    await write('a.yaml', '{broken');
    for (const port of [80, 79]) {
      await write('old.yaml', pool('blog', port));
      const broken = await read(source);
      expect(ports(broken)).toEqual({ blog: 81 });
      expect(errors(broken)).toEqual([expect.stringMatching(/^a\.yaml:1: is no YAML: /), repeated]);
    }
    await write('a.yaml', pool('blog', 82));
    const mended = await read(source);
    expect([ports(mended), generations(mended), errors(mended)]).toEqual([{ blog: 82 }, { blog: 2 }, [repeated]]);
  });

  test('but an object that moved out of a broken file is what the other file says', async () => {
    const { open, write, read } = await folder({ 'a.yaml': pool('blog', 81), 'b.yaml': pool('other') });
    const source = await open();
    await source.read();
    await write('a.yaml', '{broken');
    await write('b.yaml', `${pool('other')}---\n${pool('blog', 82)}`);
    expect(ports(await read(source))).toEqual({ blog: 82, other: 80 });
  });

  test('a Secret of a file that no longer parses too', async () => {
    const { open, write, read } = await folder({ 'a.yaml': secret('db', 'hunter2') });
    const source = await open();
    const before = await source.read();
    await write('a.yaml', `${secret('db', 'hunter2')}  broken: {`);
    const after = await read(source);
    expect(after.secrets.get('default/db')).toBe(before.secrets.get('default/db'));
    expect(source.secretValue('default/db', 'password')).toBe('hunter2');
  });
});

describe('a Secret', () => {
  test('is known by its keys and a version; its text only by asking', async () => {
    const { open, write, read } = await folder({ 'a.yaml': secret('db', 'hunter2') });
    const source = await open();
    const first = await source.read();
    expect(JSON.stringify([...first.secrets])).not.toContain('hunter2');
    expect(first.secrets.get('default/db')?.keys).toEqual(['password']);
    expect(source.secretValue('default/db', 'password')).toBe('hunter2');
    expect([source.secretValue('default/db', 'x'), source.secretValue('default/x', 'password')]).toEqual([
      undefined,
      undefined,
    ]);
    const version = first.secrets.get('default/db')?.version;
    await write('a.yaml', `# the same\n${secret('db', 'hunter2')}`);
    expect((await read(source)).secrets.get('default/db')?.version).toBe(version);
    await write('a.yaml', secret('db', 'hunter3'));
    expect((await read(source)).secrets.get('default/db')?.version).not.toBe(version);
  });

  test('has a version from which nobody can guess it', async () => {
    const { open } = await folder({ 'a.yaml': secret('db', 'hunter2') });
    const versions = await Promise.all(
      [1, 2].map(async () => (await (await open()).read()).secrets.get('default/db')?.version),
    );
    expect(versions[0]).not.toBe(versions[1]);
  });
});

describe('find', () => {
  test('says where an object and a place in it are written', async () => {
    const { open, write, read } = await folder({ 'a.yaml': `# a\n${pool('one', 0)}---\n${pool('two')}` });
    const source = await open();
    await source.read();
    expect(source.find('WebPool', 'default/two')).toEqual({ file: 'a.yaml', line: 7 });
    expect(source.find('WebPool', 'default/one', 'spec.port')).toEqual({ file: 'a.yaml', line: 5 });
    expect(source.find('WebPool', 'default/three')).toBeUndefined();
    await write('a.yaml', `# a\n# b\n${pool('one', 0)}`);
    const { held } = await read(source);
    expect(held[0]?.findings[0]?.line).toBe(6);
  });
});
