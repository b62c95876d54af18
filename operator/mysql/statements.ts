import type { Account, AccountName, Credential, GrantSet } from './account.ts';
import type { Dialect } from './dialect.ts';
import type { ChangeGroup } from './groups.ts';
import { noteApplied, noteIntent, noteOwned, strike } from './ledger.ts';
import type { LedgerNote } from './ledger.ts';
import { accountName, accountNames, identifier, literal } from './quote.ts';

/** What has to be done for a group of changes, in this order. */
export type Step =
  /** `done`: the server's error number that says that it was so already. */
  | { readonly kind: 'sql'; readonly sql: string; readonly done?: number }
  /** End the sessions of these accounts. */
  | { readonly kind: 'kill'; readonly accounts: readonly AccountName[] };

export interface StatementContext {
  readonly dialect: Dialect;
  readonly cluster: string;
}

type Steps = {
  readonly [K in ChangeGroup['kind']]: (
    group: Extract<ChangeGroup, { kind: K }>,
    context: StatementContext,
  ) => readonly Step[];
};

const STEPS: Steps = {
  drop: (group, context) =>
    usesLedger(context)
      ? [dropUsers(group.accounts, context.dialect), ...killSteps(group), sql(strike(group.accounts))]
      : [...endSteps(group), dropUsers(group.accounts, context.dialect)],
  lock: (group) => [sql(`ALTER USER ${accountNames(group.accounts)} ACCOUNT LOCK`), ...killSteps(group)],
  unlock: ({ accounts }) => [sql(`ALTER USER ${accountNames(accounts)} ACCOUNT UNLOCK`)],
  forget: ({ accounts }, context) => [
    sql(usesLedger(context) ? strike(accounts) : `ALTER USER ${accountNames(accounts)} ATTRIBUTE '{"webpool": null}'`),
  ],
  create: ({ accounts }, context) => createSteps(accounts, context),
  password: (group, { dialect }) => passwordSql(group, dialect).map(sql),
  discard: ({ accounts }, { dialect }) => [sql(discardSql(accounts, dialect))],
  options: ({ accounts }, { dialect }) => [sql(optionsSql(accounts, dialect))],
  adopt: ({ accounts, passwords }, context) => [sql(markSql(accounts, { applied: '', passwords }, context))],
  mark: ({ accounts, passwords }, context) => [
    sql(markSql(accounts, { applied: accounts[0]?.applied ?? '', passwords }, context)),
  ],
  grant: ({ set, accounts }) => [sql(grantSql(set, accounts))],
  revoke: ({ set, accounts }) => revokeSql(set, accounts).map(sql),
};

/** The steps that carry out one group. The caller keeps groups small: a statement holds the lock of all logins. */
export function stepsOf(group: ChangeGroup, context: StatementContext): readonly Step[] {
  // The entry fits the group that chose it.
  const steps = STEPS[group.kind] as (group: ChangeGroup, context: StatementContext) => readonly Step[];
  return steps(group, context);
}

function sql(text: string): Step {
  return { kind: 'sql', sql: text };
}

/** ER_CANNOT_USER */
const CANNOT_USER = 1396;

/** Without IF EXISTS the server drops those that are there and complains about the others. */
function dropUsers(accounts: readonly AccountName[], { dropIfExists }: Dialect): Step {
  const names = accountNames(accounts);
  if (dropIfExists) return sql(`DROP USER IF EXISTS ${names}`);
  return { kind: 'sql', sql: `DROP USER ${names}`, done: CANNOT_USER };
}

function killSteps({ accounts, killSessions }: Extract<ChangeGroup, { kind: 'drop' | 'lock' }>): readonly Step[] {
  return killSessions ? [{ kind: 'kill', accounts }] : [];
}

/** With the account its mark goes: what is left of its sessions has to end before, and none may begin meanwhile. */
function endSteps(group: Extract<ChangeGroup, { kind: 'drop' }>): readonly Step[] {
  if (!group.killSessions) return [];
  return [sql(`ALTER USER IF EXISTS ${accountNames(group.accounts)} ACCOUNT LOCK`), ...killSteps(group)];
}

function usesLedger({ dialect }: StatementContext): boolean {
  return dialect.mark === 'Ledger';
}

function markSql(accounts: readonly Account[], note: LedgerNote, context: StatementContext): string {
  if (usesLedger(context)) return noteApplied(accounts, context.cluster, note);
  return `ALTER USER ${accountNames(accounts)} ATTRIBUTE ${attribute(accounts, context.cluster, note)}`;
}

/**
 * The statements that make accounts which are alike but for their host.
 * Never IF NOT EXISTS: that a plain CREATE succeeds is the proof that the account is ours.
 */
export function createSql(accounts: readonly Account[], dialect: Dialect): readonly [string, ...string[]] {
  const create = `CREATE USER ${identified(accounts, dialect)}`;
  const options = optionWords(accounts, { resets: false });
  if (options === '') return [create];
  return dialect.alterUser ? [`${create} ${options}`] : [create, optionsSql(accounts, dialect)];
}

