/** What the CRD files promise to an API server and to whoever reads `kubectl explain`. */
import { KINDS } from '../../operator/api/resources.ts';
import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { CRD_TEXTS, CRDS, crdOf, schemaOf, type Schema } from '../support/crds.ts';
import { ACCEPTED, REFUSED } from './variations.ts';
import { partsOf } from './sample.ts';

interface Field {
  readonly path: string;
  readonly schema: Schema;
  /** Entries of a list are mostly described where the list is. */
  readonly isEntry: boolean;
}

function fieldsOf(path: string, schema: Schema, isEntry = false): readonly Field[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => fieldsOf(`${path}.${name}`, field));
  const entries = schema.items === undefined ? [] : fieldsOf(`${path}[]`, schema.items, true);
  return [{ path, schema, isEntry }, ...inner, ...entries];
}

const FIELDS = CRDS.flatMap((crd) => {
  const { kind } = crd.spec.names;
  const { spec, status } = { spec: schemaOf(crd, 'spec'), status: schemaOf(crd, 'status') };
  return [...fieldsOf(`${kind} spec`, spec), ...(status.type === undefined ? [] : fieldsOf(`${kind} status`, status))];
});

function offending(wrong: (field: Field) => boolean): readonly string[] {
  return FIELDS.filter(wrong).map(({ path }) => path);
}

describe('every CRD', () => {
  test('has no word that kubectl, which reads YAML 1.1, takes for a boolean or a number', () => {
    const taken = /^(?:y|n|yes|no|on|off|true|false|null|~|0o?[0-7]+|[\d_.]+)$/i;
    const names = FIELDS.map(({ path }) => path.replace(/\[\]$/, '').split('.').at(-1) ?? '');
    const words = FIELDS.flatMap(({ path, schema }) => (path.includes(' status') ? [] : (schema.enum ?? []))).map(
      String,
    );
    // Status codes are written in quotes, as any text of digits is.
    expect([...names, ...words].filter((word) => taken.test(word) && !/^[1-5]\d\d$/.test(word))).toEqual([]);
  });

  test('is small enough for the annotation of kubectl apply', () => {
    for (const [file, text] of CRD_TEXTS) expect([file, text.length < 200_000]).toEqual([file, true]);
  });

  test.each(CRDS)('$metadata.name is named as its file says', ({ metadata, spec }) => {
    const { kind, plural } = spec.names;
    expect(metadata.name).toBe(`${plural}.${spec.group}`);
    expect(spec).toMatchObject({ group: 'webpool.dev', scope: 'Namespaced', versions: [{ name: 'v1alpha1' }] });
    expect(spec.names).toMatchObject({
      listKind: `${kind}List`,
      singular: kind.toLowerCase(),
    });
  });

  test.each(KINDS)('%s has a status that begins unseen', (kind) => {
    expect(crdOf(kind).spec.names).toMatchObject({ categories: ['webtier'] });
    expect(crdOf(kind).spec.versions[0]).toMatchObject({ subresources: { status: {} } });
    expect(schemaOf(crdOf(kind), 'status').default).toEqual({ observedGeneration: -1 });
  });
});

