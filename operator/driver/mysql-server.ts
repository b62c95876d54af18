import type { Key } from '../api/resources.ts';
import { desiredAccounts } from '../mysql/desired.ts';
import type { GrantProblem } from '../api/grant-problem.ts';
import type { Desired, DesiredInput } from '../mysql/desired.ts';
import { planAccounts } from '../mysql/plan.ts';
import type { Plan } from '../mysql/plan.ts';
import { serverProblem } from '../mysql/problem.ts';
import type { AccountFailure, ServerPlace, ServerProblem } from '../mysql/problem.ts';
import type { RemovalPolicy } from '../mysql/removal.ts';
import { grantReports } from '../mysql/report.ts';
import type { GrantReport } from '../mysql/report.ts';
import type { AccountNeed } from '../topology/topology.ts';
import { applyChanges } from './mysql-apply.ts';
import type { Pace } from './mysql-apply.ts';
import { hashKeeper } from './mysql-hashes.ts';
import { observe, observeAgain } from './mysql-observe.ts';
import type { Look } from './mysql-observe.ts';
import { openSession, serverErrorOf, UnusableServerError } from './mysql-session.ts';
import type { Credentials, Session, SessionOptions, SessionTimeouts, SessionTls } from './mysql-session.ts';

/** What one server is asked to hold. */
export interface DatabaseRoundInput
  extends
    Partial<Pick<RemovalPolicy, 'elsewhere' | 'incomplete' | 'departed'>>,
    Omit<RemovalPolicy, 'present' | 'elsewhere' | 'incomplete' | 'departed'> {
  /** Needs of this server, in order of precedence. */
  readonly needs: readonly AccountNeed[];
  /** undefined: the Secret is missing or incomplete; a server that nobody names any more keeps its last one. */
  readonly admin: Credentials | undefined;
  /** Default: Preferred. */
  readonly tls?: SessionTls;
  /** By `<Secret key>/<key in it>`. */
  readonly passwords: ReadonlyMap<string, string>;
  /** All DatabaseGrants that exist in any form, including refused ones. */
  readonly presentGrants: ReadonlySet<Key>;
}

/** What was seen after a round; has the form of `DatabaseObserved`. */
export interface DatabaseRound {
  readonly problem?: ServerProblem;
  readonly flavor?: 'MySQL' | 'MariaDB';
  readonly version?: string;
  readonly grants: ReadonlyMap<Key, GrantReport>;
  /** Nothing is left to do; false when time ran out or something failed: come back. */
  readonly settled: boolean;
  /** Accounts of ours that have to stay though nobody wants them: the server must not be forgotten. */
  readonly withheld: number;
  /** Statements that were sent to change something. */
  readonly statements: number;
}

/** Our side of one MySQL or MariaDB server. */
export interface DatabaseServer {
  readonly id: string;
  /** Brings the server's accounts to what is asked for. Rounds run one after the other. Errors: only our own mistakes. */
  readonly round: (input: DatabaseRoundInput) => Promise<DatabaseRound>;
  /** Ends the connection; accounts stay as they are. */
  readonly close: () => Promise<void>;
}

