import type { ConditionType } from './reasons.ts';
import type { AnyStatus } from './document.ts';

/** Something worth an event. */
export interface Transition {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

/** Conditions of which becoming False is told, in the order of their weight. */
const TOLD: readonly ConditionType[] = ['Accepted', 'ResolvedRefs', 'Programmed', 'Synced', 'Available'];

/** What changed from one status to the next, as events: what broke, and that all is well again. */
export function transitionsOf(before: AnyStatus | undefined, now: AnyStatus): readonly Transition[] {
  const stateOf = (status: AnyStatus | undefined, type: ConditionType) =>
    status?.conditions?.find((condition) => condition.type === type);
  const broken = TOLD.flatMap((type): Transition[] => {
    const condition = stateOf(now, type);
    if (condition?.status !== 'False' || stateOf(before, type)?.reason === condition.reason) return [];
    return [{ type: 'Warning', reason: condition.reason, note: condition.message }];
  });
  const ready = stateOf(now, 'Ready');
  const isBlocked = ready?.reason === 'CleanupBlocked' && stateOf(before, 'Ready')?.reason !== ready.reason;
  if (isBlocked) return [{ type: 'Warning', reason: ready.reason, note: ready.message }];
  const isNews = ready?.status === 'True' && stateOf(before, 'Ready')?.status !== 'True';
  return isNews ? [{ type: 'Normal', reason: 'Ready', note: ready.message }] : broken;
}
