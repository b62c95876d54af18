/**
 * Conditions in the form that kubectl, Flux and Argo CD read: the common part of all kinds.
 * In: verdicts of one object and its previous conditions. Out: the conditions to write. Never: a clock of its own.
 */
import type { Condition } from '../api/kinds.gen.ts';
import { progressOf, type WaitingReason } from './progress.ts';
import type { ConditionType, Reason } from './reasons.ts';
import { oneLine } from './text.ts';

/** What is so about one aspect of an object. */
export interface Verdict {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
}

/** What has been said about the object before, and when now is. */
export interface History {
  readonly previous: readonly Condition[];
  /** The previous status speaks of this generation. */
  readonly sameGeneration: boolean;
  readonly generation: number;
  readonly now: string;
  /** `now` in seconds. */
  readonly seconds: number;
  /** Seconds; the time of this generation begins here at the earliest: when it, or this process, appeared. */
  readonly since: number;
}

/** The verdicts on one object. */
export interface Verdicts {
  /** Ready is their conjunction; the first that fails gives its reason. */
  readonly required: readonly Verdict[];
  /** Told, but not part of Ready. */
  readonly informative: readonly Verdict[];
  /** Message of Ready when all is well. */
  readonly well: string;
  /** What the object waits for as long as a new generation is not ready. */
  readonly waiting: (failing: readonly Verdict[]) => WaitingReason;
  readonly paused?: Pause;
}

/** A paused object neither progresses nor stalls. */
export interface Pause {
  readonly neverInForce: boolean;
}

/** The conditions of an object. */
export interface Settled {
  readonly conditions: readonly Condition[];
  /** Seconds since 1970 at which time alone changes them. */
  readonly recheckAt?: number;
}

const PAUSED = 'Paused: changes wait until spec.paused is false.';

/**
 * The conditions that say `verdicts`.
 * Shape: Ready first; every condition has observedGeneration; of Reconciling and Stalled at most one, and only with Ready=False;
 * lastTransitionTime is kept as long as the status is.
 */
export function settle(verdicts: Verdicts, history: History): Settled {
  const failing = verdicts.required.filter(isFailing);
  const progress = progressOf(failing, history, verdicts);
  const all = [readyOf(failing, verdicts), ...verdicts.required, ...verdicts.informative];
  if (progress.condition !== undefined) all.push(progress.condition);
  const conditions = all.map((verdict) => conditionOf(verdict, history));
  return progress.recheckAt === undefined ? { conditions } : { conditions, recheckAt: progress.recheckAt };
}

/** PartiallyInvalid is the one condition that is bad when True. */
function isFailing(verdict: Verdict): boolean {
  return verdict.type === 'PartiallyInvalid' ? verdict.status === 'True' : verdict.status !== 'True';
}

function readyOf(failing: readonly Verdict[], { well, paused }: Verdicts): Verdict {
  const [first] = failing;
  if (paused?.neverInForce === true) return { type: 'Ready', status: 'False', reason: 'Paused', message: PAUSED };
  if (first !== undefined) return { type: 'Ready', status: 'False', reason: first.reason, message: first.message };
  return { type: 'Ready', status: 'True', reason: 'Ready', message: paused === undefined ? well : `${PAUSED} ${well}` };
}

function conditionOf(verdict: Verdict, history: History): Condition {
  const before = conditionIn(history.previous, verdict.type);
  return {
    type: verdict.type,
    status: verdict.status,
    observedGeneration: history.generation,
    lastTransitionTime: before?.status === verdict.status ? before.lastTransitionTime : history.now,
    reason: verdict.reason,
    message: oneLine(verdict.message),
  };
}

/** The condition of that type. */
export function conditionIn(conditions: readonly Condition[], type: ConditionType): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** A verdict that all is well, whose reason is its type. */
export function positive(type: ConditionType & Reason, message: string): Verdict {
  return { type, status: 'True', reason: type, message };
}

/** A verdict that something is wrong. */
export function negative(type: ConditionType, reason: Reason, message: string): Verdict {
  return { type, status: 'False', reason, message };
}

/** A verdict that nothing is known yet. */
export function pending(type: ConditionType, message: string): Verdict {
  return { type, status: 'Unknown', reason: 'Pending', message };
}
