import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, generations, pool, secret, writeStatuses } from './folder-world.ts';
import { eventually } from '../support/wait.ts';

describe('the generation of an object', () => {
  test('counts the changes of its content, over all processes', async () => {
    const own = await folder({ 'a.yaml': pool('blog') });
    const seen: number[] = [];
    const look = async (port: number, comment: string) => {
      await own.write('a.yaml', `${comment}${pool('blog', port)}`);
      const source = await own.open();
      const resources = await source.read();
      seen.push(generations(resources)['blog'] ?? 0);
      await writeStatuses(source, resources);
      await source.close();
    };
    await look(80, '');
    await look(80, '# a comment\n');
    await look(81, '');
    await look(81, '');
    await look(80, '');
    expect(seen).toEqual([1, 1, 2, 2, 3]);
  });

  test('does not change with the place of the object, the order of its fields, or its labels', async () => {
    const own = await folder({ 'a.yaml': pool('blog', 80, ', protocol: HTTP') });
    const source = await own.open();
    await source.read();
    await own.remove('a.yaml');
    await own.write(
      'b.yaml',
      `${pool('other')}---\n${pool('blog').replace('port: 80', 'protocol: HTTP, port: 80').replace('blog}', 'blog, labels: {a: b}}')}`,
    );
    const { pools } = await own.read(source);
    expect(pools.get('default/blog')?.metadata).toMatchObject({ generation: 1, labels: { a: 'b' } });
  });

  test('of a refused version counts too', async () => {
    const own = await folder({ 'a.yaml': pool('blog') });
    const source = await own.open();
    await writeStatuses(source, await source.read());
    await own.write('a.yaml', pool('blog', 0));
    const { held } = await own.read(source);
    expect(held[0]?.metadata.generation).toBe(2);
  });
});

