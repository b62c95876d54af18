/** Whether two plain values of JSON say the same; a property that is undefined counts as absent. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]))
    );
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return (
    includes(left, right) && Object.keys(right).every((key) => right[key] === undefined || left[key] !== undefined)
  );
}

function includes(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  return Object.keys(left).every((key) => left[key] === undefined || equal(left[key], right[key]));
}

/** Whether two lists hold the same items, by identity. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (!Object.is(a[index], b[index])) return false;
  return true;
}
