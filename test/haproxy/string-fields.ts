/** Every text that a user may write in a pool or a rule: where it stands, and objects in which it can be replaced. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { load } from 'js-yaml';
import type { Written } from '../support/admit.ts';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

type Step = string | number;

/** A text field: `spec.rules[0].respond.body` as steps below `spec`. */
export interface TextField {
  readonly kind: 'WebPool' | 'RoutingRule';
  readonly steps: readonly Step[];
}

function specOf(file: string): Schema {
  const text = readFileSync(new URL(`../../crds/${file}.yaml`, import.meta.url), 'utf8');
  const crd = load(text) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } };
  return crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec'] ?? {};
}

function textsIn(schema: Schema, steps: readonly Step[]): readonly (readonly Step[])[] {
  if (schema.type === 'string' && schema.enum === undefined) return [steps];
  if (schema.type === 'array') return textsIn(schema.items ?? {}, [...steps, 0]);
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => textsIn(inner, [...steps, name]));
}

/** All text fields of both kinds, from the CRD files: a new field is among them by itself. */
export const TEXT_FIELDS: readonly TextField[] = [
  ...textsIn(specOf('webpools'), []).map((steps) => ({ kind: 'WebPool' as const, steps })),
  ...textsIn(specOf('routingrules'), []).map((steps) => ({ kind: 'RoutingRule' as const, steps })),
];

/** The field as a user knows it. */
export function nameOf({ kind, steps }: TextField): string {
  return `${kind} ${steps.map((step) => (typeof step === 'number' ? `[${step}]` : step)).join('.')}`;
}

/** The object of a field's kind with this text in the field; what the field needs to make sense is there. */
export function withText(field: TextField, name: string, text: string): Written {
  return { kind: field.kind, name, spec: put(baseOf(field), field.steps, text) };
}

/** Puts a value at a place and makes what is missing on the way. */
function put(at: unknown, [step, ...rest]: readonly Step[], value: unknown): unknown {
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const list = Array.isArray(at) ? [...(at as unknown[])] : [];
    list[step] = put(list[step], rest, value);
    return list;
  }
  return {
    ...(at as object | undefined),
    [step]: put((at as Record<string, unknown> | undefined)?.[step], rest, value),
  };
}

/** On the loopback, for it is really checked. */
const ENDPOINT = { name: 'a', address: '127.77.0.1' };
const POOL = { port: 80, externalEndpoints: [ENDPOINT] };
const HTTP_CHECK = { type: 'HTTP', path: '/' };

/** What stands beside a field of a pool: by the beginning of its name. */
const POOL_BASES: readonly (readonly [string, object])[] = [
  ['selector', { ...POOL, selector: { matchLabels: { app: 'a' } } }],
  ['portName', { selector: { matchLabels: { app: 'a' } } }],
  ['externalEndpoints.0.tls', { ...POOL, externalEndpoints: [{ ...ENDPOINT, tls: { serverName: 'a.x' } }] }],
  ['tls', { ...POOL, tls: { serverName: 'a.x' } }],
  ['balance.header', { ...POOL, balance: { algorithm: 'Header' } }],
  ['healthCheck.headers', { ...POOL, healthCheck: { ...HTTP_CHECK, headers: [{ name: 'X-A', value: 'a' }] } }],
  [
    'healthCheck.expect.header',
    { ...POOL, healthCheck: { ...HTTP_CHECK, expect: { header: { name: 'X-A', value: 'a' } } } },
  ],
  ['healthCheck.interval', POOL],
  ['healthCheck.timeout', POOL],
  ['healthCheck.send', POOL],
  ['healthCheck.receive', POOL],
  ['healthCheck.username', { ...POOL, healthCheck: { type: 'MySQL' } }],
  ['healthCheck', { ...POOL, healthCheck: HTTP_CHECK }],
  ['sessionAffinity.header', { ...POOL, sessionAffinity: { type: 'Header' } }],
  ['sessionAffinity', { ...POOL, sessionAffinity: { type: 'Cookie' } }],
  ['maintenancePage.configMap', { ...POOL, maintenancePage: { configMap: { name: 'pages', key: 'soon' } } }],
  ['maintenancePage', { ...POOL, maintenancePage: { body: 'closed' } }],
];

