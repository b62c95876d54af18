import type { Account, AccountName } from './account.ts';
import { literal } from './quote.ts';

/** The table that holds our marks where accounts cannot carry them. */
export const LEDGER_TABLE = 'webpool_ledger.accounts';

/** Statements that make the ledger where it is not there yet. */
export const CREATE_LEDGER: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS webpool_ledger',
  `CREATE TABLE IF NOT EXISTS ${LEDGER_TABLE} (
  user VARCHAR(128) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL,
  host VARCHAR(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL,
  cluster VARCHAR(253) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL,
  owners TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'DatabaseGrants, namespace/name, separated by commas',
  deletion_policy ENUM('Delete', 'Lock', 'Orphan') NOT NULL,
  state ENUM('intent', 'owned') NOT NULL COMMENT 'intent: about to be created',
  secret_version VARCHAR(253) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL,
  applied CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'fingerprint of what was last applied',
  proof CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'SHA-256 of the password hash that is meant',
  intended INT UNSIGNED NOT NULL,
  PRIMARY KEY (user, host)
) ENGINE = InnoDB COMMENT = 'Accounts that webpool made; without its row here an account counts as foreign'`,
];

/** Is the ledger there? One row with the number of tables. */
export const LEDGER_EXISTS =
  "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'webpool_ledger' AND TABLE_NAME = 'accounts'";

/** The users of which this installation holds accounts. */
export function ledgerUsers(cluster: string): string {
  return `SELECT DISTINCT user FROM ${LEDGER_TABLE} WHERE cluster = ${literal(cluster)}`;
}

/** Writes ahead that these accounts are going to be made. */
export function noteIntent(accounts: readonly Account[], cluster: string): string {
  return upsert(accounts, cluster, { state: 'intent', applied: () => '' });
}

/** These accounts were made. */
export function noteOwned(accounts: readonly AccountName[]): string {
  return `UPDATE ${LEDGER_TABLE} SET state = 'owned' WHERE ${among(accounts)}`;
}

/** These accounts are ours and hold what was asked for. */
export function noteApplied(accounts: readonly Account[], cluster: string): string {
  return upsert(accounts, cluster, { state: 'owned', applied: ({ applied }) => applied });
}

/** These accounts are no longer ours. */
export function strike(accounts: readonly AccountName[]): string {
  return `DELETE FROM ${LEDGER_TABLE} WHERE ${among(accounts)}`;
}

interface Note {
  readonly state: 'intent' | 'owned';
  readonly applied: (account: Account) => string;
}

function upsert(accounts: readonly Account[], cluster: string, { state, applied }: Note): string {
  const rows = accounts.map((account) => {
    const { user, host, owners, deletionPolicy, secretVersion, hash } = account;
    const cells = [user, host, cluster, owners.join(','), deletionPolicy, state, secretVersion, applied(account)];
    return `(${cells.map(literal).join(', ')}, SHA2(${literal(hash)}, 256), UNIX_TIMESTAMP())`;
  });
  const columns = ['cluster', 'owners', 'deletion_policy', 'state', 'secret_version', 'applied', 'proof'];
  // A repeated intent keeps its time: the account may have been made since. First, because assignments see earlier ones.
  const intended = `intended = IF(state = 'intent' AND proof = VALUES(proof), intended, VALUES(intended))`;
  return (
    `INSERT INTO ${LEDGER_TABLE} (user, host, ${columns.join(', ')}, intended) VALUES ${rows.join(', ')} ` +
    `ON DUPLICATE KEY UPDATE ${[intended, ...columns.map((column) => `${column} = VALUES(${column})`)].join(', ')}`
  );
}

function among(accounts: readonly AccountName[]): string {
  return `(user, host) IN (${accounts.map(({ user, host }) => `(${literal(user)}, ${literal(host)})`).join(', ')})`;
}
