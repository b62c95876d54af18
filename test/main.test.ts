import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a reader that goes early is no failure', async () => {
  const render = `"${process.execPath}" operator/main.ts render examples/minimal`;
  // The reader is gone before the first byte comes.
  const script = `{ ${render}; echo "code $?" >&2; } | true`;
  const cwd = new URL('../', import.meta.url).pathname;
  const { stderr } = await promisify(execFile)('sh', ['-c', script], { cwd });
  expect(stderr).toBe('code 0\n');
});
