/**
 * The schemas of the kinds, from the CRD files: the same text that an API server enforces.
 * In: parsed CRD documents. Out: what is wrong with a document. Never: a file.
 */
import { Ajv, type AnySchemaObject, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Kind } from './resources.ts';
import type { Problem } from './problem.ts';
import { formatPath, stepsOfPointer } from './field-path.ts';
import { messageOf, type SchemaError } from './schema-message.ts';

/** What the schema of a kind says about a document; `sound` when the fields that are there have the right form at least. */
export interface SchemaVerdict {
  readonly problems: readonly Problem[];
  readonly sound: boolean;
}

/** Checks documents against the schema of their kind. */
export interface SchemaValidator {
  readonly kinds: readonly Kind[];
  check(kind: Kind, document: unknown): SchemaVerdict;
}

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: Kind };
    readonly versions: readonly {
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: AnySchemaObject };
    }[];
  };
}

/** Longer texts are over every `maxLength`, and a pattern should not be tried on them. */
const LONGEST_MATCHED = 8_192;
/** After these the cross-field rules would read something that is not there. */
const UNSOUND = new Set(['type', 'required', 'uniqueKeys']);
const METADATA_TEXT = ['name', 'namespace', 'generateName', 'uid', 'resourceVersion', 'creationTimestamp', 'selfLink'];

/** The validator of the kinds that `crds` define; what else lies beside the CRDs is passed over. */
export function createSchemaValidator(crds: readonly unknown[]): SchemaValidator {
  const ajv = createAjv();
  const known = new Map(crds.filter(isCrd).map((crd) => [crd.spec.names.kind, crd]));
  const compiled = new Map<Kind, ValidateFunction>();
  /** At the first document of a kind: it takes 50 ms. */
  const compile = (kind: Kind): ValidateFunction => {
    const crd = known.get(kind);
    if (crd === undefined) throw new Error(`no CRD of kind ${kind} was given`);
    const validate = ajv.compile(documentSchema(crd));
    compiled.set(kind, validate);
    return validate;
  };
  return {
    kinds: [...known.keys()],
    check: (kind, document) => verdictOf(compiled.get(kind) ?? compile(kind), document),
  };
}

/** What a schema in the form of a CRD's says about a document of its own. */
export function createDocumentCheck(schema: AnySchemaObject): (document: unknown) => SchemaVerdict {
  const validate = createAjv().compile(closed(schema));
  return (document) => verdictOf(validate, document);
}

function isCrd(document: unknown): document is Crd {
  return (document as Partial<Crd> | undefined)?.spec?.names !== undefined;
}

function createAjv(): Ajv {
  const regExp = Object.assign(boundedPattern, { code: 'boundedPattern' });
  // `verbose` gives each error its schema, whose description makes the message.
  // Our schemas are those that an API server takes, and their code is no faster for being optimized: a start has a third less to compile.
  const asItIs = { validateSchema: false, meta: false, code: { regExp, optimize: false } };
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, validateFormats: false, ...asItIs });
  ajv.addKeyword({ keyword: 'uniqueKeys', type: 'array', errors: true, compile: uniqueKeys });
  return ajv;
}

function boundedPattern(pattern: string, flags: string): { test(text: string): boolean; toString(): string } {
  const expression = new RegExp(pattern, flags);
  // ajv tells patterns apart by their text.
  return {
    test: (text) => text.length > LONGEST_MATCHED || expression.test(text),
    toString: () => expression.toString(),
  };
}

function uniqueKeys([name = '']: readonly string[]): (list: unknown) => boolean {
  const check = (list: unknown): boolean => {
    const errors = duplicates(list as readonly Record<string, unknown>[], name);
    (check as { errors?: Partial<ErrorObject>[] }).errors = errors;
    return errors.length === 0;
  };
  return check;
}

function duplicates(list: readonly Record<string, unknown>[], name: string): Partial<ErrorObject>[] {
  const first = new Map<unknown, number>();
  return list.flatMap((entry, index) => {
    const key = entry?.[name];
    const earlier = first.get(key);
    if (key === undefined || earlier === undefined) {
      first.set(key, index);
      return [];
    }
    return [{ keyword: 'uniqueKeys', params: { index, earlier, name, key } }];
  });
}

function verdictOf(validate: ValidateFunction, document: unknown): SchemaVerdict {
  if (validate(document)) return { problems: [], sound: true };
  const errors = (validate.errors ?? []) as readonly SchemaError[];
  return {
    problems: errors.map((error) => problemOf(error, document)),
    sound: !errors.some((error) => UNSOUND.has(error.keyword)),
  };
}

function problemOf(error: SchemaError, document: unknown): Problem {
  const steps = [...stepsOfPointer(error.instancePath, document), ...stepBeyond(error)];
  const place = formatPath(steps);
  const reason = error.keyword === 'enum' ? 'UnsupportedValue' : 'InvalidSpec';
  return { ...(place !== '' && { path: place }), reason, message: messageOf(error) };
}

/** ajv names the object or list; the place meant is what it must not have. */
function stepBeyond({ keyword, params }: SchemaError): readonly (string | number)[] {
  if (keyword === 'additionalProperties') return [String(params['additionalProperty'])];
  if (keyword === 'uniqueItems') return [Math.max(Number(params['i']), Number(params['j']))];
  if (keyword === 'uniqueKeys') return [Number(params['index']), String(params['name'])];
  return [];
}

/** A whole document: what Kubernetes allows around `spec`, and not a field more. */
function documentSchema({ spec }: Crd): AnySchemaObject {
  const version = spec.versions.find(({ storage }) => storage) ?? spec.versions[0];
  const { description, properties } = version?.schema.openAPIV3Schema ?? {};
  return {
    type: 'object',
    description,
    required: ['spec'],
    additionalProperties: false,
    properties: { apiVersion: {}, kind: {}, metadata: METADATA, spec: closed(properties?.spec ?? {}), status: {} },
  };
}

const TEXTS = { type: 'object', additionalProperties: { type: 'string' } };
const METADATA: AnySchemaObject = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(METADATA_TEXT.map((name) => [name, { type: ['string', 'null'] }])),
    labels: TEXTS,
    annotations: TEXTS,
    // What a cluster adds and `kubectl get -o yaml` shows.
    generation: {},
    deletionTimestamp: {},
    deletionGracePeriodSeconds: {},
    finalizers: {},
    ownerReferences: {},
    managedFields: {},
  },
};

/** The schema with every object closed, because a typo must not pass, and list types as keywords that ajv knows. */
function closed(schema: AnySchemaObject): AnySchemaObject {
  const { properties, items, ...rest } = schema;
  return {
    ...rest,
    ...(properties !== undefined && { additionalProperties: false, properties: closedFields(properties) }),
    // Entries of a list are mostly described where the list is.
    ...(items !== undefined && { items: closed({ description: schema['description'], ...items }) }),
    ...(schema['x-kubernetes-list-type'] === 'set' && { uniqueItems: true }),
    ...(schema['x-kubernetes-list-type'] === 'map' && { uniqueKeys: schema['x-kubernetes-list-map-keys'] }),
  };
}

function closedFields(properties: Readonly<Record<string, AnySchemaObject>>): Record<string, AnySchemaObject> {
  return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, closed(field)]));
}
