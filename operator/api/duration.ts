const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

const WHOLE = /^(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}$/;
const GROUP = /([0-9]{1,5})(ms|h|m|s)/g;

/**
 * The milliseconds of a duration such as `500ms`, `10s` or `1h30m`; undefined when the text is no duration.
 * Source: GEP-2257.
 */
export function parseDuration(text: string): number | undefined {
  if (!WHOLE.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(GROUP)) total += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}
