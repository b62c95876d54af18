import type { Kind } from './resources.ts';
import { formatPath, type Step } from './field-path.ts';
import { problem, type Problem } from './problem.ts';

const LINE_BREAKS = /[\n\t]/g;
/** Lines as protocols end them. */
const WIRE_BREAKS = /[\r\n\t]/g;

/** Texts of several lines, and what they may hold: `*` stands for any entry of a list. */
const SEVERAL_LINES: Readonly<Record<Kind, ReadonlyMap<string, RegExp>>> = {
  WebPool: new Map([
    ['spec.maintenancePage.body', LINE_BREAKS],
    ['spec.healthCheck.send', WIRE_BREAKS],
    ['spec.healthCheck.receive', WIRE_BREAKS],
  ]),
  RoutingRule: new Map([['spec.rules.*.respond.body', LINE_BREAKS]]),
  DatabaseGrant: new Map(),
};

// U+2028 and U+2029 end a line for some readers, and half a surrogate pair is no text.
const FORBIDDEN = /[\p{Cc}\u2028\u2029]/u;

/** Every text with a control character, which could mean something to HAProxy, MySQL or a terminal. */
export function textProblems(kind: Kind, spec: unknown): readonly Problem[] {
  const found: Problem[] = [];
  collect(spec, ['spec'], (steps, text) => {
    const pattern = steps.map((step) => (typeof step === 'number' ? '*' : step)).join('.');
    const breaks = SEVERAL_LINES[kind].get(pattern);
    const checked = breaks === undefined ? text : text.replace(breaks, '');
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
