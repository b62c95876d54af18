/** Which paths a rule may ask for: those that every server reads in the same way. */
import type { PathMatch } from './kinds.gen.ts';
import { problem, shown, type Problem } from './problem.ts';
import { regexProblems } from './regex-rules.ts';

interface PathCheck {
  readonly wrong: RegExp;
  readonly message: (found: string) => string;
}

const CHECKS: readonly PathCheck[] = [
  {
    wrong: /[?#]/,
    message: (found) => `has ${shown(found)}: a path has no query or fragment; match the query by queryParams`,
  },
  {
    wrong: /%(?![0-9A-Fa-f]{2})/,
    message: () => 'has a "%" without two hexadecimal digits: write %25 for the character itself',
  },
  {
    wrong: /%(?:2[fFeE]|5[cC]|00)/,
    message: (found) => `has ${found}, which servers read in different ways: write the path without it`,
  },
  {
    wrong: /[^-A-Za-z0-9._~!$&'()*+,;=:@%/?#]+/u,
    message: (found) => `has ${shown(found)}: write it as ${encoded(found)}`,
  },
  { wrong: /\/\//, message: () => 'has "//": requests are compared with single slashes' },
  {
    wrong: /\/\.{1,2}(?:\/|$)/,
    message: (found) => `has ${shown(found)}: requests are compared with "." and ".." resolved`,
  },
];

/** What is wrong with the path of a match. Source: RFC 3986 §3.3. */
export function pathProblems({ type, value }: PathMatch, path: string): readonly Problem[] {
  const place = `${path}.value`;
  if (type === 'Regex') return regexProblems(value, place);
  const begins = value.startsWith('/') ? [] : [problem(place, `${shown(value)} does not begin with /`)];
  const wrong = CHECKS.flatMap(({ wrong, message }) => {
    const found = wrong.exec(value)?.[0];
    return found === undefined ? [] : [problem(place, `${shown(value)} ${message(found)}`)];
  });
  return [...begins, ...wrong];
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).slice(0, 30);
}
