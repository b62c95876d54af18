import { placeKey, placeText } from './account.ts';
import type { Account, AccountChange, AccountState, GrantSet, Mark } from './account.ts';
import { passwordChanges, proofsAfter, rotationHeld } from './rotation.ts';

/**
 * The changes that one existing account of ours needs, in the order in which they must run; empty when none.
 * `now`: seconds since 1970 by the server's clock.
 */
export function accountChanges(account: Account, state: AccountState, now: number): readonly AccountChange[] {
  const changes: AccountChange[] = [...passwordChanges(account, state, now)];
  if (!sameOptions(account, state)) changes.push({ kind: 'options', account });
  if (state.locked && !account.locked) changes.push({ kind: 'unlock', account });
  const { missing, surplus } = compareGrants(account.grants, state.grants);
  for (const set of missing) changes.push({ kind: 'grant', account, set });
  for (const set of surplus) changes.push({ kind: 'revoke', account, set });
  // Not everything is applied while a password waits.
  const waits = state.mark && rotationHeld(account, state, now);
  const marked = waits ? { ...account, applied: state.mark.applied } : account;
  return [...changes, ...markChanges(marked, state.mark, proofsAfter(account, state, changes))];
}

/** The mark says otherwise than it should, with `passwords` as what lets in. */
export function markChanges(
  account: Account,
  mark: Mark | undefined,
  passwords: readonly string[],
): readonly AccountChange[] {
  return mark && markHolds(account, mark, passwords) ? [] : [{ kind: 'mark', account, passwords }];
}

function sameOptions(account: Account, state: AccountState): boolean {
  const [a, b] = [account.limits, state.limits];
  return (
    account.requireTLS === state.requireTLS &&
    a.maxUserConnections === b.maxUserConnections &&
    a.maxQueriesPerHour === b.maxQueriesPerHour &&
    a.maxUpdatesPerHour === b.maxUpdatesPerHour &&
    a.maxConnectionsPerHour === b.maxConnectionsPerHour
  );
}

function markHolds(account: Account, mark: Mark, passwords: readonly string[]): boolean {
  return (
    mark.state === 'Owned' &&
    mark.applied === account.applied &&
    mark.deletionPolicy === account.deletionPolicy &&
    mark.killSessions === account.killSessions &&
    sameList(mark.passwords, passwords) &&
    sameList(mark.owners, account.owners)
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
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

type Describe = { readonly [K in AccountChange['kind']]: (change: Extract<AccountChange, { kind: K }>) => string };

const nothing = (): string => '';

const DESCRIPTIONS: Describe = {
  password: () => 'the password differs',
  discard: () => 'a second password is set',
  options: () => 'required TLS or limits differ',
  unlock: () => 'the account is locked',
  grant: ({ set }) => `${set.privileges.join(', ')} missing on ${placeText(set)}`,
  revoke: ({ set }) => `${set.privileges.join(', ')} too much on ${placeText(set)}`,
  create: nothing,
  drop: nothing,
  lock: nothing,
  forget: nothing,
  adopt: nothing,
  mark: nothing,
};

function describe(change: AccountChange): string {
  // The entry fits the change that chose it.
  return (DESCRIPTIONS[change.kind] as (change: AccountChange) => string)(change);
}
