/**
 * Writes `dist/` (or the folder that is named): the program in a few files, of which a command reads what it needs, and beside them what it reads at
 * run time. The files stand to one another as in the checkout, so the same relative addresses hold in both.
 */
import { chmod, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import standalone from 'ajv/dist/standalone/index.js';
import { build, type Plugin } from 'esbuild';
import { kindsInAjv } from '../operator/api/compile-schema.ts';
import { KINDS } from '../operator/api/resources.ts';
import { readCrds } from '../operator/source/crds.ts';

const root = new URL('../', import.meta.url);
const dist = process.argv[2] === undefined ? new URL('dist/', root) : pathToFileURL(`${resolve(process.argv[2])}/`);
/** All source files are two folders deep, and so is the bundle. */
const FOLDER = 'operator/bundle/';
const READ_AT_RUN_TIME = ['package.json', 'operator/haproxy/router.lua'];
/** Packages that are CommonJS ask for Node's own modules by `require`. */
const BANNER = `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`;
/**
 * How V8 keeps memory; the figures are those of 6,000 objects (npm run bench -- cold, memory). Two helpers: the four that it would have keep
 * 15 MB for themselves, and garbage alive while they look for it. A young generation of 4 MB from the beginning instead of one that grows from
 * 1 MB to 16: a change meets a third of the collections. And no look for garbage in the old one below 96 MB: a start has none there, and looking
 * a dozen times in vain took a fifth of it.
 */
const OPTIONS = [
  '--v8-pool-size=2',
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--initial-old-space-size=96',
];
/** What is freed in large pieces goes back at once: left alone, glibc learns from the first of them to keep the rest, up to 32 MB each. */
const MALLOC = 'MALLOC_MMAP_THRESHOLD_=131072';
const LAUNCHER = `#!/usr/bin/env -S ${MALLOC} node ${OPTIONS.join(' ')}\nimport './${FOLDER}webpool.mjs';\n`;

/** In the place of the module that compiles the schemas as a process begins, which takes a tenth of a cold start: what it would make of them. */
const COMPILED_SCHEMAS: Plugin = {
  name: 'compiled-schemas',
  setup: (build) =>
    build.onLoad({ filter: /\/operator\/source\/schemas\.ts$/ }, async ({ path }) => ({
      resolveDir: dirname(path),
      contents: await compiledSchemas(),
    })),
};

/** Source: https://ajv.js.org/standalone.html */
async function compiledSchemas(): Promise<string> {
  const ajv = kindsInAjv(await readCrds(), { source: true, esm: true });
  return [
    `import { boundedPattern, repeatedKeys } from '../api/schema.ts';`,
    standalone.default(ajv, Object.fromEntries(KINDS.map((kind) => [kind, kind]))),
    `const schemas = { ${KINDS.join()} };`,
    `export const readSchemas = async () => (kind) => schemas[kind];`,
  ].join('\n');
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist);
await build({
  entryPoints: { webpool: new URL('operator/main.ts', root).pathname },
  outdir: new URL(FOLDER, dist).pathname,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  // V8 keeps the text of the program, a quarter of which are comments; a single letter in them that is not ASCII makes every letter two bytes.
  minifyWhitespace: true,
  legalComments: 'external',
  banner: { js: BANNER },
  plugins: [COMPILED_SCHEMAS],
  logLevel: 'warning',
});
for (const path of READ_AT_RUN_TIME) await cp(new URL(path, root), new URL(path, dist), { recursive: true });
const launcher = new URL('webpool.mjs', dist);
await writeFile(launcher, LAUNCHER);
await chmod(launcher, 0o755);
