import type { AcceptedReason, Finding } from './finding.ts';
import type { Key, Kind } from './resources.ts';

/** Something wrong at one place of an object, before it is known what it means for the object. */
export interface Problem {
  /** For example `spec.rules[1].matches[0].path.value`; absent when it is the document as a whole. */
  readonly path?: string;
  readonly reason: Extract<
    AcceptedReason,
    | 'InvalidSpec'
    | 'UnsupportedValue'
    | 'InvalidRegex'
    | 'IncompatibleFilters'
    | 'UnsupportedPrivilege'
    | 'ReservedAccount'
  >;
  /** What is wrong and the way out, one sentence. */
  readonly message: string;
  /** Index of the one rule of a RoutingRule that it concerns: the others can serve without it. */
  readonly ruleIndex?: number;
  readonly file?: string;
  readonly line?: number;
}

/** A problem at `path`. */
export function problem(path: string, message: string, reason: Problem['reason'] = 'InvalidSpec'): Problem {
  return { path, reason, message };
}

/** The problem as a Finding that makes `Accepted` False. */
export function refusal(object: { readonly kind: Kind; readonly key: Key }, found: Problem): Finding {
  return { object, condition: 'Accepted', reason: found.reason, message: found.message, ...placeOf(found) };
}

/** Where the problem is, as a Finding says it. */
export function placeOf({ path, file, line }: Problem): Pick<Finding, 'path' | 'file' | 'line'> {
  return {
    ...(path !== undefined && { path }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
  };
}

/** A value as a message may show it: quoted, without control characters, cut. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  const printable = text.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return printable.length > 60 ? `${printable.slice(0, 57)}…` : printable;
}
