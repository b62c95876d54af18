import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { extensionOf, normalizeHost, normalizePath } from '../../operator/topology/path.ts';

describe('normalizePath', () => {
  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['//a///b//', '/a/b/'],
    ['/a/./b/.', '/a/b/'],
    ['/a/b/..', '/a/'],
    ['/a/..', '/'],
    ['/a//../b', '/b'],
    ['/a/..b/...', '/a/..b/...'],
    ['/%7euser/%41', '/~user/A'],
    ['/%2e%2E/a', undefined],
    ['/a/%2e%2e/b', '/b'],
    ['/a%c3%a4', '/a%C3%A4'],
    ['/aä b', '/a%C3%A4%20b'],
    ['/a%20b', '/a%20b'],
    ['/a+b;c=d', '/a+b;c=d'],
    ['/a%252e', '/a%252e'],
  ])('%s is %s', (path, normal) => {
    expect(normalizePath(path)).toBe(normal);
  });

  test.each([
    '',
    'a',
    '*',
    '/..',
    '/a/../..',
    '/a%2fb',
    '/a%2Fb',
    '/a%00',
    '/a\0',
    '/a\\b',
    '/a%5cb',
    '/100%',
    '/%zz',
    '/%2%65',
    '/%%4141',
  ])('refuses %j, which servers read in different ways', (path) => {
    expect(normalizePath(path)).toBeUndefined();
  });

  const path = fc
    .array(fc.constantFrom('/', '//', '.', '..', 'a', 'B', '%2e', '%41', '%c3', '%2F', '%', ' ', 'ä', '\\', '~'), {
      maxLength: 12,
    })
    .map((parts) => `/${parts.join('')}`);

  it('gives a form that it leaves alone and that no server resolves further', () => {
    fc.assert(
      fc.property(path, (text) => {
        const normal = normalizePath(text);
        if (normal === undefined) return;
        expect(normalizePath(normal)).toBe(normal);
        expect(normal).toMatch(/^\/[!-~]*$/);
        expect(normal).not.toMatch(/\/\/|\/\.\.?(\/|$)|\\/);
      }),
      { numRuns: 2000 },
    );
  });
});

test.each([
  ['/index.php', 'php'],
  ['/index.php/x.jpg', 'php'],
  ['/a.PHP', 'php'],
  ['/v1.2/index.html', 'html'],
  ['/v1.2/', undefined],
  ['/v1.2', undefined],
  ['/.php', undefined],
  ['/a/.htaccess', undefined],
  ['/a.tar.gz', 'gz'],
  ['/film.mp4', 'mp4'],
  ['/a.', undefined],
  ['/a.toolongsuffix', undefined],
  ['/a.b-c', undefined],
  ['/a.ph%70', undefined],
  ['/a/b', undefined],
  ['/', undefined],
  ['/x.jpg/', 'jpg'],
])('the file type of %s is %s', (path, extension) => {
  expect(extensionOf(path)).toBe(extension);
});

it('sees an encoded dot and letter as what they are', () => {
  expect(extensionOf(normalizePath('/a%2ePh%70') ?? '')).toBe('php');
});

test.each([
  ['Example.COM', 'example.com'],
  ['example.com:8080', 'example.com'],
  ['example.com.', 'example.com'],
  ['example.com.:80', 'example.com'],
  ['[2001:DB8::1]:80', '[2001:db8::1]'],
  ['*.Example.com', '*.example.com'],
  ['', ''],
])('the host %s is %s', (host, normal) => {
  expect(normalizeHost(host)).toBe(normal);
});
