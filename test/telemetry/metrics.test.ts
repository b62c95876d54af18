import { describe, expect, onTestFinished, test } from 'vitest';
import { createMetrics, METRICS, type Gauges, type Metrics } from '../../operator/telemetry/metrics.ts';

const NOTHING: Gauges = { programmed: false, endpoints: [], accounts: [], findings: [], certificates: [] };

function metrics(current: () => Gauges = () => NOTHING): Metrics {
  const made = createMetrics(current);
  onTestFinished(() => made.close());
  return made;
}

/** Series → value. */
async function scrape(made: Metrics): Promise<ReadonlyMap<string, number>> {
  const lines = (await made.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

test('the metrics are those of the table, each with its sentence', async () => {
  const text = await metrics().text();
  const help = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, sentence]) => [name, sentence]);
  expect(Object.fromEntries(help)).toEqual(METRICS);
  expect(help).toHaveLength(Object.keys(METRICS).length);
});

test('names, labels and types are as Prometheus wants them', async () => {
  const made = metrics();
  made.reload('x');
  const text = await made.text();
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    expect(name).toMatch(/^(webpool|process)_[a-z_]+$/);
  }
  expect(made.contentType).toMatch(/^text\/plain; version=/);
});

describe('counters', () => {
  test('of rounds and changes begin at 0 and add up', async () => {
    const made = metrics();
    const before = await scrape(made);
    for (const rail of ['proxy', 'database']) {
      for (const result of ['success', 'error'])
        expect(before.get(`webpool_rounds_total{rail="${rail}",result="${result}"}`)).toBe(0);
    }
    made.round({ rail: 'proxy', result: 'success', seconds: 0.002, changes: { 'add-server': 2, 'set-weight': 1 } });
    made.round({ rail: 'proxy', result: 'success', seconds: 0.2, changes: { 'add-server': 3 } });
    made.round({ rail: 'database', result: 'error', seconds: 1 });
    const after = await scrape(made);
    expect(after.get('webpool_rounds_total{rail="proxy",result="success"}')).toBe(2);
    expect(after.get('webpool_rounds_total{rail="database",result="error"}')).toBe(1);
    expect(after.get('webpool_changes_total{rail="proxy",kind="add-server"}')).toBe(5);
    expect(after.get('webpool_changes_total{rail="proxy",kind="set-weight"}')).toBe(1);
    expect(after.get('webpool_round_seconds_count{rail="proxy"}')).toBe(2);
    expect(after.get('webpool_round_seconds_sum{rail="proxy"}')).toBeCloseTo(0.202);
    expect(after.get('webpool_round_seconds_bucket{le="0.0025",rail="proxy"}')).toBe(1);
  });

  test('of reloads have their reason, whatever is in it', async () => {
    const made = metrics();
    made.reload('new port');
    made.reload('new port');
    made.reload('a "quoted"\nline\\');
    const text = await made.text();
    expect(text).toContain('webpool_reloads_total{reason="new port"} 2');
    expect(text).toContain('webpool_reloads_total{reason="a \\"quoted\\"\\nline\\\\"} 1');
  });
});

test('gauges are what is so at the scrape, and what is gone leaves nothing behind', async () => {
  let current: Gauges = {
    programmed: true,
    endpoints: [{ pool: 'default/blog', state: 'ready', count: 2 }],
    accounts: [{ grant: 'default/db', state: 'pending', count: 1 }],
    findings: [{ reason: 'InvalidSpec', count: 3 }],
    certificates: [{ secret: 'default/tls', end: 1_800_000_000 }],
  };
  const made = metrics(() => current);
  const before = await scrape(made);
  expect(before.get('webpool_programmed')).toBe(1);
  expect(before.get('webpool_endpoints{pool="default/blog",state="ready"}')).toBe(2);
  expect(before.get('webpool_accounts{grant="default/db",state="pending"}')).toBe(1);
  expect(before.get('webpool_findings{reason="InvalidSpec"}')).toBe(3);
  expect(before.get('webpool_certificate_end_timestamp_seconds{secret="default/tls"}')).toBe(1_800_000_000);
  current = NOTHING;
  const after = await scrape(made);
  expect(after.get('webpool_programmed')).toBe(0);
  expect([...after.keys()].filter((name) => /^webpool_(endpoints|accounts|findings|certificate)/.test(name))).toEqual(
    [],
  );
});

test('what the gauges read is counted once a scrape, and anew at the next', async () => {
  let counted = 0;
  const made = metrics(() => ({ ...NOTHING, findings: [{ reason: 'Conflicted', count: ++counted }] }));
  expect((await scrape(made)).get('webpool_findings{reason="Conflicted"}')).toBe(1);
  expect((await scrape(made)).get('webpool_findings{reason="Conflicted"}')).toBe(2);
});

test('figures of the process are there and plausible', async () => {
  const seen = await scrape(metrics());
  expect(seen.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(seen.get('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(seen.get('process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1000 + 1);
  expect(seen.get('webpool_event_loop_lag_seconds')).toBeGreaterThanOrEqual(0);
});

test('two instances do not share their counts', async () => {
  const [one, other] = [metrics(), metrics()];
  one.reload('x');
  expect((await scrape(other)).has('webpool_reloads_total{reason="x"}')).toBe(false);
});
