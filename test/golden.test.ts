/**
 * Golden cases: each is a folder that `webpool run` takes as it stands (`in/`) and the files that come of it (`out/`).
 * `npm run golden` writes `out/` anew; then read the difference as a reviewer would.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dump, loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import type { Condition } from '../operator/api/kinds.gen.ts';
import { renderFolder } from '../operator/commands/render.ts';
import { certificateFor } from './support/certificates.ts';
import { HAPROXY, SCRIPTS } from './support/haproxy.ts';

const CASES = new URL('./golden/', import.meta.url).pathname;
/** The case that shows haproxy.cfg whole. The others leave out what stands there too: else one default would edit them all. */
const WHOLE = 'minimal';
/** Only pools that prefer a zone show it. */
const PLACE = { bind: ['127.0.0.1'], zone: 'a' };
const UPDATE = process.env['UPDATE_GOLDEN'] === '1';

const cases = (await readdir(CASES)).sort();
const whole = await renderFolder(join(CASES, WHOLE, 'in'), PLACE);
const common = new Set((whole.get('haproxy.cfg') ?? '').split('\n').filter((line) => /^ +(?! |server )/.test(line)));

describe('golden', () => {
  test.each(cases)('%s', async (name) => {
    const full = await renderFolder(join(CASES, name, 'in'), PLACE);
    await checkWithHaproxy(full);
    const files = short(full, name === WHOLE ? new Set() : common);
    const out = join(CASES, name, 'out');
    if (UPDATE) await write(out, files);
    expect(Object.fromEntries(files)).toEqual(await read(out));
  });
});

/** What a reviewer wants to see: no empty file, of haproxy.cfg what makes the case, a condition a line. */
function short(files: ReadonlyMap<string, string>, leaveOut: ReadonlySet<string>): ReadonlyMap<string, string> {
  const shown = [...files].map(([name, full]): [string, string] => {
    if (name === 'status.yaml') return [name, shortStatus(full)];
    const text = withoutVersions(full);
    return [name, name === 'haproxy.cfg' && leaveOut.size > 0 ? shortConfig(text, leaveOut) : text];
  });
  return new Map(shown.filter(([, text]) => text !== ''));
}

/** Versions of Secrets are digests with a key of each start: nobody shall guess a text by them. */
function withoutVersions(text: string): string {
  return text
    .replaceAll(/_by-[0-9a-f]{16}(?= .*authority_)/g, '_by-VERSION')
    .replaceAll(/^(tls\|\S+) [0-9a-f]{16}$/gm, '$1 VERSION');
}

function shortConfig(text: string, leaveOut: ReadonlySet<string>): string {
  const sections = text.split('\n\n').filter((section) => /^(?:frontend|backend) (?!webpool_)/m.test(section));
  const lines = sections.map((section) => section.split('\n').filter((line) => !leaveOut.has(line)));
  return `${lines.map((section) => section.join('\n').trimEnd()).join('\n\n')}\n`;
}

interface Document {
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status: { readonly conditions: readonly Condition[] };
}

function shortStatus(text: string): string {
  const documents = loadAll(text) as readonly Document[];
  return documents
    .map(({ kind, metadata, status: { conditions, ...status } }) => {
      const lines = conditions.map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`);
      const object = `${kind} ${metadata.namespace}/${metadata.name}`;
      return dump({ object, conditions: lines, ...status }, { noRefs: true, lineWidth: 160, flowLevel: 2 });
    })
    .join('---\n');
}

async function write(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of files) await writeFile(join(folder, name), text);
}

async function read(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
}

/** HAProxy itself has the last word on what we render. */
let made: string | undefined;

function anyCertificate(): string {
  if (made === undefined) {
    const { certificate, key } = certificateFor(['any.example.com']);
    made = certificate + key;
  }
  return made;
}

async function checkWithHaproxy(files: ReadonlyMap<string, string>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-golden-'));
  try {
    for (const [name, text] of [...files, ...SCRIPTS]) await writeFile(join(folder, name), text);
    await writeFile(join(folder, 'servers.state'), '1\n');
    // Text of Secrets is in no rendered file; any certificate does for the grammar.
    for (const name of new Set([...files.values()].join('\n').match(/\b(?:certificate|authority)_\S+\.pem\b/g))) {
      await writeFile(join(folder, name), anyCertificate());
    }
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
    // -dW: a warning is an error.
    await promisify(execFile)(HAPROXY, ['-dW', '-c', '-f', 'haproxy.cfg'], { cwd: folder, env });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
