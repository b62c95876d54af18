/** Alerts and dashboards ask for metrics that there are. */
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { CLUSTER_METRICS } from '../operator/telemetry/cluster-metrics.ts';
import { METRICS } from '../operator/telemetry/metrics.ts';

const root = new URL('../manifests/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Rules {
  readonly spec: { readonly groups: readonly { readonly rules: readonly Alert[] }[] };
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly title: string;
    readonly description: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const alerts = (load(read('prometheus/alerts.yaml')) as Rules).spec.groups.flatMap(({ rules }) => rules);
const dashboards = ['grafana/pools.json', 'grafana/operator.json'].map(
  (path) => [path, JSON.parse(read(path)) as Dashboard] as const,
);
const known: Readonly<Record<string, string>> = { ...METRICS, ...CLUSTER_METRICS };

/** Labels of our metrics, and those that Prometheus adds for a Pod. */
const LABELS = 'pool state grant reason secret rail kind result controller code method host verb name le pod'.split(
  ' ',
);
/** Values that labels can have, where they are few. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  state: ['ready', 'draining', 'unhealthy', 'other', 'pending', 'conflicting', 'leaving'],
  rail: ['proxy', 'database'],
};

/** What an expression asks for that there is not. */
function strangers(expr: string): readonly string[] {
  const names = [...expr.matchAll(/\b(?:webpool|controller_runtime|rest_client|leader_election|process)_\w+/g)].map(
    ([name]) => name.replace(/_bucket$/, ''),
  );
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const selected = [...expr.matchAll(/(\w+)(?:=~|=|!=|!~)"([^"]*)"/g)].map(([, label = '', value = '']) => ({
    label,
    value,
  }));
  return [
    ...(names.length === 0 ? ['no metric of ours'] : names.filter((name) => known[name] === undefined)),
    ...[...grouped, ...selected.map(({ label }) => label)].filter((label) => !LABELS.includes(label)),
    ...selected.flatMap(({ label, value }) =>
      value.split('|').filter((word) => VALUES[label]?.includes(word) === false),
    ),
  ];
}

describe('alerts', () => {
  test.each(alerts)('$alert', ({ expr, labels, annotations }) => {
    expect(strangers(expr)).toEqual([]);
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary.length).toBeGreaterThan(10);
    expect(annotations.description.length).toBeGreaterThan(10);
    // What a summary names has to be left over by the expression.
    const named = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    const left = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(/,\s*/) ?? named;
    expect(named.filter((label) => !left.includes(label))).toEqual([]);
  });

  test('know nothing that is not there', () => {
    expect(strangers('sum by (poll) (webpool_endpoint{state="redy"})')).toEqual(['webpool_endpoint', 'poll', 'redy']);
  });
});

describe.each(dashboards)('%s', (_, { panels }) => {
  test.each(panels)('$title', ({ description, targets }) => {
    expect(description).not.toBe('');
    expect(targets.flatMap(({ expr }) => strangers(expr))).toEqual([]);
  });
});

test('every metric of ours is shown or alerted upon', () => {
  const asked = [
    ...alerts.map(({ expr }) => expr),
    ...dashboards.map(([, dashboard]) => JSON.stringify(dashboard)),
  ].join('\n');
  const shown = Object.keys(known).filter((name) => asked.includes(name));
  const aside = [
    'webpool_round_seconds',
    'webpool_rounds_total',
    'process_start_time_seconds',
    'webpool_copy_failures',
  ];
  const also = ['controller_runtime_reconcile_total', 'controller_runtime_max_concurrent_reconciles'];
  expect(
    Object.keys(known)
      .filter((name) => !shown.includes(name))
      .sort(),
  ).toEqual([...aside, ...also].sort());
});
