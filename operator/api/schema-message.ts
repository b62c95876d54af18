/** What a schema error says to the person who wrote the document. */
import type { AnySchemaObject, ErrorObject } from 'ajv';
import { nearest, unknownField } from './nearest.ts';
import { shown } from './problem.ts';

/** An error with the schema that it comes from, which ajv gives with `verbose`. */
export type SchemaError = ErrorObject<string, Readonly<Record<string, unknown>>>;

const DURATION = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';
const NAME = 'lower-case letters, digits and "-", with a letter or digit at both ends';
const LABEL = 'a label value: letters, digits, "-", "_" and ".", with a letter or digit at both ends';

/** Patterns that many fields share, in words. */
const IN_WORDS: Readonly<Record<string, string>> = {
  [DURATION]: 'a duration such as 500ms, 10s or 1h30m',
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$': NAME,
  '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$': `${NAME}; "." is allowed inside`,
  '^[0-9A-Za-z:]([-0-9A-Za-z:.]*[0-9A-Za-z.:])?$': 'an IPv4 address, an IPv6 address or a DNS name alone',
  '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$': LABEL,
  '^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$': LABEL,
  '^[0-9A-Fa-f:.]+$': 'an IPv4 or IPv6 address',
  '^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$': 'a host name without scheme, port and path',
  '^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?$': 'a host name with or without a port',
  '^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?\\.)*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$':
    'a DNS name such as www.example.com',
  '^(\\*\\.)?([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?\\.)*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?\\.?$':
    'a host name such as www.example.com or *.example.com, without scheme, port and path',
  '^[A-Za-z0-9][-A-Za-z0-9!#$&^_.+]*/([*]|[A-Za-z0-9][-A-Za-z0-9!#$&^_.+]*)$':
    'a media type such as image/png or image/*, without parameters',
  '^[A-Za-z0-9][-A-Za-z0-9!#$&^_.+]*/[A-Za-z0-9][-A-Za-z0-9!#$&^_.+]*$':
    'a media type such as text/html, without parameters',
  '^([*]|https?://([*][.])?[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?)$':
    'an origin such as https://www.example.com or https://*.example.com, or *',
  '^[A-Za-z0-9][A-Za-z0-9-]*$': 'letters, digits and "-", with a letter or digit in front',
  '^[A-Za-z0-9][A-Za-z0-9_-]*$': 'letters, digits, "_" and "-", with a letter or digit in front',
  '^[A-Za-z0-9_.$-]+$': 'letters, digits, "_", ".", "$" and "-"',
  '^[1-9][0-9]{0,8}(Ki|Mi|Gi)?$': 'a number of bytes such as 65536, 512Ki or 10Mi',
  '^[-._a-zA-Z0-9]+$': 'letters, digits, "-", "_" and "."',
  '^[^\\p{Cc}\\p{Zl}\\p{Zp}]*$': 'a text without control characters',
  '^([^\\p{Cc}\\p{Zl}\\p{Zp}]|[\\n\\t])*$': 'a text without control characters other than line breaks and tabs',
  '^[A-Za-z0-9][A-Za-z0-9_.-]*$': 'letters, digits, "_", "." and "-", with a letter or digit in front',
  '^[\\t\\n\\r -~]+$': 'printable ASCII characters, line ends and tabs',
  '^[ -~]*$': 'printable ASCII characters',
  '^[ -~]+$': 'printable ASCII characters',
  '^[!-~]+$': 'printable ASCII characters without spaces',
  "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$": "the characters of a header name: letters, digits and any of !#$%&'*+.^_`|~-",
  '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$': 'an address or CIDR such as 192.0.2.0/24',
  '^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$': 'a status code or a range such as 200-299',
  '^[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*$': 'letters and digits with at least one letter, without the dot',
  '^/[-A-Za-z0-9._~!$&()*+,=:@%/?]*$': 'a path that begins with / and has no spaces, quotes or semicolons',
};

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object with fields',
};

type Wording = (error: SchemaError) => string;

