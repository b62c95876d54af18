/**
 * The schemas of the kinds, compiled from the CRD files: the same text that an API server enforces.
 * In: parsed CRD documents. Out: functions. Never: a file.
 */
import { _, Ajv, type AnySchemaObject, type CodeKeywordDefinition, type Options } from 'ajv';
import type { Kind } from './resources.ts';
import { boundedPattern, repeatedKeys, verdictOf, type Schemas, type SchemaVerdict } from './schema.ts';

type CodeOptions = NonNullable<Options['code']>;

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: Kind };
    readonly versions: readonly {
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: AnySchemaObject };
    }[];
  };
}

/** The schemas of the kinds that `crds` define, each compiled at the first document of its kind: it takes 50 ms. */
export function compileSchemas(crds: readonly unknown[]): Schemas {
  const ajv = kindsInAjv(crds);
  return (kind) => {
    const validate = ajv.getSchema(kind);
    if (validate === undefined) throw new Error(`no CRD of kind ${kind} was given`);
    return validate;
  };
}

/** An ajv that knows the schema of each kind by the kind's name; what else lies beside the CRDs is passed over. */
export function kindsInAjv(crds: readonly unknown[], code?: CodeOptions): Ajv {
  const ajv = createAjv(code);
  for (const crd of crds.filter(isCrd)) ajv.addSchema(documentSchema(crd), crd.spec.names.kind);
  return ajv;
}

/** What a schema in the form of a CRD's says about a document of its own. */
export function createDocumentCheck(schema: AnySchemaObject): (document: unknown) => SchemaVerdict {
  const validate = createAjv().compile(closed(schema));
  return (document) => verdictOf(validate, document);
}

function isCrd(document: unknown): document is Crd {
  return (document as Partial<Crd> | undefined)?.spec?.names !== undefined;
}

/** Of which field no two entries may have the same value; an error for each that repeats an earlier one. */
const UNIQUE_KEYS: CodeKeywordDefinition = {
  keyword: 'uniqueKeys',
  type: 'array',
  schemaType: 'array',
  error: { message: '', params: ({ params }) => _`${params['repeated']}` },
  code(context) {
    const { gen, data, schema } = context;
    const find = gen.scopeValue('func', { ref: repeatedKeys, code: _`repeatedKeys` });
    gen.forOf('repeated', _`${find}(${data}, ${String((schema as readonly unknown[])[0])})`, (repeated) => {
      context.setParams({ repeated });
      context.error(true);
    });
  },
};

function createAjv(code: CodeOptions = {}): Ajv {
  const regExp = Object.assign(boundedPattern, { code: 'boundedPattern' });
  // `verbose` gives each error its schema, whose description makes the message.
  // Our schemas are those that an API server takes, and their code is no faster for being optimized, only made slower.
  const asItIs = { validateSchema: false, meta: false, code: { ...code, regExp, optimize: false } };
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, validateFormats: false, ...asItIs });
  ajv.addKeyword(UNIQUE_KEYS);
  return ajv;
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

const METADATA_TEXT = ['name', 'namespace', 'generateName', 'uid', 'resourceVersion', 'creationTimestamp', 'selfLink'];
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