describe('every field', () => {
  test('has a bound', () => {
    const isText = ({ type, format }: Schema) => type === 'string' && format !== 'date-time';
    expect(offending(({ schema }) => isText(schema) && (schema.enum ?? schema.maxLength) === undefined)).toEqual([]);
    expect(offending(({ schema }) => schema.type === 'array' && schema.maxItems === undefined)).toEqual([]);
    const isMap = ({ additionalProperties }: Schema) => additionalProperties !== undefined;
    expect(offending(({ schema }) => isMap(schema) && schema.maxProperties === undefined)).toEqual([]);
    expect(
      offending(
        ({ schema }) =>
          isText(schema.additionalProperties ?? {}) && schema.additionalProperties?.maxLength === undefined,
      ),
    ).toEqual([]);
    const isNumber = ({ path, schema }: Field) => WRITTEN.test(path) && schema.type === 'integer';
    const bounded = ({ enum: words, minimum, maximum }: Schema) =>
      words !== undefined || (minimum !== undefined && maximum !== undefined);
    expect(offending((field) => isNumber(field) && !bounded(field.schema))).toEqual([]);
  });

  test('has a type and a description', () => {
    expect(offending(({ schema }) => schema.type === undefined)).toEqual([]);
    expect(offending(({ schema, isEntry }) => !isEntry && (schema.description ?? '') === '')).toEqual([]);
    expect(offending(({ schema: { description = 'None.' } }) => !/^[^\s].*\.$/s.test(description))).toEqual([]);
  });

  test('that may be left out says what happens then', () => {
    const optional = CRDS.flatMap((crd) => optionalFields(`${crd.spec.names.kind} spec`, schemaOf(crd, 'spec')));
    const silent = optional.filter(
      ({ schema }) => !/Default: |Absent: |^Port of the servers\./.test(schema.description ?? ''),
    );
    expect(
      silent.filter(({ path }) => !WITHOUT_DEFAULT.some((known) => known.test(path))).map(({ path }) => path),
    ).toEqual([]);
  });

  test('of time says how short and how long it may be', () => {
    const silent = DURATIONS.filter(({ path, schema }) => {
      const told = /([0-9]+m?s|[0-9]+h) to ([0-9]+h)/.exec(schema.description ?? '')?.slice(1);
      return told === undefined || !told.every((bound) => accepted.has(`${path}: "${bound}"`));
    });
    expect(silent.map(({ path }) => path)).toEqual([]);
    // Just beyond what is told is refused, which the table of variations shows for each of these fields.
    const beyond = new Set(
      REFUSED.filter(({ layer }) => layer === 'Rules').map(
        ({ kind, path }) => `${kind} ${path.replaceAll(/\[\d+\]/g, '[]')}`,
      ),
    );
    expect(DURATIONS.map(({ path }) => path).filter((path) => !beyond.has(path))).toEqual([]);
  });

  test('of a list says which entries are the same', () => {
    const lists = FIELDS.filter(({ schema }) => schema.type === 'array');
    for (const { path, schema } of lists) {
      const { items, 'x-kubernetes-list-type': type, 'x-kubernetes-list-map-keys': keys } = schema;
      expect([path, type]).toEqual([path, expect.stringMatching(/^(map|set|atomic)$/)]);
      expect([path, keys !== undefined]).toEqual([path, type === 'map']);
      expect([path, (keys ?? []).filter((key) => items?.required?.includes(key) !== true)]).toEqual([path, []]);
    }
  });

  test('stands in the sample that the tests vary, or in place of another field', () => {
    const shown = [
      ...KINDS.flatMap((kind) => partsOf(kind).map(([path]) => `${kind} ${path}`)),
      ...ACCEPTED.flatMap(({ kind, spec }) => partsOf(kind, spec).map(([path]) => `${kind} ${path}`)),
    ];
    const known = new Set(shown.map((path) => path.replaceAll(/\[\d+\]/g, '[]')));
    const mine = FIELDS.filter(({ path }) => KINDS.some((kind) => path.startsWith(`${kind} spec`)));
    expect(mine.map(({ path }) => path).filter((path) => !known.has(path))).toEqual([]);
  });
});

const DURATIONS = FIELDS.filter(({ schema }) => schema.pattern?.includes('(h|m|s|ms)') === true);
const accepted = new Set(ACCEPTED.map(({ name }) => name.replaceAll(/\[\d+\]/g, '[]')));

/** What people write. */
const WRITTEN = /^(?:WebPool|RoutingRule|DatabaseGrant) spec/;

/** Fields whose absence needs no words: without them there is simply none of it, or one of a few must be there. */
const WITHOUT_DEFAULT: readonly RegExp[] = [
  /^ProxyReport /,
  /^WebPool spec\.externalEndpoints$/,
  /^WebPool spec\.(balance(\.header)?|sessionAffinity(\.header)?|timeouts|retries)$/,
  /^WebPool spec\.healthCheck\.(headers|username|expect\.\w+)$/,
  /^RoutingRule spec\.rules\[\]\.(pools|respond|rateLimit|timeouts|matches\[\]\.\w+)$/,
  /^RoutingRule spec\.rules\[\]\.(pools\[\]\.)?filters(\.\w+)?(\.(set|add|remove))?$/,
  /^DatabaseGrant spec\.(pools|hosts|grants\[\]\.columns|limits|rotation|removal)$/,
];

function optionalFields(path: string, schema: Schema): readonly Field[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const own = { path: `${path}.${name}`, schema: field, isEntry: false };
    return [...(schema.required?.includes(name) === true ? [] : [own]), ...optionalFields(own.path, field)];
  });
  return schema.items === undefined ? inner : [...inner, ...optionalFields(`${path}[]`, schema.items)];
}

describe('every pattern means the same to an API server and to us', () => {
  const patterns = new Map(
    FIELDS.flatMap(({ path, schema }) => (schema.pattern ? [[schema.pattern, path] as const] : [])),
  );

  test.each([...patterns.keys()])('%s', (pattern) => {
    expect(pattern).toMatch(/^\^[^^].*\$$/);
    // `.`, `\s`, `\w` and `\b` are not the same characters in both; look-around and back references are only in one.
    expect(pattern.replaceAll(/\[(?:[^\]\\]|\\.)*\]|\\[.*?/]/g, '')).not.toMatch(/\.|\\|\(\?/);
    const theirs = RE2JS.compile(pattern);
    const ours = new RegExp(pattern, 'u');
    const text = fc.oneof(
      fc.stringMatching(ours, { size: 'small' }),
      fc
        .tuple(fc.stringMatching(ours), fc.constantFrom('', '\n', '\r', '\u2028', 'é', ' ', '%', '_'))
        .map((t) => t.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (value) => theirs.matches(value) === ours.test(value)),
      { numRuns: 200 },
    );
  });
});