function createSteps(accounts: readonly Account[], context: StatementContext): readonly Step[] {
  const { dialect, cluster } = context;
  const [create, ...more] = createSql(accounts, dialect);
  const steps = [create, ...more].map(sql);
  if (usesLedger(context)) return [sql(noteIntent(accounts, cluster)), ...steps, sql(noteOwned(accounts))];
  const passwords = [accounts[0]?.proof ?? ''];
  return [sql(`${create} ATTRIBUTE ${attribute(accounts, cluster, { applied: '', passwords })}`)];
}

/** One attribute a statement: all accounts of a group agree in it. */
function attribute([first]: readonly Account[], cluster: string, { applied, passwords }: LedgerNote): string {
  const { deletionPolicy, killSessions, secretVersion } = first ?? {};
  const note = { cluster, owners: first?.owners.join(','), deletionPolicy, killSessions, secretVersion };
  return literal(JSON.stringify({ webpool: { ...note, passwords: passwords.join(','), applied } }));
}

function identified(accounts: readonly Account[], dialect: Dialect, more = ''): string {
  return accounts.map((account) => `${accountName(account)} ${credential(account, dialect)}${more}`).join(', ');
}

/** Hashes, never passwords: statements end up in logs. */
function credential({ plugin, hash }: Credential, dialect: Dialect): string {
  switch (dialect.credential) {
    case 'Via':
      return `IDENTIFIED VIA ${plugin} USING ${literal(hash)}`;
    case 'As':
      return `IDENTIFIED WITH ${plugin} AS ${literal(hash)}`;
    case 'ByPassword':
      return `IDENTIFIED BY PASSWORD ${literal(hash)}`;
    default:
      return dialect.credential satisfies never;
  }
}

/** Only MariaDB's statement says all that is valid; MySQL's leaves a second password alone unless it is told. */
function passwordSql(
  { accounts, keep, hadSecond }: Extract<ChangeGroup, { kind: 'password' }>,
  dialect: Dialect,
): readonly string[] {
  if (!dialect.alterUser) {
    return accounts.map((account) => `SET PASSWORD FOR ${accountName(account)} = ${literal(account.hash)}`);
  }
  if (dialect.credential === 'Via') {
    const also = keep ? ` OR ${keep.plugin} USING ${literal(keep.hash)}` : '';
    return [`ALTER USER ${identified(accounts, dialect, also)}`];
  }
  const change = `ALTER USER ${identified(accounts, dialect, keep ? ' RETAIN CURRENT PASSWORD' : '')}`;
  return hadSecond && !keep ? [change, discardSql(accounts, dialect)] : [change];
}

function discardSql(accounts: readonly Account[], dialect: Dialect): string {
  if (dialect.credential === 'Via') return `ALTER USER ${identified(accounts, dialect)}`;
  return `ALTER USER ${accounts.map((account) => `${accountName(account)} DISCARD OLD PASSWORD`).join(', ')}`;
}

function optionsSql(accounts: readonly Account[], { alterUser }: Dialect): string {
  const options = optionWords(accounts, { resets: true });
  const names = accountNames(accounts);
  return alterUser ? `ALTER USER ${names} ${options}` : `GRANT USAGE ON *.* TO ${names} ${options}`;
}

/** REQUIRE and WITH for accounts that agree in both; `resets`: also says what is not limited. */
function optionWords([first]: readonly Account[], { resets }: { readonly resets: boolean }): string {
  if (!first) return '';
  const { requireTLS, limits } = first;
  const words: readonly (readonly [string, number])[] = [
    ['MAX_QUERIES_PER_HOUR', limits.maxQueriesPerHour],
    ['MAX_UPDATES_PER_HOUR', limits.maxUpdatesPerHour],
    ['MAX_CONNECTIONS_PER_HOUR', limits.maxConnectionsPerHour],
    ['MAX_USER_CONNECTIONS', limits.maxUserConnections],
  ];
  const limited = words.filter(([, count]) => resets || count > 0).map(([word, count]) => `${word} ${count}`);
  const require = resets || requireTLS !== 'None' ? [`REQUIRE ${requireTLS.toUpperCase()}`] : [];
  return [...require, ...(limited.length > 0 ? [`WITH ${limited.join(' ')}`] : [])].join(' ');
}

/** GRANT for one place and several accounts. */
export function grantSql(set: GrantSet, accounts: readonly AccountName[]): string {
  return `GRANT ${privilegeList(set)} ON ${place(set)} TO ${accountNames(accounts)}`;
}

function revokeSql(set: GrantSet, accounts: readonly AccountName[]): readonly string[] {
  const from = accountNames(accounts);
  // Beside ALL PRIVILEGES, GRANT OPTION would turn the statement into the one that takes everything everywhere.
  const lists = set.schema === '*' ? set.privileges : [privilegeList(set)];
  return lists.map((list) => `REVOKE ${list} ON ${place(set)} FROM ${from}`);
}

function privilegeList({ privileges, column }: GrantSet): string {
  if (column === undefined) return privileges.join(', ');
  return privileges.map((privilege) => `${privilege} (${identifier(column)})`).join(', ');
}

function place({ schema, table }: GrantSet): string {
  const part = (name: string): string => (name === '*' ? '*' : identifier(name));
  return `${part(schema)}.${part(table)}`;
}
