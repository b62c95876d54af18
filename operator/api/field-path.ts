/** One step into a document: a field's name or an index of a list. */
export type Step = string | number;

const PLAIN = /^[A-Za-z_][-A-Za-z0-9_]*$/;
const STEP = /^(?:\.?([A-Za-z_][-A-Za-z0-9_]*)|\[([0-9]+)\]|\[("(?:[^"\\]|\\.)*")\])/;

/** The steps as people read them: `spec.rules[1].matches[0].path.value`; a name with other characters stands as `["a b"]`. */
export function formatPath(steps: readonly Step[]): string {
  const text = steps.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return PLAIN.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  });
  return text.join('').replace(/^\./, '');
}

/** The steps of a path that `formatPath` wrote; what cannot be read ends the list. */
export function parsePath(path: string): readonly Step[] {
  const steps: Step[] = [];
  for (let rest = path; rest !== '';) {
    const match = STEP.exec(rest);
    if (match === null) break;
    const [whole, plain, index, quoted] = match;
    steps.push(index === undefined ? (plain ?? (JSON.parse(quoted ?? '""') as string)) : Number(index));
    rest = rest.slice(whole.length);
  }
  return steps;
}

/** The steps of a JSON pointer as ajv gives it: a number counts as an index where the document has a list. */
export function stepsOfPointer(pointer: string, document: unknown): readonly Step[] {
  let value = document;
  const steps: Step[] = [];
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(value) ? Number(name) : name;
    steps.push(step);
    value = (value as Record<Step, unknown> | undefined)?.[step];
  }
  return steps;
}
