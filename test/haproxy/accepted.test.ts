/** What is accepted can be carried out: one configuration of all objects that are right up to the bound. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { KINDS, type Kind } from '../../operator/api/resources.ts';
import { renderFolder } from '../../operator/commands/render.ts';
import { sampleWith, type Changes } from '../api/sample.ts';
import { ACCEPTED } from '../api/variations.ts';
import { HAPROXY, SCRIPTS } from '../support/haproxy.ts';

const FIRST_PORT = 20_000;
/** Nothing to worry about: certificates are not rendered. */
const EXPECTED = /^$|^\[NOTICE\]|no SSL certificate specified/;

interface Written {
  readonly kind: Kind;
  readonly spec: unknown;
}

/** Every object under a name of its own; rules on ports of their own, so that none takes a match from another. */
function documents(objects: readonly Written[]): readonly object[] {
  const pool = { port: 80, externalEndpoints: [{ name: 'web01', address: '192.0.2.1' }] };
  const all = [...objects, { kind: 'WebPool', spec: pool }];
  return all.map(({ kind, spec }, index) => {
    const { listener, ...rest } = spec as { readonly listener?: object };
    const own = listener === undefined ? rest : { ...rest, listener: { ...listener, port: FIRST_PORT + index } };
    const name = index === objects.length ? 'blog' : `o${index}`;
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

/** What HAProxy says to one configuration of them all. */
async function wordsOn(objects: readonly Written[]): Promise<{ readonly cfg: string; readonly words: string }> {
  const [source, target] = [await folder(), await folder()];
  await writeFile(
    join(source, 'all.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: documents(objects) }),
  );
  const files = new Map([
    ...(await renderFolder(source, { bind: ['127.0.0.1'] })),
    ['servers.state', '1\n'],
    ...SCRIPTS,
  ]);
  for (const [name, text] of files) await writeFile(join(target, name), text);
  const { code, words } = await check(target);
  return { cfg: files.get('haproxy.cfg') ?? '', words: code === 0 ? words : `${code}: ${words}` };
}

test('HAProxy takes all of them, without a word', async () => {
  const { cfg, words } = await wordsOn(ACCEPTED);
  expect(cfg.match(/^backend http_default_o/gm)?.length).toBeGreaterThan(100);
  expect(cfg.match(/^frontend /gm)?.length).toBeGreaterThan(100);
  expect(words).toBe('');
});

test('also with several changes at once, as far as those are accepted together', async () => {
  const oneOf = (kind: Kind) => fc.constantFrom(...ACCEPTED.filter((object) => object.kind === kind));
  const mixed = fc
    .constantFrom(...KINDS)
    .chain((kind) => fc.array(oneOf(kind), { minLength: 2, maxLength: 4 }).map((parts) => mix(kind, parts)));
  await fc.assert(
    fc.asyncProperty(fc.array(mixed, { minLength: 200, maxLength: 200 }), async (objects) => {
      expect((await wordsOn(objects)).words).toBe('');
    }),
    // Each run asks HAProxy; to find which object it was, its words have the line.
    { numRuns: 2, endOnFailure: true },
  );
});

/** The sample with the changes of all these; without those that an earlier one left no place for. */
function mix(kind: Kind, parts: readonly { readonly changes: Changes }[]): Written {
  const changes = parts.reduce<Changes>((all, part) => {
    const more = { ...all, ...part.changes };
    return fits(kind, more) ? more : all;
  }, {});
  return { kind, spec: sampleWith(kind, changes) };
}

function fits(kind: Kind, changes: Changes): boolean {
  try {
    sampleWith(kind, changes);
    return true;
  } catch {
    return false;
  }
}
