import { describe, expect, it } from 'vitest';
import { applyChanges } from '../../operator/driver/mysql-apply.ts';
import type { Pace } from '../../operator/driver/mysql-apply.ts';
import { killSessions } from '../../operator/driver/mysql-kill.ts';
import type { Session } from '../../operator/driver/mysql-session.ts';
import { accountKey } from '../../operator/mysql/account.ts';
import type { AccountChange } from '../../operator/mysql/account.ts';
import type { Row } from '../../operator/mysql/identity.ts';
import { accountOf, dialectFor } from '../mysql/samples.ts';

const DIALECT = dialectFor('10.11.19-MariaDB');
const SET = { schema: 's', table: '*', privileges: ['SELECT'] };

interface Fake {
  readonly session: Session;
  readonly sent: string[];
}

/** A session that answers as `answer` says: rows, or an error number. */
function fake(
  answer: (sql: string) => readonly Row[] | number | undefined | Promise<undefined> = () => undefined,
): Fake {
  const sent: string[] = [];
  const query: Session['query'] = async (...statements) => {
    const results = [];
    for (const sql of statements) {
      sent.push(sql);
      const result = await answer(sql);
      if (typeof result === 'number') throw Object.assign(new Error('refused'), { code: 'ER', errno: result });
      results.push(result ?? []);
    }
    return results;
  };
  const session = {
    dialect: DIALECT,
    columns: { db: [], user: [] },
    knownUsers: [],
    query,
    alive: () => true,
    close: async () => undefined,
  };
  return { session, sent };
}

const accounts = (count: number) => Array.from({ length: count }, (_, index) => accountOf({ host: `10.0.0.${index}` }));
const grants = (count: number): AccountChange[] =>
  accounts(count).map((account) => ({ kind: 'grant', account, set: SET }));
const options = (pace: Pace, deadline = Infinity) => ({ dialect: DIALECT, cluster: 'local', pace, deadline });
const sizes = (sent: readonly string[], word = 'GRANT') =>
  sent.filter((sql) => sql.startsWith(word)).map((sql) => sql.split("'@'").length - 1);

describe('changes', () => {
  it('go in batches that grow one by one while they are quick, up to twenty', async () => {
    const { session, sent } = fake();
    await applyChanges(session, grants(300), options({ size: 10 }));
    const seen = sizes(sent);
    expect(seen.slice(0, 12)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 20]);
    expect(seen.reduce((sum, size) => sum + size, 0)).toBe(300);
  });

  it('halve at once when a statement keeps logins waiting for more than 100 ms', async () => {
    let slow = 2;
    const { session, sent } = fake(async () => {
      // The work of the server, which takes its time.
      if (slow-- > 0) await new Promise<void>((resolve) => setTimeout(resolve, 130));
      return undefined;
    });
    const pace = { size: 16 };
    await applyChanges(session, grants(40), options(pace));
    expect(sizes(sent).slice(0, 3)).toEqual([16, 8, 4]);
  });

  it('begin nothing new when time is over', async () => {
    const { session, sent } = fake();
    const applied = await applyChanges(session, grants(5), options({ size: 10 }, performance.now() - 1));
    expect(sent).toEqual([]);
    expect(applied).toEqual({ touched: [], failures: new Map(), statements: 0, killed: 0 });
  });

  it('find the one account that cannot be changed, and do the others', async () => {
    const { session, sent } = fake((sql) => (sql.startsWith('GRANT') && sql.includes("'10.0.0.2'") ? 1146 : undefined));
    const applied = await applyChanges(session, grants(4), options({ size: 10 }));
    expect(sizes(sent)).toEqual([4, 1, 1, 1, 1]);
    expect([...applied.failures.keys()]).toEqual([accountKey({ user: 'shop', host: '10.0.0.2' })]);
    expect(applied.touched).toHaveLength(4);
  });

  it('take nothing away from an account that did not get what is new, and do not mark it', async () => {
    const [account] = accounts(1);
    if (!account) throw new Error('no account');
    const { session, sent } = fake((sql) => (sql.startsWith('GRANT') ? 1146 : undefined));
    const changes: AccountChange[] = [
      { kind: 'grant', account, set: SET },
      { kind: 'revoke', account, set: { ...SET, schema: 'old' } },
      { kind: 'mark', account, passwords: [] },
    ];
    await applyChanges(session, changes, options({ size: 10 }));
    expect(sent).toHaveLength(1);
  });

  it('leave alone an account that could not be made: it may be somebody else’s', async () => {
    const [mine, theirs] = accounts(2);
    if (!mine || !theirs) throw new Error('no accounts');
    const { session, sent } = fake((sql) => (sql.startsWith('CREATE') && sql.includes(theirs.host) ? 1396 : undefined));
    const changes: AccountChange[] = [
      ...[mine, theirs].map((account) => ({ kind: 'create', account }) as const),
      ...[mine, theirs].map((account) => ({ kind: 'grant', account, set: SET }) as const),
    ];
    const applied = await applyChanges(session, changes, options({ size: 10 }));
    expect(applied.failures.get(accountKey(theirs))?.reason).toBe('AccountExists');
    expect(sent.filter((sql) => sql.startsWith('GRANT'))).toEqual([`GRANT SELECT ON \`s\`.* TO 'shop'@'${mine.host}'`]);
  });

  it('end with an error that concerns the whole server', async () => {
    const { session, sent } = fake(() => 1227);
    await expect(applyChanges(session, grants(3), options({ size: 1 }))).rejects.toMatchObject({ errno: 1227 });
    expect(sent).toHaveLength(1);
  });
});

describe('sessions that end', () => {
  const row = (id: number, user: string, host: string): Row => [id, user, host];
  const killed = (sent: readonly string[]) => sent.filter((sql) => sql.startsWith('KILL'));

  it('are those of the account, by address and port, and no others', async () => {
    const { session, sent } = fake((sql) =>
      sql.startsWith('SELECT')
        ? [
            row(1, 'shop', '10.0.0.1:50312'),
            row(2, 'shop', '10.0.0.11:50312'),
            row(3, 'shop', '10.0.0.1'),
            row(4, 'other', '10.0.0.1:1'),
            row(5, 'shop', '2001:db8::1:50312'),
          ]
        : undefined,
    );
    expect(
      await killSessions(session, [
        { user: 'shop', host: '10.0.0.1' },
        { user: 'shop', host: '2001:db8::1' },
      ]),
    ).toBe(3);
    expect(killed(sent)).toEqual(['KILL CONNECTION 1', 'KILL CONNECTION 3', 'KILL CONNECTION 5']);
  });

  it('are found by the name that the server has for an address', async () => {
    const { session, sent } = fake((sql) => (sql.startsWith('SELECT') ? [row(7, 'shop', 'localhost:99')] : undefined));
    await killSessions(session, [{ user: 'shop', host: '127.0.0.1' }]);
    expect(killed(sent)).toEqual(['KILL CONNECTION 7']);
  });

  it('may be gone already', async () => {
    const { session } = fake((sql) => (sql.startsWith('SELECT') ? [row(1, 'shop', 'h:1')] : 1094));
    expect(await killSessions(session, [{ user: 'shop', host: 'h' }])).toBe(1);
    const refused = fake((sql) => (sql.startsWith('SELECT') ? [row(1, 'shop', 'h:1')] : 1095));
    await expect(killSessions(refused.session, [{ user: 'shop', host: 'h' }])).rejects.toMatchObject({ errno: 1095 });
  });
});
