/** What is accepted can be carried out: one configuration of all objects that are right up to the bound. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { renderFolder } from '../../operator/commands/render.ts';
import { ACCEPTED } from '../api/variations.ts';
import { HAPROXY, ROUTER } from '../support/haproxy.ts';

const FIRST_PORT = 20_000;
/** Nothing to worry about: certificates are not rendered, and TCP ignores an option of HTTP. */
const EXPECTED = /^$|^\[NOTICE\]|no SSL certificate specified|'option idle-close-on-response' ignored/;

/** Every object under a name of its own; rules on ports of their own, so that none takes a match from another. */
function documents(): readonly object[] {
  const pool = { port: 80, externalEndpoints: [{ name: 'web01', address: '192.0.2.1' }] };
  const all = [...ACCEPTED, { kind: 'WebPool', spec: pool }];
  return all.map(({ kind, spec }, index) => {
    const { listener, ...rest } = spec as { readonly listener?: object };
    const own = listener === undefined ? rest : { ...rest, listener: { ...listener, port: FIRST_PORT + index } };
    const name = index === ACCEPTED.length ? 'blog' : `o${index}`;
    return { apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { name }, spec: own };
  });
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'webpool-accepted-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function check(cwd: string): Promise<{ readonly code: number; readonly words: string }> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
  return new Promise((done) => {
    const child = execFile(HAPROXY, ['-c', '-f', 'haproxy.cfg'], { cwd, env }, (_, __, words) =>
      done({
        code: child.exitCode ?? -1,
        words: words
          .split('\n')
          .filter((line) => !EXPECTED.test(line))
          .join('\n'),
      }),
    );
  });
}

test('HAProxy takes all of them, without a word', async () => {
  const [source, target] = [await folder(), await folder()];
  await writeFile(join(source, 'all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: documents() }));
  const files = new Map([
    ...(await renderFolder(source, ['127.0.0.1'])),
    ['servers.state', '1\n'],
    ['router.lua', ROUTER],
  ]);
  for (const [name, text] of files) await writeFile(join(target, name), text);
  expect(files.get('haproxy.cfg')?.match(/^backend http_default_o/gm)?.length).toBeGreaterThan(100);
  expect(files.get('haproxy.cfg')?.match(/^frontend /gm)?.length).toBeGreaterThan(100);
  expect(await check(target)).toEqual({ code: 0, words: '' });
});
