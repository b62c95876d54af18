/**
 * What the schema of a kind says about a document.
 * In: a compiled schema and a document. Out: what is wrong with it.
 */
import type { ValidateFunction } from 'ajv';
import type { Kind } from './resources.ts';
import type { Problem } from './problem.ts';
import { formatPath, stepsOfPointer } from './field-path.ts';
import { messageOf, type SchemaError } from './schema-message.ts';

/** The compiled schemas of the kinds. */
export type Schemas = (kind: Kind) => ValidateFunction;

/** What a schema says about a document; `sound` when the fields that are there have the right form at least. */
export interface SchemaVerdict {
  readonly problems: readonly Problem[];
  readonly sound: boolean;
}

/** Longer texts are over every `maxLength`, and a pattern should not be tried on them. */
const LONGEST_MATCHED = 8_192;
/** After these the cross-field rules would read something that is not there. */
const UNSOUND = new Set(['type', 'required', 'uniqueKeys']);

/** What a compiled schema says about a document. */
export function verdictOf(validate: ValidateFunction, document: unknown): SchemaVerdict {
  if (validate(document)) return { problems: [], sound: true };
  const errors = (validate.errors ?? []) as readonly SchemaError[];
  return {
    problems: errors.map((error) => problemOf(error, document)),
    sound: !errors.some((error) => UNSOUND.has(error.keyword)),
  };
}

function problemOf(error: SchemaError, document: unknown): Problem {
  const steps = [...stepsOfPointer(error.instancePath, document), ...stepBeyond(error)];
  const place = formatPath(steps);
  const reason = error.keyword === 'enum' ? 'UnsupportedValue' : 'InvalidSpec';
  return { ...(place !== '' && { path: place }), reason, message: messageOf(error) };
}

/** ajv names the object or list; the place meant is what it must not have. */
function stepBeyond({ keyword, params }: SchemaError): readonly (string | number)[] {
  if (keyword === 'additionalProperties') return [String(params['additionalProperty'])];
  if (keyword === 'uniqueItems') return [Math.max(Number(params['i']), Number(params['j']))];
  if (keyword === 'uniqueKeys') return [Number(params['index']), String(params['name'])];
  return [];
}

/** The patterns of a compiled schema. */
export function boundedPattern(pattern: string, flags: string): { test(text: string): boolean; toString(): string } {
  const expression = new RegExp(pattern, flags);
  // ajv tells patterns apart by their text.
  return {
    test: (text) => text.length > LONGEST_MATCHED || expression.test(text),
    toString: () => expression.toString(),
  };
}

/** One entry of a list whose key an earlier one has: the `params` of its error. */
interface Repeated {
  readonly index: number;
  readonly earlier: number;
  readonly name: string;
  readonly key: unknown;
}

/** Entries of a list in which the field `name` says what it says in an earlier one; entries without it are none. */
export function repeatedKeys(list: readonly Readonly<Record<string, unknown>>[], name: string): readonly Repeated[] {
  const first = new Map<unknown, number>();
  return list.flatMap((entry, index) => {
    const key = entry?.[name];
    const earlier = first.get(key);
    if (key !== undefined && earlier !== undefined) return [{ index, earlier, name, key }];
    first.set(key, index);
    return [];
  });
}
