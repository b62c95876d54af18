import { describe, expect, test } from 'vitest';
import { metadataProblems, namingOf } from '../../operator/source/naming.ts';

describe('the name of an object', () => {
  test.each([
    [{ name: 'blog' }, 'default/blog'],
    [{ name: 'blog', namespace: null }, 'default/blog'],
    [{ name: 'blog', namespace: 'shop' }, 'shop/blog'],
    [{ name: 'blog.v2', namespace: '1' }, '1/blog.v2'],
    [{ name: 'a'.repeat(63) }, `default/${'a'.repeat(63)}`],
  ])('%j is %s', (metadata, key) => {
    expect(namingOf(metadata)).toMatchObject({ key });
  });

  test.each([
    [undefined, '', 'has no metadata.name'],
    [null, '', 'has no metadata.name'],
    ['blog', '', 'has no metadata.name'],
    [{}, 'metadata', 'set metadata.name'],
    [{ name: null }, 'metadata', 'set metadata.name'],
    [{ name: 7 }, 'metadata.name', '7 is no name'],
    [{ name: '' }, 'metadata.name', '"" is no name'],
    [{ name: 'Blog' }, 'metadata.name', '"Blog" is no name'],
    [{ name: 'a_b' }, 'metadata.name', 'is no name'],
    [{ name: '-a' }, 'metadata.name', 'is no name'],
    [{ name: 'a..b' }, 'metadata.name', 'is no name'],
    [{ name: '../../etc/passwd' }, 'metadata.name', 'is no name'],
    [{ name: 'a/b' }, 'metadata.name', 'is no name'],
    [{ name: 'a\n' }, 'metadata.name', '"a\\n" is no name'],
    [{ name: 'a'.repeat(254) }, 'metadata.name', 'is no name'],
    [{ name: 'a', namespace: 'a.b' }, 'metadata.namespace', '"a.b" is no namespace'],
    [{ name: 'a', namespace: '' }, 'metadata.namespace', '"" is no namespace'],
    [{ name: 'a', namespace: 7 }, 'metadata.namespace', '7 is no namespace'],
    [{ name: 'a', namespace: 'a'.repeat(64) }, 'metadata.namespace', 'is no namespace'],
  ])('%j is none', (metadata, path, message) => {
    expect(namingOf(metadata)).toEqual({
      problem: { path, reason: 'InvalidSpec', message: expect.stringContaining(message) as string },
    });
  });

  test('comes with labels and annotations, as far as they are texts', () => {
    const metadata = { name: 'a', labels: { app: 'x', wrong: 7 }, annotations: {}, finalizers: ['a'], generation: 9 };
    expect(namingOf(metadata)).toEqual({
      key: 'default/a',
      metadata: { namespace: 'default', name: 'a', labels: { app: 'x' } },
    });
  });
});

test.each([
  [{}, []],
  [{ labels: { a: 'b' }, annotations: null }, []],
  [{ labels: { a: 7 } }, ['metadata.labels: "a" must be a text: write the value in quotes']],
  [
    { annotations: { a: true, b: null } },
    ['a', 'b'].map((name) => `metadata.annotations: "${name}" must be a text: write the value in quotes`),
  ],
  [{ labels: 'a' }, ['metadata.labels: must be an object with fields']],
  [{ labels: ['a'] }, ['metadata.labels: must be an object with fields']],
])('what is wrong with %j', (metadata, problems) => {
  expect(metadataProblems(metadata).map(({ path, message }) => `${path}: ${message}`)).toEqual(problems);
});
