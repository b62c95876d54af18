import { accountKey, placeKey } from '../../operator/mysql/account.ts';
import type { Account, AccountChange, AccountState, GrantSet } from '../../operator/mysql/account.ts';

/** What a server would hold after these changes, by the book. Refuses what a server would refuse. */
export function simulate(
  states: ReadonlyMap<string, AccountState>,
  changes: readonly AccountChange[],
  cluster: string,
): Map<string, AccountState> {
  const result = new Map(states);
  for (const change of changes) {
    const key = accountKey(change.account);
    const state = result.get(key);
    const next = change.kind === 'create' ? created(change.account, state, cluster) : changed(change, state, cluster);
    if (next) result.set(key, next);
    else result.delete(key);
  }
  return result;
}

function created(account: Account, state: AccountState | undefined, cluster: string): AccountState {
  if (state?.exists === true) throw new Error('CREATE USER of an account that exists');
  const { user, host, plugin, hash, owners, deletionPolicy } = account;
  const mark = { cluster, owners, deletionPolicy, state: 'Owned', applied: '' } as const;
  return { user, host, exists: true, plugin, hash, locked: false, grants: [], mark };
}

function changed(
  change: Exclude<AccountChange, { kind: 'create' }>,
  state: AccountState | undefined,
  cluster: string,
): AccountState | undefined {
  if (!state) throw new Error(`${change.kind} of an account that does not exist`);
  switch (change.kind) {
    case 'drop':
      return undefined;
    case 'forget':
      return state.exists ? { ...state, mark: undefined } : undefined;
    case 'lock':
      return { ...state, locked: true };
    case 'unlock':
      return { ...state, locked: false };
    case 'password':
      return { ...state, plugin: change.account.plugin, hash: change.account.hash };
    case 'grant':
      return { ...state, grants: merge(state.grants, change.set, (held) => [...held, ...change.set.privileges]) };
    case 'revoke':
      return {
        ...state,
        grants: merge(state.grants, change.set, (held) => held.filter((word) => !change.set.privileges.includes(word))),
      };
    case 'mark': {
      const { owners, deletionPolicy, applied } = change.account;
      return { ...state, mark: { cluster, owners, deletionPolicy, state: 'Owned', applied } };
    }
    default:
      return change satisfies never;
  }
}

function merge(
  grants: readonly GrantSet[],
  set: GrantSet,
  combine: (held: readonly string[]) => readonly string[],
): readonly GrantSet[] {
  const sets = new Map(grants.map((own) => [placeKey(own), own]));
  const privileges = [...new Set(combine(sets.get(placeKey(set))?.privileges ?? []))].sort();
  if (privileges.length === 0) sets.delete(placeKey(set));
  else sets.set(placeKey(set), { ...set, privileges });
  return [...sets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => own);
}
