/** Whatever changed between two reports, the patch makes the one into the other and says no more than that. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProxyReportSpec, ReportedPool } from '../../operator/api/kinds.gen.ts';
import { keepIdentity } from '../../operator/api/stable.ts';
import { reportPatch } from '../../operator/cluster/report-patch.ts';
import { jsonPatch } from '../kube/fake-objects.ts';

const TIME = '2026-01-01T00:00:00Z';

const pool = (index: number) =>
  fc.record({ key: fc.constant(`default/pool${index}`), total: fc.nat(2), ready: fc.nat(2) });
const pools = fc
  .subarray([0, 1, 2, 3, 4, 5], { minLength: 3 })
  .chain((some): fc.Arbitrary<readonly ReportedPool[]> => fc.tuple(...some.map(pool)));
const reports: fc.Arbitrary<ProxyReportSpec> = fc.record(
  {
    heartbeatTime: fc.constant(TIME),
    programmed: fc.record({ webPools: fc.constantFrom('1', '2') }, { requiredKeys: [] }),
    pools,
    worker: fc.record({
      pid: fc.integer({ min: 1, max: 2 }),
      startTime: fc.constant(TIME),
      version: fc.constant('3.0.11'),
    }),
    problem: fc.record({ reason: fc.constant('ConfigRejected' as const), message: fc.constantFrom('a', 'b') }),
    refusedTotal: fc.constantFrom(70, 80),
  },
  { requiredKeys: ['heartbeatTime', 'programmed', 'pools'] },
);
const objectOf = (spec: ProxyReportSpec) => ({ metadata: { name: 'proxy-1' }, spec });

test('the patch of two reports makes the one into the other', () => {
  fc.assert(
    fc.property(reports, reports, (before, made) => {
      const after = keepIdentity(before, made);
      expect(
        jsonPatch(
          objectOf(before),
          [...reportPatch(before, after)].map((step) => ({ ...step })),
        ),
      ).toEqual(objectOf(after));
    }),
  );
});

test('of a thousand pools one that changed is said alone', () => {
  const before: ProxyReportSpec = {
    heartbeatTime: TIME,
    programmed: { webPools: '1' },
    pools: Array.from({ length: 1000 }, (_, index) => ({ key: `default/pool${index}`, total: 10, ready: 10 })),
  };
  const changed = { key: 'default/pool17', total: 11, ready: 10 };
  const after = { ...before, pools: before.pools.with(17, changed) };
  expect(reportPatch(before, after)).toEqual([{ op: 'replace', path: '/spec/pools/17', value: changed }]);
});
