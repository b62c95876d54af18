import { describe, expect, test } from 'vitest';
import { CREATE_LEDGER, ledgerUsers, noteApplied, noteIntent, noteOwned, strike } from '../../operator/mysql/ledger.ts';
import { accountOf } from './samples.ts';

const [A, B] = [accountOf(), accountOf({ host: '10.0.0.2', killSessions: false, deletionPolicy: 'Lock' })];

describe('the table of our marks', () => {
  test('an intent comes before the account, with what will be its password, and keeps its time', () => {
    const sql = noteIntent([A], 'c1');
    expect(sql).toContain(
      `VALUES ('shop', '10.0.0.1', 'c1', 'default/shop', 'Delete', 'yes', 'intent', '1', '', '${A.proof}', UNIX_TIMESTAMP())`,
    );
    expect(sql).toContain(
      "UPDATE intended = IF(state = 'intent' AND passwords = VALUES(passwords), intended, VALUES(intended)), cluster =",
    );
  });

  test('what was applied, one row an account', () => {
    const sql = noteApplied([A, B], 'c1', { applied: 'fp', passwords: ['x', 'y'] });
    expect(sql.match(/UNIX_TIMESTAMP\(\)/g)).toHaveLength(2);
    expect(sql).toContain(
      "('shop', '10.0.0.2', 'c1', 'default/shop', 'Lock', 'no', 'owned', '1', 'fp', 'x,y', UNIX_TIMESTAMP())",
    );
  });

  test('owned, struck, asked for', () => {
    const rows = "(user, host) IN (('shop', '10.0.0.1'), ('shop', '10.0.0.2'))";
    expect(noteOwned([A, B])).toBe(`UPDATE webpool_ledger.accounts SET state = 'owned' WHERE ${rows}`);
    expect(strike([A, B])).toBe(`DELETE FROM webpool_ledger.accounts WHERE ${rows}`);
    expect(ledgerUsers("c'1")).toBe(
      String.raw`SELECT DISTINCT user FROM webpool_ledger.accounts WHERE cluster = 'c\'1'`,
    );
  });

  test('is made in words that servers of every age know', () => {
    expect(CREATE_LEDGER.join('\n')).not.toMatch(/utf8mb[34]|JSON|DEFAULT \(/);
  });
});
