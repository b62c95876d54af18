import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const RENDER = `"${process.execPath}" operator/main.ts render examples/minimal`;

/** What a shell says on standard error. */
async function complaints(script: string): Promise<string> {
  const cwd = new URL('../', import.meta.url).pathname;
  const { stderr } = await promisify(execFile)('sh', ['-c', script], { cwd });
  return stderr;
}

test('a reader that goes early is no failure', async () => {
  // The reader is gone before the first byte comes.
  expect(await complaints(`{ ${RENDER}; echo "code $?" >&2; } | true`)).toBe('code 0\n');
});

test('an answer for which a disk has no room is one', async () => {
  expect(await complaints(`${RENDER} >/dev/full; echo "code $?" >&2`)).toBe(
    'webpool: cannot write the answer: the disk is full\ncode 1\n',
  );
});
