import type { Account, AccountName, GrantSet } from './account.ts';
import type { Dialect } from './dialect.ts';
import type { ChangeGroup } from './groups.ts';
import { noteApplied, noteIntent, noteOwned, strike } from './ledger.ts';
import { accountName, accountNames, identifier, literal } from './quote.ts';

/** What has to be done for a group of changes, in this order. */
export type Step =
  | { readonly kind: 'sql'; readonly sql: string }
  /** End the sessions of these accounts. */
  | { readonly kind: 'kill'; readonly accounts: readonly AccountName[] };

export interface StatementContext {
  readonly dialect: Dialect;
  readonly cluster: string;
}

/** The steps that carry out one group. The caller keeps groups small: a statement holds the lock of all logins. */
export function stepsOf(group: ChangeGroup, context: StatementContext): readonly Step[] {
  const names = accountNames(group.accounts);
  switch (group.kind) {
    case 'drop':
      return [
        sql(`DROP USER IF EXISTS ${names}`),
        kill(group.accounts),
        ...ledgerOnly(context, strike(group.accounts)),
      ];
    case 'lock':
      return [sql(`ALTER USER ${names} ACCOUNT LOCK`), kill(group.accounts)];
    case 'unlock':
      return [sql(`ALTER USER ${names} ACCOUNT UNLOCK`)];
    case 'forget':
      return [sql(usesLedger(context) ? strike(group.accounts) : `ALTER USER ${names} ATTRIBUTE '{"webpool": null}'`)];
    case 'create':
      return createSteps(group.accounts, context);
    case 'password':
      return [sql(`ALTER USER ${identified(group.accounts, context.dialect)}`)];
    case 'mark':
      return [sql(markSql(group.accounts, context))];
    case 'grant':
      return [sql(grantSql(group.set, group.accounts))];
    case 'revoke':
      return revokeSql(group.set, group.accounts).map(sql);
    default:
      return group satisfies never;
  }
}

function sql(text: string): Step {
  return { kind: 'sql', sql: text };
}

function kill(accounts: readonly AccountName[]): Step {
  return { kind: 'kill', accounts };
}

function usesLedger({ dialect }: StatementContext): boolean {
  return dialect.mark === 'Ledger';
}

function ledgerOnly(context: StatementContext, text: string): readonly Step[] {
  return usesLedger(context) ? [sql(text)] : [];
}

/** Never IF NOT EXISTS: that a plain CREATE succeeds is the proof that the account is ours. */
export function createSql(accounts: readonly Account[], dialect: Dialect): string {
  return `CREATE USER ${identified(accounts, dialect)}`;
}

function createSteps(accounts: readonly Account[], context: StatementContext): readonly Step[] {
  const create = createSql(accounts, context.dialect);
  if (!usesLedger(context)) return [sql(`${create} ATTRIBUTE ${attribute(accounts, context.cluster, '')}`)];
  return [sql(noteIntent(accounts, context.cluster)), sql(create), sql(noteOwned(accounts))];
}

function markSql(accounts: readonly Account[], context: StatementContext): string {
  if (usesLedger(context)) return noteApplied(accounts, context.cluster);
  const applied = accounts[0]?.applied ?? '';
  return `ALTER USER ${accountNames(accounts)} ATTRIBUTE ${attribute(accounts, context.cluster, applied)}`;
}

/** One attribute a statement: all accounts of a group agree in it. */
function attribute([first]: readonly Account[], cluster: string, applied: string): string {
  const owners = first?.owners.join(',');
  const { deletionPolicy, secretVersion } = first ?? {};
  return literal(JSON.stringify({ webpool: { cluster, owners, deletionPolicy, secretVersion, applied } }));
}

function identified(accounts: readonly Account[], dialect: Dialect): string {
  return accounts.map((account) => `${accountName(account)} ${credential(account, dialect)}`).join(', ');
}

/** Hashes, never passwords: statements end up in logs. */
function credential({ plugin, hash }: Account, { flavor }: Dialect): string {
  if (flavor === 'MariaDB') return `IDENTIFIED VIA ${plugin} USING ${literal(hash)}`;
  return `IDENTIFIED WITH ${plugin} AS ${literal(hash)}`;
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
