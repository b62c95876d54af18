import type { Key } from '../api/resources.ts';
import type { AccountChange, AccountState, Mark } from './account.ts';
import type { Desired } from './desired.ts';

/** What is known about the grants beyond their needs: it decides which accounts may go. */
export interface RemovalPolicy {
  /** DatabaseGrants that exist in any form, including refused ones: the accounts of those are left alone. */
  readonly present: ReadonlySet<Key>;
  /** Grants in force whose accounts belong on another server now. */
  readonly elsewhere: ReadonlySet<Key>;
  /** Hosts, by grant, of servers that still drain or of which nobody knows yet. */
  readonly keepHosts: ReadonlyMap<Key, ReadonlySet<string>>;
  /** Grants of which not every server is known, with the hosts that may go all the same. */
  readonly incomplete: ReadonlyMap<Key, ReadonlySet<string>>;
  /** Accounts, by grant, that may go at once although nothing shows that so many servers went. */
  readonly allowRemoval: ReadonlyMap<Key, number>;
  /** Hosts of Pods that were seen to go: their accounts need no further proof. */
  readonly departed: ReadonlySet<string>;
  /** false: something could not be read, so nothing that is absent counts as gone. */
  readonly pictureComplete: boolean;
}

/** What becomes of an account of ours that nobody wants any more. */
export type Removal =
  | { readonly kind: 'Change'; readonly change: AccountChange }
  | { readonly kind: 'Leaving' | 'Held'; readonly message: string }
  /** Nothing until its DatabaseGrant is in force again or deleted. */
  | { readonly kind: 'Withheld' }
  /** Nothing ever again. */
  | { readonly kind: 'Done' };

/** How a grant stands: Withheld exists but is not carried out, Gone was deleted. */
type Standing = 'Admitted' | 'Elsewhere' | 'Withheld' | 'Gone';

/** How the grant `owner` stands on this server. */
export function standingOf(owner: Key, desired: Desired, policy: RemovalPolicy): Standing {
  if (desired.admitted.has(owner)) return 'Admitted';
  if (desired.problems.has(owner)) return 'Withheld';
  if (policy.elsewhere.has(owner)) return 'Elsewhere';
  return policy.present.has(owner) || !policy.pictureComplete ? 'Withheld' : 'Gone';
}

/** Everything that decides about removals on one server. */
export interface RemovalInput {
  readonly desired: Desired;
  readonly policy: RemovalPolicy;
  /** Grants whose removals are held. */
  readonly held: ReadonlyMap<Key, RemovalCount>;
}

/** What becomes of `state`, which is ours and wanted by nobody. */
export function removalOf(state: AccountState, mark: Mark, { desired, policy, held }: RemovalInput): Removal {
  const standings = mark.owners.map((owner) => standingOf(owner, desired, policy));
  if (standings.includes('Withheld')) return { kind: 'Withheld' };
  if (state.exists && mark.owners.some((owner) => policy.keepHosts.get(owner)?.has(state.host))) {
    return { kind: 'Leaving', message: 'waits until the server has drained' };
  }
  if (!policy.pictureComplete) return { kind: 'Leaving', message: 'waits until everything can be read again' };
  if (state.exists && mark.owners.some((owner) => policy.incomplete.get(owner)?.has(state.host) === false)) {
    return { kind: 'Leaving', message: 'waits until every server of the pools is known' };
  }
  if (state.exists && mark.owners.some((owner) => held.has(owner))) {
    return { kind: 'Held', message: 'its removal is held' };
  }
  return settle(state, mark, standings);
}

function settle(state: AccountState, mark: Mark, standings: readonly Standing[]): Removal {
  const account = { user: state.user, host: state.host };
  // A mark that never became an account, or whose account is somebody else's.
  if (mark.state === 'Intent') return { kind: 'Change', change: { kind: 'forget', account } };
  const deleted = standings.every((standing) => standing === 'Gone');
  // Without an account there may still be sessions: a crash between drop and kill leaves them.
  const { killSessions } = mark;
  if (!deleted || !state.exists || mark.deletionPolicy === 'Delete') {
    return { kind: 'Change', change: { kind: 'drop', account, killSessions } };
  }
  if (mark.deletionPolicy === 'Orphan') return { kind: 'Change', change: { kind: 'forget', account } };
  if (!state.locked) return { kind: 'Change', change: { kind: 'lock', account, killSessions } };
  return { kind: 'Done' };
}

/** Accounts of one grant. */
export interface RemovalCount {
  readonly total: number;
  readonly removals: number;
}

/**
 * Grants that would lose more than half of their accounts and more than ten at once, without leave to do so. Accounts
 * that still wait for a server to drain count: else a mass removal would slip through one by one. Those of Pods that were seen to go do not.
 * `owned` are all accounts of ours that exist, with their owners.
 */
export function heldRemovals(
  owned: readonly { readonly owners: readonly Key[]; readonly host: string; readonly wanted: boolean }[],
  { desired, policy }: Pick<RemovalInput, 'desired' | 'policy'>,
): ReadonlyMap<Key, RemovalCount> {
  const counts = new Map<Key, { total: number; removals: number }>();
  for (const { owners, host, wanted } of owned) {
    if (!wanted && policy.departed.has(host)) continue;
    for (const owner of owners) {
      const count = counts.get(owner) ?? { total: 0, removals: 0 };
      counts.set(owner, count);
      count.total += 1;
      if (!wanted) count.removals += 1;
    }
  }
  return new Map(
    [...counts].filter(
      ([owner, { total, removals }]) =>
        desired.admitted.has(owner) &&
        removals > 10 &&
        removals * 2 > total &&
        removals > (policy.allowRemoval.get(owner) ?? 0),
    ),
  );
}
