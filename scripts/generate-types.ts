/**
 * Writes `operator/api/kinds.gen.ts`, the TypeScript types of the kinds, from the CRD files.
 * With `--check` it writes nothing and fails when the file is not what the CRDs say.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { load } from 'js-yaml';

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: JSONSchema } }[];
  };
}

const target = new URL('../operator/api/kinds.gen.ts', import.meta.url);
const folder = new URL('../crds/', import.meta.url);

async function typesOf(file: string): Promise<string> {
  const crd = load(readFileSync(new URL(file, folder), 'utf8')) as Crd;
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (schema === undefined) throw new Error(`${file}: no schema`);
  const { spec, status } = schema.properties ?? {};
  const properties = { ...(spec !== undefined && { spec }), ...(status !== undefined && { status }) };
  const parts = { type: 'object', title: `${crd.spec.names.kind}Parts`, properties } as JSONSchema;
  return compile(parts, `${crd.spec.names.kind}Parts`, {
    additionalProperties: false,
    bannerComment: '',
    format: false,
    // A list's bounds are the schema's business; tuples of every length would only hide the element type.
    ignoreMinAndMaxItems: true,
  });
}

/** The types are read-only: nothing may change what the user wrote. */
function readonlyFields(code: string): string {
  return code
    .replaceAll(/^("?[A-Za-z]+"?\??:)/gm, 'readonly $1')
    .replaceAll(/^(readonly [^:]+: )(.+\[\])$/gm, '$1readonly $2');
}

/** Objects of one title are one type wherever they stand; the generator counts them up. */
function oneNameATitle(code: string): string {
  const inCode = (line: string) =>
    /^\s*\*/.test(line) ? line : line.replaceAll(/(?<!["\w])([A-Z][A-Za-z]*[a-z])[0-9]+\b(?!["\w.])/g, '$1');
  return code.split('\n').map(inCode).join('\n');
}

const seen = new Set<string>();

/** `Condition` is in every kind; one declaration is enough. */
function withoutRepeated(code: string): string {
  return code
    .split(/(?=^(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?export interface )/m)
    .filter((block) => {
      const name = /export interface (\w+)/.exec(block)?.[1];
      if (name === undefined) return true;
      if (seen.has(name) || name.endsWith('Parts')) return false;
      seen.add(name);
      return true;
    })
    .join('');
}

let text = '/* Written by `npm run generate` from crds/. Do not edit. */\n';
const files = readdirSync(folder).filter((file) => file !== 'kustomization.yaml');
for (const file of files.toSorted()) text += withoutRepeated(oneNameATitle(readonlyFields(await typesOf(file))));

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('operator/api/kinds.gen.ts is not what crds/ says: run `npm run generate`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
