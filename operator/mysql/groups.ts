import { accountKey, placeKey } from './account.ts';
import type { Account, AccountChange, AccountName, GrantSet } from './account.ts';

type GroupOf<Change extends AccountChange> = Change extends AccountChange
  ? Omit<Change, 'account'> & { readonly accounts: readonly Change['account'][] }
  : never;

/** Changes that differ in their account only, so that one statement can carry out several of them. */
export type ChangeGroup = GroupOf<AccountChange>;

type Keys = {
  readonly [K in AccountChange['kind']]: (change: Extract<AccountChange, { kind: K }>) => readonly unknown[];
};

const none = (): readonly unknown[] => [];
/** Of several accounts in one GRANT on columns MySQL and MariaDB give each, on the table, what those before it have on any of its columns. */
const placed = ({ account, set }: { readonly account: AccountName; readonly set: GrantSet }): readonly unknown[] => [
  placeKey(set),
  ...set.privileges,
  ...(set.column === undefined ? [] : [accountKey(account)]),
];
const marked = (change: { readonly account: Account; readonly passwords: readonly string[] }): readonly unknown[] => [
  templateKey(change.account),
  ...change.passwords,
];
const ended = ({ killSessions }: { readonly killSessions: boolean }): readonly unknown[] => [killSessions];

/** What changes of one kind must agree in to be carried out by one statement. */
const KEYS: Keys = {
  grant: placed,
  revoke: placed,
  create: ({ account }) => [templateKey(account)],
  mark: marked,
  adopt: marked,
  password: ({ keep, hadSecond }) => [hadSecond, keep?.hash],
  options: ({ account: { requireTLS, limits } }) => [requireTLS, ...Object.values(limits)],
  drop: ended,
  lock: ended,
  discard: none,
  forget: none,
  unlock: none,
};

/** Equal for changes that one statement can carry out. */
export function groupKey(change: AccountChange): string {
  // The entry fits the change that chose it.
  const key = KEYS[change.kind] as (change: AccountChange) => readonly unknown[];
  return [change.kind, ...key(change)].join('\0');
}

/** Equal for accounts that differ in nothing but their host. */
function templateKey({ owners, deletionPolicy, killSessions, applied, secretVersion }: Account): string {
  return [...owners, deletionPolicy, killSessions, applied, secretVersion].join('\0');
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
  // All of one run have one key, and with it one kind: what the first has beside its account, all have.
  return { ...first, accounts: run.map(({ account }) => account) } as object as ChangeGroup;
}

/** The same group for some of its accounts. */
export function pickAccounts<G extends ChangeGroup>(
  group: G,
  keep: (account: AccountName, index: number) => boolean,
): G {
  return { ...group, accounts: group.accounts.filter(keep) };
}
