/**
 * Writes `manifests/install.yaml`, which is `manifests/` rendered by kubectl: one file for those who apply one file.
 * With `--check` it writes nothing and fails when the file is not what `manifests/` says.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const target = new URL('../manifests/install.yaml', import.meta.url);
const folder = new URL('../manifests/', import.meta.url).pathname;
const head = '# Written by `npm run generate` from manifests/ and crds/. Do not edit.\n';

const text = head + execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('manifests/install.yaml is not what manifests/ says: run `npm run generate`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
