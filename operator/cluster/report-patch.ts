/** What to say so that a report that was written becomes the next one: what changed, as steps of a JSON Patch (RFC 6902). */
import type { ProxyReportSpec } from '../api/kinds.gen.ts';

/** One step of a JSON Patch. */
export interface PatchStep {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

type Field = keyof ProxyReportSpec;

const PARTS: readonly Field[] = ['worker', 'programmed', 'problem', 'refused', 'refusedTotal', 'corrected'];
/** With more changed pools than this share the whole list is shorter. */
const MOST = 0.5;

/** The steps from one report to the next, without its time; a part that is the same object is taken for equal. */
export function reportPatch(before: ProxyReportSpec, after: ProxyReportSpec): readonly PatchStep[] {
  const changed = PARTS.filter((field) => !Object.is(before[field], after[field]));
  return [...changed.map((field) => setField(field, after)), ...poolSteps(before, after)];
}

function setField(field: Field, { [field]: value }: ProxyReportSpec): PatchStep {
  const path = `/spec/${field}`;
  return value === undefined ? { op: 'remove', path } : { op: 'add', path, value };
}

/** Where the list has the same pools in the same order, those that changed are said one by one. */
function poolSteps({ pools: before }: ProxyReportSpec, after: ProxyReportSpec): readonly PatchStep[] {
  const { pools } = after;
  const changed = pools.flatMap((pool, index) => (Object.is(pool, before[index]) ? [] : [{ index, pool }]));
  const inPlace = before.length === pools.length && changed.every(({ index, pool }) => before[index]?.key === pool.key);
  if (!inPlace || changed.length > pools.length * MOST) return [setField('pools', after)];
  return changed.map(({ index, pool }) => ({ op: 'replace', path: `/spec/pools/${index}`, value: pool }));
}
