import type { Finding } from '../api/finding.ts';
import type { Held, Key, Kind, Metadata } from '../api/resources.ts';
import type { ProxyObserved } from './observed.ts';
import { sentences } from './text.ts';
import { conditionIn, negative, pending, positive, type History, type Verdict } from './verdict.ts';

/** One object and everything that was found out about it before anything was applied. */
export interface Subject {
  readonly kind: Kind;
  readonly key: Key;
  /** Of its newest version. */
  readonly metadata: Metadata;
  /** Its newest version is not in force. */
  readonly held: Held | undefined;
  /** The generation in force; undefined when none is. */
  readonly inForce: number | undefined;
  readonly findings: readonly Finding[];
}

/** The verdicts that come from findings. */
export interface Admission {
  readonly accepted: Verdict;
  readonly resolved: Verdict;
  /** The newest version is refused, so nothing about it can be applied. */
  readonly refused: boolean;
}

/** Accepted and ResolvedRefs of an object. */
export function admissionOf(subject: Subject): Admission {
  const refusal = refusalOf(subject);
  if (refusal !== undefined) {
    return {
      accepted: refusal,
      resolved: pending('ResolvedRefs', 'Not looked at as long as Accepted is False.'),
      refused: true,
    };
  }
  if (subject.inForce === undefined) {
    const waits = 'Waits until the pool is no longer paused.';
    return { accepted: pending('Accepted', waits), resolved: pending('ResolvedRefs', waits), refused: false };
  }
  const unresolved = subject.findings.filter((finding) => finding.condition === 'ResolvedRefs');
  const [first] = unresolved;
  const resolved =
    first === undefined
      ? positive('ResolvedRefs', 'All references are resolved.')
      : negative('ResolvedRefs', first.reason, sentences(unresolved));
  return { accepted: positive('Accepted', 'Valid.'), resolved, refused: false };
}

function refusalOf({ findings, held, inForce }: Subject): Verdict | undefined {
  const refusals = findings.filter((finding) => finding.condition === 'Accepted');
  const [first] = refusals;
  const heldBack = held !== undefined && held.findings.length > 0;
  if (first === undefined && !heldBack) return undefined;
  const text = first === undefined ? sentences(held?.findings ?? []) : sentences(refusals);
  const message =
    heldBack && inForce !== undefined ? `Fall Back to generation ${inForce}, which still serves: ${text}` : text;
  return negative('Accepted', first?.reason ?? 'InvalidSpec', message);
}

/**
 * Programmed of an object. A version that was read back once counts until the object changes, as long as a HAProxy of ours is
 * seen running: while another object is being applied, or refused, this one still serves.
 */
export function programmedOf(admission: Admission, proxy: ProxyObserved, history: History): Verdict {
  if (admission.refused) return negative('Programmed', 'Invalid', 'This version is not in HAProxy: Accepted is False.');
  if (proxy.doubt !== undefined) return pending('Programmed', proxy.doubt);
  if (proxy.programmed && admission.accepted.status === 'True') return programmed();
  if (stillServes(proxy, history)) return programmed();
  const { problem } = proxy;
  return problem === undefined
    ? pending('Programmed', proxy.waitsFor ?? 'Not read back from HAProxy yet.')
    : negative('Programmed', problem.reason, problem.message);
}

/** Problems with which the last good configuration serves on. */
const LAST_STAYS: ReadonlySet<string> = new Set<NonNullable<ProxyObserved['problem']>['reason']>([
  'ConfigRejected',
  'FilesNotWritten',
]);

function stillServes({ problem, pools }: ProxyObserved, { sameGeneration, previous }: History): boolean {
  const runs = (problem === undefined || LAST_STAYS.has(problem.reason)) && pools.size > 0;
  return runs && sameGeneration && conditionIn(previous, 'Programmed')?.status === 'True';
}

function programmed(): Verdict {
  return positive('Programmed', 'Read back from the running HAProxy.');
}
