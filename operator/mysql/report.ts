import type { Key } from '../api/resources.ts';
import type { AccountNeed } from '../topology/topology.ts';
import { accountKey } from './account.ts';
import type { GrantProblem } from '../api/grant-problem.ts';
import type { Desired } from './desired.ts';
import type { Plan, Verdict } from './plan.ts';
import type { AccountFailure } from './problem.ts';

/** One account as the user is told about it. */
export interface AccountReport {
  readonly host: string;
  readonly state: 'Ready' | 'Pending' | 'Conflicting' | 'Leaving' | 'Failed' | 'Held';
  readonly message?: string;
}

/** One grant as the user is told about it. */
export interface GrantReport {
  /** Sorted by host. */
  readonly accounts: readonly AccountReport[];
  readonly problem?: GrantProblem;
}

export interface ReportInput {
  readonly needs: readonly AccountNeed[];
  readonly desired: Desired;
  /** Made from what was read back last. */
  readonly plan: Plan;
  /** By accountKey: changes that were tried and failed. */
  readonly failures: ReadonlyMap<string, AccountFailure>;
}

const STATES: Readonly<Record<Verdict['state'], AccountReport['state']>> = {
  InSync: 'Ready',
  // It is there and may log in; what still differs is on its way.
  Changing: 'Ready',
  Rotating: 'Ready',
  Creating: 'Pending',
  Foreign: 'Conflicting',
  Leaving: 'Leaving',
  Held: 'Held',
  Drifted: 'Ready',
  Missing: 'Pending',
};

/** What is so for every grant, including those that only have accounts left to lose. */
export function grantReports(input: ReportInput): Map<Key, GrantReport> {
  const { desired, plan, failures } = input;
  const accounts = new Map<Key, AccountReport[]>();
  const failed = new Map<Key, AccountFailure[]>();
  const list = <T>(map: Map<Key, T[]>, key: Key): T[] => {
    const own = map.get(key) ?? [];
    map.set(key, own);
    return own;
  };
  for (const { grant } of input.needs) list(accounts, grant);
  for (const verdict of plan.verdicts) {
    const failure = failures.size === 0 ? undefined : failures.get(accountKey(verdict));
    for (const owner of verdict.owners) {
      list(accounts, owner).push(accountReport(verdict, failure));
      if (failure) list(failed, owner).push(failure);
    }
  }
  for (const [grant, hosts] of desired.badHosts) {
    for (const [host, message] of hosts) list(accounts, grant).push({ host, state: 'Failed', message });
  }
  return new Map(
    [...accounts].map(([grant, own]) => {
      const problem = desired.problems.get(grant) ?? failureProblem(failed.get(grant), own) ?? plan.problems.get(grant);
      return [grant, { accounts: own.sort((a, b) => (a.host < b.host ? -1 : 1)), ...(problem && { problem }) }];
    }),
  );
}

function accountReport({ host, state, message }: Verdict, failure: AccountFailure | undefined): AccountReport {
  if (failure) return { host, state: 'Failed', message: failure.message };
  return message === undefined ? { host, state: STATES[state] } : { host, state: STATES[state], message };
}

function failureProblem(
  failures: readonly AccountFailure[] | undefined,
  accounts: readonly AccountReport[],
): GrantProblem | undefined {
  const [first] = failures ?? [];
  if (!first) return undefined;
  const condition = first.reason === 'UnsupportedAuthPlugin' ? 'Accepted' : 'Synced';
  const ready = accounts.filter(({ state }) => state === 'Ready').length;
  if (ready === 0) return { condition, ...first };
  const message = `${ready} of ${accounts.length} accounts are in place: ${first.message}`;
  return { condition: 'Synced', reason: first.reason === 'SQLError' ? 'PartiallySynced' : first.reason, message };
}
