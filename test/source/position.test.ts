import * as fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { formatPath, type Step } from '../../operator/api/field-path.ts';
import { linesIn } from '../../operator/source/position.ts';

const DOCUMENT = `---
# a comment
apiVersion: webpool.dev/v1alpha1
kind: WebPool
metadata: {name: blog,
  labels: {
    app.kubernetes.io/name: blog}}
"spec":
  port: 80

  externalEndpoints:
    - name: web01 # the first
      address: 192.0.2.1
    -
      name: web02
      address: &second 192.0.2.2
    - {name: web03,
       address: *second}
  healthCheck:
    ? path
    : /health
    expect: !!map
      body: |
        port: 1
        name: 2
      status: [
        "200",
        "300"]
`;

describe('the line of', () => {
  const lineOf = linesIn(DOCUMENT);
  test.each([
    ['', 3],
    ['kind', 4],
    ['metadata', 5],
    ['metadata.name', 5],
    ['metadata.labels', 6],
    ['metadata.labels["app.kubernetes.io/name"]', 7],
    ['spec', 8],
    ['spec.port', 9],
    ['spec.externalEndpoints', 11],
    ['spec.externalEndpoints[0]', 12],
    ['spec.externalEndpoints[0].name', 12],
    ['spec.externalEndpoints[0].address', 13],
    ['spec.externalEndpoints[1].name', 15],
    ['spec.externalEndpoints[1].address', 16],
    ['spec.externalEndpoints[2]', 17],
    ['spec.externalEndpoints[2].address', 18],
    ['spec.healthCheck.path', 20],
    ['spec.healthCheck.expect', 22],
    ['spec.healthCheck.expect.body', 23],
    ['spec.healthCheck.expect.status', 26],
    ['spec.healthCheck.expect.status[1]', 28],
  ])('%s', (path, line) => {
    expect(lineOf(path)).toBe(line);
  });

  test.each([
    ['spec.externalEndpoints[0].port', 12],
    ['spec.externalEndpoints[7].name', 11],
    ['spec.portName.x', 8],
    ['spec.port.x', 9],
    ['spec.healthCheck.expect.status.x', 26],
    ['status', 3],
    ['', 3],
    ['no path [', 3],
  ])('%s, which is not written: of what is around it', (path, line) => {
    expect(lineOf(path)).toBe(line);
  });
});

test.each([
  ['a: 1\r\nb:\r\n  c: 2\r\n', 'b.c', 3],
  ['\ufeffa: 1\nb: 2', 'b', 2],
  ['%YAML 1.2\n---\na: 1\n', 'a', 3],
  ['{"a": {"b": [\n1,\n2]}}', 'a.b[1]', 3],
  ['- a\n- b', '[1]', 2],
  ['a: \u{1f600}\nb: 1', 'b', 2],
])('%j: %s is on line %i', (text, path, line) => {
  expect(linesIn(text)(path)).toBe(line);
});

test('whatever the document is, each field is found on a line that has its key', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, fc.integer(), fc.string(), tie('list'), tie('object')),
    list: fc.array(tie('any'), { maxLength: 4 }),
    object: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), tie('any'), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(value.object, (object) => {
      const marked = mark(object, []);
      const text = dump(marked, { lineWidth: -1 });
      const lineOf = linesIn(text);
      const lines = text.split('\n');
      for (const { path, key } of keysOf(load(text), [])) {
        // The key of each field is its own path, so no line can be taken for another.
        expect(lines[lineOf(path) - 1]).toContain(key);
      }
    }),
    { numRuns: 200 },
  );
});

/** Every key with a number that no other key has. */
function mark(value: unknown, count: number[]): unknown {
  if (Array.isArray(value)) return value.map((entry) => mark(entry, count));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [`k${count.push(0)}${key}`, mark(part, count)]));
}

function keysOf(value: unknown, steps: readonly Step[]): { readonly path: string; readonly key: string }[] {
  if (Array.isArray(value)) return value.flatMap((entry, index) => keysOf(entry, [...steps, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => {
    const own = [...steps, key];
    return [{ path: formatPath(own), key: /^k\d+/.exec(key)?.[0] ?? '' }, ...keysOf(part, own)];
  });
}
