import { describe, expect, test } from 'vitest';
import { readSecret } from '../../operator/source/secret.ts';

const NAMING = { key: 'default/db', metadata: { namespace: 'default', name: 'db' } };

function read(fields: object): unknown {
  const item = readSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, ...fields }, NAMING);
  return item.type === 'Secret' ? Object.fromEntries(item.values) : `${item.problem.path}: ${item.problem.message}`;
}

describe('a Secret', () => {
  test.each([
    ['empty', {}, {}],
    ['with nothing in it', { data: null, stringData: null }, {}],
    ['plain', { stringData: { password: 'p"\\ä\n' } }, { password: 'p"\\ä\n' }],
    ['encoded', { data: { password: 'aHVudGVyMg==' } }, { password: 'hunter2' }],
    ['encoded on several lines', { data: { a: 'aHVu\n  dGVy\nMg==\n' } }, { a: 'hunter2' }],
    ['encoded nothing', { data: { a: '' } }, { a: '' }],
    [
      'both: what is plain wins',
      { data: { a: 'Yg==', c: 'ZA==' }, stringData: { a: 'plain' } },
      { a: 'plain', c: 'd' },
    ],
    ['of a type', { type: 'Opaque', immutable: true, stringData: { 'tls.crt': 'x' } }, { 'tls.crt': 'x' }],
    [
      'with a name that JavaScript gives a meaning',
      { stringData: JSON.parse('{"__proto__": "x"}') as object },
      JSON.parse('{"__proto__": "x"}'),
    ],
  ])('%s', (_, fields, values) => {
    expect(read(fields)).toEqual(values);
  });

  test.each([
    ['a misspelt field', { stringdata: { a: 'hunter2' } }, ': unknown field "stringdata". Did you mean stringData?'],
    ['a field beside', { password: 'hunter2' }, ': unknown field "password". Known fields: apiVersion, data, '],
    ['a list', { data: ['hunter2'] }, 'data: must be an object: key to text'],
    ['a text', { stringData: 'hunter2' }, 'stringData: must be an object: key to text'],
    ['a number', { stringData: { a: 42_4242 } }, 'stringData["a"]: must be a text: write the value in quotes'],
    ['a list inside', { stringData: { a: ['hunter2'] } }, 'stringData["a"]: must be a text: write the value in quotes'],
    [
      'no base64',
      { data: { a: 'hunter2!' } },
      'data["a"]: is not base64: encode the value, or write it as it is under stringData',
    ],
    ['base64 of a wrong length', { data: { a: 'hunter2' } }, 'data["a"]: is not base64'],
    ['URL-safe base64', { data: { a: '_-==' } }, 'data["a"]: is not base64'],
    ['a key that is none', { stringData: { 'a/b': 'hunter2' } }, 'stringData: "a/b" is no key'],
  ])('with %s is refused, and no value repeated', (_, fields, message) => {
    const found = read(fields);
    expect(found).toEqual(expect.stringContaining(message));
    expect(found).not.toMatch(/hunter2|424242/);
  });
});
