import { hash } from 'node:crypto';

/** A short digest of a value; the order of fields does not count. */
export function contentHash(value: unknown): string {
  return hash('sha1', canonicalText(value)).slice(0, 20);
}

/** JSON with sorted fields. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalText(field)}`).join(',')}}`;
}
