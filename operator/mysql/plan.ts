import type { Key } from '../api/resources.ts';
import type { Account, AccountChange, AccountName, AccountState, Mark } from './account.ts';
import type { GrantProblem } from '../api/grant-problem.ts';
import type { Desired } from './desired.ts';
import { accountChanges, describeChanges, markChanges } from './diff.ts';
import { fingerprint } from './fingerprint.ts';
import { inOrder } from './order.ts';
import { heldRemovals, removalOf, standingOf } from './removal.ts';
import type { RemovalCount, RemovalInput, RemovalPolicy } from './removal.ts';
import { rotationHeld } from './rotation.ts';
import { shadows } from './shadow.ts';

/** How one account stands before the changes are applied. */
export interface Verdict extends AccountName {
  readonly owners: readonly Key[];
  /**
   * Drifted: somebody changed it by hand and driftPolicy is Report. Missing: the same, but it is not there at all.
   * Rotating: its newest password waits until the one before the last has ended.
   */
  readonly state:
    'InSync' | 'Changing' | 'Creating' | 'Foreign' | 'Leaving' | 'Held' | 'Drifted' | 'Missing' | 'Rotating';
  readonly message?: string;
}

export interface Plan {
  /** In the order in which they must run; empty when nothing differs. */
  readonly changes: readonly AccountChange[];
  readonly verdicts: readonly Verdict[];
  /** Accounts of ours that nobody wants and that have to stay, for nobody knows yet whether they may go. */
  readonly withheld: number;
  /** By grant, what holds for it as a whole; refusals of `Desired` are not repeated. */
  readonly problems: ReadonlyMap<Key, GrantProblem>;
}

export interface PlanInput {
  /** By accountKey. */
  readonly states: ReadonlyMap<string, AccountState>;
  readonly desired: Desired;
  readonly policy: RemovalPolicy;
  /** Which marks are ours. */
  readonly cluster: string;
  /** Seconds since 1970 by the server's clock. */
  readonly now: number;
}

interface Judged {
  readonly verdict?: Verdict;
  readonly withheld?: boolean;
  readonly changes: readonly AccountChange[];
}

/**
 * The changes that bring the accounts of one server from `states` to `desired`.
 * Shape: accounts that go, new accounts with their privileges, passwords, missing privileges, surplus privileges,
 * marks. Nothing is ever revoked in order to be granted again, and what is not ours is never touched.
 */
export function planAccounts(input: PlanInput): Plan {
  const { desired, policy } = input;
  const covered = shadows(input.states.values());
  const verdicts: Verdict[] = [];
  const changes: AccountChange[] = [];
  let withheld = 0;
  const add = ({ verdict, withheld: stays = false, changes: own }: Judged): void => {
    if (verdict) verdicts.push(verdict);
    if (stays) withheld += 1;
    for (const change of own) changes.push(change);
  };
  for (const [key, account] of desired.accounts) {
    const judged = judgeWanted(account, input.states.get(key), input);
    const shadow = covered(account);
    add(shadow === undefined ? judged : withMessage(judged, shadow));
  }
  const unwanted = [...input.states].flatMap(([key, state]) => (desired.accounts.has(key) ? [] : [state]));
  const held =
    unwanted.length > 0 ? heldRemovals(ownedAccounts(input), { desired, policy }) : new Map<Key, RemovalCount>();
  for (const state of unwanted) add(judgeUnwanted(state, input.cluster, { desired, policy, held }));
  return { changes: inOrder(changes), verdicts, withheld, problems: problemsOf(verdicts, held) };
}

/** The mark, if it makes the account ours. */
function ownMark({ mark, exists }: AccountState, cluster: string): Mark | undefined {
  if (mark?.cluster !== cluster) return undefined;
  return mark.state === 'Intent' && exists ? undefined : mark;
}

function ownedAccounts({ states, desired, cluster }: PlanInput): Parameters<typeof heldRemovals>[0] {
  const owned = [];
  for (const [key, state] of states) {
    const mark = state.exists ? ownMark(state, cluster) : undefined;
    if (mark) owned.push({ owners: mark.owners, host: state.host, wanted: desired.accounts.has(key) });
  }
  return owned;
}

function judgeWanted(account: Account, state: AccountState | undefined, input: PlanInput): Judged {
  if (!state) return creation(account);
  const mark = ownMark(state, input.cluster);
  if (!mark) return canAdopt(account, state, input) ? adoption(account, state, input) : foreign(account, state, input);
  const withheld = mark.owners.filter((owner) => standingOf(owner, input.desired, input.policy) === 'Withheld');
  if (withheld.length > 0 && !mark.owners.some((owner) => account.owners.includes(owner))) {
    const message = `the account belongs to ${withheld.join(', ')}, which is not in force here`;
    return { verdict: verdict(account, 'Foreign', message), changes: [] };
  }
  if (!state.exists) return drifted(account, mark) ? missing(account) : creation(account);
  const changes = accountChanges(account, state, input.now);
  // What another owner was given stays until that one can be asked again.
  const possible = withheld.length === 0 ? changes : changes.filter(({ kind }) => kind !== 'revoke' && kind !== 'mark');
  const different = difference(account, mark, possible);
  if (different) return different;
  const rotating = rotationHeld(account, state, input.now);
  const judged = rotating ? verdict(account, 'Rotating', ROTATION_HELD) : inSync(account, state, possible);
  return { verdict: judged, changes: possible };
}

