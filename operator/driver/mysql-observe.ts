import { accountKey } from '../mysql/account.ts';
import type { AccountName, AccountState } from '../mysql/account.ts';
import { observation, privilegeOfColumn, scopeOf } from '../mysql/observation.ts';
import type { ObservationScope } from '../mysql/observation.ts';
import { accountStates } from '../mysql/state.ts';
import type { Session } from './mysql-session.ts';

/** What one look at a server showed. */
export interface Look {
  readonly states: Map<string, AccountState>;
  readonly readOnly: boolean;
  /** Seconds since 1970 by the server's clock. */
  readonly now: number;
}

/** Above this many accounts one look at everything is cheaper than a list of hosts. */
const LIST_LIMIT = 500;

/** Reads the accounts of `scope` in one round trip. */
export async function observe(session: Session, scope: ObservationScope): Promise<Look> {
  const { dialect, columns } = session;
  const sets = await session.query(...observation(scope, dialect, columns));
  const [variables, accounts = [], schemas = [], tables = [], columnRows = [], ledger = []] = sets;
  const states = accountStates({
    source: dialect.accounts === 'GlobalPriv' ? 'GlobalPriv' : 'User',
    accounts,
    schemas,
    tables,
    columns: columnRows,
    ledger,
    schemaPrivileges: columns.db.map(privilegeOfColumn),
  });
  const [readOnly, now] = variables?.[0] ?? [];
  return { states, readOnly: Number(readOnly) !== 0, now: Number(now) };
}

/** Reads these accounts again and puts them in the place of what was known of them. */
export async function observeAgain(
  session: Session,
  before: Look,
  { touched, users }: { readonly touched: readonly AccountName[]; readonly users: readonly string[] },
): Promise<Look> {
  if (touched.length > LIST_LIMIT) return observe(session, { users });
  const { states: fresh, readOnly, now } = await observe(session, scopeOf(touched));
  const states = new Map(before.states);
  for (const account of touched) {
    const key = accountKey(account);
    const state = fresh.get(key);
    if (state) states.set(key, state);
    else states.delete(key);
  }
  return { states, readOnly, now };
}
