import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runJob, type Ending } from '../../bench/runner.ts';

const WORKER = new URL('../../bench/worker.ts', import.meta.url).pathname;
const BENCH = new URL('../../bench/bench.ts', import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webpool-runner-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Told {
  readonly ending: Ending;
  readonly said: readonly string[];
}

async function play(text: string, limit = 60_000): Promise<Told> {
  const script = join(folder, `${Math.random()}.mjs`);
  await writeFile(script, text);
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const { signal } = new AbortController();
  return { ending: await runJob({ script: [script], limit, tidy: 200, say, signal }), said };
}

describe('a benchmark', () => {
  const RESULT = { name: 'a', figures: { b: { value: 1, unit: 's' } } };

  test('tells what it does and what it found', async () => {
    const messages = [{ started: { description: 'speed', method: 'twice' } }, { say: 'half' }, { result: RESULT }];
    const { ending, said } = await play(
      `${messages.map((one) => `process.send(${JSON.stringify(one)});`).join('\n')} process.disconnect();`,
    );
    expect(ending).toEqual({ result: RESULT });
    expect(said).toEqual(['speed (twice)', 'half']);
  });

  test('that crashes is a problem', async () => {
    expect((await play('process.exit(3)')).ending).toEqual({ problem: 'its process ended (3)' });
  });

  test('that throws is a problem with its words', async () => {
    const { signal } = new AbortController();
    const ending = await runJob({ script: [WORKER, 'nothing'], limit: 60_000, tidy: 200, say: () => {}, signal });
    expect(ending).toEqual({ problem: expect.stringContaining('nothing.ts') });
  });

  test('that hangs is ended, with all that it started', async () => {
    const { ending, said } = await play(
      `import { spawn } from 'node:child_process';
       const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
       child.once('spawn', () => process.send({ say: String(child.pid) }));
       setInterval(() => {}, 1000);`,
      5000,
    );
    expect(ending).toEqual({ problem: 'did not end within 5 s' });
    expect(said).toEqual([expect.stringMatching(/^\d+$/), 'left behind and ended: sleep']);
    // Until somebody asks for it, what has ended is a zombie.
    const stat = await readFile(`/proc/${said[0]}/stat`, 'utf8').catch(() => 'gone');
    expect(stat).toMatch(/^gone$|\) Z /);
  });
});

describe('the command line', () => {
  test.each<[string, readonly string[], number]>([
    ['help', ['--help'], 0],
    ['an unknown benchmark', ['warp'], 2],
    ['an unknown output', ['-o', 'xml'], 2],
    ['an unknown option', ['--fast'], 2],
  ])('%s', (_, args, code) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BENCH, ...args], { encoding: 'utf8' });
    expect(status).toBe(code);
    expect(code === 0 ? stdout : stderr).toContain('npm run bench -- NAME...');
  });
});
