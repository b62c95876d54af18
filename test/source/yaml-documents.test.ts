import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadDocument, splitDocuments } from '../../operator/source/yaml-documents.ts';

/** First line and value of each document that is not empty, or its error. */
function read(text: string): readonly unknown[] {
  return splitDocuments(text).flatMap(({ text: own, firstLine }) => {
    const loaded = loadDocument(own);
    if (loaded.type === 'Empty') return [];
    return [[firstLine, loaded.type === 'Value' ? loaded.value : `${loaded.line}: ${loaded.message}`]];
  });
}

describe('the documents of a file', () => {
  test.each([
    ['nothing', '', []],
    ['white space and comments', '\n# nothing\n---\n# here\n---\n', []],
    ['one', 'a: 1\n', [[1, { a: 1 }]]],
    [
      'two',
      'a: 1\n---\na: 2\n',
      [
        [1, { a: 1 }],
        [2, { a: 2 }],
      ],
    ],
    ['a separator in front', '---\na: 1\n', [[1, { a: 1 }]]],
    ['separators at the end', 'a: 1\n---\n---\n', [[1, { a: 1 }]]],
    [
      'a value on the line of the separator',
      '--- {a: 1}\n--- # two\na: 2',
      [
        [1, { a: 1 }],
        [2, { a: 2 }],
      ],
    ],
    [
      'a comment between',
      '# one\na: 1\n\n---\n# two\n\na: 2',
      [
        [1, { a: 1 }],
        [4, { a: 2 }],
      ],
    ],
    [
      'Windows lines',
      'a: 1\r\n---\r\na: 2\r\n',
      [
        [1, { a: 1 }],
        [2, { a: 2 }],
      ],
    ],
    [
      'a byte order mark',
      '\ufeffa: 1\n---\na: 2',
      [
        [1, { a: 1 }],
        [2, { a: 2 }],
      ],
    ],
    ['dashes that separate nothing', 'a: |\n  ---\n ---\n---b: 1', [[1, '4: ']]],
    [
      'dashes in a text',
      'a: |\n  ---\n  x\n---\na: "--- "',
      [
        [1, { a: '---\nx\n' }],
        [4, { a: '--- ' }],
      ],
    ],
    [
      'directives',
      '%YAML 1.2\n---\na: 1\n---\na: 2',
      [
        [1, { a: 1 }],
        [4, { a: 2 }],
      ],
    ],
    [
      'ends',
      'a: 1\n...\n---\na: 2\n...\n',
      [
        [1, { a: 1 }],
        [3, { a: 2 }],
      ],
    ],
    [
      'an end and no separator',
      'a: 1\n...\na: 2\n',
      [
        [1, { a: 1 }],
        [3, { a: 2 }],
      ],
    ],
    [
      'an end and a directive',
      'a: 1\n...\n%YAML 1.2\n---\na: 2\n',
      [
        [1, { a: 1 }],
        [3, { a: 2 }],
      ],
    ],
    ['JSON', '{"a": 1}\n', [[1, { a: 1 }]]],
    [
      'an error in the middle',
      'a: 1\n---\na: [\n---\na: 3',
      [
        [1, { a: 1 }],
        [2, '3: '],
        [4, { a: 3 }],
      ],
    ],
    [
      'an error at once',
      'a: "\n---\na: 2',
      [
        [1, '1: '],
        [2, { a: 2 }],
      ],
    ],
  ] as const)('%s', (_, text, documents) => {
    const expected = documents.map(([line, value]) => [
      line,
      typeof value === 'string' ? expect.stringContaining(value.replace(/^\d+: /, '')) : value,
    ]);
    expect(read(text)).toEqual(expected);
  });

  test('together are the file, and each begins where it says', () => {
    const line = fc.constantFrom(
      '---',
      '--- # x',
      '...',
      '%YAML 1.2',
      'a: 1',
      '  ---',
      '# x',
      '',
      '- x',
      '---x',
      'a: |',
      '\t',
    );
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom('\n', '\r\n'), (lines, end) => {
        const text = lines.join(end);
        let at = 0;
        for (const document of splitDocuments(text)) {
          expect(
            text
              .split('\n')
              .slice(document.firstLine - 1)
              .join('\n')
              .startsWith(document.text),
          ).toBe(true);
          expect(text.indexOf(document.text, at)).toBeGreaterThanOrEqual(at);
          at = text.indexOf(document.text, at) + document.text.length;
        }
      }),
    );
  });
});