describe('a status file', () => {
  test('is made in a gap of its own, and says what was so before the first', async () => {
    const files = { 'a.yaml': pool('a'), 'b.yaml': pool('b'), 'c.yaml': pool('c') };
    const own = await folder(files);
    const source = await own.open();
    const gaps: (readonly string[])[] = [];
    let inGap = 0;
    await writeStatuses(source, await source.read(), async () => {
      inGap += 1;
      expect(inGap).toBe(1);
      // Each object becomes another one while its status waits.
      if (gaps.length === 0) {
        for (const name of ['a', 'b', 'c']) await own.write(`${name}.yaml`, pool(name, 81));
        await own.read(source);
      }
      gaps.push([...(await own.statuses()).keys()]);
      inGap -= 1;
    });
    expect(gaps[0]).toEqual([]);
    expect(gaps).toHaveLength(3);
    const second = await own.open();
    // Who starts now has to see that they are others than those whose status was written.
    expect(generations(await second.read())).toEqual({ a: 2, b: 2, c: 2 });
  });

  test('is there for each object, as kubectl would show it', async () => {
    const own = await folder({
      'a.yaml': `${pool('blog')}---\n${pool('b.c').replace('metadata: {', 'metadata: {namespace: shop, ')}`,
    });
    const source = await own.open();
    await writeStatuses(source, await source.read());
    const statuses = await own.statuses();
    expect([...statuses.keys()].sort()).toEqual(['webpool.default.blog.yaml', 'webpool.shop.b.c.yaml']);
    expect(statuses.get('webpool.default.blog.yaml')).toEqual({
      apiVersion: 'webpool.dev/v1alpha1',
      kind: 'WebPool',
      metadata: {
        namespace: 'default',
        name: 'blog',
        generation: 1,
        annotations: { 'webpool.dev/content-hash': expect.any(String) as string },
      },
      status: { observedGeneration: 1, conditions: [] },
    });
  });

  test('goes with its object, also one of an earlier process', async () => {
    const own = await folder({ 'a.yaml': pool('one'), 'b.yaml': pool('two') });
    const first = await own.open();
    await writeStatuses(first, await first.read());
    await first.close();
    await own.remove('a.yaml');
    const second = await own.open();
    await writeStatuses(second, await second.read());
    expect([...(await own.statuses()).keys()]).toEqual(['webpool.default.two.yaml']);
    await own.remove('b.yaml');
    const empty = await eventually('both are gone', async () => {
      const resources = await own.read(second);
      return resources.pools.size === 0 && resources;
    });
    await writeStatuses(second, empty);
    expect([...(await own.statuses()).keys()]).toEqual([]);
  });

  test.each([
    ['damaged', '{broken'],
    ['empty', ''],
    ['of something else', 'apiVersion: v1\nkind: Secret\n'],
    ['of another object', pool('other')],
    [
      'whose status is no status',
      'kind: WebPool\nmetadata: {namespace: default, name: blog, generation: 7}\nstatus: [1]\n',
    ],
    [
      'whose conditions are none',
      'kind: WebPool\nmetadata: {namespace: default, name: blog}\nstatus: {conditions: [{type: 1}]}\n',
    ],
    [
      'whose generation is none',
      'kind: WebPool\nmetadata: {namespace: default, name: blog, generation: -3, annotations: {webpool.dev/content-hash: x}}\nstatus: {}\n',
    ],
  ])('that is %s counts as absent, and is written anew', async (_, text) => {
    const own = await folder({ 'a.yaml': pool('blog') });
    await own.write('.status/webpool.default.blog.yaml', text);
    const source = await own.open();
    const resources = await source.read();
    expect(generations(resources)).toEqual({ blog: 1 });
    await writeStatuses(source, resources);
    const written = (await own.statuses()).get('webpool.default.blog.yaml');
    expect(written).toMatchObject({ kind: 'WebPool', status: { observedGeneration: 1 } });
  });

  test('that was edited by hand is what the process believes was said', async () => {
    const own = await folder({ 'a.yaml': pool('blog') });
    const first = await own.open();
    await writeStatuses(first, await first.read());
    await first.close();
    const name = '.status/webpool.default.blog.yaml';
    await own.write(
      name,
      (await own.written()).replace(/^.*\n/, '').replace('observedGeneration: 1', 'observedGeneration: 9'),
    );
    const second = await own.open();
    expect(generations(await second.read())).toEqual({ blog: 1 });
    expect(second.statusOf('WebPool', 'default/blog')).toMatchObject({ observedGeneration: 9 });
  });

  test('of an object with a very long name does not stop the others', async () => {
    const long = Array(4).fill('a'.repeat(62)).join('.');
    const more = pool(long).replace('metadata: {', `metadata: {namespace: ${'n'.repeat(63)}, `);
    const own = await folder({ 'a.yaml': `${pool('blog')}---\n${more}` });
    const source = await own.open();
    await writeStatuses(source, await source.read());
    const statuses = await own.statuses();
    expect([...statuses.values()].map(({ metadata }) => metadata.name.length).sort((a, b) => a - b)).toEqual([
      4,
      long.length,
    ]);
    await source.close();
    const again = await own.open();
    expect(again.statusOf('WebPool', `${'n'.repeat(63)}/${long}`)).toMatchObject({ observedGeneration: 1 });
  });

  test('that cannot be written does not keep the others from being', async () => {
    const own = await folder({ 'a.yaml': pool('one'), 'b.yaml': pool('two') });
    const source = await own.open();
    await mkdir(join(own.path, '.status/webpool.default.one.yaml'));
    const resources = await source.read();
    await expect(writeStatuses(source, resources)).rejects.toThrow('webpool.default.one.yaml');
    const file = await stat(join(own.path, '.status/webpool.default.two.yaml'));
    expect(file.isFile()).toBe(true);
    await rm(join(own.path, '.status/webpool.default.one.yaml'), { recursive: true });
    await writeStatuses(source, resources);
    expect((await own.statuses()).size).toBe(2);
  });

  test('comes back when somebody removes the folder', async () => {
    const own = await folder({ 'a.yaml': pool('one') });
    const source = await own.open();
    await writeStatuses(source, await source.read());
    await own.remove('.status');
    await own.write('a.yaml', pool('one', 81));
    await writeStatuses(source, await own.read(source));
    expect((await own.statuses()).get('webpool.default.one.yaml')?.metadata.generation).toBe(2);
  });
});

