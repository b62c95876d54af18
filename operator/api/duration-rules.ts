import { parseDuration } from './duration.ts';
import { problem, shown, type Problem } from './problem.ts';

/** Shortest and longest time that a field may hold, as written. */
export type DurationBounds = readonly [shortest: string, longest: string];

/** What is wrong with a duration whose form is right. */
export function durationProblems(
  text: string | undefined,
  path: string,
  [shortest, longest]: DurationBounds,
): Problem[] {
  const time = text === undefined ? undefined : parseDuration(text);
  if (time === undefined) return [];
  if (time >= (parseDuration(shortest) ?? 0) && time <= (parseDuration(longest) ?? 0)) return [];
  return [problem(path, `${shown(text)} is out of range: ${shortest} to ${longest}`)];
}
