/**
 * One sample of each kind with one change: for every bound of the CRDs and every rule of the code what is just beyond it, and what is
 * just within. (`bad-objects.ts` has whole objects as people write them.)
 */
import type { Problem } from '../../operator/api/problem.ts';
import { KINDS, type Kind } from '../../operator/api/resources.ts';
import type { Bad, Bound, Layer } from './bounds.ts';
import { DATABASE_GRANT_BOUNDS, DATABASE_GRANT_RULES, GOOD_DATABASE_GRANTS } from './database-grant-variations.ts';
import { GOOD_ROUTING_RULES, ROUTING_RULE_BOUNDS, ROUTING_RULE_RULES } from './routing-rule-variations.ts';
import { GOOD_WEB_POOLS, WEB_POOL_BOUNDS, WEB_POOL_RULES } from './web-pool-variations.ts';
import { partsOf, sampleWith, type Changes } from './sample.ts';

/** An object that must be refused. */
export interface RefusedObject {
  readonly name: string;
  readonly kind: Kind;
  readonly spec: unknown;
  /** Where, why and part of the sentence; an empty part stands for any. */
  readonly path: string;
  readonly reason: Problem['reason'];
  readonly message: string;
  readonly layer: Layer;
  /** Problems at other places are expected too. */
  readonly among: boolean;
}

/** An object that must be accepted. */
export interface AcceptedObject {
  /** What makes it differ from the sample. */
  readonly changes: Changes;
  readonly name: string;
  readonly kind: Kind;
  readonly spec: unknown;
}

interface Rows {
  readonly bounds: readonly Bound[];
  readonly rules: readonly Bad[];
  readonly good: readonly Changes[];
}

const ROWS: Readonly<Record<Kind, Rows>> = {
  WebPool: { bounds: WEB_POOL_BOUNDS, rules: WEB_POOL_RULES, good: GOOD_WEB_POOLS },
  RoutingRule: { bounds: ROUTING_RULE_BOUNDS, rules: ROUTING_RULE_RULES, good: GOOD_ROUTING_RULES },
  DatabaseGrant: { bounds: DATABASE_GRANT_BOUNDS, rules: DATABASE_GRANT_RULES, good: GOOD_DATABASE_GRANTS },
};

/** Texts that the CRD leaves free; `textProblems` looks at them, and they reach HAProxy and MySQL quoted. */
const FREE = /\.(?:body|path\.value|schema|table|columns\[\d\])$/;
/** Of the others those that are literal too, because they may hold any printable character. */
const LITERAL = /\.(?:value|body|queryParams\[\d\]\.name)$/;
const SEVERAL_LINES = /(?:maintenancePage|respond)\.body$/;

const CONTROLS = ['\n', '\r', '\0', '\u001b', '\u007f', '\u0085', '\u2028', '\u2029'];
const INJECTIONS = [
  '\n  server evil 192.0.2.66:80',
  '"',
  "' OR '1'='1",
  '\\',
  ';',
  ' <<EOF',
  '%[env(HOME)]',
  '${HOME}]',
  '` -- ',
  ' if TRUE',
];

/** Every text of a kind with something in it that must never reach HAProxy, MySQL or a terminal. */
function injections(kind: Kind): readonly Bad[] {
  const texts = partsOf(kind).filter((part): part is [string, string] => typeof part[1] === 'string');
  return texts.flatMap(([path, value]) => {
    const layer: Layer = FREE.test(path) && !path.endsWith('expect.body') ? 'Rules' : 'Schema';
    const controls = SEVERAL_LINES.test(path) ? CONTROLS.filter((character) => character !== '\n') : CONTROLS;
    const forms = FREE.test(path) || LITERAL.test(path) ? [] : INJECTIONS;
    return [...controls, ...forms]
      .map((added) => ({ changes: { [path]: value + added }, path, message: '', layer }))
      .map((entry) => (CHOICES.has(`${kind} ${path}`) ? { ...entry, reason: 'UnsupportedValue' as const } : entry));
  });
}

/** Texts that are one of a few words. */
const CHOICES = new Set(
  KINDS.flatMap((kind) =>
    ROWS[kind].bounds
      .flatMap(({ bad }) => bad)
      .filter(({ reason }) => reason === 'UnsupportedValue')
      .map(({ path }) => `${kind} ${path}`),
  ),
);

const WRONG_TYPES: Readonly<Record<string, readonly [value: unknown, message: string]>> = {
  string: [7, 'must be a text, not 7, write it in quotes'],
  number: ['many', 'must be a whole number, not "many"'],
  boolean: ['yes', 'must be true or false, not "yes"'],
  list: [{ a: 1 }, 'must be a list, not an object'],
  object: ['text', 'must be an object with fields, not "text"'],
};

/** Every field with a value of another type. */
function wrongTypes(kind: Kind): readonly Bad[] {
  return partsOf(kind).map(([path, value]) => {
    // What stands in place of a Secret may be the secret.
    if (path.endsWith('passwordSecret')) {
      return { changes: { [path]: 'hunter2' }, path, message: 'must be an object with fields, not this text' };
    }
    const [wrong, message] = WRONG_TYPES[Array.isArray(value) ? 'list' : typeof value] ?? [undefined, ''];
    return { changes: { [path]: wrong }, path, message };
  });
}

/** Every object with a field that nobody knows. */
function unknownFields(kind: Kind): readonly Bad[] {
  const objects = partsOf(kind).filter(
    ([path, value]) => typeof value === 'object' && !Array.isArray(value) && !path.endsWith('.matchLabels'),
  );
  return objects.map(([path]) => ({
    changes: { [`${path}.qqq`]: 1 },
    path: `${path}.qqq`,
    message: 'unknown field "qqq". Known fields: ',
    layer: 'Strict',
  }));
}

function badObjects(kind: Kind): readonly RefusedObject[] {
  const { bounds, rules } = ROWS[kind];
  const rows = [
    ...bounds.flatMap(({ bad }) => bad),
    ...rules,
    ...wrongTypes(kind),
    ...unknownFields(kind),
    ...injections(kind),
  ];
  return rows.map(({ changes, path, message, reason = 'InvalidSpec', layer = 'Schema', among = false }) => ({
    name: nameOf(kind, changes),
    kind,
    spec: sampleWith(kind, changes),
    path,
    reason,
    message,
    layer,
    among,
  }));
}

function goodObjects(kind: Kind): readonly AcceptedObject[] {
  const { bounds, good } = ROWS[kind];
  const changes = [{}, ...bounds.flatMap((bound) => bound.good), ...good];
  return changes.map((change) => ({
    name: nameOf(kind, change),
    kind,
    spec: sampleWith(kind, change),
    changes: change,
  }));
}

function nameOf(kind: Kind, changes: Changes): string {
  const texts = Object.entries(changes).map(([path, value]) => `${path}: ${JSON.stringify(value) ?? 'removed'}`);
  const text = `${kind} ${texts.join(', ')}`;
  return text.length > 150 ? `${text.slice(0, 150)}…` : text;
}

/** All objects that must be refused. */
export const REFUSED: readonly RefusedObject[] = KINDS.flatMap(badObjects);

/** All objects that must be accepted. */
export const ACCEPTED: readonly AcceptedObject[] = KINDS.flatMap(goodObjects);
