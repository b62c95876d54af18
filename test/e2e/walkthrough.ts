/** A page with commands and what they print, as its reader walks through it. Pure. */

/** A fenced block of commands, one a line, and the output that the page shows right below it. */
export interface Step {
  readonly commands: readonly string[];
  /** Lines; none = the page shows nothing. */
  readonly shown: readonly string[];
}

/** The steps below a heading of second level, in order. Throws when the page has no such heading or no commands there. */
export function stepsOf(page: string, heading: string): readonly Step[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const steps: Step[] = [];
  for (const [, language, text = ''] of section.matchAll(/^```(\w*)\n([^]*?)^```$/gm)) {
    const last = steps.at(-1);
    if (language === 'sh') steps.push({ commands: linesOf(text), shown: [] });
    else if (language === '' && last !== undefined) steps.splice(-1, 1, { ...last, shown: linesOf(text) });
  }
  if (steps.length === 0) throw new Error(`no commands below "## ${heading}"`);
  return steps;
}

/**
 * What of the outputs of a step's commands is to be as the page shows it: a page may leave out what the first commands print,
 * but nothing from there on, and of no command a part.
 */
export function comparable(outputs: readonly string[], shown: readonly string[]): readonly string[] {
  const [first, ...others] = outputs;
  if (first === undefined || others.flatMap(linesOf).length < shown.length) return outputs.flatMap(linesOf);
  return comparable(others, shown);
}

/** The line without what differs from time to time: names that Kubernetes makes up, and ages, which stand last. */
export function masked(line: string): string {
  return line.replace(MADE_UP, '-*-*').replace(/(?<= )(?:\d+[dhms]){1,2}$/, 'AGE');
}

/** The end of the name of a Deployment's Pod: no vowels, nothing that looks like one. */
const MADE_UP = /-[b-df-hj-np-tv-xz2-9]{5,10}-[b-df-hj-np-tv-xz2-9]{5}\b/g;

function linesOf(text: string): readonly string[] {
  // HTTP's lines end in another way, and tables are padded.
  return text === '' ? [] : text.trimEnd().split(/[^\S\n]*\n/);
}
