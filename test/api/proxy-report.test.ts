import { readFileSync } from 'node:fs';
import { Ajv, type AnySchemaObject } from 'ajv';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import type { ProxyReportSpec, ReportedPool } from '../../operator/api/kinds.gen.ts';

interface Crd {
  readonly spec: {
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: AnySchemaObject } }];
  };
}

const crd = load(readFileSync(new URL('../../crds/proxyreports.yaml', import.meta.url), 'utf8')) as Crd;
const validate = new Ajv({ strict: false, validateFormats: false }).compile(
  crd.spec.versions[0].schema.openAPIV3Schema,
);

/** Names as long as people make them; the ids of external endpoints are all spelled out. */
function pool(number: number): ReportedPool {
  const servers = Array.from({ length: 10 }, (_, index) => `web${index}-of-the-old-data-centre_192.0.2.${index}:8080`);
  return { key: `production/customer-site-${number}`, total: 10, ready: 10, readyExternal: servers };
}

const report: ProxyReportSpec = {
  heartbeatTime: '2026-01-01T00:00:00Z',
  worker: { pid: 12, startTime: '2026-01-01T00:00:00Z', version: '3.0.11' },
  programmed: { webPools: '1', routingRules: '2', endpointSlices: '3', secrets: '4' },
  pools: Array.from({ length: 1000 }, (_, number) => pool(number)),
};

test('a report on 1,000 pools of 10 external endpoints fits into one object', () => {
  expect({ valid: validate({ spec: report }), errors: validate.errors }).toEqual({ valid: true, errors: null });
  // etcd takes 1.5 MiB; the rest is for metadata and for what is not well.
  expect(JSON.stringify(report).length).toBeLessThan(1024 * 1024);
});

test('a report without heartbeat is refused', () => {
  const { heartbeatTime: _, ...rest } = report;
  expect(validate({ spec: rest })).toBe(false);
});
