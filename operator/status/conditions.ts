/**
 * Conditions in the form that kubectl, Flux and Argo CD read: the common part of all kinds.
 * In: verdicts of one object and its previous conditions. Out: the conditions to write. Never: a clock of its own.
 */
import type { Condition } from '../api/kinds.gen.ts';
import { progressOf } from './progress.ts';
import { oneLine } from './text.ts';
import { conditionIn, type History, type Verdict, type Verdicts } from './verdict.ts';

/** A status, and the time (seconds since 1970) at which it changes by itself. */
export interface Judged<Status> {
  readonly status: Status;
  readonly recheckAt?: number;
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

/** The condition that says a verdict; its time is kept as long as its status is. */
export function conditionOf(verdict: Verdict, history: History): Condition {
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
