/** What is remembered from one look to the next changes nothing about the picture. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { readDocuments } from '../../operator/source/documents.ts';
import type { RegisterFile } from '../../operator/source/collect.ts';
import { createRegister, type Register } from '../../operator/source/register.ts';
import { createValidator } from '../../operator/api/validate.ts';
import { readSchemas } from '../../operator/source/schemas.ts';

const validate = createValidator(await readSchemas());

const small = fc.integer({ min: 1, max: 3 });
const name = fc.constantFrom('a', 'b', 'c');
const document = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(name, small, fc.constantFrom('', '# a comment\n', '\n\n'))
      .map(([at, port, before]) => `${before}${head('WebPool', at)}spec: {port: ${port}}\n`),
  },
  fc
    .tuple(name, name, fc.boolean())
    .map(([at, pool, bad]) => `${head('RoutingRule', at)}${ruleSpec(pool, bad ? 'not a host' : 'a.example.com')}`),
  name.map((at) => `${head('WebPool', at)}spec: {port: nonsense}\n`),
  name.map((at) => `${head('WebPool', at)}spec: {port: 80, paused: true}\n`),
  fc
    .tuple(name, small)
    .map(([at, value]) => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${at}}\nstringData: {key: "${value}"}\n`),
  fc.tuple(name, small).map(([at, last]) => slice(at, last)),
  fc.constantFrom('{', 'kind: ConfigMap\napiVersion: v1\n', 'just words\n', ''),
);

function head(kind: string, at: string): string {
  return `apiVersion: webpool.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${at}}\n`;
}

function ruleSpec(pool: string, host: string): string {
  return `spec: {listener: {protocol: HTTP, port: 80}, hostnames: ["${host}"], rules: [{name: all, pools: [{name: ${pool}}]}]}\n`;
}

function slice(at: string, last: number): string {
  const metadata = `metadata: {name: ${at}, labels: {kubernetes.io/service-name: ${at}}}`;
  return `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n${metadata}\naddressType: IPv4\nports: []\nendpoints: [{addresses: ["192.0.2.${last}"]}]\n`;
}

const text = fc.array(document, { minLength: 1, maxLength: 3 }).map((documents) => documents.join('---\n'));
/** undefined: the file goes. `unreadable`: it is there and nobody may read it. */
const content = fc.oneof(
  { weight: 8, arbitrary: text },
  fc.constantFrom(undefined, 'unreadable' as const, 'unknown' as const),
);
const edits = fc.array(fc.tuple(fc.constantFrom('1.yaml', '2.yaml', '3.yaml'), content), {
  minLength: 2,
  maxLength: 12,
});

function registerOfNothing(): Register {
  return createRegister({
    rememberedRevision: () => undefined,
    servedBefore: () => false,
    rememberedSecret: () => new Map(),
    secretVersion: (values) => [...values].join(),
  });
}

function fileOf(content: string | undefined, before: RegisterFile | undefined): RegisterFile | undefined {
  if (content === undefined) return undefined;
  if (content === 'unknown') return { documents: [], unknown: true };
  if (content === 'unreadable') return { documents: before?.documents ?? [], unreadable: 'no' };
  return { documents: readDocuments(content, validate, before?.documents) };
}

/** A file without objects that comes and goes: no edit of what is known, so everything is read. */
const NOTHING: readonly [string, RegisterFile] = ['4.yaml', { documents: [] }];

it('is that of all files, whatever was edited', () => {
  fc.assert(
    fc.property(edits, (series) => {
      const [edited, full] = [registerOfNothing(), registerOfNothing()];
      let files: ReadonlyMap<string, RegisterFile> = new Map();
      for (const [turn, [path, content]] of series.entries()) {
        const file = fileOf(content, files.get(path));
        const others = [...files].filter(([at]) => at !== path);
        files = new Map([...others, ...(file === undefined ? [] : [[path, file] as const])].sort(byPath));
        const before = full.update(new Map(turn % 2 === 0 ? [...files, NOTHING] : files));
        const picture = edited.update(files);
        expect(picture).toEqual(before);
        expect([...picture.pools.keys()]).toEqual([...before.pools.keys()]);
        for (const key of ['default/a', 'default/b', 'default/c']) {
          expect(edited.secretValue(key, 'key')).toBe(full.secretValue(key, 'key'));
          expect(edited.find('WebPool', key)).toEqual(full.find('WebPool', key));
          expect(edited.specOf('WebPool', key)).toEqual(full.specOf('WebPool', key));
        }
      }
    }),
    { numRuns: 300 },
  );
});

function byPath([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
