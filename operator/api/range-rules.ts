import { canonicalCidr } from './address.ts';
import { problem, shown, type Problem } from './problem.ts';

/** What is wrong with a list of addresses and CIDR ranges. */
export function rangeProblems(ranges: readonly string[] | undefined, path: string): readonly Problem[] {
  return (ranges ?? []).flatMap((range, index) => {
    if (canonicalCidr(range) !== undefined) return [];
    const message = `${shown(range)} is no address or CIDR such as 192.0.2.0/24 or 2001:db8::/32`;
    return [problem(`${path}[${index}]`, message)];
  });
}
