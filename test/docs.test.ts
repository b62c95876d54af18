/** What `docs/` and the samples say is so. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import type { Kind } from '../operator/api/resources.ts';
import { compileSchemas } from '../operator/api/compile-schema.ts';
import { createValidator } from '../operator/api/validate.ts';
import { withTables } from '../scripts/docs-tables.ts';
import { CRDS, crdOf, schemaOf } from './support/crds.ts';

const root = new URL('../', import.meta.url);
const KINDS = ['WebPool', 'RoutingRule', 'DatabaseGrant'];
const validate = createValidator(compileSchemas(CRDS));

interface Document {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
}

function texts(folder: string, end: string): readonly (readonly [name: string, text: string])[] {
  const names = readdirSync(new URL(folder, root)).filter((name) => name.endsWith(end));
  return names.map((name) => [`${folder}${name}`, readFileSync(new URL(`${folder}${name}`, root), 'utf8')]);
}

const pages = texts('docs/', '.md');
const samples = texts('manifests/samples/', '.yaml');
const blocks = pages.flatMap(([page, text]) =>
  [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => [page, block] as const),
);
const documents = [...samples, ...blocks].flatMap(([place, text]) =>
  (loadAll(text) as readonly Document[]).map((document) => [place, document] as const),
);
const ours = documents.filter(([, { kind = '' }]) => KINDS.includes(kind));

describe.each(pages)('%s', (_, text) => {
  test('has the tables that the code has', () => {
    expect(text).toBe(withTables(text));
  });

  test('names files that are there', () => {
    const paths = [...text.matchAll(/\bmanifests(?:\/[-\w.]+)*/g)].map(([path]) => path.replace(/\.$/, ''));
    const links = [...text.matchAll(/\]\(([\w.]+\.md)\)/g)].map(([, link = '']) => `docs/${link}`);
    expect([...paths, ...links].filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });
});

describe('docs/standalone.md', () => {
  const text = readFileSync(new URL('docs/standalone.md', root), 'utf8');
  const sources = ['operator/commands', 'operator/driver', 'operator/source'].flatMap((folder) =>
    texts(`${folder}/`, '.ts'),
  );
  const code = sources.map(([, source]) => source).join('\n');

  test('names flags of run that there are', () => {
    const flags = [...text.matchAll(/`(?:[^`]*\s)?(--(?:grace|http|haproxy|state-dir))\b[^`]*`/g)].map(
      ([, flag = '']) => flag,
    );
    expect(new Set(flags)).toEqual(new Set(['--grace', '--http', '--haproxy', '--state-dir']));
    expect(flags.filter((flag) => !code.includes(`'${flag}`))).toEqual([]);
  });

  test('repeats messages as the program says them', () => {
    const table = text.slice(text.indexOf('## When something'));
    const messages = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, message = '']) => message);
    const parts = messages.flatMap((message) =>
      message.split(/FOLDER|N\)|\.\.\.|…|http:\S+|object=.*|file=.*|haproxy$/),
    );
    const own = parts.map((part) => part.trim().replace(/^: | \(process$/, '')).filter((part) => part.length > 3);
    // HAProxy's own words.
    expect(own.filter((part) => !part.startsWith('cannot bind socket') && !code.includes(part))).toEqual([]);
    expect(own.length).toBeGreaterThan(8);
  });
});

test.each(ours.map(([place, document]) => ({ place, ...document, document })))(
  'the $kind $metadata.name of $place is accepted',
  ({ kind, document }) => {
    expect(validate(kind as Kind, document)).toEqual([]);
  },
);

test('there is something to accept in both', () => {
  expect(new Set(ours.map(([place]) => place.split('/')[0]))).toEqual(new Set(['docs', 'manifests']));
});

describe('kustomize-names.yaml', () => {
  interface Names {
    readonly nameReference: readonly {
      readonly kind: string;
      readonly fieldSpecs: readonly { readonly kind: string; readonly path: string }[];
    }[];
  }
  const text = readFileSync(new URL('manifests/kustomize-names.yaml', root), 'utf8');
  const { nameReference } = loadAll(text)[0] as Names;
  const told = nameReference.flatMap(({ fieldSpecs }) => fieldSpecs.map(({ kind, path }) => `${kind} ${path}`)).sort();

  test('knows every field of ours that names another object', () => {
    const references = /^(?:.*[sS]ecretName|.*[sS]ecret\/name|.*pools\/name)$/;
    const found = KINDS.flatMap((kind) =>
      fieldsOf(schemaOf(crdOf(kind), 'spec'), 'spec')
        .filter((path) => references.test(path))
        .map((path) => `${kind} ${path}`),
    );
    expect(told).toEqual(found.sort());
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

function fieldsOf({ properties = {}, items }: Schema, path: string): readonly string[] {
  const fields = { ...properties, ...items?.properties };
  return [path, ...Object.entries(fields).flatMap(([name, field]) => fieldsOf(field, `${path}/${name}`))];
}
