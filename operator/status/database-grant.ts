import type { AccountCounts, AccountHost, DatabaseGrantStatus } from '../api/kinds.gen.ts';
import type { AccountNeed } from '../topology/topology.ts';
import { conditionOf, settle, type Judged } from './conditions.ts';
import type { AccountObserved, DatabaseObserved, GrantObserved } from './observed.ts';
import { admissionOf, type Admission, type Subject } from './subject.ts';
import { count, oneLine } from './text.ts';
import { negative, pending, positive, type History, type Verdict } from './verdict.ts';

/** What the status of a DatabaseGrant is made of. */
export interface DatabaseGrantFacts {
  readonly subject: Subject;
  /** What it wants; undefined when it is refused or a reference is missing. */
  readonly need: AccountNeed | undefined;
  /** Its database server; undefined when it was not asked yet. */
  readonly database: DatabaseObserved | undefined;
}

/** The status of a DatabaseGrant: Ready = Accepted, ResolvedRefs and Synced. */
export function databaseGrantStatus(facts: DatabaseGrantFacts, history: History): Judged<DatabaseGrantStatus> {
  const { subject, need, database } = facts;
  const grant = database?.grants.get(subject.key);
  const tally = tallyOf(need, grant);
  const admission = refine(admissionOf(subject), grant?.problem);
  const synced = syncedOf(facts, { admission, grant, tally });
  const { conditions, recheckAt } = settle(
    {
      required: [admission.accepted, admission.resolved, synced],
      informative: [],
      well: synced.message,
      waiting: () => 'Progressing',
    },
    history,
  );
  const known = need !== undefined || grant !== undefined;
  const status: DatabaseGrantStatus = {
    observedGeneration: history.generation,
    conditions,
    ...serverOf(database),
    ...(known && { accounts: tally.counts }),
    ...(tally.hosts.length > 0 && { hosts: tally.hosts }),
  };
  return recheckAt === undefined ? { status } : { status, recheckAt };
}

/** What is said of a grant that was deleted and stays until its accounts are gone. */
export interface LeavingFacts {
  readonly accounts: readonly AccountObserved[];
  /** Why they do not go, and the way out. */
  readonly blocked: string | undefined;
}

/** The status of a DatabaseGrant that was deleted. */
export function leavingGrantStatus({ accounts, blocked }: LeavingFacts, history: History): Judged<DatabaseGrantStatus> {
  const [first] = accounts;
  const left = first === undefined ? 'Its accounts go' : `${count(accounts.length, 'account')} left; '${first.host}'`;
  const goes = first === undefined ? `${left}.` : `${left} ${first.message ?? 'goes'}.`;
  const reason = blocked === undefined ? 'Deleting' : 'CleanupBlocked';
  const verdicts: readonly Verdict[] = [
    negative('Ready', reason, blocked ?? goes),
    { type: 'Reconciling', status: 'True', reason: 'Deleting', message: blocked ?? goes },
  ];
  const { counts, hosts } = tallyOf(undefined, { accounts });
  const conditions = verdicts.map((verdict) => conditionOf(verdict, history));
  const status = { observedGeneration: history.generation, conditions, accounts: counts };
  return { status: hosts.length > 0 ? { ...status, hosts } : status };
}

/** The accounts of a grant, counted, and the first hundred of them by name. */
interface Tally {
  readonly counts: AccountCounts;
  readonly byState: Readonly<Record<AccountObserved['state'], readonly AccountHost[]>>;
  readonly hosts: readonly AccountHost[];
}

const MAX_HOSTS = 100;

