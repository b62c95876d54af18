import { accountKey } from '../mysql/account.ts';
import type { AccountChange, AccountName } from '../mysql/account.ts';
import { groupChanges, pickAccounts } from '../mysql/groups.ts';
import type { ChangeGroup } from '../mysql/groups.ts';
import { accountFailure, endsRound } from '../mysql/problem.ts';
import type { AccountFailure } from '../mysql/problem.ts';
import { stepsOf } from '../mysql/statements.ts';
import type { StatementContext, Step } from '../mysql/statements.ts';
import { killSessions } from './mysql-kill.ts';
import { serverErrorOf } from './mysql-session.ts';
import type { Session } from './mysql-session.ts';

/** An account statement keeps everybody from logging in while it runs: this long at most, in milliseconds. */
const LOCK_BUDGET = 60;
const MAX_BATCH = 20;
/** Rows of our own table: no lock that a login needs. */
const NOTE_BATCH = 200;

/** How many accounts one statement takes; learned from statement to statement. */
export interface Pace {
  size: number;
}

export interface ApplyOptions extends StatementContext {
  readonly pace: Pace;
  /** `performance.now()` after which nothing new is begun. */
  readonly deadline: number;
}

export interface Applied {
  /** Accounts that a statement was sent for. */
  readonly touched: readonly AccountName[];
  /** By accountKey. */
  readonly failures: ReadonlyMap<string, AccountFailure>;
  readonly statements: number;
  readonly killed: number;
}

interface Run {
  readonly session: Session;
  readonly options: ApplyOptions;
  readonly touched: Map<string, AccountName>;
  readonly failures: Map<string, AccountFailure>;
  /** Accounts whose CREATE failed: they may be somebody else's. */
  readonly notMade: Set<string>;
  statements: number;
  killed: number;
}

/**
 * Carries out the changes in their order, in small batches. What fails for one account does not stop the others.
 * Errors: those that concern the server as a whole.
 */
export async function applyChanges(
  session: Session,
  changes: readonly AccountChange[],
  options: ApplyOptions,
): Promise<Applied> {
  const run: Run = {
    session,
    options,
    touched: new Map(),
    failures: new Map(),
    notMade: new Set(),
    statements: 0,
    killed: 0,
  };
  for (const group of groupChanges(changes)) {
    if (performance.now() >= options.deadline) break;
    await applyGroup(group, run);
  }
  const { touched, failures, statements, killed } = run;
  return { touched: [...touched.values()], failures, statements, killed };
}

async function applyGroup(group: ChangeGroup, run: Run): Promise<void> {
  const note = group.kind === 'mark' || group.kind === 'forget' || group.kind === 'adopt';
  const free = note && run.options.dialect.mark === 'Ledger';
  let start = 0;
  while (start < group.accounts.length && performance.now() < run.options.deadline) {
    const size = free ? NOTE_BATCH : run.options.pace.size;
    const [from, to] = [start, start + size];
    const batch = without(
      pickAccounts(group, (_, index) => index >= from && index < to),
      run,
    );
    start = to;
    if (batch.accounts.length > 0) await applyBatch(batch, run);
  }
}

/** Leaves out accounts for which an earlier change failed: always after CREATE, else what would take something away. */
function without(group: ChangeGroup, { notMade, failures }: Run): ChangeGroup {
  const last = group.kind === 'mark' || group.kind === 'revoke';
  return pickAccounts(group, (account) => {
    const key = accountKey(account);
    return !notMade.has(key) && !(last && failures.has(key));
  });
}

async function applyBatch(batch: ChangeGroup, run: Run): Promise<void> {
  for (const account of batch.accounts) run.touched.set(accountKey(account), account);
  try {
    await runSteps(batch, run);
  } catch (error) {
    const failure = serverErrorOf(error);
    if (!failure || endsRound(failure)) throw error;
    const [only] = batch.accounts;
    if (only && batch.accounts.length === 1) {
      run.failures.set(accountKey(only), accountFailure(failure));
      if (batch.kind === 'create') run.notMade.add(accountKey(only));
      return;
    }
    // One bad account must not stop the others: find it by trying them one by one.
    for (const account of batch.accounts) {
      await applyBatch(
        pickAccounts(batch, (other) => other === account),
        run,
      );
    }
  }
}

async function runSteps(batch: ChangeGroup, run: Run): Promise<void> {
  for (const step of stepsOf(batch, run.options)) {
    if (step.kind === 'kill') {
      run.killed += await killSessions(run.session, step.accounts);
      continue;
    }
    const start = performance.now();
    await runStatement(run.session, step);
    run.statements += 1;
    if (batch.kind !== 'mark') adapt(run.options.pace, batch.accounts.length, performance.now() - start);
  }
}

async function runStatement(session: Session, { sql, done }: Extract<Step, { kind: 'sql' }>): Promise<void> {
  try {
    await session.query(sql);
  } catch (error) {
    if (done === undefined || serverErrorOf(error)?.errno !== done) throw error;
  }
}

/** Grows by ones while there is room, halves at once when there is not. */
function adapt(pace: Pace, accounts: number, milliseconds: number): void {
  if (milliseconds > LOCK_BUDGET) pace.size = Math.max(1, Math.floor(pace.size / 2));
  else if (accounts >= pace.size && milliseconds < LOCK_BUDGET / 2) pace.size = Math.min(MAX_BATCH, pace.size + 1);
}
