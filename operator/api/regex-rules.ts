import { RE2JS } from 're2js';
import { problem, shown, type Problem } from './problem.ts';

const LONGEST = 256;

/** What is wrong with a regular expression (RE2). */
export function regexProblems(expression: string, path: string): Problem[] {
  if (expression.length > LONGEST) {
    return [
      problem(
        path,
        `has ${expression.length} characters, at most ${LONGEST}: split it into several matches`,
        'InvalidRegex',
      ),
    ];
  }
  // Requests are compared in ASCII, where such a character stands percent-encoded.
  if (/\P{ASCII}/u.test(expression)) {
    return [
      problem(path, `${shown(expression)} has a character beyond ASCII: write it percent-encoded`, 'InvalidRegex'),
    ];
  }
  try {
    RE2JS.compile(expression);
    return [];
  } catch (error) {
    const text = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
    return [problem(path, `is no regular expression of RE2: ${text.slice(0, 120)}`, 'InvalidRegex')];
  }
}
