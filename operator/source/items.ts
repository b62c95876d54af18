/** A parsed document → the objects in it, each by itself, or why it is none. */
import { KINDS, type EndpointSlice, type Key, type Kind, type Metadata, type Page } from '../api/resources.ts';
import { nearest, unknownField } from '../api/nearest.ts';
import { problem, shown, type Problem } from '../api/problem.ts';
import type { Validate } from '../api/validate.ts';
import { metadataProblems, namingOf, type Naming } from './naming.ts';
import { readConfigMap } from './config-map.ts';
import { readEndpointSlice } from './endpoint-slice.ts';
import { readSecret } from './secret.ts';

/** One object of a document. */
export type Item = { readonly base: string } & Part;

/** An object of a file that the picture shows. */
export type NamedItem = ObjectItem | SecretItem | ConfigMapItem | SliceItem;

/** A document of one of our kinds. With problems, `spec` may have any form. */
export interface ObjectItem extends Naming {
  readonly type: 'Object';
  readonly kind: Kind;
  readonly spec: unknown;
  readonly problems: readonly Problem[];
}

/** A v1 Secret with its contents, which never leave the source as a whole. */
export interface SecretItem extends Naming {
  readonly type: 'Secret';
  readonly values: ReadonlyMap<string, string>;
}

/** A v1 ConfigMap. */
export interface ConfigMapItem extends Naming {
  readonly type: 'ConfigMap';
  readonly pages: ReadonlyMap<string, Page>;
}

/** A discovery.k8s.io/v1 EndpointSlice. */
export interface SliceItem extends Naming {
  readonly type: 'EndpointSlice';
  readonly slice: Omit<EndpointSlice, 'metadata'>;
}

/** An object of another kind, which may well lie in the same folder. */
export interface IgnoredItem {
  readonly type: 'Ignored';
  readonly apiVersion: string;
  readonly kind: string;
}

/** Something that cannot be taken for an object: it stays away, and what it once was stays in force. */
export interface UnnamedItem {
  readonly type: 'Unnamed';
  readonly problem: Problem;
}

type Fields = Readonly<Record<string, unknown>>;
type Part = NamedItem | IgnoredItem | UnnamedItem;

const GROUP = 'webpool.dev';
/** `apiVersion` of our kinds. */
export const API_VERSION = `${GROUP}/v1alpha1`;
const LIST_FIELDS = ['apiVersion', 'kind', 'metadata', 'items'];

/** The objects of a document; several when it is a v1 List. */
export function itemsOf(value: unknown, validate: Validate): readonly Item[] {
  if (!isFields(value))
    return [{ base: '', ...unnamed(problem('', 'is no object: it needs apiVersion, kind and metadata')) }];
  const { kind, apiVersion, items } = value;
  if (kind !== 'List' || apiVersion !== 'v1') return [{ base: '', ...itemOf(value, validate) }];
  const wrong = listProblem(value);
  if (wrong !== undefined) return [{ base: '', ...unnamed(wrong, 'List: ') }];
  return ((items ?? []) as readonly unknown[]).flatMap((entry, index) => {
    const base = `items[${index}]`;
    return itemsOf(entry, validate).map((item) => ({
      ...item,
      base: item.base === '' ? base : `${base}.${item.base}`,
    }));
  });
}

function listProblem(list: Fields): Problem | undefined {
  const { items } = list;
  const name = Object.keys(list).find((field) => !LIST_FIELDS.includes(field));
  if (name !== undefined) return problem('', unknownField(name, LIST_FIELDS));
  return Array.isArray(items) || items === null ? undefined : problem('items', 'must be a list');
}

function itemOf(document: Fields, validate: Validate): Part {
  const { kind, apiVersion } = document;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return withoutKind(document);
  if (apiVersion === API_VERSION && isKind(kind)) return objectOf(document, kind, validate);
  if (apiVersion.split('/')[0] === GROUP || isKind(kind)) return unnamed(wrongKind(apiVersion, kind));
  const read = READERS[`${apiVersion} ${kind}`];
  return read === undefined ? { type: 'Ignored', apiVersion, kind } : named(document, kind, read);
}

/** Kinds of Kubernetes that mean something to us. */
const READERS: Readonly<Partial<Record<string, Reader>>> = {
  'v1 Secret': readSecret,
  'v1 ConfigMap': readConfigMap,
  'discovery.k8s.io/v1 EndpointSlice': readEndpointSlice,
};

function withoutKind({ kind, apiVersion }: Fields): Part {
  const field = typeof kind === 'string' ? 'apiVersion' : 'kind';
  const found = field === 'kind' ? kind : apiVersion;
  const what = found === undefined ? `field "${field}" is missing` : `must be a text, not ${shown(found)}`;
  return unnamed(
    problem(found === undefined ? '' : field, `${what}: our kinds are ${KINDS.join(', ')} of ${API_VERSION}`),
  );
}

function wrongKind(apiVersion: string, kind: string): Problem {
  if (isKind(kind)) return problem('apiVersion', `${shown(apiVersion)} has no ${kind}: write ${API_VERSION}`);
  const meant = nearest(kind, KINDS);
  const way = meant === undefined ? `there is ${KINDS.join(', ')}` : `did you mean ${meant}?`;
  return problem('kind', `${API_VERSION} has no kind ${shown(kind)}: ${way}`);
}

function objectOf(document: Fields, kind: Kind, validate: Validate): Part {
  const naming = namingOf(document['metadata']);
  if ('problem' in naming) return unnamed(naming.problem, `${kind}: `);
  const { spec } = document;
  return { type: 'Object', kind, ...naming, spec, problems: validate(kind, document) };
}

type Reader = (document: Fields, naming: Naming) => Part;

function named(document: Fields, kind: string, read: Reader): Part {
  const naming = namingOf(document['metadata']);
  if ('problem' in naming) return unnamed(naming.problem, `${kind}: `);
  const [wrong] = metadataProblems(document['metadata']);
  const part = wrong === undefined ? read(document, naming) : unnamed(wrong);
  return part.type === 'Unnamed' ? unnamed(part.problem, `${kind} ${naming.key}: `) : part;
}

/** What cannot be taken for an object, with its name in the message as far as it has one. */
export function unnamed(found: Problem, prefix = ''): UnnamedItem {
  return { type: 'Unnamed', problem: { ...found, message: `${prefix}${found.message}` } };
}

/** Whether the word is one of our kinds. */
export function isKind(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind);
}

/** Whether the value has fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name of an item for the sets in which it has to be unique. */
export function identityOf(item: NamedItem): string {
  return `${item.type === 'Object' ? item.kind : item.type} ${item.key}`;
}

/** The metadata of an item at that generation. */
export function metadataOf({ metadata }: Naming, generation: number): Metadata {
  return { ...metadata, generation };
}

/** `Kind namespace/name`, the form in which messages speak of an object. */
export function nameOf(kind: string, key: Key): string {
  return `${kind} ${key}`;
}
