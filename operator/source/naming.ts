import { keyOf, type Key, type Metadata } from '../api/resources.ts';
import { problem, shown, type Problem } from '../api/problem.ts';

/** Who an object is, before its generation is known. */
export interface Naming {
  readonly key: Key;
  readonly metadata: Omit<Metadata, 'generation'>;
}

const DEFAULT_NAMESPACE = 'default';
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const KNOWN = 'lower-case letters, digits and "-", with a letter or digit at both ends';

/** The names in `metadata`, or why the object has none. Source: DNS-1123, as Kubernetes asks for. */
export function namingOf(metadata: unknown): Naming | { readonly problem: Problem } {
  if (typeof metadata !== 'object' || metadata === null) return { problem: problem('', 'has no metadata.name') };
  const { name, namespace, labels, annotations } = metadata as Readonly<Record<string, unknown>>;
  if (name === undefined || name === null) return { problem: problem('metadata', 'has no name: set metadata.name') };
  if (!isSubdomain(name))
    return { problem: problem('metadata.name', `${shown(name)} is no name: ${KNOWN}, at most 253`) };
  const room = namespace ?? DEFAULT_NAMESPACE;
  if (typeof room !== 'string' || !LABEL.test(room)) {
    return { problem: problem('metadata.namespace', `${shown(room)} is no namespace: ${KNOWN}, at most 63`) };
  }
  const texts = { ...textsOf('labels', labels), ...textsOf('annotations', annotations) };
  return { key: keyOf({ namespace: room, name }), metadata: { namespace: room, name, ...texts } };
}

function isSubdomain(name: unknown): name is string {
  return typeof name === 'string' && name.length <= 253 && name.split('.').every((label) => LABEL.test(label));
}

function textsOf<K extends string>(field: K, value: unknown): Partial<Record<K, Readonly<Record<string, string>>>> {
  if (typeof value !== 'object' || value === null) return {};
  const texts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return texts.length === 0 ? {} : ({ [field]: Object.fromEntries(texts) } as Record<K, Record<string, string>>);
}

/** What is wrong with labels and annotations of an object that no CRD describes. */
export function metadataProblems(metadata: unknown): readonly Problem[] {
  const fields = metadata as Readonly<Record<string, unknown>>;
  return ['labels', 'annotations'].flatMap((field) => {
    const value = fields[field] ?? {};
    if (typeof value !== 'object' || Array.isArray(value))
      return [problem(`metadata.${field}`, 'must be an object with fields')];
    const wrong = Object.entries(value).filter(([, text]) => typeof text !== 'string');
    return wrong.map(([name]) =>
      problem(`metadata.${field}`, `${shown(name)} must be a text: write the value in quotes`),
    );
  });
}
