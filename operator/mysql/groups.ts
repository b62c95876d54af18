import { placeKey } from './account.ts';
import type { Account, AccountChange, AccountName, GrantSet } from './account.ts';

/** Changes that differ in their account only, so that one statement can carry out several of them. */
export type ChangeGroup =
  | { readonly kind: 'drop' | 'lock' | 'forget' | 'unlock'; readonly accounts: readonly AccountName[] }
  | { readonly kind: 'create' | 'password' | 'mark'; readonly accounts: readonly Account[] }
  | { readonly kind: 'grant' | 'revoke'; readonly set: GrantSet; readonly accounts: readonly AccountName[] };

/** Equal for changes that one statement can carry out. */
export function groupKey(change: AccountChange): string {
  if (change.kind === 'grant' || change.kind === 'revoke') {
    return `${change.kind}\0${placeKey(change.set)}\0${change.set.privileges.join(',')}`;
  }
  if (change.kind === 'create' || change.kind === 'mark') {
    const { owners, deletionPolicy, applied, secretVersion } = change.account;
    return [change.kind, ...owners, deletionPolicy, applied, secretVersion].join('\0');
  }
  return change.kind;
}

/** The changes in their order, neighbours of one kind put together. */
export function groupChanges(changes: readonly AccountChange[]): readonly ChangeGroup[] {
  const runs: [AccountChange, ...AccountChange[]][] = [];
  let last: string | undefined;
  for (const change of changes) {
    const key = groupKey(change);
    const run = key === last ? runs.at(-1) : undefined;
    if (run) run.push(change);
    else runs.push([change]);
    last = key;
  }
  return runs.map(groupOf);
}

function groupOf(run: readonly [AccountChange, ...AccountChange[]]): ChangeGroup {
  const [first] = run;
  const accounts = run.map(({ account }) => account);
  if (first.kind === 'grant' || first.kind === 'revoke') return { kind: first.kind, set: first.set, accounts };
  if (first.kind === 'create' || first.kind === 'password' || first.kind === 'mark') {
    // All of one run have one key, and with it one kind.
    return { kind: first.kind, accounts: accounts as readonly (AccountName | Account)[] as readonly Account[] };
  }
  return { kind: first.kind, accounts };
}

/** The same group for some of its accounts. */
export function pickAccounts<G extends ChangeGroup>(
  group: G,
  keep: (account: AccountName, index: number) => boolean,
): G {
  return { ...group, accounts: group.accounts.filter(keep) };
}
