import type { AccountNeed } from '../topology/topology.ts';
import type { Account } from './account.ts';
import { DEFAULT_DIALECT } from './dialect.ts';
import type { Dialect } from './dialect.ts';
import { desiredAccounts } from './desired.ts';
import { createSql, grantSql } from './statements.ts';

/** The accounts of one database server as SQL that a person can read. */
export interface RenderedAccounts {
  /** `AccountNeed.server.id`: who logs in where. */
  readonly server: string;
  /** One statement a line; where the hash would stand, the Secret that the password comes from. */
  readonly sql: string;
}

/** What these needs come to, server by server, sorted. Refused needs are left out. */
export function renderAccounts(needs: readonly AccountNeed[], dialect: Dialect = DEFAULT_DIALECT): RenderedAccounts[] {
  const servers = Map.groupBy(needs, ({ server }) => server.id);
  return [...servers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([server, own]) => ({ server, sql: renderServer(own, dialect) }));
}

function renderServer(needs: readonly AccountNeed[], dialect: Dialect): string {
  const hashes = new Map(
    needs.map(({ grant, password }) => [grant, `<hash of Secret ${password.secret} ${password.key}>`]),
  );
  const { accounts } = desiredAccounts({ needs, hashes, dialect, adminUser: '' });
  return [...accounts.values()].map((account) => statementsOf(account, dialect)).join('');
}

function statementsOf(account: Account, dialect: Dialect): string {
  const lines = [...createSql([account], dialect), ...account.grants.map((set) => grantSql(set, [account]))];
  return lines.map((line) => `${line};\n`).join('');
}
