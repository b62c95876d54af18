/** What Secrets and ConfigMaps have in common: texts under keys. */
import { problem, shown, type Problem } from '../api/problem.ts';
import { isFields } from './items.ts';

const KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/** What is done with a text; what it returns is wrong with it. */
type Visit = (key: string, text: string) => string | undefined | void;

/** Visits the texts of a field in their order, up to the first with which something is wrong. */
export function eachText(
  document: Readonly<Record<string, unknown>>,
  field: string,
  visit: Visit,
): Problem | undefined {
  const texts = document[field] ?? {};
  if (!isFields(texts)) return problem(field, 'must be an object: key to text');
  for (const [key, text] of Object.entries(texts)) {
    const path = `${field}[${JSON.stringify(key)}]`;
    if (!KEY.test(key)) return problem(field, `${shown(key)} is no key: letters, digits, "-", "_" and "."`);
    if (typeof text !== 'string') return problem(path, 'must be a text: write the value in quotes');
    const wrong = visit(key, text);
    if (typeof wrong === 'string') return problem(path, wrong);
  }
  return undefined;
}
