import type { Condition } from '../api/kinds.gen.ts';
import type { ConditionType, Reason } from './reasons.ts';

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

/** What a new version of an object waits for. */
export type WaitingReason = 'Progressing' | 'WaitingForEndpoints' | 'WaitingForProxies';

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
