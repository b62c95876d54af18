/** `npm run bench [-- NAME...] [-o json] [--save]`: measures, prints, compares with the last committed result. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Benchmark, Figure, Result } from './frame.ts';

const BENCHMARKS = ['cold', 'change', 'memory', 'faults', 'database', 'throughput', 'churn', 'growth'] as const;
const RESULTS = new URL('./results.json', import.meta.url);

const HELP = `npm run bench                    all benchmarks
npm run bench -- NAME...         some of: ${BENCHMARKS.join(', ')}
  -o json                        the results as JSON, an object a line
  --save                         keep the results as the ones to compare with (bench/results.json)
`;

type Known = Readonly<Record<string, Readonly<Record<string, Figure>>>>;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      save: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const unknown = positionals.filter((name) => !(BENCHMARKS as readonly string[]).includes(name));
  if (values.help === true || unknown.length > 0) {
    process.stderr.write(unknown.length > 0 ? `no benchmark ${unknown.join(', ')}\n${HELP}` : HELP);
    return unknown.length > 0 ? 2 : 0;
  }
  const json = values.output === 'json';
  const known = await lastResults();
  const results: Result[] = [];
  for (const name of positionals.length > 0 ? positionals : BENCHMARKS) {
    const benchmark = (await import(`./${name}.ts`)) as Benchmark;
    process.stderr.write(`${name}: ${benchmark.description}\n`);
    const result = await benchmark.run((text) => void process.stderr.write(`${name}: ${text}\n`));
    results.push(result);
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : table(result, known[name] ?? {}));
  }
  if (values.save === true) await save(known, results);
  return 0;
}

async function lastResults(): Promise<Known> {
  const text = await readFile(RESULTS, 'utf8').catch(() => '{}');
  return JSON.parse(text) as Known;
}

async function save(known: Known, results: readonly Result[]): Promise<void> {
  const all = { ...known, ...Object.fromEntries(results.map(({ name, figures }) => [name, figures])) };
  await writeFile(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
}

function table({ name, figures }: Result, before: Readonly<Record<string, Figure>>): string {
  const rows = Object.entries(figures).map(([figure, now]) => {
    const last = before[figure];
    const spread = now.spread === undefined ? '' : ` ±${Math.round(now.spread * 100)} %`;
    return `| ${figure} | ${now.value} ${now.unit}${spread} | ${last?.value ?? '–'} | ${verdict(now, last)} |`;
  });
  return [`| ${name} | now | last | |`, '|---|---|---|---|', ...rows, ''].join('\n');
}

/** What a single repetition may differ by when nothing was measured about the noise. */
const NOISE = 0.25;

/** `slower` and `faster` are only said of what exceeds the noise of both runs. */
function verdict(now: Figure, last: Figure | undefined): string {
  if (last === undefined || last.value === 0) return '';
  const higherIsBetter = now.unit === 'ratio' || now.unit.endsWith('/s');
  const change = higherIsBetter ? last.value / now.value - 1 : now.value / last.value - 1;
  const noise = Math.max(NOISE, 3 * (now.spread ?? 0), 3 * (last.spread ?? 0));
  if (Math.abs(change) <= noise) return 'same';
  return change > 0 ? 'slower' : 'faster';
}

process.exitCode = await main();
