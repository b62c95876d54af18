/** What the figures have to show, and whether they do. */
import type { Figure, Figures } from './frame.ts';

/** `reference`: the limit is for the quotient of two figures of the same run. */
export type Goal = {
  readonly what: string;
  readonly benchmark: string;
  readonly figure: string;
  readonly reference?: string;
  /** Of the limit. */
  readonly unit: string;
} & ({ readonly atMost: number } | { readonly atLeast: number });

export interface Verdict {
  readonly goal: Goal;
  readonly state: 'met' | 'missed' | 'not measured';
  /** Undefined: not measured. */
  readonly value?: number;
  /** The limit lies within the noise of the figure: the next run may say otherwise. */
  readonly close: boolean;
}

/** How much memory may differ before it counts as grown. */
const GROWTH = 1.1;
/** Sizes of `change` in folder mode: servers. */
const SERVERS = { apply_10: '10', apply_1000: '1000', apply: '10000' } as const;
/** Sizes of `change` in Kubernetes mode: pools. */
const POOLS = ['10', '1000'] as const;
const FAULTS = ['rolling', 'server_killed', 'server_silent', 'operator_killed', 'reloads'] as const;
const FAULTS_K8S = ['rolling', 'server_killed', 'server_silent', 'proxy_rollout', 'operator_killed'] as const;
const MEMORY = { settled_mb: 200, operator_settled_mb: 200, agent_settled_mb: 150 } as const;
const REST = { operator_idle_cpu_percent: 1, agent_idle_cpu_percent: 1 } as const;

/** Every limit, in the order of the benchmarks. */
export const GOALS: readonly Goal[] = [
  {
    what: 'cold start, process start to programmed',
    benchmark: 'cold',
    figure: 'start_to_programmed_s',
    atMost: 1.5,
    unit: 's',
  },
  ...Object.entries(SERVERS).map(([ours, servers]): Goal => ({
    what: `change in a folder at ${servers} servers, p99 against the bare command's`,
    benchmark: 'change',
    figure: `${ours}_p99_ms`,
    reference: `floor_${servers}_p99_ms`,
    atMost: 3,
    unit: 'x',
  })),
  ...POOLS.flatMap((pools) => [
    ...kubernetesChange(`change in Kubernetes at ${pools} pools, to the first request`, `k8s_${pools}`),
    ...kubernetesChange(`removal in Kubernetes at ${pools} pools, to the last request`, `k8s_${pools}_leave`),
  ]),
  ...Object.entries(MEMORY).map(([figure, atMost]): Goal => ({
    what: `memory, settled`,
    benchmark: 'memory',
    figure,
    atMost,
    unit: 'MB',
  })),
  ...Object.keys(MEMORY).map((settled): Goal => ({
    what: 'memory after 10,000 changes against settled: no growth',
    benchmark: 'memory',
    figure: settled.replace('settled', 'after_10000_changes'),
    reference: settled,
    atMost: GROWTH,
    unit: 'x',
  })),
  { what: 'memory of HAProxy in Kubernetes', benchmark: 'memory', figure: 'k8s_haproxy_mb', atMost: 80, unit: 'MB' },
  ...Object.entries(REST).map(([figure, atMost]): Goal => ({
    what: 'processor while nothing happens',
    benchmark: 'memory',
    figure,
    atMost,
    unit: '%',
  })),
  ...FAULTS.map((fault) => faultGoal(fault, 'in a folder', '')),
  ...FAULTS_K8S.map((fault) => faultGoal(fault, 'in Kubernetes', 'k8s_')),
  {
    what: 'one route, requests a second against a configuration by hand',
    benchmark: 'throughput',
    figure: 'one_route_ratio',
    atLeast: 0.95,
    unit: 'ratio',
  },
  {
    what: '5,000 routes, requests a second against one route',
    benchmark: 'throughput',
    figure: 'routes_5000_ratio',
    atLeast: 0.9,
    unit: 'ratio',
  },
  {
    what: 'nothing to do at 10,000 accounts',
    benchmark: 'database',
    figure: 'noop_10000_s',
    atMost: 0.1,
    unit: 's',
  },
  ...['create', 'noop', 'rotate', 'drop', 'rotate_10000', 'drop_10000'].map((phase): Goal => ({
    what: `longest login at 10,000 accounts, ${phase.replace('_10000', ' all')}`,
    benchmark: 'database',
    figure: `login_max_${phase}_ms`,
    atMost: 150,
    unit: 'ms',
  })),
  { what: 'reloads at 100 changes a second', benchmark: 'churn', figure: 'reloads', atMost: 0, unit: 'reloads' },
  { what: 'lag at 100 changes a second, p99', benchmark: 'churn', figure: 'lag_p99_ms', atMost: 100, unit: 'ms' },
  {
    what: 'one change at 10,000 servers against one at 1,000',
    benchmark: 'growth',
    figure: 'growth_10x_factor',
    atMost: 2,
    unit: 'x',
  },
];

function kubernetesChange(what: string, prefix: string): readonly Goal[] {
  return [
    { what: `${what}, p50`, benchmark: 'change', figure: `${prefix}_p50_ms`, atMost: 5, unit: 'ms' },
    { what: `${what}, p99`, benchmark: 'change', figure: `${prefix}_p99_ms`, atMost: 12, unit: 'ms' },
  ];
}

function faultGoal(fault: string, where: string, prefix: string): Goal {
  const what = `failed requests ${where}, ${fault.replace('_', ' ')}`;
  return { what, benchmark: 'faults', figure: `${prefix}failed_${fault}`, atMost: 0, unit: 'requests' };
}

/** What the figures of some benchmarks say to the goals of these. */
export function judge(goals: readonly Goal[], results: Readonly<Record<string, Figures>>): readonly Verdict[] {
  return goals.flatMap((goal) => {
    const figures = results[goal.benchmark];
    return figures === undefined ? [] : [verdictOf(goal, figures)];
  });
}

function verdictOf(goal: Goal, figures: Figures): Verdict {
  const measured = quotient(figures[goal.figure], goal.reference === undefined ? ONE : figures[goal.reference]);
  if (measured === undefined) return { goal, state: 'not measured', close: false };
  const { value, spread } = measured;
  const limit = limitOf(goal);
  const met = 'atMost' in goal ? value <= limit : value >= limit;
  return { goal, state: met ? 'met' : 'missed', value, close: Math.abs(value - limit) < spread * value };
}

const ONE: Figure = { value: 1, unit: '' };

function quotient(
  one: Figure | undefined,
  other: Figure | undefined,
): { readonly value: number; readonly spread: number } | undefined {
  if (one === undefined || other === undefined) return undefined;
  const value = one.value / other.value;
  return Number.isFinite(value) ? { value, spread: (one.spread ?? 0) + (other.spread ?? 0) } : undefined;
}

export function limitOf(goal: Goal): number {
  return 'atMost' in goal ? goal.atMost : goal.atLeast;
}
