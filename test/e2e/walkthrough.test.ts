import { describe, expect, test } from 'vitest';
import { comparable, masked, stepsOf } from './walkthrough.ts';

const PAGE = `# Page

\`\`\`
before
\`\`\`

## Way

Text with \`code\`.

\`\`\`sh
one
two -f x
\`\`\`

\`\`\`
A   B

C   D
\`\`\`

\`\`\`yaml
kind: Pod
\`\`\`

\`\`\`sh
three
\`\`\`

## Other

\`\`\`sh
four
\`\`\`
`;

describe('the steps of a page', () => {
  test('are the blocks of commands below the heading, each with what is shown', () => {
    expect(stepsOf(PAGE, 'Way')).toEqual([
      { commands: ['one', 'two -f x'], shown: ['A   B', '', 'C   D'] },
      { commands: ['three'], shown: [] },
    ]);
  });

  test.each(['Nowhere', 'Page', 'Wa'])('are missed below %s', (heading) => {
    expect(() => stepsOf(PAGE, heading)).toThrow(heading);
  });
});

describe('what is compared', () => {
  test.each([
    ['all, when all is shown', ['a\nb\n', 'c\n'], ['a', 'b', 'c']],
    ['the last commands, when no more is shown', ['a\nb\n', 'c\n', 'd\n'], ['c', 'd']],
    ['nothing, when nothing is shown', ['a\n', 'b\n'], []],
    ['lines without what pads or ends them', ['a  b  \r\nc\r\n\r\nd'], ['a  b', 'c', '', 'd']],
  ])('%s', (_, outputs, shown) => {
    expect(comparable(outputs, shown)).toEqual(shown);
  });

  test.each([
    ['a part of what a command prints', ['a\nb\n'], ['b']],
    ['a command without the next', ['a\n', 'b\n'], ['a']],
    ['more than comes', ['a\n'], ['a', 'b']],
    ['something else', ['a\n'], ['b']],
  ])('differs when the page shows %s', (_, outputs, shown) => {
    expect(comparable(outputs, shown)).not.toEqual(shown);
  });
});

test.each([
  ['site-7c5f8d6b9d-4kx2p', 'site-*-*'],
  ['shop   False   www.example.com   2m', 'shop   False   www.example.com   AGE'],
  ['shop   True   3/3   4m12s', 'shop   True   3/3   AGE'],
  ['deployment.apps/webpool-operator condition met', 'deployment.apps/webpool-operator condition met'],
  ['x-webpool-reason: pool-not-found', 'x-webpool-reason: pool-not-found'],
  ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'],
])('%s is compared as %s', (line, wanted) => {
  expect(masked(line)).toBe(wanted);
});
