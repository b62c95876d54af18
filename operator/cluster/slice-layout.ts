/** Which slice of a pool holds which endpoint: one change rewrites one slice. */

/** Source: the API takes up to 1,000; kube-controller-manager fills 100. */
export const MOST_ENDPOINTS = 100;

/** Number of a slice → ids of the endpoints in it. */
export type Layout = ReadonlyMap<number, readonly string[]>;

/**
 * Where each of `wanted` stands: where it stands in `current`, else in the first slice with room, else in a new one.
 * Shape: every slice holds 1 to 100 endpoints, sorted; slices that would be empty are absent. New ones take no number of `taken`.
 */
export function layoutSlices(wanted: readonly string[], current: Layout, taken: ReadonlySet<number>): Layout {
  const left = new Set(wanted);
  const slices = new Map<number, string[]>();
  for (const [number, ids] of [...current].sort(([a], [b]) => a - b)) {
    const kept: string[] = [];
    for (const id of ids) if (kept.length < MOST_ENDPOINTS && left.delete(id)) kept.push(id);
    if (kept.length > 0) slices.set(number, kept);
  }
  for (const id of left) slotFor(slices, taken).push(id);
  return new Map([...slices].map(([number, ids]) => [number, ids.toSorted()]));
}

function slotFor(slices: Map<number, string[]>, taken: ReadonlySet<number>): string[] {
  const roomy = [...slices.values()].find((ids) => ids.length < MOST_ENDPOINTS);
  if (roomy !== undefined) return roomy;
  let number = 1;
  while (slices.has(number) || taken.has(number)) number += 1;
  const made: string[] = [];
  slices.set(number, made);
  return made;
}
