import { describe, expect, test } from 'vitest';
import { textProblems } from '../../operator/api/text-rules.ts';

const MESSAGE = 'has a control character: remove it';

describe('a text with a control character is found wherever it stands', () => {
  test.each([
    ['a field', { name: 'a\0' }, 'spec.name'],
    ['a list', { hosts: ['a', 'b\u001b[31m'] }, 'spec.hosts[1]'],
    ['a list in a list', { rules: [{ matches: [{ path: { value: '/\n' } }] }] }, 'spec.rules[0].matches[0].path.value'],
    ['a name with other characters', { 'a b': 'c\u007f' }, 'spec["a b"]'],
  ])('in %s', (_, spec, path) => {
    expect(textProblems('WebPool', spec)).toMatchObject([{ path, reason: 'InvalidSpec', message: MESSAGE }]);
  });

  test('each of them', () => {
    expect(textProblems('DatabaseGrant', { a: '\0', b: ['\r', 'well', '\u2029'] }).map(({ path }) => path)).toEqual([
      'spec.a',
      'spec.b[0]',
      'spec.b[2]',
    ]);
  });

  test.each([...Array(32).keys(), 0x7f, 0x80, 0x85, 0x9f, 0x2028, 0x2029, 0xd800, 0xdfff])('U+%i', (code) => {
    expect(textProblems('WebPool', { a: String.fromCharCode(code) })).toHaveLength(1);
  });
});

test.each(['', 'plain', 'Größe', '日本', '😀', '\u00a0', '"\\%[env(X)]'])('%j is a text like any other', (text) => {
  expect(textProblems('WebPool', { a: text })).toEqual([]);
});

describe('a body may have several lines', () => {
  test.each([
    ['WebPool', { maintenancePage: { body: 'a\n\tb' } }, 0],
    ['RoutingRule', { rules: [{ respond: { body: 'a\n\tb' } }] }, 0],
    ['WebPool', { maintenancePage: { body: 'a\r\nb' } }, 1],
    ['RoutingRule', { rules: [{ respond: { body: 'a\0b' } }] }, 1],
    ['RoutingRule', { maintenancePage: { body: 'a\nb' } }, 1],
    ['WebPool', { maintenancePage: { contentType: 'a\nb' } }, 1],
  ] as const)('%s %j', (kind, spec, count) => {
    expect(textProblems(kind, spec)).toHaveLength(count);
  });
});

test('in a RoutingRule it concerns only the rule in which it stands', () => {
  const spec = { hostnames: ['a\0'], rules: [{ name: 'good' }, { name: 'b\0' }] };
  expect(textProblems('RoutingRule', spec).map(({ ruleIndex }) => ruleIndex)).toEqual([undefined, 1]);
});

test.each([[undefined], [null], [7], ['a\0b'], [[]]])('a spec that is %j does not trouble it', (spec) => {
  expect(() => textProblems('WebPool', spec)).not.toThrow();
});
