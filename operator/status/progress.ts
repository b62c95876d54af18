import { STALLING, type Reason } from './reasons.ts';
import { secondsOf } from './time.ts';
import { conditionIn, type History, type Verdict, type Verdicts } from './verdict.ts';

/** Seconds that a conflict may last before the object counts as stalled. */
export const CONFLICT_GRACE = 60;
/** Seconds that a new version may take, and that a regression counts as being worked on. */
export const PROGRESS_DEADLINE = 600;

/** Reconciling, Stalled or nothing, and when time alone changes that. */
export interface Progress {
  readonly condition?: Verdict;
  /** Seconds since 1970. */
  readonly recheckAt?: number;
}

/**
 * Where an object that is not ready stands: a new version is rolled out until the deadline and then stalls; a regression of a
 * version that was ready is worked on until the deadline and then only told. The previous conditions say which of them it is.
 */
export function progressOf(failing: readonly Verdict[], history: History, verdicts: Verdicts): Progress {
  const [first] = failing;
  if (first === undefined || verdicts.paused !== undefined) return {};
  const hopeless = failing.find((verdict) => STALLING[verdict.reason] === 'AtOnce');
  if (hopeless !== undefined) return stalled(hopeless.reason, hopeless.message);
  const conflict = failing.find((verdict) => STALLING[verdict.reason] === 'AfterGrace');
  if (conflict !== undefined) return inConflict(conflict, history);
  const phase = phaseOf(history);
  if (phase === 'Over') return {};
  if (phase === 'Exceeded') return exceeded(first);
  const { message } = first;
  return phase === 'Rollout'
    ? until(history, { reason: verdicts.waiting(failing), message, expired: exceeded(first) })
    : until(history, { reason: 'ProgressingWithRetry', message, expired: {} });
}

type Phase = 'Rollout' | 'Regression' | 'Exceeded' | 'Over';

function phaseOf({ previous, sameGeneration }: History): Phase {
  if (!sameGeneration) return 'Rollout';
  if (conditionIn(previous, 'Ready')?.status === 'True') return 'Regression';
  const stalled = conditionIn(previous, 'Stalled');
  if (stalled !== undefined) return stalled.reason === 'ProgressDeadlineExceeded' ? 'Exceeded' : 'Rollout';
  const reconciling = conditionIn(previous, 'Reconciling');
  if (reconciling === undefined) return 'Over';
  return reconciling.reason === 'ProgressingWithRetry' ? 'Regression' : 'Rollout';
}

interface Attempt {
  readonly reason: Reason;
  readonly message: string;
  readonly expired: Progress;
}

function until(history: History, { reason, message, expired }: Attempt): Progress {
  const before = conditionIn(history.previous, 'Reconciling');
  const start = before === undefined ? history.seconds : Math.max(secondsOf(before.lastTransitionTime), history.since);
  const deadline = start + PROGRESS_DEADLINE;
  return history.seconds < deadline ? reconciling(reason, message, deadline) : expired;
}

function inConflict(conflict: Verdict, history: History): Progress {
  const before = conditionIn(history.previous, conflict.type);
  const start = before?.status === conflict.status ? secondsOf(before.lastTransitionTime) : history.seconds;
  const end = start + CONFLICT_GRACE;
  return history.seconds < end
    ? reconciling('Progressing', conflict.message, end)
    : stalled(conflict.reason, conflict.message);
}

function reconciling(reason: Reason, message: string, recheckAt: number): Progress {
  return { condition: { type: 'Reconciling', status: 'True', reason, message }, recheckAt };
}

function stalled(reason: Reason, message: string): Progress {
  return { condition: { type: 'Stalled', status: 'True', reason, message } };
}

function exceeded(first: Verdict): Progress {
  return stalled(
    'ProgressDeadlineExceeded',
    `Not ready ${PROGRESS_DEADLINE / 60} minutes after the change: ${first.message}`,
  );
}
