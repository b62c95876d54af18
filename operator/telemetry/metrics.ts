import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of this program and what it says. */
export const METRICS = {
  webpool_reloads_total: 'Reloads of HAProxy by reason; runtime changes need none.',
  webpool_image_failures_total:
    'Times that the files from which HAProxy starts again could not be written, as on a full disk.',
  webpool_round_seconds: 'Time of one round, by rail: proxy or database.',
  webpool_rounds_total: 'Rounds, by rail and result: success or error.',
  webpool_changes_total: 'Changes applied, by rail and kind of change.',
  webpool_endpoints: 'Servers of a pool, by state: ready, draining, unhealthy or other.',
  webpool_accounts: 'Database accounts of a grant, by state: ready, pending, conflicting or leaving.',
  webpool_findings: 'Things in the objects that cannot be carried out as written, by reason.',
  webpool_certificate_end_timestamp_seconds:
    'When the certificate of a Secret that a rule names ends, in seconds since 1970.',
  webpool_programmed: '1 when the running HAProxy is what the objects ask for.',
  webpool_event_loop_lag_seconds: 'Lag of the event loop since the last scrape, 99th percentile.',
  process_cpu_seconds_total: 'Processor time of this process, without HAProxy.',
  process_resident_memory_bytes: 'Memory of this process, without HAProxy.',
  process_start_time_seconds: 'When this process started, in seconds since 1970.',
} as const;

/** One of the two things that a round keeps in order. */
export type Rail = 'proxy' | 'database';

/** The state of things in numbers, asked for at each scrape. */
export interface Gauges {
  readonly programmed: boolean;
  readonly endpoints: readonly { readonly pool: string; readonly state: string; readonly count: number }[];
  readonly accounts: readonly { readonly grant: string; readonly state: string; readonly count: number }[];
  readonly findings: readonly { readonly reason: string; readonly count: number }[];
  readonly certificates: readonly { readonly secret: string; readonly end: number }[];
}

/** What a finished round has to say. */
export interface RoundFigures {
  readonly rail: Rail;
  readonly result: 'success' | 'error';
  readonly seconds: number;
  /** Changes by kind. */
  readonly changes?: Readonly<Record<string, number>>;
}

/** The metrics of one process. */
export interface Metrics {
  readonly round: (figures: RoundFigures) => void;
  readonly reload: (reason: string) => void;
  readonly imageFailed: () => void;
  readonly contentType: string;
  /** The text that Prometheus reads. */
  readonly text: () => Promise<string>;
  /** Ends the measuring of the event loop. */
  readonly close: () => void;
}

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const NANOSECONDS = 1e9;

/** Metrics whose gauges read `current` when they are scraped, once for all of them, so that a round costs nothing for them. */
export function createMetrics(current: () => Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  let counted: Gauges | undefined;
  const reloads = new Counter({ ...named('webpool_reloads_total'), labelNames: ['reason'], registers });
  const images = new Counter({ ...named('webpool_image_failures_total'), registers });
  const { round } = roundMetrics(registers);
  addGauges(() => (counted ??= current()), registers);
  addProcess(registers);
  const loop = addLoop(registers);
  return {
    round,
    reload: (reason) => reloads.inc({ reason }),
    imageFailed: () => images.inc(),
    contentType: registry.contentType,
    async text() {
      counted = undefined;
      const text = await registry.metrics();
      counted = undefined;
      return text;
    },
    close: () => void loop.disable(),
  };
}

type Registers = Registry[];

function named<Name extends keyof typeof METRICS>(name: Name): { readonly name: Name; readonly help: string } {
  return { name, help: METRICS[name] };
}

function roundMetrics(registers: Registers): Pick<Metrics, 'round'> {
  const seconds = new Histogram({
    ...named('webpool_round_seconds'),
    labelNames: ['rail'],
    buckets: BUCKETS,
    registers,
  });
  const rounds = new Counter({ ...named('webpool_rounds_total'), labelNames: ['rail', 'result'], registers });
  const changes = new Counter({ ...named('webpool_changes_total'), labelNames: ['rail', 'kind'], registers });
  for (const rail of ['proxy', 'database']) for (const result of ['success', 'error']) rounds.inc({ rail, result }, 0);
  return {
    round: (figures) => {
      const { rail, result } = figures;
      seconds.observe({ rail }, figures.seconds);
      rounds.inc({ rail, result });
      for (const [kind, number] of Object.entries(figures.changes ?? {})) changes.inc({ rail, kind }, number);
    },
  };
}

function addGauges(current: () => Gauges, registers: Registers): void {
  gauge('webpool_endpoints', ['pool', 'state'], {
    registers,
    fill: (set) => current().endpoints.forEach(({ pool, state, count }) => set({ pool, state }, count)),
  });
  gauge('webpool_accounts', ['grant', 'state'], {
    registers,
    fill: (set) => current().accounts.forEach(({ grant, state, count }) => set({ grant, state }, count)),
  });
  gauge('webpool_findings', ['reason'], {
    registers,
    fill: (set) => current().findings.forEach(({ reason, count }) => set({ reason }, count)),
  });
  gauge('webpool_certificate_end_timestamp_seconds', ['secret'], {
    registers,
    fill: (set) => current().certificates.forEach(({ secret, end }) => set({ secret }, end)),
  });
  gauge('webpool_programmed', [], { registers, fill: (set) => set({}, current().programmed ? 1 : 0) });
}

interface Fill {
  readonly registers: Registers;
  readonly fill: (set: (labels: Record<string, string>, value: number) => void) => void;
}

/** A gauge that is emptied and filled at each scrape: a pool that is gone leaves no series behind. */
function gauge(name: keyof typeof METRICS, labelNames: string[], { registers, fill }: Fill): void {
  const metric: Gauge = new Gauge({
    ...named(name),
    labelNames,
    registers,
    collect: () => {
      metric.reset();
      fill((labels, value) => metric.set(labels, value));
    },
  });
}

function addProcess(registers: Registers): void {
  const cpu: Counter = new Counter({
    ...named('process_cpu_seconds_total'),
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
  const started = Date.now() / 1000 - process.uptime();
  gauge('process_resident_memory_bytes', [], { registers, fill: (set) => set({}, process.memoryUsage.rss()) });
  gauge('process_start_time_seconds', [], { registers, fill: (set) => set({}, Math.round(started)) });
}

function addLoop(registers: Registers): ReturnType<typeof monitorEventLoopDelay> {
  const resolution = 20;
  const loop = monitorEventLoopDelay({ resolution });
  loop.enable();
  const fill: Fill['fill'] = (set) => {
    // The histogram holds the whole time between two samples: what exceeds the resolution is lag.
    const lag = Math.max(0, loop.percentile(99) / NANOSECONDS - resolution / 1000);
    set({}, loop.count === 0 ? 0 : lag);
    loop.reset();
  };
  gauge('webpool_event_loop_lag_seconds', [], { registers, fill });
  return loop;
}
