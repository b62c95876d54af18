/**
 * Writes `manifests/install.yaml`, which is `manifests/` rendered by the tests' kubectl: one file for those who apply one file.
 * With `--check` it writes nothing and fails when the file is not what `manifests/` says.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programFolder } from '../test/cluster/programs.ts';

const target = new URL('../manifests/install.yaml', import.meta.url);
const folder = new URL('../manifests/', import.meta.url).pathname;
const head = '# Written by `npm run generate` from manifests/ and crds/. Do not edit.\n';

const text =
  head + execFileSync(join(await programFolder(['kubectl']), 'kubectl'), ['kustomize', folder], { encoding: 'utf8' });
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('manifests/install.yaml is not what manifests/ says: run `npm run generate`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
