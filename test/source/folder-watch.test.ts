import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createFolderWatch } from '../../operator/source/folder-watch.ts';
import { createFolderSource } from '../../operator/source/folder.ts';
import { errors, folder, generations, pool, ports, writeStatuses } from './folder-world.ts';
import { eventually } from '../support/wait.ts';

type Own = Awaited<ReturnType<typeof folder>>;

const CHANGES: readonly (readonly [string, (own: Own) => Promise<unknown>, Readonly<Record<string, number>>])[] = [
  ['a file written in place', (own) => writeFile(join(own.path, 'a.yaml'), pool('one', 81)), { one: 81, two: 80 }],
  [
    'a file moved over another',
    async (own) => {
      await writeFile(join(own.path, '.a.yaml.tmp'), pool('one', 81));
      await rename(join(own.path, '.a.yaml.tmp'), join(own.path, 'a.yaml'));
    },
    { one: 81, two: 80 },
  ],
  [
    'text added to a file',
    (own) => appendFile(join(own.path, 'a.yaml'), `---\n${pool('more')}`),
    { one: 80, two: 80, more: 80 },
  ],
  ['a new file', (own) => writeFile(join(own.path, 'c.yml'), pool('three')), { one: 80, two: 80, three: 80 }],
  ['a file removed', (own) => rm(join(own.path, 'a.yaml')), { two: 80 }],
  [
    'a file renamed to something else',
    (own) => rename(join(own.path, 'a.yaml'), join(own.path, 'a.yaml.bak')),
    { two: 80 },
  ],
  ['a file in a sub-folder', (own) => writeFile(join(own.path, 'sub/b.yaml'), pool('two', 81)), { one: 80, two: 81 }],
  ['a sub-folder removed', (own) => rm(join(own.path, 'sub'), { recursive: true }), { one: 80 }],
  ['a sub-folder moved away', (own) => rename(join(own.path, 'sub'), `${own.path}/.away`), { one: 80 }],
  [
    'a new sub-folder with a file',
    async (own) => {
      await mkdir(join(own.path, 'new/deep'), { recursive: true });
      await writeFile(join(own.path, 'new/deep/c.yaml'), pool('three'));
    },
    { one: 80, two: 80, three: 80 },
  ],
  [
    'a folder moved here',
    async (own) => {
      await own.write('.staging/c.yaml', pool('three'));
      await rename(join(own.path, '.staging'), join(own.path, 'live'));
    },
    { one: 80, two: 80, three: 80 },
  ],
];

/** Reads as the controller does: when it was woken, and only then. */
function follow(source: Awaited<ReturnType<Own['open']>>) {
  let woken = 0;
  const stop = source.changes(() => (woken += 1));
  let read = 0;
  return {
    stop,
    wakes: () => woken,
    until: (expected: Readonly<Record<string, number>>) =>
      eventually(JSON.stringify(expected), async () => {
        if (woken === read) return false;
        read = woken;
        const resources = await source.read();
        return errors(resources).length === 0 && isDeepStrictEqual(ports(resources), expected);
      }),
  };
}

describe('a change wakes whoever waits, and is seen by the read that follows', () => {
  test.each(CHANGES)('%s', async (_, change, expected) => {
    const own = await folder({ 'a.yaml': pool('one'), 'sub/b.yaml': pool('two') });
    const source = await own.open();
    const follower = follow(source);
    expect(generations(await source.read())).toEqual({ one: 1, two: 1 });
    await change(own);
    await follower.until(expected);
  });

  test('also in a folder that came later, and in one that came back', async () => {
    const own = await folder({ 'a.yaml': pool('one') });
    const source = await own.open();
    const follower = follow(source);
    await source.read();
    await own.write('sub/b.yaml', pool('two'));
    await follower.until({ one: 80, two: 80 });
    await own.write('sub/b.yaml', pool('two', 81));
    await follower.until({ one: 80, two: 81 });
    await own.remove('sub');
    await follower.until({ one: 80 });
    await own.write('sub/b.yaml', pool('two', 82));
    await follower.until({ one: 80, two: 82 });
    await own.write('sub/b.yaml', pool('two', 83));
    await follower.until({ one: 80, two: 83 });
  });
});

