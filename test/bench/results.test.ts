/** The results in the repository, and what README and the plots say of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isName, NAMES } from '../../bench/benchmarks.ts';
import { GOALS, judge } from '../../bench/goals.ts';
import type { Machine } from '../../bench/machine.ts';
import { plotsOf } from '../../bench/plots.ts';
import { readmeTable, withFigures } from '../../bench/readme.ts';
import { figuresOf, merged, readResults } from '../../bench/results.ts';

const root = new URL('../../', import.meta.url);
const README = readFileSync(new URL('README.md', root), 'utf8');
const results = await readResults();
const figures = figuresOf(results);

describe('the results that are kept', () => {
  test('are of every benchmark and no other, and of one machine', () => {
    expect(Object.keys(results.benchmarks).toSorted()).toEqual(NAMES.toSorted());
    expect(Object.values(results.machine ?? {}).filter((value) => value === '' || value === 0)).toEqual([]);
    expect(results.machine?.cores).toBeGreaterThan(0);
  });

  test('have the figure of every goal', () => {
    const unknown = judge(GOALS, figures).filter(({ state }) => state === 'not measured');
    expect(unknown.map(({ goal }) => `${goal.benchmark} ${goal.figure} ${goal.reference ?? ''}`)).toEqual([]);
  });

  test('have a value, a unit and a name without surprises in each figure', () => {
    const odd = Object.values(figures)
      .flatMap((own) => Object.entries(own))
      .filter(([name, { value, unit }]) => !/^\w+$/.test(name) || !Number.isFinite(value) || unit === '');
    expect(odd).toEqual([]);
  });
});

describe('README', () => {
  test('has the table of these results', () => {
    expect(README).toContain(readmeTable(figures));
  });

  test('leaves a figure open only where the benchmark has no results', () => {
    const open = readmeTable(figures)
      .split('\n')
      .filter((line) => line.includes('–'))
      .map((line) => /npm run bench -- (\w+)/.exec(line)?.[1]);
    expect(open.filter((name) => name === undefined || figures[name] !== undefined)).toEqual([]);
  });

  test('names benchmarks that there are', () => {
    const named = [...README.matchAll(/npm run bench -- (\w+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !isName(name))).toEqual([]);
    expect(new Set(named)).toEqual(new Set(NAMES));
  });

  test('shows every plot', () => {
    for (const file of plotsOf(figures).keys()) expect(README).toContain(`](bench/plots/${file})`);
  });
});

test('the plots are those of these results', () => {
  const kept = readdirSync(new URL('bench/plots/', root)).map((file): [string, string] => [
    file,
    readFileSync(new URL(`bench/plots/${file}`, root), 'utf8'),
  ]);
  expect(new Map(kept)).toEqual(plotsOf(figures));
});

describe('a table', () => {
  test('takes the place of the one before', () => {
    const readme = 'a\n\n| What | Figure | Command |\n|---|---|---|\n| old | 1 | x |\n\nb\n';
    expect(withFigures(readme, {})).toBe(`a\n\n${readmeTable({})}\nb\n`);
    expect(() => withFigures('no table', {})).toThrow('README has no table of figures');
  });

  test('sums and compares figures of one prefix', () => {
    const requests = (value: number) => ({ value, unit: 'requests' });
    const faults = {
      failed_a: requests(0),
      failed_b: requests(1),
      requests_a: requests(1000),
      requests_b: requests(500),
      inside_a: requests(3),
    };
    const ms = (value: number) => ({ value, unit: 'ms' });
    const database = { noop_10000_s: { value: 0.0651, unit: 's' }, login_max_a_ms: ms(12.34), login_max_b_ms: ms(5) };
    const table = readmeTable({ faults, database });
    expect(table).toContain('| 1 of 1,500; inside a server that died: 3 |');
    expect(table).toContain('| 65 ms; 12 ms |');
  });
});

describe('results of a run', () => {
  const machine: Machine = {
    cores: 2,
    processor: 'x',
    memory: 8,
    kernel: '6',
    node: 'v24',
    haproxy: '2.6',
    mariadb: '10.11',
  };
  const run = (value: number) => ({
    machine,
    date: '2026-01-02',
    results: [{ name: 'cold', figures: { a: { value, unit: 's' } } }],
  });
  const before = merged(
    { benchmarks: {} },
    { ...run(1), results: [{ name: 'growth', figures: {} }, ...run(1).results] },
  );

  test('take the place of those of the same benchmark', () => {
    const after = merged(before, run(2));
    expect(Object.keys(after.benchmarks)).toEqual(['growth', 'cold']);
    expect(after.benchmarks['cold']?.figures['a']?.value).toBe(2);
  });

  test('of another machine leave none of those before', () => {
    const after = merged(before, { ...run(2), machine: { ...machine, cores: 64 } });
    expect(Object.keys(after.benchmarks)).toEqual(['cold']);
  });
});
