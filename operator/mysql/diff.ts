import { placeKey, placeText } from './account.ts';
import type { Account, AccountChange, AccountState, GrantSet, Mark } from './account.ts';

/** The changes that one existing account of ours needs, in the order in which they must run; empty when none. */
export function accountChanges(account: Account, state: AccountState): readonly AccountChange[] {
  const changes: AccountChange[] = [];
  if (state.plugin !== account.plugin || state.hash !== account.hash) changes.push({ kind: 'password', account });
  if (state.locked && !account.locked) changes.push({ kind: 'unlock', account });
  const { missing, surplus } = compareGrants(account.grants, state.grants);
  for (const set of missing) changes.push({ kind: 'grant', account, set });
  for (const set of surplus) changes.push({ kind: 'revoke', account, set });
  if (!state.mark || !markHolds(account, state.mark)) changes.push({ kind: 'mark', account });
  return changes;
}

function markHolds(account: Account, mark: Mark): boolean {
  return (
    mark.state === 'Owned' &&
    mark.applied === account.applied &&
    mark.deletionPolicy === account.deletionPolicy &&
    mark.owners.length === account.owners.length &&
    mark.owners.every((owner, index) => owner === account.owners[index])
  );
}

interface GrantDifference {
  readonly missing: readonly GrantSet[];
  readonly surplus: readonly GrantSet[];
}

const NO_DIFFERENCE: GrantDifference = { missing: [], surplus: [] };

/** Privileges that are wanted but not there, and there but not wanted, place by place. */
export function compareGrants(desired: readonly GrantSet[], current: readonly GrantSet[]): GrantDifference {
  if (sameGrants(desired, current)) return NO_DIFFERENCE;
  return { missing: without(desired, current), surplus: without(current, desired) };
}

/** The common case, without building anything: one set each, or the same order. */
function sameGrants(a: readonly GrantSet[], b: readonly GrantSet[]): boolean {
  return a.length === b.length && a.every((set, index) => sameSet(set, b[index]));
}

function sameSet(a: GrantSet, b: GrantSet | undefined): boolean {
  return (
    b !== undefined &&
    a.schema === b.schema &&
    a.table === b.table &&
    a.column === b.column &&
    a.privileges.length === b.privileges.length &&
    a.privileges.every((privilege, index) => privilege === b.privileges[index])
  );
}

function without(sets: readonly GrantSet[], others: readonly GrantSet[]): readonly GrantSet[] {
  const held = new Map(others.map((set) => [placeKey(set), new Set(set.privileges)]));
  return sets.flatMap((set) => {
    const privileges = set.privileges.filter((privilege) => !held.get(placeKey(set))?.has(privilege));
    return privileges.length === 0 ? [] : [{ ...set, privileges }];
  });
}

/** What these changes would put right, in words for a status message. */
export function describeChanges(changes: readonly AccountChange[]): string {
  return changes
    .map(describe)
    .filter((part) => part !== '')
    .join('; ');
}

function describe(change: AccountChange): string {
  switch (change.kind) {
    case 'password':
      return 'the password differs';
    case 'unlock':
      return 'the account is locked';
    case 'grant':
      return `${change.set.privileges.join(', ')} missing on ${placeText(change.set)}`;
    case 'revoke':
      return `${change.set.privileges.join(', ')} too much on ${placeText(change.set)}`;
    case 'create':
    case 'drop':
    case 'lock':
    case 'forget':
    case 'mark':
      return '';
    default:
      return change satisfies never;
  }
}
