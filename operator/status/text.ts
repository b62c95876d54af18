import type { Finding } from '../api/finding.ts';

/** The longest message, in UTF-16 units: long enough for a sentence with its way out, short enough for a terminal. */
export const MAX_MESSAGE = 1024;

// Control, format (bidirectional overrides, zero width) and line separators: none of them belongs on a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** `text` as one printable line of at most `limit` UTF-16 units. */
export function oneLine(text: string, limit = MAX_MESSAGE): string {
  const line = text
    .toWellFormed()
    .trim()
    .replace(/\s*[\r\n]+\s*/g, ' / ')
    .replace(UNPRINTABLE, escape);
  return line.length <= limit ? line : `${line.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** `text`, each of its lines printable: what others said or wrote must not steer the terminal. */
export function printable(text: string): string {
  return text
    .split('\n')
    .map((line) => oneLine(line))
    .join('\n');
}

function escape(character: string): string {
  return character === '\t' ? ' ' : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Several findings as one message: each said once, with its place, and a count of those that find no room. */
export function sentences(findings: readonly Finding[]): string {
  return joined(findings.map(sentence));
}

/** Several texts as one message: each once, and a count of those that find no room. */
export function joined(parts: readonly string[]): string {
  const texts = [...new Set(parts)];
  let text = texts[0] ?? '';
  for (const [index, next] of texts.entries()) {
    if (index === 0) continue;
    const more = ` (and ${texts.length - index} more)`;
    if (text.length + next.length > MAX_MESSAGE - 32) return oneLine(text, MAX_MESSAGE - more.length) + more;
    text += `; ${next}`;
  }
  return oneLine(text);
}

/** What a finding says, with its place. */
export function sentence(finding: Finding): string {
  const { path, message } = finding;
  return path === undefined || message.includes(path) ? message : `${path}: ${message}`;
}

/** `1 server`, `2 servers`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** `names` for a sentence: the first few and how many more. */
export function some(names: readonly string[], most = 5): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}

/** Milliseconds as a person says them: `500 ms`, `10 s`. */
export function time(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${milliseconds / 1000} s`;
}
