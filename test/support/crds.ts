import { readdirSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';

const folder = new URL('../../crds/', import.meta.url);

/** The parsed CRD files. */
export const CRDS: readonly unknown[] = readdirSync(folder).map((file) =>
  load(readFileSync(new URL(file, folder), 'utf8')),
);