describe('values are as YAML 1.2 has them', () => {
  test.each([
    ['yes', 'yes'],
    ['on', 'on'],
    ['true', true],
    ['~', null],
    ['010', 10],
    ['0x1F', 31],
    ['1_000', '1_000'],
    ['12:30:45', '12:30:45'],
    ['2026-01-01', '2026-01-01'],
    ['"80"', '80'],
    ['1.5', 1.5],
    ["'it''s'", "it's"],
    ['"\\u0000"', '\0'],
    ['<<', '<<'],
  ])('%s', (text, value) => {
    expect(loadDocument(`a: ${text}`)).toEqual({ type: 'Value', value: { a: value } });
  });

  test('names that JavaScript gives a meaning are names like any other', () => {
    const loaded = loadDocument('__proto__: {polluted: 1}\nconstructor: {}\n<<: {a: 1}');
    expect(JSON.stringify(loaded)).toBe(
      '{"type":"Value","value":{"__proto__":{"polluted":1},"constructor":{},"<<":{"a":1}}}',
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('anchors stand for a copy', () => {
    const loaded = loadDocument('a: &x {b: [1]}\nc: *x');
    expect(loaded).toEqual({ type: 'Value', value: { a: { b: [1] }, c: { b: [1] } } });
    const { a, c } = (loaded as { value: { a: unknown; c: unknown } }).value;
    expect(a).not.toBe(c);
  });
});

describe('what is refused', () => {
  const bomb = (levels: number) =>
    [
      'l0: &l0 [x, x, x, x, x, x, x, x, x]',
      ...Array.from({ length: levels }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`),
    ].join('\n');

  test.each([
    ['a repeated key', 'a: 1\nb: 2\na: 3', 'duplicated mapping key', 3],
    ['a repeated key in a flow', 'a: {b: 1, b: 2}', 'duplicated mapping key', 1],
    ['an anchor in itself', 'a: &x [*x]', 'anchors make the document endless or too big', 1],
    ['anchors that grow', bomb(8), 'anchors make the document endless or too big', 1],
    ['an unclosed text', 'a: "b', 'unexpected end of the stream', 1],
    ['a tab', 'a:\n\tb: 1', 'tab', 2],
    ['NUL', 'a: \0', 'null byte', 1],
    ['a key that is an object', '? {a: 1}\n: 2', 'complex keys', 1],
    ['too deep', '['.repeat(5000), 'nesting', 1],
  ])('%s', (...[, text, message, line]) => {
    expect(loadDocument(text)).toEqual({ type: 'Error', message: expect.stringContaining(message) as string, line });
  });

  test('anchors that grow cost no time', () => {
    for (const levels of [2, 20, 200]) expect(loadDocument(bomb(levels)).type).toBe(levels === 2 ? 'Value' : 'Error');
  });

  test.each([
    '*hunter2',
    '!hunter2',
    '!!hunter2 x',
    '!h!unter2 x',
    '!<hunter2> x',
    '!hunter2{} x',
    '"hunter2',
    '@hunter2',
    '`hunter2`',
    '%hunter2',
    '{hunter2',
    'hunter2: 3',
    '"\\hunter2"',
    '|hunter2',
  ])('a password that was not put in quotes is not repeated: %s', (password) => {
    const loaded = loadDocument(`kind: Secret\nstringData: {a: 1, password: ${password}\n`);
    expect(JSON.stringify(loaded)).not.toContain('unter2');
    expect(loaded.type).toBe('Error');
  });
});

test('whatever the text is, it is read or refused', () => {
  const piece = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '&a ',
    '*a',
    '!',
    '|',
    '>',
    '#',
    '?',
    '%',
    '\t',
    '---\n',
    '<<: ',
    '\0',
    'é',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
      (text) => {
        for (const document of splitDocuments(text))
          expect(['Empty', 'Value', 'Error']).toContain(loadDocument(document.text).type);
      },
    ),
    { numRuns: 2000 },
  );
});
