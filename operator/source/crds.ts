import { readdir, readFile } from 'node:fs/promises';
import { load } from 'js-yaml';

const CRDS = new URL('../../crds/', import.meta.url);

/** The CRD files, parsed: the only place where the schemas stand. */
export async function readCrds(): Promise<readonly unknown[]> {
  const names = (await readdir(CRDS)).filter((name) => name.endsWith('.yaml')).sort();
  const documents = await Promise.all(names.map(async (name) => load(await readFile(new URL(name, CRDS), 'utf8'))));
  return documents.filter((document) => (document as { readonly kind?: unknown }).kind === 'CustomResourceDefinition');
}
