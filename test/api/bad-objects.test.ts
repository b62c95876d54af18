/** The verdict of the code on the table. */
import { describe, expect, test } from 'vitest';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import { createValidator } from '../../operator/api/validate.ts';
import { CRDS } from '../support/crds.ts';
import { BAD_OBJECTS, GOOD_OBJECTS } from './bad-objects.ts';

const validate = createValidator(compileSchemas(CRDS));

describe('the code refuses', () => {
  test.each(BAD_OBJECTS)('$kind: $name', ({ kind, spec, at }) => {
    expect(validate(kind, { spec }).map(({ path }) => path)).toContain(at);
  });
});

describe('the code accepts', () => {
  test.each(GOOD_OBJECTS)('$kind: $name', ({ kind, spec }) => {
    expect(validate(kind, { spec })).toEqual([]);
  });
});