const RULE = { name: 'r', respond: { status: 200 } };
const TO_POOL = { name: 'r', pools: [{ name: 'a' }] };
const headers = { set: [{ name: 'X-Set', value: 'a' }], add: [{ name: 'X-Add', value: 'a' }], remove: ['X-Remove'] };
const headerFilters = { requestHeaders: headers, responseHeaders: headers };
const RULE_BASES: readonly (readonly [string, object])[] = [
  ['matches.0.path', { ...RULE, matches: [{ path: { type: 'Exact', value: '/' } }] }],
  ['matches.0.headers', { ...RULE, matches: [{ headers: [{ name: 'x-a', value: 'a' }] }] }],
  ['matches.0.queryParams', { ...RULE, matches: [{ queryParams: [{ name: 'a', value: 'a' }] }] }],
  ['pools.0.filters', { ...TO_POOL, pools: [{ name: 'a', filters: headerFilters }] }],
  ['pools', TO_POOL],
  ['filters.redirect.path', { name: 'r', filters: { redirect: { path: { type: 'ReplaceFullPath' } } } }],
  ['filters.redirect', { name: 'r' }],
  ['filters.rewrite.path', { ...TO_POOL, filters: { rewrite: { path: { type: 'ReplaceFullPath' } } } }],
  ['filters.cors', { ...TO_POOL, filters: { cors: { allowOrigins: ['https://a.x'] } } }],
  ['timeouts', TO_POOL],
  ['rateLimit.key', { ...TO_POOL, rateLimit: { requests: 1, per: '1s', key: { type: 'Header' } } }],
  ['rateLimit', { ...TO_POOL, rateLimit: { requests: 1 } }],
  ['filters', { ...TO_POOL, filters: headerFilters }],
];

function baseOf({ kind, steps }: TextField): object {
  const find = (list: readonly (readonly [string, object])[], path: string) =>
    list.find(([beginning]) => path.startsWith(beginning))?.[1];
  if (kind === 'WebPool') return find(POOL_BASES, steps.join('.')) ?? POOL;
  const rule = find(RULE_BASES, steps.slice(2).join('.')) ?? RULE;
  // What a port is has to be the same for all rules on it, so the fields of listeners have ports of their own.
  const secure = { protocol: 'HTTPS', port: 8443, tls: { secretName: 'a' } };
  const plain = { protocol: 'HTTP', port: steps[0] === 'listener' ? 8081 : 8080 };
  const listener = steps[0] === 'listener' && steps[1] === 'tls' ? secure : plain;
  return { listener, rules: [rule] };
}

const CONTROLS = ['\n', '\r', '\t', '\0', '\u0085', '\u2028', '\u001b', ' ', '  '];
const SIGNS = [...'"\'\\#;%$`|&{}(),?*/~!=:@[]<>^+-'.split(''), '<<', '//', '..', '--', "'\\''"];
const WORDS = [
  '%[env(HOME)]',
  '%[src]',
  '$HOME',
  '${HOME}',
  '-f',
  '-i',
  '-m',
  'server evil 127.0.0.1:1',
  'backend b',
  'global',
  'show info',
  '\n\n',
  'unix@/tmp/x',
];
const PLAIN = [
  '*.',
  'a',
  'B',
  '0',
  '80',
  '10s',
  '1h',
  '/a',
  'a.b',
  'text/html',
  '127.0.0.9',
  '::1',
  '10.0.0.0/8',
  '%41',
  '%2F',
  '%00',
];
const BEYOND_ASCII = ['é', 'ß', '漢', '🙂', '\ud800', '\udc00', '\ufeff', 'ı', 'K'];
const PIECES = [...CONTROLS, ...SIGNS, ...WORDS, ...PLAIN, ...BEYOND_ASCII];

/** Texts that fields take whose form is narrow. */
const SOMEWHERE_RIGHT = [
  '200',
  '200-299',
  '404',
  '10s',
  '5m',
  '1h30m',
  '192.0.2.0/24',
  '2001:db8::/32',
  'text/html',
  'https://a.x',
  'php',
];

/** Texts that mean something to HAProxy, a shell, C or nobody, and some that are quite plain. */
export const nasty: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((list) => list.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 10 }) },
  { weight: 2, arbitrary: fc.stringMatching(/^[a-z0-9./*:-]{1,12}$/) },
  { weight: 1, arbitrary: fc.constantFrom(...SOMEWHERE_RIGHT) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('/', '/a', 'a'), fc.constantFrom(...PIECES), fc.constantFrom('', 'b', '/'))
      .map((list) => list.join('')),
  },
);
