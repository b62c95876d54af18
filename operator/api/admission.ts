import type { Finding, PartialReason } from './finding.ts';
import type { Condition } from './kinds.gen.ts';
import { keyOf, type Held, type KindOf } from './resources.ts';
import { placeOf, refusal, type Problem } from './problem.ts';

/** The newest version of an object and everything wrong with it. With problems, its `spec` may have any form. */
export interface Candidate {
  readonly object: KindOf;
  readonly problems: readonly Problem[];
  /** An earlier process had a version of it in force; which one, nobody knows any more. */
  readonly servedBefore?: boolean;
}

/** What becomes of an object. */
export interface Admission {
  /** The version that is carried out; absent when none is good. */
  readonly inForce?: KindOf;
  /** The newest version is not it. */
  readonly held?: Held;
  /** What is not well about the version in force. */
  readonly findings: readonly Finding[];
}

/**
 * Which version of an object is in force.
 * Shape: a good one is, unless it says `paused`; of a RoutingRule the good rules are, if there are any; else the previous one stays.
 * A paused one of which the previous version is forgotten goes on with the newest: a restart must not take a pool away.
 */
export function admit(candidate: Candidate, previous: KindOf | undefined): Admission {
  const { object, problems } = candidate;
  const paused = object.kind === 'WebPool' && (object.spec as { readonly paused?: unknown } | null)?.paused === true;
  if (problems.length === 0 && !paused) return { inForce: object, findings: [] };
  const last = previous ?? (problems.length === 0 && candidate.servedBefore === true ? object : undefined);
  return withoutBadRules(candidate) ?? hold(candidate, last, { paused });
}

/** Whether a status of an earlier process says that a version of its object was in force. */
export function wasInForce(status: { readonly conditions?: readonly Condition[] } | undefined): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Programmed' && is === 'True') === true;
}

function hold(
  { object, problems }: Candidate,
  previous: KindOf | undefined,
  { paused }: { readonly paused: boolean },
): Admission {
  const { kind, metadata } = object;
  const key = keyOf(metadata);
  const findings = problems.map((found) => refusal({ kind, key }, found));
  const held: Held = { kind, key, metadata, findings, paused, fallback: previous !== undefined };
  return { ...(previous !== undefined && { inForce: previous }), held, findings: [] };
}

/** The RoutingRule without its bad rules; undefined when that is no way out. */
function withoutBadRules({ object, problems }: Candidate): Admission | undefined {
  if (object.kind !== 'RoutingRule') return undefined;
  const bad = new Set(problems.map(({ ruleIndex }) => ruleIndex));
  if (bad.has(undefined) || bad.size >= object.spec.rules.length) return undefined;
  const rules = object.spec.rules.filter((_, index) => !bad.has(index));
  const findings = problems.map((found) => partialFinding(object, found));
  return { inForce: { ...object, spec: { ...object.spec, rules } }, findings };
}

/** Reasons that say as much of a rule as of the whole object. */
const SAME_REASON: readonly PartialReason[] = ['InvalidRegex', 'IncompatibleFilters'];

function partialFinding(object: Extract<KindOf, { kind: 'RoutingRule' }>, found: Problem): Finding {
  const rule = object.spec.rules[found.ruleIndex ?? -1]?.name;
  const reason = SAME_REASON.find((same) => same === found.reason) ?? 'UnsupportedValue';
  const place = { ...placeOf(found), ...(rule !== undefined && { rule }) };
  return {
    object: { kind: object.kind, key: keyOf(object.metadata) },
    condition: 'PartiallyInvalid',
    reason,
    message: found.message,
    ...place,
  };
}