function verdict(account: Account, state: Verdict['state'], message?: string): Verdict {
  const { user, host, owners } = account;
  return message === undefined ? { user, host, owners, state } : { user, host, owners, state, message };
}

function withMessage({ verdict, changes }: Judged, more: string): Judged {
  if (!verdict) return { changes };
  const message = verdict.message === undefined ? more : `${verdict.message}; ${more}`;
  return { verdict: { ...verdict, message }, changes };
}

function creation(account: Account): Judged {
  const grants = account.grants.map((set): AccountChange => ({ kind: 'grant', account, set }));
  return {
    verdict: verdict(account, 'Creating'),
    changes: [{ kind: 'create', account }, ...grants, { kind: 'mark', account, passwords: [account.proof] }],
  };
}

function missing(account: Account): Judged {
  return { verdict: verdict(account, 'Missing', 'the account was dropped by hand'), changes: [] };
}

/** Never what another installation owns. */
function canAdopt({ adopt }: Account, { mark }: AccountState, { cluster }: PlanInput): boolean {
  return adopt && (mark === undefined || mark.cluster === cluster);
}

/** Its password counts as ours from now on, so that it may stay for a while. */
function adoption(account: Account, state: AccountState, { cluster, now }: PlanInput): Judged {
  const passwords = [fingerprint(state.hash)];
  const { owners, deletionPolicy, killSessions } = account;
  const mark: Mark = { cluster, owners, deletionPolicy, killSessions, passwords, state: 'Owned', applied: '' };
  const changes = accountChanges(account, { ...state, mark }, now);
  return { verdict: verdict(account, 'Changing'), changes: [{ kind: 'adopt', account, passwords }, ...changes] };
}

function foreign(account: Account, { mark }: AccountState, { cluster }: PlanInput): Judged {
  const other = mark && mark.cluster !== cluster ? `by the installation "${mark.cluster}"` : 'by somebody else';
  const way = other === 'by somebody else' ? '; existingAccounts: Adopt would take it over' : '';
  const message = `the account was made ${other} and is left as it is${way}`;
  return { verdict: verdict(account, 'Foreign', message), changes: [] };
}

/** Whatever differs now is not of our making, and it is only to be shown. */
function drifted(account: Account, mark: Mark): boolean {
  return account.driftPolicy === 'Report' && mark.state === 'Owned' && mark.applied === account.applied;
}

/** The judgement on an account that differs from what it should be; undefined when it does not. */
function difference(account: Account, mark: Mark, changes: readonly AccountChange[]): Judged | undefined {
  const real = changes.filter((change) => !isOurDoing(change));
  if (real.length === 0) return undefined;
  if (!drifted(account, mark)) return { verdict: verdict(account, 'Changing'), changes };
  // What the mark says of passwords is what we have set, not what it would be without the drift.
  return {
    verdict: verdict(account, 'Drifted', describeChanges(real)),
    changes: markChanges(account, mark, mark.passwords),
  };
}

/** Nobody's hand has to have been in it. */
function isOurDoing(change: AccountChange): boolean {
  return change.kind === 'mark' || (change.kind === 'discard' && change.due);
}

function inSync(account: Account, { second }: AccountState, changes: readonly AccountChange[]): Verdict {
  const old = second && changes.length === 0 ? 'the password before is still valid as well' : undefined;
  return verdict(account, 'InSync', old);
}

const ROTATION_HELD =
  'the Secret has changed again, and the new password waits until the one before the last has ended (rotation.discardAfter); ' +
  'rotation.mode: Immediate ends it at once';

function judgeUnwanted(state: AccountState, cluster: string, removal: RemovalInput): Judged {
  const { mark, user, host } = state;
  // An intent beside a foreign account is still our note.
  if (mark?.cluster !== cluster) return { changes: [] };
  const result = removalOf(state, mark, removal);
  if (result.kind === 'Change') {
    if (!state.exists || mark.state === 'Intent') return { changes: [result.change] };
    return { verdict: { user, host, owners: mark.owners, state: 'Leaving' }, changes: [result.change] };
  }
  if (result.kind === 'Withheld') return { withheld: true, changes: [] };
  if (result.kind === 'Done') return { changes: [] };
  return { verdict: { user, host, owners: mark.owners, state: result.kind, message: result.message }, changes: [] };
}

/** The first that applies is what the grant shows. */
function problemsOf(verdicts: readonly Verdict[], held: ReadonlyMap<Key, RemovalCount>): Map<Key, GrantProblem> {
  const problems = new Map<Key, GrantProblem>();
  const put = (owners: readonly Key[], reason: GrantProblem['reason'], message: string): void => {
    for (const owner of owners) {
      if (!problems.has(owner)) problems.set(owner, { condition: 'Synced', reason, message });
    }
  };
  const each = (states: readonly Verdict['state'][], reason: GrantProblem['reason']): void => {
    for (const { user, host, owners, state, message } of verdicts) {
      if (states.includes(state)) put(owners, reason, `'${user}'@'${host}': ${message ?? ''}`);
    }
  };
  each(['Foreign'], 'AccountExists');
  for (const [owner, { total, removals }] of held) {
    const message =
      `${removals} of ${total} accounts would be dropped at once; ` +
      `if that is meant, annotate the DatabaseGrant with webpool.dev/allow-removal: "${removals}"`;
    put([owner], 'RemovalHeld', message);
  }
  each(['Drifted', 'Missing'], 'DriftDetected');
  each(['Rotating'], 'PartiallySynced');
  return problems;
}