describe('a folder that another takes the place of is watched as the new one', () => {
  // Without the look by the clock, so that only the system tells.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  test.each([
    ['a sub-folder', 'live', 'live/a.yaml'],
    ['the whole folder', '.', 'a.yaml'],
  ])('%s', async (_, place, file) => {
    const outer = await folder({ 'top/b.yaml': pool('two'), [join('top', file)]: pool('one') });
    const other = await folder({ 'b.yaml': pool('two'), 'a.yaml': pool('one', 81) });
    const top = join(outer.path, 'top');
    const source = await createFolderSource({ folder: top, log: { info() {}, warn() {} } });
    onTestFinished(() => source.close());
    const follower = follow(source);
    await source.read();
    if (place !== '.') await other.remove('b.yaml');
    await rename(join(top, place), join(outer.path, 'old'));
    await rename(other.path, join(top, place));
    await follower.until({ one: 81, two: 80 });
    await outer.write(join('top', file), pool('one', 82));
    await follower.until({ one: 82, two: 80 });
  });
});

test('a folder named by a link follows the link, as deployments swap it', async () => {
  const outer = await folder({ 'first/a.yaml': pool('one'), 'second/a.yaml': pool('one', 81) });
  const link = join(outer.path, 'current');
  await symlink('first', link);
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const source = await createFolderSource({ folder: link, log: { info() {}, warn() {} } });
  onTestFinished(() => source.close());
  const follower = follow(source);
  expect(ports(await source.read())).toEqual({ one: 80 });
  vi.advanceTimersByTime(1000);
  await symlink('second', `${link}.new`);
  await rename(`${link}.new`, link);
  vi.advanceTimersByTime(1000);
  await follower.until({ one: 81 });
  await outer.write('second/a.yaml', pool('one', 82));
  await follower.until({ one: 82 });
});

test('our own statuses wake nobody', async () => {
  const own = await folder({ 'a.yaml': pool('one') });
  const source = await own.open();
  const follower = follow(source);
  const resources = await source.read();
  const before = follower.wakes();
  for (let round = 0; round < 5; round += 1) {
    await writeStatuses(source, resources);
    await rm(join(own.path, '.status/webpool.default.one.yaml'), { force: true });
  }
  // The system tells in order: when this one is seen, the others were.
  await own.write('b.yaml', pool('two'));
  await follower.until({ one: 80, two: 80 });
  // A file written and then given its time is two or three changes; ten of ours would be more.
  expect(follower.wakes() - before).toBeLessThan(10);
});

test('a folder that cannot be watched is told once, however often it is tried, and again when it had worked', async () => {
  const own = await folder();
  const path = join(own.path, 'sub');
  const told: string[] = [];
  const watch = createFolderWatch(
    () => {},
    (place) => told.push(place),
  );
  onTestFinished(() => watch.close());
  const tryIt = () => {
    watch.add(path, 'id');
    watch.keep(new Map([[path, 'id']]));
  };
  tryIt();
  tryIt();
  expect(told).toEqual([path]);
  await mkdir(path);
  tryIt();
  await rm(path, { recursive: true });
  watch.keep(new Map());
  tryIt();
  expect(told).toEqual([path, path]);
});

test('who no longer waits is not woken, and a closed source watches nothing', async () => {
  const own = await folder({ 'a.yaml': pool('one') });
  const source = await own.open();
  const first = follow(source);
  await source.read();
  first.stop();
  const before = first.wakes();
  const second = follow(source);
  await own.write('b.yaml', pool('two'));
  await second.until({ one: 80, two: 80 });
  expect(first.wakes()).toBe(before);
  await source.close();
  const closed = second.wakes();
  await own.write('c.yaml', pool('three'));
  const other = await own.open();
  expect(generations(await own.read(other))).toEqual({ one: 1, two: 1, three: 1 });
  expect(second.wakes()).toBe(closed);
});