const WORDINGS: Readonly<Record<string, Wording>> = {
  additionalProperties: notKnown,
  required: missingField,
  type: wrongType,
  enum: notOneOf,
  pattern: wrongForm,
  minimum: outOfRange,
  maximum: outOfRange,
  minLength: ({ schema }) => `is too short: at least ${count(schema, 'character')}`,
  maxLength: ({ schema, data }) => `is too long: ${characters(data as string)} characters, at most ${String(schema)}`,
  minItems: ({ schema }) => `needs at least ${count(schema, 'entry')}; leave the field out instead of an empty list`,
  maxItems: ({ schema, data }) => `has ${(data as readonly unknown[]).length} entries, at most ${String(schema)}`,
  maxProperties: ({ schema, data }) => `has ${Object.keys(data as object).length} entries, at most ${String(schema)}`,
  minProperties: () => 'is empty: set a field or remove it',
  uniqueItems: ({ data, params }) =>
    `${shown((data as readonly unknown[])[Number(params['i'])])} stands twice in the list: remove one`,
  uniqueKeys: ({ params }) =>
    `${shown(params['key'])} is already the ${String(params['name'])} of entry [${String(params['earlier'])}]: choose another`,
};

/** One sentence: what is wrong and the way out. */
export function messageOf(error: SchemaError): string {
  return WORDINGS[error.keyword]?.(error) ?? error.message ?? 'is not what the schema allows';
}

function notKnown({ params, parentSchema }: SchemaError): string {
  const known = Object.keys((parentSchema?.['properties'] ?? {}) as Record<string, unknown>);
  return unknownField(String(params['additionalProperty']), known);
}

function missingField({ params, parentSchema }: SchemaError): string {
  const name = String(params['missingProperty']);
  const field = (parentSchema?.['properties'] as Record<string, AnySchemaObject> | undefined)?.[name];
  return `field ${shown(name)} is missing${describe(field)}`;
}

/** A password that stands where the name of its Secret belongs must not reach a status or a log. */
function found({ instancePath, data }: SchemaError): string {
  return typeof data === 'string' && /password|secret/i.test(instancePath) ? 'this text' : shown(data);
}

function wrongType(error: SchemaError): string {
  const { schema, data, parentSchema } = error;
  const expected = [schema].flat().map((type) => TYPES[String(type)] ?? String(type));
  if (data === null || data === undefined) return `has no value: give it ${expected[0] ?? 'one'} or remove the field`;
  const quotes = typeof data === 'string' && /^-?[0-9]+$|^true$|^false$/.test(data) ? ', write it without quotes' : '';
  const instead = typeof data === 'object' ? (Array.isArray(data) ? 'a list' : 'an object') : found(error);
  const text = typeof data !== 'object' && schema === 'string' ? ', write it in quotes' : '';
  return `must be ${expected.join(' or ')}, not ${instead}${quotes}${text}${describe(parentSchema)}`;
}

function notOneOf(error: SchemaError): string {
  const allowed = (error.schema as readonly unknown[]).map(String);
  const meant = typeof error.data === 'string' ? nearest(error.data, allowed) : undefined;
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `${found(error)} is not one of ${allowed.join(', ')}.${hint}`;
}

function wrongForm(error: SchemaError): string {
  const words = IN_WORDS[String(error.schema)];
  return words === undefined
    ? `${found(error)} is not allowed here${describe(error.parentSchema)}`
    : `${found(error)} is not ${words}`;
}

function outOfRange({ data, parentSchema }: SchemaError): string {
  const { minimum, maximum } = (parentSchema ?? {}) as { readonly minimum?: number; readonly maximum?: number };
  const range = maximum === undefined ? `at least ${minimum}` : `${minimum ?? 0} to ${maximum}`;
  return `${shown(data)} is out of range: ${range}`;
}

function describe(schema: AnySchemaObject | undefined): string {
  const text = schema?.['description'] as string | undefined;
  return text === undefined ? '' : `. ${text.replace(/\.$/, '')}`;
}

/** As the schema counts them: outside the Basic Multilingual Plane one is two units of UTF-16. */
function characters(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

function count(number: unknown, noun: string): string {
  const plural = noun === 'entry' ? 'entries' : `${noun}s`;
  return `${String(number)} ${number === 1 ? noun : plural}`;
}
