/**
 * Metrics of a process in a cluster: those of ours, and under the names of controller-runtime whatever it has names for, so that dashboards
 * made for any operator show this one.
 * Source: controller-runtime pkg/internal/controller/metrics, client-go tools/metrics.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createMetrics, type Gauges, type Metrics } from './metrics.ts';

/** Every further metric and what it says. */
export const CLUSTER_METRICS = {
  controller_runtime_reconcile_total: 'Rounds, by controller and result: success or error.',
  controller_runtime_reconcile_errors_total: 'Rounds that failed, by controller.',
  controller_runtime_reconcile_time_seconds: 'Time of one round, by controller.',
  controller_runtime_max_concurrent_reconciles: 'Rounds of one controller at a time: 1.',
  rest_client_requests_total: 'Requests to the API server, by code, method and host.',
  rest_client_request_duration_seconds: 'Time of a request to the API server, by verb and host.',
  leader_election_master_status: '1 while this process leads.',
  webpool_copy_objects: 'Objects in our copy, by kind.',
  webpool_copy_silent_seconds:
    'Time since the API server was last heard of, by kind. A quiet kind is told of once a minute.',
  webpool_copy_failures: 'Failures in a row in following a kind.',
  webpool_copy_errors_total: 'Failures in following a kind.',
  webpool_copy_lists_total: 'Times that a kind was listed as a whole.',
  webpool_corrected_total: "Changes to HAProxy that were somebody else's and were undone.",
} as const;

/** How a copy of the cluster's objects is; of one kind there may be several, one a namespace. */
export interface CopyFigures {
  readonly kind: string;
  readonly objects: number;
  /** Milliseconds. */
  readonly silentFor: number;
  readonly failures: number;
  readonly errors: number;
  readonly lists: number;
}

export interface ClusterMetricsOptions {
  readonly gauges: () => Gauges;
  readonly copies: () => readonly CopyFigures[];
  /** Name of the Lease and whether we hold it; absent where nobody leads. */
  readonly leading?: () => { readonly name: string; readonly leads: boolean };
  /** Controllers of which the counts begin at 0. */
  readonly controllers: readonly string[];
}

export interface ClusterMetrics extends Metrics {
  readonly reconcile: (controller: string, result: 'success' | 'error', seconds: number) => void;
  readonly exchange: (exchange: {
    readonly method: string;
    readonly code: string;
    readonly host: string;
    readonly seconds: number;
  }) => void;
  readonly corrected: (count: number) => void;
}

/** controller-runtime's buckets. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 45, 60];

/** The metrics of an operator or an agent. */
export function createClusterMetrics(options: ClusterMetricsOptions): ClusterMetrics {
  const own = createMetrics(options.gauges);
  const registry = new Registry();
  const registers = [registry];
  const corrected = new Counter({ ...named('webpool_corrected_total'), registers });
  addCopies(options.copies, registers);
  addLeading(options.leading, registers);
  return {
    ...own,
    ...requestMetrics(registers),
    ...reconcileMetrics(options.controllers, registers),
    corrected: (count) => corrected.inc(count),
    text: async () => `${await own.text()}\n${await registry.metrics()}`,
  };
}

function named<Name extends keyof typeof CLUSTER_METRICS>(name: Name): { readonly name: Name; readonly help: string } {
  return { name, help: CLUSTER_METRICS[name] };
}

function reconcileMetrics(controllers: readonly string[], registers: Registry[]): Pick<ClusterMetrics, 'reconcile'> {
  const total = new Counter({
    ...named('controller_runtime_reconcile_total'),
    labelNames: ['controller', 'result'],
    registers,
  });
  const errors = new Counter({
    ...named('controller_runtime_reconcile_errors_total'),
    labelNames: ['controller'],
    registers,
  });
  const time = new Histogram({
    ...named('controller_runtime_reconcile_time_seconds'),
    labelNames: ['controller'],
    buckets: RECONCILE_BUCKETS,
    registers,
  });
  const most = new Gauge({
    ...named('controller_runtime_max_concurrent_reconciles'),
    labelNames: ['controller'],
    registers,
  });
  for (const controller of controllers) {
    for (const result of ['success', 'error']) total.inc({ controller, result }, 0);
    errors.inc({ controller }, 0);
    most.set({ controller }, 1);
  }
  return {
    reconcile(controller, result, seconds) {
      total.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      else time.observe({ controller }, seconds);
    },
  };
}

function requestMetrics(registers: Registry[]): Pick<ClusterMetrics, 'exchange'> {
  const labelNames = ['code', 'method', 'host'];
  const total = new Counter({ ...named('rest_client_requests_total'), labelNames, registers });
  const time = new Histogram({
    ...named('rest_client_request_duration_seconds'),
    labelNames: ['verb', 'host'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  return {
    exchange({ code, method, host, seconds }) {
      total.inc({ code, method, host });
      time.observe({ verb: method, host }, seconds);
    },
  };
}

function addCopies(copies: ClusterMetricsOptions['copies'], registers: Registry[]): void {
  const sum = (a: number, b: number) => a + b;
  const fields = {
    webpool_copy_objects: [({ objects }: CopyFigures) => objects, sum],
    webpool_copy_silent_seconds: [({ silentFor }: CopyFigures) => silentFor / 1000, Math.max],
    webpool_copy_failures: [({ failures }: CopyFigures) => failures, Math.max],
    webpool_copy_errors_total: [({ errors }: CopyFigures) => errors, sum],
    webpool_copy_lists_total: [({ lists }: CopyFigures) => lists, sum],
  } as const;
  for (const [name, [valueOf, together]] of Object.entries(fields)) {
    const metric: Gauge = new Gauge({
      ...named(name as keyof typeof fields),
      labelNames: ['kind'],
      registers,
      collect: () => {
        metric.reset();
        const values = new Map<string, number>();
        for (const copy of copies()) values.set(copy.kind, together(values.get(copy.kind) ?? 0, valueOf(copy)));
        for (const [kind, value] of values) metric.set({ kind }, value);
      },
    });
  }
}

function addLeading(leading: ClusterMetricsOptions['leading'], registers: Registry[]): void {
  if (leading === undefined) return;
  const metric: Gauge = new Gauge({
    ...named('leader_election_master_status'),
    labelNames: ['name'],
    registers,
    collect: () => {
      const { name, leads } = leading();
      metric.set({ name }, leads ? 1 : 0);
    },
  });
}
