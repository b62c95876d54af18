import type { Kind } from './resources.ts';
import { formatPath, parsePath } from './field-path.ts';
import { nameProblems } from './name-rules.ts';
import type { Problem } from './problem.ts';
import { ruleProblems } from './rules.ts';
import { verdictOf, type Schemas } from './schema.ts';
import { textProblems } from './text-rules.ts';

/** Everything wrong with one document of a kind: schema, texts and cross-field rules, all at once. */
export type Validate = (kind: Kind, document: Document) => readonly Problem[];

interface Document {
  readonly metadata?: unknown;
  readonly spec?: unknown;
}

/** The validation of the kinds of which the compiled schemas are given. */
export function createValidator(schemas: Schemas): Validate {
  return (kind, document) => {
    const { problems, sound } = verdictOf(schemas(kind), document);
    const rules = sound ? ruleProblems(kind, document.spec as never) : [];
    const places = new Set(problems.map(({ path }) => path));
    const undecided = new Set(problems.filter(({ reason }) => reason === 'UnsupportedValue').map(parentOf));
    return [
      ...problems,
      ...nameProblems(kind, document.metadata),
      // Where the schema has spoken, the others would only say it again.
      ...textProblems(kind, document.spec).filter(({ path }) => !places.has(path)),
      // Beside a word that nobody knows (`type: regex`), what its neighbours must be is not known either.
      ...rules.filter((found) => !places.has(found.path) && !undecided.has(parentOf(found))),
    ];
  };
}

function parentOf({ path = '' }: Problem): string {
  return formatPath(parsePath(path).slice(0, -1));
}
