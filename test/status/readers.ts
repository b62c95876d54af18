/** How other programs read our objects, as far as it concerns them. */
import type { Condition } from '../../operator/api/kinds.gen.ts';

/** An object as an API server shows it. */
export interface Shown {
  readonly metadata: { readonly generation: number };
  readonly spec?: { readonly paused?: boolean };
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
}

function conditionOf({ status }: Shown, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

function isTrue(object: Shown, type: string): boolean {
  return conditionOf(object, type)?.status === 'True';
}

/** What kstatus, and so Flux, says. Source: cli-utils pkg/kstatus, checkGenericProperties and the rule for Ready. */
export function kstatus(object: Shown): 'Current' | 'InProgress' | 'Failed' {
  const { observedGeneration } = object.status ?? {};
  if (observedGeneration !== undefined && observedGeneration !== object.metadata.generation) return 'InProgress';
  if (isTrue(object, 'Reconciling')) return 'InProgress';
  if (isTrue(object, 'Stalled')) return 'Failed';
  const ready = conditionOf(object, 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}

/** Whether `kubectl wait --for=condition=Ready` ends. Source: kubectl pkg/cmd/wait, checkCondition. */
export function waitEnds(object: Shown): boolean {
  const ready = conditionOf(object, 'Ready');
  if (ready === undefined) return false;
  const observed = ready.observedGeneration ?? object.status?.observedGeneration;
  if (observed !== undefined && observed < object.metadata.generation) return false;
  return ready.status.toLowerCase() === 'true';
}

/** What breaks the rules that Flux has for conditions at the end of a round. Source: fluxcd/pkg runtime/conditions/check. */
export function fluxProblems(object: Shown): readonly string[] {
  const { generation } = object.metadata;
  const { observedGeneration = -1, conditions = [] } = object.status ?? {};
  const ready = conditionOf(object, 'Ready');
  const working = isTrue(object, 'Reconciling');
  const stalled = isTrue(object, 'Stalled');
  const types = new Set(conditions.map(({ type }) => type));
  const problems: readonly (readonly [boolean, string])[] = [
    [ready === undefined, 'Ready is missing'],
    [ready?.status !== 'False' && (working || stalled), 'Ready is not False beside Reconciling or Stalled'],
    [working && stalled, 'Reconciling stands beside Stalled'],
    [observedGeneration > generation, 'observedGeneration is ahead'],
    [observedGeneration !== generation, 'observedGeneration did not move'],
    [conditions.some((condition) => (condition.observedGeneration ?? 0) > generation), 'a condition is ahead'],
    [
      ready?.status === 'True' && conditions.some((condition) => condition.observedGeneration !== observedGeneration),
      'Ready is True and a condition speaks of another generation',
    ],
    [ready?.status === 'Unknown' && !working, 'Ready is Unknown and nothing is going on'],
    [
      ['Reconciling', 'Stalled'].some((type) => ![undefined, 'True'].includes(conditionOf(object, type)?.status)),
      'a condition that is only there when True is not True',
    ],
    [types.size !== conditions.length, 'a condition stands twice'],
  ];
  return problems.filter(([broken]) => broken).map(([, problem]) => problem);
}
