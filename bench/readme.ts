/** The table of README: the figures that a user decides by, each with the command that reproduces it. */
import type { Figures } from './frame.ts';
import { markdown, shown } from './tables.ts';

/** `figures` in words: each `{NAME}` is a figure of the benchmark, `{sum:PREFIX}` the sum of all figures of that prefix. */
interface Row {
  readonly what: string;
  readonly benchmark: string;
  readonly figures: string;
}

const ROWS: readonly Row[] = [
  {
    what: 'start of `run` until HAProxy is programmed; of it, once the files are read',
    benchmark: 'cold',
    figures: '{start_to_programmed_s}; {first_programmed_s}',
  },
  {
    what: 'one edited file until HAProxy has it, median and p99; the bare command',
    benchmark: 'change',
    figures: '{apply_p50_ms}, {apply_p99_ms}; {floor_10000_p50_ms}, {floor_10000_p99_ms}',
  },
  {
    what: 'a changed EndpointSlice in Kubernetes until the first request is there, median and p99',
    benchmark: 'change',
    figures: '{k8s_1000_p50_ms}, {k8s_1000_p99_ms}',
  },
  { what: 'memory of `run`; of HAProxy', benchmark: 'memory', figures: '{settled_mb}; {haproxy_mb}' },
  {
    what: 'memory of the operator; of an agent',
    benchmark: 'memory',
    figures: '{operator_settled_mb}; {agent_settled_mb}',
  },
  {
    what: 'failed requests in a folder while servers roll, die, fall silent, `run` is killed, HAProxy reloads',
    benchmark: 'faults',
    figures: '{sum:failed_} of {sum:requests_}; inside a server that died: {sum:inside_}',
  },
  {
    what: 'failed requests in Kubernetes while servers roll, die, fall silent, proxies roll, the operator is killed',
    benchmark: 'faults',
    figures: '{sum:k8s_failed_} of {sum:k8s_requests_}; inside a server that died: {sum:k8s_inside_}',
  },
  {
    what: 'requests a second against a haproxy.cfg by hand, one route; 5,000 routes against one',
    benchmark: 'throughput',
    figures: '{one_route_ratio}; {routes_5000_ratio}',
  },
  {
    what: 'a look at 10,000 database accounts when nothing is to be done; the longest login meanwhile and while accounts change',
    benchmark: 'database',
    figures: '{noop_10000_s}; {max:login_max_}',
  },
  {
    what: 'a hundred endpoints a second come and go in Kubernetes: lag p99; reloads',
    benchmark: 'churn',
    figures: '{lag_p99_ms}; {reloads}',
  },
  {
    what: 'one change among 10,000 servers against one among 1,000: work of a round',
    benchmark: 'growth',
    figures: '{growth_10x_factor} times',
  },
];

const HEAD = ['What', 'Figure', 'Command'] as const;

/** The table; `–` stands for what was not measured. */
export function readmeTable(results: Readonly<Record<string, Figures>>): string {
  const rows = ROWS.map(({ what, benchmark, figures }) => [
    what,
    figures.replaceAll(/\{(?:(\w+):)?(\w+)\}/g, (_, fold: string | undefined, name: string) =>
      worded(results[benchmark] ?? {}, fold, name),
    ),
    `\`npm run bench -- ${benchmark}\``,
  ]);
  return markdown(HEAD, rows);
}

function worded(figures: Figures, fold: string | undefined, name: string): string {
  const chosen = Object.entries(figures)
    .filter(([one]) => (fold === undefined ? one === name : one.startsWith(name)))
    .map(([, figure]) => figure);
  const [first] = chosen;
  if (first === undefined) return '–';
  const values = chosen.map(({ value }) => value);
  const value = fold === 'max' ? Math.max(...values) : values.reduce((sum, one) => sum + one, 0);
  return shown({ value, unit: first.unit });
}

/** README with this table in place of the one that it has. Errors: throws when it has none. */
export function withFigures(readme: string, results: Readonly<Record<string, Figures>>): string {
  const table = /\| What \| Figure \| Command \|\n(?:\|.*\n)+/;
  if (!table.test(readme)) throw new Error('README has no table of figures');
  return readme.replace(table, () => readmeTable(results));
}