describe('errors.yaml', () => {
  test('lists what is no object, and goes when all is well', async () => {
    const own = await folder({ 'a.yaml': `${pool('one')}---\n{broken`, 'b.yaml': 'text' });
    const source = await own.open();
    await writeStatuses(source, await source.read());
    expect((await own.statuses()).get('errors.yaml')).toEqual({
      errors: [
        {
          file: 'a.yaml',
          line: expect.any(Number) as number,
          message: expect.stringMatching(/^is no YAML: /) as string,
        },
        { file: 'b.yaml', line: 1, message: 'is no object: it needs apiVersion, kind and metadata' },
      ],
    });
    await own.remove('.status/errors.yaml');
    await writeStatuses(source, await own.read(source));
    expect((await own.statuses()).has('errors.yaml')).toBe(true);
    await own.write('a.yaml', pool('one'));
    await own.remove('b.yaml');
    await writeStatuses(source, await own.read(source));
    expect([...(await own.statuses()).keys()]).toEqual(['webpool.default.one.yaml']);
  });

  test('of an earlier process goes too', async () => {
    const own = await folder({ 'a.yaml': pool('one'), '.status/errors.yaml': 'errors: []\n' });
    const source = await own.open();
    await writeStatuses(source, await source.read());
    expect((await own.statuses()).has('errors.yaml')).toBe(false);
  });
});

test('no Secret is written anywhere, whatever is wrong with it', async () => {
  const bad = [
    secret('one', 'hunter2'),
    'apiVersion: v1\nkind: Secret\nmetadata: {name: two}\ndata: {password: hunter2!}\n',
    'apiVersion: v1\nkind: Secret\nmetadata: {name: three}\nstringData: hunter2\n',
    'apiVersion: v1\nkind: Secret\nmetadata: {name: four}\nstringData: {password: *hunter2}\n',
    'apiVersion: v1\nkind: Secret\nmetadata: {name: five}\nstringData: {password: hunter2: hunter2}\n',
    'apiVersion: webpool.dev/v1alpha1\nkind: DatabaseGrant\nmetadata: {name: six}\nspec: {passwordSecret: hunter2}\n',
    'apiVersion: webpool.dev/v1alpha1\nkind: DatabaseGrant\nmetadata: {name: seven}\nspec: {password: hunter2}\n',
  ];
  const own = await folder({ 'a.yaml': bad.join('---\n') });
  const source = await own.open();
  const resources = await source.read();
  await writeStatuses(source, resources);
  expect(resources.unnamed.length + resources.held.length).toBe(6);
  expect(`${await own.written()}${JSON.stringify([resources.unnamed, resources.held])}`).not.toContain('hunter2');
});

test('an offline look writes nothing', async () => {
  const own = await folder();
  await writeFile(join(own.path, 'x'), '');
  await expect(stat(join(own.path, '.status'))).rejects.toThrow('ENOENT');
});

describe('a paused pool after a restart', () => {
  const paused = pool('blog', 80, ', paused: true');
  const condition = (status: string) =>
    `{type: Programmed, status: "${status}", reason: Pending, message: a, lastTransitionTime: "2026-01-01T00:00:00Z"}`;
  const before = (status: string) =>
    `kind: WebPool\nmetadata: {namespace: default, name: blog, generation: 7}\nstatus: {conditions: [${condition(status)}]}\n`;

  test('that served before serves on: pausing must not end in an outage', async () => {
    const own = await folder({ 'a.yaml': paused, '.status/webpool.default.blog.yaml': before('True') });
    const source = await own.open();
    const { pools, held } = await source.read();
    expect(pools.get('default/blog')?.spec.port).toBe(80);
    expect(held).toMatchObject([{ key: 'default/blog', paused: true, fallback: true, findings: [] }]);
    await own.write('a.yaml', pool('blog', 81, ', paused: true'));
    const after = await own.read(source);
    expect([after.pools.get('default/blog')?.spec.port, after.held.length]).toEqual([80, 1]);
  });

  test.each([
    ['never served', before('Unknown')],
    ['nobody knows', ''],
  ])('that %s does not begin to', async (_, status) => {
    const own = await folder({ 'a.yaml': paused, '.status/webpool.default.blog.yaml': status });
    const { pools, held } = await (await own.open()).read();
    expect([pools.size, held.length]).toEqual([0, 1]);
    expect(held[0]).toMatchObject({ paused: true, fallback: false });
  });

  test('that is wrong besides waits as a whole', async () => {
    const own = await folder({
      'a.yaml': pool('blog', 0, ', paused: true'),
      '.status/webpool.default.blog.yaml': before('True'),
    });
    const { pools, held } = await (await own.open()).read();
    expect([pools.size, held[0]?.findings.length]).toEqual([0, 1]);
  });
});
