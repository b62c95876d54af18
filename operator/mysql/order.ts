import type { AccountChange, AccountName } from './account.ts';
import { groupKey } from './groups.ts';

/** New accounts are made in groups of this size, so that the first does not wait for the privileges of the last. */
const CREATE_CHUNK = 20;

const PHASES: Readonly<Record<AccountChange['kind'], number>> = {
  drop: 0,
  lock: 0,
  forget: 0,
  create: 1,
  adopt: 1,
  password: 2,
  discard: 2,
  options: 2,
  unlock: 3,
  grant: 4,
  revoke: 5,
  mark: 6,
};

/**
 * Changes in the order in which they must run: accounts that go, new accounts with their privileges, passwords and options,
 * missing privileges, surplus privileges, marks.
 */
export function inOrder(changes: readonly AccountChange[]): readonly AccountChange[] {
  const created = new Set(changes.filter(({ kind }) => kind === 'create').map(({ account }) => account));
  const before = changes.filter(({ kind }) => PHASES[kind] === 0);
  const after = changes.filter(({ kind, account }) => PHASES[kind] !== 0 && !created.has(account));
  return [...phased(before), ...creations(changes, [...created]), ...phased(after)];
}

function creations(changes: readonly AccountChange[], accounts: readonly AccountName[]): readonly AccountChange[] {
  const byAccount = Map.groupBy(changes, ({ account }) => account);
  const ordered: AccountChange[] = [];
  for (let start = 0; start < accounts.length; start += CREATE_CHUNK) {
    const chunk = accounts.slice(start, start + CREATE_CHUNK);
    for (const change of phased(chunk.flatMap((account) => byAccount.get(account) ?? []))) ordered.push(change);
  }
  return ordered;
}

/** Phase by phase; inside one, what one statement can do stands together. */
function phased(changes: readonly AccountChange[]): readonly AccountChange[] {
  const groups = Map.groupBy(changes, groupKey);
  return [...groups.values()].sort((a, b) => phase(a) - phase(b)).flat();
}

function phase([first]: readonly AccountChange[]): number {
  return first ? PHASES[first.kind] : 0;
}
