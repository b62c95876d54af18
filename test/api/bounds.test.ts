/** Every bound of a spec is there for a reason: without it a bad object would pass, or be told less about. */
import { expect, test } from 'vitest';
import type { Kind } from '../../operator/api/resources.ts';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import { KINDS } from '../../operator/api/resources.ts';
import { verdictOf } from '../../operator/api/schema.ts';
import { crdOf, schemaOf, type Schema } from '../support/crds.ts';
import { REFUSED } from './variations.ts';

/** Types are left out: there is one wrong one for every field (`variations.ts`). */
const BOUNDS = [
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'additionalProperties',
] as const;

/** A schema that lacks one bound, all of it open that does not lead there. */
interface Weaker {
  readonly bound: string;
  readonly path: string;
  readonly schema: Schema;
}

function* weakerOnes(path: string, schema: Schema): Generator<Weaker> {
  const { required = [], properties = {}, items, 'x-kubernetes-list-type': listType } = schema;
  for (const bound of BOUNDS) if (schema[bound] !== undefined) yield { bound, path, schema: without(schema, bound) };
  if (listType === 'set' || listType === 'map') {
    yield { bound: listType, path, schema: without(schema, 'x-kubernetes-list-type') };
  }
  for (const name of required) {
    const others = required.filter((other) => other !== name);
    yield { bound: `required ${name}`, path, schema: { ...schema, required: others } };
  }
  const open = Object.fromEntries(Object.keys(properties).map((name) => [name, {}]));
  for (const [name, field] of Object.entries(properties)) {
    for (const inner of weakerOnes(`${path}.${name}`, field)) {
      yield { ...inner, schema: { ...schema, properties: { ...open, [name]: inner.schema } } };
    }
  }
  if (items === undefined) return;
  for (const inner of weakerOnes(`${path}[]`, items)) yield { ...inner, schema: { ...schema, items: inner.schema } };
}

function without(schema: Schema, name: keyof Schema): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== name));
}

/** What a schema says about one place of a spec. */
function speaker(kind: Kind, schema: Schema): (spec: unknown, place: string) => string {
  const version = { storage: true, schema: { openAPIV3Schema: { properties: { spec: schema } } } };
  const validate = compileSchemas([{ spec: { names: { kind }, versions: [version] } }])(kind);
  return (spec, place) => {
    const { problems } = verdictOf(validate, { spec });
    return JSON.stringify(problems.filter(({ path }) => path === place));
  };
}

test.each(KINDS)('%s', (kind) => {
  const schema = schemaOf(crdOf(kind), 'spec');
  const whole = speaker(kind, schema);
  const objects = REFUSED.filter((object) => object.kind === kind).map(({ spec, path }) => {
    return { spec, path, place: path.replaceAll(/\[\d+\]/g, '[]'), told: whole(spec, path) };
  });
  const idle = [...weakerOnes('spec', schema)].filter((weaker) => {
    const tell = speaker(kind, weaker.schema);
    const near = objects.filter(
      ({ place }) => place === weaker.path || /^(\[|\.\w+$)/.test(beyond(place, weaker.path)),
    );
    return near.every(({ spec, path, told }) => tell(spec, path) === told);
  });
  expect(idle.map(({ path, bound }) => `${path}: ${bound}`)).toEqual([]);
});

function beyond(place: string, path: string): string {
  return place.startsWith(path) ? place.slice(path.length) : '';
}
