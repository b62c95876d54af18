/** Writes the tables of `docs/` that say what the code says. With `--check` it writes nothing and fails when one is not as it should be. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { withTables } from './docs-tables.ts';

const folder = new URL('../docs/', import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith('.md'))) {
  const file = new URL(name, folder);
  const text = readFileSync(file, 'utf8');
  const wanted = withTables(text);
  if (text === wanted) continue;
  if (!process.argv.includes('--check')) writeFileSync(file, wanted);
  else {
    console.error(`docs/${name} is not what the code says: run \`npm run generate\``);
    process.exitCode = 1;
  }
}
