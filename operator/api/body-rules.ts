import { problem, type Problem } from './problem.ts';

/** HAProxy has 16 KiB for an answer of its own, headers and all. */
const MOST_BYTES = 12_288;

/** Control characters but for tabs and ends of lines. */
const NO_TEXT = /[^\P{Cc}\t\n\r]/u;

/** Why a text that stands elsewhere cannot be the body of an answer; undefined when it can. */
export function pageProblem(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (NO_TEXT.test(text)) return 'has control characters';
  const [tooLong] = bodyProblems(text, '');
  return tooLong?.message;
}

/** What is wrong with the body of an answer that the proxy gives itself. */
export function bodyProblems(body: string | undefined, path: string): Problem[] {
  const bytes = new TextEncoder().encode(body).length;
  if (bytes <= MOST_BYTES) return [];
  return [problem(path, `has ${bytes} bytes in UTF-8, at most ${MOST_BYTES}: make it shorter`)];
}
