import type { Kind } from './resources.ts';
import { formatPath, type Step } from './field-path.ts';
import { problem, type Problem } from './problem.ts';

/** Texts of several lines: `*` stands for any entry of a list. */
const SEVERAL_LINES: Readonly<Record<Kind, readonly string[]>> = {
  WebPool: ['spec.maintenancePage.body'],
  RoutingRule: ['spec.rules.*.respond.body'],
  DatabaseGrant: [],
};

const LINE_BREAKS = /[\n\t]/g;
// U+2028 and U+2029 end a line for some readers, and half a surrogate pair is no text.
const FORBIDDEN = /[\p{Cc}\u2028\u2029]/u;

/** Every text with a control character, which could mean something to HAProxy, MySQL or a terminal. */
export function textProblems(kind: Kind, spec: unknown): readonly Problem[] {
  const found: Problem[] = [];
  collect(spec, ['spec'], (steps, text) => {
    const pattern = steps.map((step) => (typeof step === 'number' ? '*' : step)).join('.');
    const checked = SEVERAL_LINES[kind].includes(pattern) ? text.replace(LINE_BREAKS, '') : text;
    if (!FORBIDDEN.test(checked) && checked.isWellFormed()) return;
    const ruleIndex = steps[1] === 'rules' && typeof steps[2] === 'number' ? steps[2] : undefined;
    const message = 'has a control character: remove it';
    found.push({ ...problem(formatPath(steps), message), ...(ruleIndex !== undefined && { ruleIndex }) });
  });
  return found;
}

function collect(value: unknown, steps: readonly Step[], visit: (steps: readonly Step[], text: string) => void): void {
  if (typeof value === 'string') {
    if (SUSPECT.test(value)) visit(steps, value);
  } else if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) collect(entry, [...steps, index], visit);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, entry] of Object.entries(value)) collect(entry, [...steps, name], visit);
  }
}

/** Most texts are plain, and their path is never needed. */
const SUSPECT = /[^ -~]/;
