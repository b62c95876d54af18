import { shown } from './problem.ts';

/** What to say of a field that nobody knows: the one that was probably meant, or all there are. */
export function unknownField(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const way = meant === undefined ? `Known fields: ${[...known].sort().join(', ')}` : `Did you mean ${meant}?`;
  return `unknown field ${shown(name)}. ${way}`;
}

/** The word that was probably meant; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase(), limit) }))
    .filter((entry) => entry.distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** Letters to insert, remove, replace or swap with their neighbour, as far as `limit` allows. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= a.length; row++) {
    rows[row] = [row];
    for (let column = 1; column <= b.length; column++) rows[row]?.push(cheapest(rows, [row, column], { a, b }));
  }
  return rows[a.length]?.[b.length] ?? limit + 1;
}

interface Words {
  readonly a: string;
  readonly b: string;
}

function cheapest(rows: readonly (readonly number[])[], [row, column]: [number, number], { a, b }: Words): number {
  const at = (up: number, left: number) => rows[row - up]?.[column - left] ?? Infinity;
  const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
  return Math.min(
    at(1, 1) + (a[row - 1] === b[column - 1] ? 0 : 1),
    at(0, 1) + 1,
    at(1, 0) + 1,
    swapped ? at(2, 2) + 1 : Infinity,
  );
}
