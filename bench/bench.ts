/** `npm run bench`: measures, prints, compares with the last committed results, says which goals are met. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { BENCHMARKS, isName, NAMES, type Name } from './benchmarks.ts';
import type { Figures } from './frame.ts';
import { GOALS, judge } from './goals.ts';
import { describeMachine } from './machine.ts';
import { figuresOf, merged, readResults, saveResults, type Results } from './results.ts';
import { runBenchmark, type Outcome } from './runner.ts';
import { figuresTable, verdictsTable, worseThanLast } from './tables.ts';

const HELP = `npm run bench                    all benchmarks, at most 20 minutes
npm run bench -- NAME...         some of: ${NAMES.join(', ')}
  -o, --output json              the results as JSON, an object a line
  --save                         keep the results as the ones to compare with: bench/results.json, bench/plots/, the table of README
  -h, --help                     this text

Sets itself up: npm packages, and as root on Debian programs. Exit code: 0 all goals are met, 1 one is missed or could not be
measured, 2 wrong arguments.
`;

interface Arguments {
  readonly names: readonly Name[];
  readonly json: boolean;
  readonly save: boolean;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** What is asked for, or the exit code after help. */
function readArguments(): Arguments | number {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o', default: 'table' },
        save: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const unknown = positionals.filter((name) => !isName(name));
    if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}`);
    if (!['json', 'table'].includes(values.output)) throw new Error(`no output ${values.output}`);
    const names = positionals.length === 0 ? NAMES : NAMES.filter((name) => positionals.includes(name));
    return { names, json: values.output === 'json', save: values.save };
  } catch (error) {
    say(`${(error as Error).message}\n${HELP}`);
    return 2;
  }
}

async function main(): Promise<number> {
  const wanted = readArguments();
  if (typeof wanted === 'number') return wanted;
  const { names, json, save } = wanted;
  await setUp(names);
  const machine = await describeMachine();
  say(
    `machine: ${Object.entries(machine)
      .map((pair) => pair.join(' '))
      .join(', ')}`,
  );
  const last = await readResults();
  const end = interrupted();
  const outcomes: Outcome[] = [];
  for (const [index, name] of names.entries()) {
    say(`${name}: ${index + 1} of ${names.length}, about ${BENCHMARKS[name].budget} s`);
    const outcome = await runBenchmark(name, (text) => say(`${name}: ${text}`), end);
    if (end.aborted) return 1;
    outcomes.push(outcome);
    report(outcome, { json, last: last.benchmarks[name]?.figures ?? {} });
  }
  const results = outcomes.flatMap((outcome) => ('result' in outcome ? [outcome.result] : []));
  if (save) await saveResults(merged(last, { machine, date: new Date().toISOString().slice(0, 10), results }));
  return conclude(outcomes, last, json);
}

/** Gets what is missing for these benchmarks; what cannot be had, each says itself. */
async function setUp(names: readonly Name[]): Promise<void> {
  const needs = new Set(names.flatMap((name) => BENCHMARKS[name].needs));
  const script = new URL('../scripts/setup-bench.sh', import.meta.url).pathname;
  const child = spawn('sh', [script, ...needs], { stdio: ['ignore', process.stderr, process.stderr] });
  await once(child, 'close');
}

/** Aborted when somebody wants us to end. */
function interrupted(): AbortSignal {
  const end = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => end.abort());
  return end.signal;
}

function report(outcome: Outcome, { json, last }: { readonly json: boolean; readonly last: Figures }): void {
  const { name, seconds } = outcome;
  say(`${name}: ${Math.round(seconds)} s of ${BENCHMARKS[name].budget} s`);
  if ('problem' in outcome) say(`${name} FAILED: ${outcome.problem}`);
  else process.stdout.write(json ? `${JSON.stringify(outcome.result)}\n` : `\n${figuresTable(outcome.result, last)}\n`);
}

/** What became worse, and the goals. A benchmark that failed has measured none of its own. */
function conclude(outcomes: readonly Outcome[], last: Results, json: boolean): number {
  const results = outcomes.map((outcome) =>
    'result' in outcome ? outcome.result : { name: outcome.name, figures: {} },
  );
  const figures = results.map(({ name, figures }) => [name, figures] as const);
  const verdicts = judge(GOALS, Object.fromEntries(figures));
  const kept = figuresOf(last);
  const lastFigures = results.flatMap(({ name }) => (kept[name] === undefined ? [] : [[name, kept[name]] as const]));
  const worse = results.map((result) => worseThanLast(result, kept[result.name] ?? {}));
  (json ? process.stderr : process.stdout).write(
    `${worse.join('')}\n${verdictsTable(verdicts, judge(GOALS, Object.fromEntries(lastFigures)))}`,
  );
  const failed = outcomes.some((outcome) => 'problem' in outcome);
  return failed || verdicts.some(({ state }) => state !== 'met') ? 1 : 0;
}

process.exitCode = await main();
