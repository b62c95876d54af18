import { problem, shown, type Problem } from './problem.ts';
import type { Kind } from './resources.ts';

const SERVICE_NAME = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** What is wrong with the name of an object that can be named at all. In a cluster a pool is a Service of the same name too. */
export function nameProblems(kind: Kind, metadata: unknown): Problem[] {
  const name = (metadata as { readonly name?: unknown } | undefined)?.name;
  if (kind !== 'WebPool' || typeof name !== 'string' || SERVICE_NAME.test(name)) return [];
  const form = 'at most 63 lower-case letters, digits and "-", a letter in front and no "-" at the end';
  return [problem('metadata.name', `${shown(name)} is no name for a pool: ${form}`)];
}
