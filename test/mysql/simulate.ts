import { accountKey, placeKey } from '../../operator/mysql/account.ts';
import type { Account, AccountChange, AccountState, GrantSet, Mark } from '../../operator/mysql/account.ts';

/** Whose marks are written, and the server's clock. */
export interface Simulation {
  readonly cluster: string;
  readonly now: number;
}

/** What a server would hold after these changes, by the book. Refuses what a server would refuse. */
export function simulate(
  states: ReadonlyMap<string, AccountState>,
  changes: readonly AccountChange[],
  simulation: Simulation,
): Map<string, AccountState> {
  const result = new Map(states);
  for (const change of changes) {
    const key = accountKey(change.account);
    const state = result.get(key);
    const next =
      change.kind === 'create' ? created(change.account, state, simulation) : changed(change, state, simulation);
    if (next) result.set(key, next);
    else result.delete(key);
  }
  return result;
}

function created(account: Account, state: AccountState | undefined, { cluster, now }: Simulation): AccountState {
  if (state?.exists === true) throw new Error('CREATE USER of an account that exists');
  const { user, host, plugin, hash, requireTLS, limits } = account;
  const mark = markOf(account, [account.proof], { cluster, applied: '' });
  const empty = { exists: true, locked: false, grants: [] };
  return { user, host, ...empty, plugin, hash, requireTLS, limits, passwordChanged: now, mark };
}

function markOf(
  { owners, deletionPolicy, killSessions }: Account,
  passwords: readonly string[],
  { cluster, applied }: Pick<Mark, 'cluster' | 'applied'>,
): Mark {
  return { cluster, owners, deletionPolicy, killSessions, passwords, state: 'Owned', applied };
}

type Existing = Exclude<AccountChange, { kind: 'create' }>;
type Effects = {
  readonly [K in Existing['kind']]: (
    state: AccountState,
    change: Extract<Existing, { kind: K }>,
    simulation: Simulation,
  ) => AccountState | undefined;
};

const EFFECTS: Effects = {
  drop: () => undefined,
  forget: (state) => (state.exists ? { ...state, mark: undefined } : undefined),
  lock: (state) => ({ ...state, locked: true }),
  unlock: (state) => ({ ...state, locked: false }),
  password: (before, { account: { plugin, hash }, keep }, { now }) => {
    const { second: _second, ...state } = before;
    return { ...state, plugin, hash, passwordChanged: now, ...(keep && { second: keep }) };
  },
  discard: ({ second, ...state }) => {
    if (!second) throw new Error('there is no second password');
    return state;
  },
  options: (state, { account: { requireTLS, limits } }) => ({ ...state, requireTLS, limits }),
  grant: (state, { set }) => ({
    ...state,
    grants: merge(state.grants, set, (held) => [...held, ...set.privileges]),
  }),
  revoke: (state, { set }) => ({
    ...state,
    grants: merge(state.grants, set, (held) => held.filter((word) => !set.privileges.includes(word))),
  }),
  adopt: (state, { account, passwords }, { cluster }) => ({
    ...state,
    mark: markOf(account, passwords, { cluster, applied: '' }),
  }),
  mark: (state, { account, passwords }, { cluster }) => ({
    ...state,
    mark: markOf(account, passwords, { cluster, applied: account.applied }),
  }),
};

function changed(change: Existing, state: AccountState | undefined, simulation: Simulation): AccountState | undefined {
  if (!state) throw new Error(`${change.kind} of an account that does not exist`);
  // The entry fits the change that chose it.
  const effect = EFFECTS[change.kind] as (
    state: AccountState,
    change: Existing,
    simulation: Simulation,
  ) => AccountState | undefined;
  return effect(state, change, simulation);
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