/** The part of a logger that we need. */
export interface DatabaseLog {
  readonly info: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

export interface DatabaseServerOptions extends ServerPlace {
  readonly id: string;
  /** Tells the accounts of several installations on one server apart. Default: local. */
  readonly clusterId?: string;
  readonly log?: DatabaseLog;
  /** Milliseconds. Default: 3 s to connect, 10 s for a statement. */
  readonly timeouts?: SessionTimeouts;
  /** Milliseconds after which a round begins nothing new. Default: 5 s. */
  readonly budget?: number;
}

/** How we log in. */
type Login = Pick<SessionOptions, 'admin' | 'tls'>;

/** Looks, plans and applies this often in one round: after an error the second look shows what became of it. */
const PASSES = 3;

interface Outcome {
  readonly session: Session;
  readonly desired: Desired;
  readonly plan: Plan;
  readonly failures: ReadonlyMap<string, AccountFailure>;
  readonly readOnly: boolean;
  readonly statements: number;
}

/** A server to which nothing has been said yet: the first round connects. */
export function createDatabaseServer(options: DatabaseServerOptions): DatabaseServer {
  const cluster = options.clusterId ?? 'local';
  const place: ServerPlace = { host: options.host, port: options.port };
  // A login waits for the statement that runs and sometimes for the next, at 10,000 accounts for 15 ms each; on a small server sixteen statements later it is twenty.
  const pace: Pace = { size: 3 };
  const hashesOf = hashKeeper();
  const desire = remembering(desiredAccounts);
  const users = new Set<string>();
  let session: Session | undefined;
  let login: Login | undefined;
  let last: ReadonlyMap<Key, GrantReport> = new Map();
  let queue: Promise<unknown> = Promise.resolve();

  const disconnect = async (): Promise<void> => {
    const old = session;
    session = undefined;
    await old?.close();
  };

  const connected = async (wanted: Login): Promise<Session> => {
    if (JSON.stringify(login) !== JSON.stringify(wanted)) await disconnect();
    login = wanted;
    if (session?.alive() === true) return session;
    const timeouts = options.timeouts ?? { connect: 3000, query: 10_000 };
    session = await openSession({ ...place, ...wanted, cluster, timeouts });
    for (const user of session.knownUsers) users.add(user);
    return session;
  };

  const settle = async (input: DatabaseRoundInput, wanted: Login): Promise<Outcome> => {
    const deadline = performance.now() + (options.budget ?? 5000);
    const current = await connected(wanted);
    for (const { spec } of input.needs) users.add(spec.username);
    let look = await observe(current, { users: [...users] });
    const { needs, passwords } = input;
    const { dialect } = current;
    const hashes = hashesOf({ needs, passwords, dialect, states: look.states });
    const desired = desire({ needs, hashes, dialect, adminUser: wanted.admin.username });
    const planFor = ({ states, now }: Look): Plan =>
      planAccounts({ states, now, desired, policy: policyOf(input), cluster });
    let plan = planFor(look);
    let failures: ReadonlyMap<string, AccountFailure> = new Map();
    let statements = 0;
    for (let pass = 0; pass < PASSES && plan.changes.length > 0 && !look.readOnly; pass++) {
      const applied = await applyChanges(current, plan.changes, { dialect, cluster, pace, deadline });
      failures = applied.failures;
      statements += applied.statements;
      options.log?.info(
        { server: options.id, changes: plan.changes.length, statements: applied.statements, killed: applied.killed },
        'database accounts changed',
      );
      look = await observeAgain(current, look, { touched: applied.touched, users: [...users] });
      plan = planFor(look);
      if (performance.now() >= deadline || applied.statements === 0) break;
    }
    return { session: current, desired, plan, failures, readOnly: look.readOnly, statements };
  };

  const round = async (input: DatabaseRoundInput): Promise<DatabaseRound> => {
    const { admin, tls = { mode: 'Preferred' }, needs } = input;
    // The one before is taken as a whole: its password is for a server of its authority alone.
    const wanted = admin === undefined ? needs.length === 0 && login : { admin, tls };
    if (!wanted) return unreachable(input, last, { problem: NO_CREDENTIALS });
    try {
      const outcome = await settle(input, wanted);
      const result = observedOf(outcome, input.needs, place);
      last = result.grants;
      // After a failover the name may lead to the server that takes writes, while the one before goes on answering.
      if (outcome.readOnly) await disconnect();
      return result;
    } catch (error) {
      const problem = problemOf(error, place);
      const seen = session && { flavor: session.dialect.flavor, version: session.dialect.version };
      await disconnect();
      return unreachable(input, last, { ...seen, problem });
    }
  };

  return {
    id: options.id,
    round: (input) => {
      const turn = queue.then(() => round(input));
      queue = turn.catch(() => undefined);
      return turn;
    },
    close: async () => {
      await queue;
      await disconnect();
    },
  };
}

/** Most rounds ask for what the last one did: the answer is kept as long as every part of the question is the same. */
function remembering(compute: (input: DesiredInput) => Desired): (input: DesiredInput) => Desired {
  let last: { readonly input: DesiredInput; readonly result: Desired } | undefined;
  return (input) => {
    if (!last || !sameInput(last.input, input)) last = { input, result: compute(input) };
    return last.result;
  };
}

function sameInput(a: DesiredInput, b: DesiredInput): boolean {
  return (
    a.dialect === b.dialect &&
    a.adminUser === b.adminUser &&
    a.needs.length === b.needs.length &&
    a.needs.every((need, index) => need === b.needs[index]) &&
    a.hashes.size === b.hashes.size &&
    [...a.hashes].every(([grant, hash]) => b.hashes.get(grant) === hash)
  );
}

const NO_CREDENTIALS: ServerProblem = {
  reason: 'AdminAuthenticationFailed',
  message: 'the Secret of spec.server.adminSecretName is missing, or has no username and password',
};

function policyOf({
  presentGrants,
  elsewhere = new Set(),
  incomplete = new Map(),
  keepHosts,
  allowRemoval,
  departed = new Set(),
  pictureComplete,
}: DatabaseRoundInput): RemovalPolicy {
  return { present: presentGrants, elsewhere, incomplete, keepHosts, allowRemoval, departed, pictureComplete };
}

function observedOf(outcome: Outcome, needs: readonly AccountNeed[], place: ServerPlace): DatabaseRound {
  const { session, desired, plan, failures, statements } = outcome;
  const settled = plan.changes.length === 0;
  const readOnly = outcome.readOnly && !settled;
  return {
    ...(readOnly && { problem: serverProblem({ code: 'ER_READ_ONLY_MODE', errno: 1836, message: '' }, place) }),
    flavor: session.dialect.flavor,
    version: session.dialect.version,
    grants: grantReports({ needs, desired, plan, failures }),
    settled,
    withheld: plan.withheld,
    statements,
  };
}

/** Faults of the world become a problem; our own mistakes are thrown on. */
function problemOf(error: unknown, place: ServerPlace): ServerProblem {
  if (error instanceof UnusableServerError) return { reason: error.reason, message: error.message };
  const seen = serverErrorOf(error);
  if (!seen) throw error;
  return serverProblem(seen, place);
}

/** While a server cannot be asked, accounts count as they were last seen: an outage of ours takes nobody's away. */
function unreachable(
  { needs }: DatabaseRoundInput,
  last: ReadonlyMap<Key, GrantReport>,
  seen: Pick<DatabaseRound, 'flavor' | 'version'> & { readonly problem: ServerProblem },
): DatabaseRound {
  const grants = needs.map(({ grant, hosts }) => [grant, remembered(hosts, last.get(grant))] as const);
  return { ...seen, grants: new Map(grants), settled: false, withheld: 0, statements: 0 };
}

function remembered(hosts: AccountNeed['hosts'], report: GrantReport | undefined): GrantReport {
  const known = new Map(report?.accounts.map((account) => [account.host, account]));
  const accounts = hosts.map(({ host }) => known.get(host) ?? { host, state: 'Pending' as const });
  const problem: GrantProblem | undefined = report?.problem;
  return { accounts, ...(problem && { problem }) };
}
