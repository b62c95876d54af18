import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPath, parsePath, stepsOfPointer, type Step } from '../../operator/api/field-path.ts';

const PATHS: readonly (readonly [Step[], string])[] = [
  [[], ''],
  [['spec'], 'spec'],
  [['spec', 'rules', 1, 'matches', 0, 'path', 'value'], 'spec.rules[1].matches[0].path.value'],
  [['data', 'tls.crt'], 'data["tls.crt"]'],
  [['metadata', 'labels', 'app.kubernetes.io/name'], 'metadata.labels["app.kubernetes.io/name"]'],
  [['a', 'b"c\\d]e'], 'a["b\\"c\\\\d]e"]'],
  [['items', 0, 1], 'items[0][1]'],
  [['a', '0'], 'a["0"]'],
  [['a', ''], 'a[""]'],
];

describe('a path', () => {
  test.each(PATHS)('of %j is %s', (steps, text) => {
    expect(formatPath(steps)).toBe(text);
    expect(parsePath(text)).toEqual(steps);
  });

  test('is read as it was written, whatever the names are', () => {
    const step = fc.oneof(
      fc.nat(),
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a', '[0]', '.', '"', '\\'),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        expect(parsePath(formatPath(steps))).toEqual(steps);
      }),
    );
  });

  test.each([
    ['a.b[', ['a', 'b']],
    ['a[x]', ['a']],
    ['a["b', ['a']],
    ['a..b', ['a']],
  ])('%s that cannot be read ends where it no longer can', (text, steps) => {
    expect(parsePath(text)).toEqual(steps);
  });
});

test.each([
  ['', {}, []],
  ['/spec/rules/1/name', { spec: { rules: [{}, {}] } }, ['spec', 'rules', 1, 'name']],
  ['/data/1', { data: { 1: 'a' } }, ['data', '1']],
  ['/a~1b/c~0d', { 'a/b': {} }, ['a/b', 'c~d']],
  ['/a~01', {}, ['a~1']],
  ['/a/b/c', { a: 'text' }, ['a', 'b', 'c']],
])('the steps of the pointer %s in %j', (pointer, document, steps) => {
  expect(stepsOfPointer(pointer, document)).toEqual(steps);
});
