import { describe, expect, test } from 'vitest';
import type { Kind } from '../../operator/api/resources.ts';
import type { Problem } from '../../operator/api/problem.ts';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import { KINDS } from '../../operator/api/resources.ts';
import { createValidator } from '../../operator/api/validate.ts';
import { ACCEPTED, REFUSED, type RefusedObject } from './variations.ts';
import { CRDS } from '../support/crds.ts';

const validate = createValidator(compileSchemas(CRDS));

function problemsOf({ kind, spec }: { readonly kind: Kind; readonly spec: unknown }): readonly Problem[] {
  return validate(kind, { spec });
}

/** The problem that was expected, said in one printable line, and no word about anything else. */
function check(object: RefusedObject): void {
  const { name, path, reason, message, among } = object;
  const problems = problemsOf(object);
  expect(problems, name).toContainEqual(
    expect.objectContaining({ path, reason, message: expect.stringContaining(message) as string }),
  );
  const others = problems.filter((problem) => problem.path !== path);
  if (!among) expect(others, name).toEqual([]);
  for (const problem of problems) {
    expect(problem.message, name).toMatch(/^[^\p{Cc}\u2028\u2029]+$/u);
    // What no words were found for: a pattern or keyword that the messages do not know.
    expect(problem.message, name).not.toMatch(/is not allowed here|must NOT|must match (?:pattern|exactly)/);
  }
}

describe.each(KINDS)('%s', (kind) => {
  const own = REFUSED.filter((object) => object.kind === kind);
  const byPlace = Map.groupBy(own, ({ path }) => path);

  test.each([...byPlace])('refuses what is wrong at %s', (_, objects) => {
    objects.forEach(check);
  });

  test('accepts what is right up to the bound', () => {
    const refused = ACCEPTED.filter((object) => object.kind === kind && problemsOf(object).length > 0);
    expect(refused.map((object) => [object.name, problemsOf(object)])).toEqual([]);
  });
});