function tallyOf(need: AccountNeed | undefined, grant: GrantObserved | undefined): Tally {
  const byState = {
    Failed: [] as AccountHost[],
    Conflicting: [] as AccountHost[],
    Held: [] as AccountHost[],
    Pending: [] as AccountHost[],
    Leaving: [] as AccountHost[],
    Ready: [] as AccountHost[],
  };
  const seen = new Set<string>();
  for (const account of grant?.accounts ?? []) {
    seen.add(account.host);
    byState[account.state].push(account);
  }
  for (const { host } of need?.hosts ?? []) if (!seen.has(host)) byState.Pending.push({ host, state: 'Pending' });
  const ready = byState.Ready.length;
  const pending = byState.Pending.length + byState.Failed.length;
  const conflicting = byState.Conflicting.length;
  const desired = need?.hosts.length ?? ready + pending + conflicting;
  const leaving = byState.Leaving.length + byState.Held.length;
  const counts = { desired, ready, pending, conflicting, leaving, summary: `${ready}/${desired}` };
  return { counts, byState, hosts: problemsFirst(Object.values(byState)) };
}

function problemsFirst(groups: readonly (readonly AccountHost[])[]): AccountHost[] {
  const hosts: AccountHost[] = [];
  for (const group of groups) {
    const room = MAX_HOSTS - hosts.length;
    if (room > 0) hosts.push(...group.slice(0, room));
  }
  return hosts.map(({ host, state, message }) => {
    const entry = { host: oneLine(host, 255), state };
    return message === undefined ? entry : { ...entry, message: oneLine(message) };
  });
}

/** What only the database server could say about the object itself. */
function refine(admission: Admission, problem: GrantObserved['problem']): Admission {
  if (problem === undefined || admission.refused || problem.condition === 'Synced') return admission;
  const verdict = negative(problem.condition, problem.reason, problem.message);
  return problem.condition === 'Accepted'
    ? { ...admission, accepted: verdict, refused: true }
    : { ...admission, resolved: verdict };
}

interface Seen {
  readonly admission: Admission;
  readonly grant: GrantObserved | undefined;
  readonly tally: Tally;
}

function syncedOf({ need, database }: DatabaseGrantFacts, { admission, grant, tally }: Seen): Verdict {
  if (admission.refused) return negative('Synced', 'Invalid', 'This version is not applied: Accepted is False.');
  if (need === undefined) return pending('Synced', 'Waits until everything that it names is found.');
  const problem = database?.problem ?? syncProblem(grant);
  if (problem !== undefined) return negative('Synced', problem.reason, problem.message);
  const asked = database !== undefined && (grant !== undefined || need.hosts.length === 0);
  if (!asked) return pending('Synced', 'The database server was not asked yet.');
  return trouble(tally) ?? positive('Synced', synced(tally.counts));
}

/** A problem that is about Accepted or ResolvedRefs is told there. */
function syncProblem(grant: GrantObserved | undefined): GrantObserved['problem'] {
  return grant?.problem?.condition === 'Synced' ? grant.problem : undefined;
}

function synced({ desired }: AccountCounts): string {
  return desired === 0 ? 'No server needs an account.' : `${count(desired, 'account')} as wanted.`;
}

function trouble({ byState, counts }: Tally): Verdict | undefined {
  const [held] = byState.Held;
  if (held !== undefined) {
    const way = 'Set the annotation webpool.dev/allow-removal to their number if that is right.';
    return negative(
      'Synced',
      'RemovalHeld',
      held.message ?? `${count(byState.Held.length, 'account')} would go. ${way}`,
    );
  }
  const [first] = [...byState.Conflicting, ...byState.Failed, ...byState.Pending];
  if (first === undefined) return undefined;
  const detail = `${counts.ready} of ${count(counts.desired, 'account')} ready; '${first.host}' is ${first.state}`;
  const message = first.message === undefined ? `${detail}.` : `${detail}: ${first.message}`;
  return negative('Synced', first.state === 'Conflicting' ? 'AccountExists' : 'PartiallySynced', message);
}

function serverOf(database: DatabaseObserved | undefined): Pick<DatabaseGrantStatus, 'server'> {
  const { flavor, version } = database ?? {};
  if (flavor === undefined && version === undefined) return {};
  return {
    server: {
      ...(flavor !== undefined && { flavor }),
      ...(version !== undefined && { version: oneLine(version, 64) }),
    },
  };
}
