import { compileSchemas } from '../api/compile-schema.ts';
import type { Schemas } from '../api/schema.ts';
import { readCrds } from './crds.ts';

/** The schemas of the kinds, from the CRD files. What is shipped has them compiled (scripts/build.ts). */
export async function readSchemas(): Promise<Schemas> {
  return compileSchemas(await readCrds());
}
