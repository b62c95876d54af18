import { expect, onTestFinished, test } from 'vitest';
import { createClusterMetrics, type CopyFigures } from '../../operator/telemetry/cluster-metrics.ts';

const GAUGES = { programmed: true, endpoints: [], accounts: [], findings: [], certificates: [] };

test('of copies of one kind, one a namespace, things are added up, and times and failures in a row are those of the worst', async () => {
  const copy: CopyFigures = { kind: 'WebPool', objects: 2, silentFor: 59_000, failures: 0, errors: 1, lists: 1 };
  const copies = [...Array.from({ length: 20 }, () => copy), { ...copy, silentFor: 60_000, failures: 3 }];
  const made = createClusterMetrics({ gauges: () => GAUGES, copies: () => copies, controllers: [] });
  onTestFinished(() => made.close());
  const text = await made.text();
  const value = (name: string) => Number(new RegExp(`^${name}\\{kind="WebPool"\\} (.*)$`, 'm').exec(text)?.[1]);
  expect(value('webpool_copy_silent_seconds')).toBe(60);
  expect(value('webpool_copy_failures')).toBe(3);
  expect(value('webpool_copy_objects')).toBe(42);
  expect(value('webpool_copy_errors_total')).toBe(21);
  expect(value('webpool_copy_lists_total')).toBe(21);
});
