/** README says what is so: its YAML is accepted, its tables name what the code has. */
import { readdirSync, readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { check } from '../operator/commands/check.ts';
import { compileSchemas } from '../operator/api/compile-schema.ts';
import { createValidator } from '../operator/api/validate.ts';
import type { Kind } from '../operator/api/resources.ts';
import { crdOf, CRDS, schemaOf } from './support/crds.ts';

const root = new URL('../', import.meta.url);
const README = readFileSync(new URL('README.md', root), 'utf8');
const validate = createValidator(compileSchemas(CRDS));

interface Document {
  readonly kind: Kind;
  readonly spec: object;
}

const documents = [...README.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(
  ([, text = '']) => loadAll(text) as Document[],
);

/** The words in the first column of the table below a heading. */
function firstColumn(heading: string): readonly string[] {
  const section = README.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `') && !line.startsWith('| `balance'));
  return rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, word = '']) => word));
}

describe('README', () => {
  test.each(documents.map((document) => [document.kind, document] as const))(
    'a %s in it is accepted',
    (kind, document) => {
      expect(validate(kind, document)).toEqual([]);
    },
  );

  test('shows every match of the CRD', () => {
    const rule = schemaOf(crdOf('RoutingRule'), 'spec').properties?.['rules']?.items;
    const matches = rule?.properties?.['matches']?.items?.properties ?? {};
    expect([...firstColumn('What a request can be matched by')].sort()).toEqual(Object.keys(matches).sort());
  });

  test('shows every algorithm of the CRD', () => {
    const balance = schemaOf(crdOf('WebPool'), 'spec').properties?.['balance'];
    const algorithms = (balance?.properties?.['algorithm']?.enum ?? []) as readonly string[];
    expect([...firstColumn('How a server is chosen')].sort()).toEqual([...algorithms].sort());
  });

  test('shows every command', () => {
    const program = readFileSync(new URL('operator/commands/program.ts', root), 'utf8');
    const commands = [...program.matchAll(/\.command\('(\w+)'\)/g)].map(([, name]) => name);
    const shown = firstColumn('Commands').map((text) => text.split(' ')[0]);
    expect(new Set(shown)).toEqual(new Set(commands));
  });
});

describe('examples', () => {
  const folders = readdirSync(new URL('examples/', root));
  test.each(folders)('%s has nothing wrong', async (name) => {
    const said: string[] = [];
    const folder = new URL(`examples/${name}`, root).pathname;
    expect(await check(folder, { output: 'text', out: (text) => void said.push(text) }), said.join('')).toBe(0);
  });

  test('the minimal one is what README shows', () => {
    const text = readFileSync(new URL('examples/minimal/site.yaml', root), 'utf8').replace(/^#.*\n/gm, '');
    expect(README).toContain(text);
  });
});
