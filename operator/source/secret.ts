import { unknownField } from '../api/nearest.ts';
import { problem, type Problem } from '../api/problem.ts';
import { unnamed, type SecretItem, type UnnamedItem } from './items.ts';
import { eachText } from './key-texts.ts';
import type { Naming } from './naming.ts';

const FIELDS = ['apiVersion', 'kind', 'metadata', 'type', 'immutable', 'data', 'stringData'];
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

type Values = Map<string, string>;

/** A v1 Secret. Errors: no message repeats a value. */
export function readSecret(document: Readonly<Record<string, unknown>>, naming: Naming): SecretItem | UnnamedItem {
  const values: Values = new Map();
  const wrong =
    fieldProblem(document) ??
    eachText(document, 'data', (key, text) => addEncoded(values, key, text)) ??
    eachText(document, 'stringData', (key, text) => void values.set(key, text));
  return wrong === undefined ? { type: 'Secret', ...naming, values } : unnamed(wrong);
}

function fieldProblem(document: Readonly<Record<string, unknown>>): Problem | undefined {
  const name = Object.keys(document).find((field) => !FIELDS.includes(field));
  if (name === undefined) return undefined;
  return problem('', unknownField(name, FIELDS));
}

function addEncoded(values: Values, key: string, text: string): string | undefined {
  const plain = text.replace(/\s+/g, '');
  if (!BASE64.test(plain)) return 'is not base64: encode the value, or write it as it is under stringData';
  values.set(key, Buffer.from(plain, 'base64').toString('utf8'));
  return undefined;
}
