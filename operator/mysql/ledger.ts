import type { Account, AccountName } from './account.ts';
import { literal } from './quote.ts';

/** The table that holds our marks where accounts cannot carry them. */
export const LEDGER_TABLE = 'webpool_ledger.accounts';

/** Statements that make the ledger where it is not there yet. `utf8` is how servers of every age call it. */
export const CREATE_LEDGER: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS webpool_ledger',
  `CREATE TABLE IF NOT EXISTS ${LEDGER_TABLE} (
  user VARCHAR(128) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL,
  host VARCHAR(255) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL,
  cluster VARCHAR(253) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL,
  owners TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'DatabaseGrants, namespace/name, separated by commas',
  deletion_policy ENUM('Delete', 'Lock', 'Orphan') NOT NULL,
  kill_sessions ENUM('no', 'yes') NOT NULL,
  state ENUM('intent', 'owned') NOT NULL COMMENT 'intent: about to be created',
  secret_version VARCHAR(253) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL,
  applied CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'fingerprint of what was last applied',
  passwords VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'fingerprints of the password hashes that we have set',
  intended INT UNSIGNED NOT NULL COMMENT 'when the intent was written',
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

/** What is known of accounts beyond what they should be. */
export interface LedgerNote {
  readonly applied: string;
  readonly passwords: readonly string[];
}

/** Writes ahead that these accounts, alike but for their host, are going to be made. */
export function noteIntent(accounts: readonly Account[], cluster: string): string {
  return upsert(accounts, cluster, { state: 'intent', applied: '', passwords: [accounts[0]?.proof ?? ''] });
}

/** These accounts were made. */
export function noteOwned(accounts: readonly AccountName[]): string {
  return `UPDATE ${LEDGER_TABLE} SET state = 'owned' WHERE ${among(accounts)}`;
}

/** These accounts are ours and hold what was asked for. */
export function noteApplied(accounts: readonly Account[], cluster: string, note: LedgerNote): string {
  return upsert(accounts, cluster, { state: 'owned', ...note });
}

/** These accounts are no longer ours. */
export function strike(accounts: readonly AccountName[]): string {
  return `DELETE FROM ${LEDGER_TABLE} WHERE ${among(accounts)}`;
}

/** The rows of `where` in the form of `AccountRows.ledger`. */
export function ledgerRows(where: string): string {
  const intended = `IF(state = 'intent', intended, '')`;
  const cells = `cluster, owners, deletion_policy, kill_sessions, state, applied, passwords, ${intended}`;
  return `SELECT user, host, CONCAT_WS('\\0', ${cells}) FROM ${LEDGER_TABLE} WHERE ${where}`;
}

interface Note extends LedgerNote {
  readonly state: 'intent' | 'owned';
}

const COLUMNS = [
  'cluster',
  'owners',
  'deletion_policy',
  'kill_sessions',
  'state',
  'secret_version',
  'applied',
  'passwords',
];

function upsert(accounts: readonly Account[], cluster: string, { state, applied, passwords }: Note): string {
  const rows = accounts.map((account) => {
    const { user, host, owners, deletionPolicy, killSessions, secretVersion } = account;
    const kill = killSessions ? 'yes' : 'no';
    const proofs = passwords.join(',');
    const cells = [user, host, cluster, owners.join(','), deletionPolicy, kill, state, secretVersion, applied, proofs];
    return `(${cells.map(literal).join(', ')}, UNIX_TIMESTAMP())`;
  });
  // A repeated intent keeps its time: the account may have been made since. First, because assignments see earlier ones.
  const intended = `intended = IF(state = 'intent' AND passwords = VALUES(passwords), intended, VALUES(intended))`;
  return (
    `INSERT INTO ${LEDGER_TABLE} (user, host, ${COLUMNS.join(', ')}, intended) VALUES ${rows.join(', ')} ` +
    `ON DUPLICATE KEY UPDATE ${[intended, ...COLUMNS.map((column) => `${column} = VALUES(${column})`)].join(', ')}`
  );
}

function among(accounts: readonly AccountName[]): string {
  return `(user, host) IN (${accounts.map(({ user, host }) => `(${literal(user)}, ${literal(host)})`).join(', ')})`;
}
