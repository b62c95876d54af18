import { expect, test } from 'vitest';
import type { AccountChange } from '../../operator/mysql/account.ts';
import { inOrder } from '../../operator/mysql/order.ts';
import { accountOf } from './samples.ts';

const OLD = accountOf({ host: 'old' });
const NEW = accountOf({ host: 'new' });
const SET = { schema: 's', table: '*', privileges: ['SELECT'] };

const told = (changes: readonly AccountChange[]) =>
  inOrder(changes).map(({ kind, account }) => `${kind} ${account.host}`);

test('what goes is first, then what is new with all that belongs to it, then what differs; nothing is taken before it is given', () => {
  const changes: AccountChange[] = [
    { kind: 'mark', account: OLD, passwords: [] },
    { kind: 'revoke', account: OLD, set: SET },
    { kind: 'grant', account: OLD, set: SET },
    { kind: 'password', account: OLD, hadSecond: false },
    { kind: 'mark', account: NEW, passwords: [] },
    { kind: 'grant', account: NEW, set: SET },
    { kind: 'create', account: NEW },
    { kind: 'adopt', account: OLD, passwords: [] },
    { kind: 'drop', account: { user: 'shop', host: 'gone' }, killSessions: true },
  ];
  expect(told(changes)).toEqual([
    'drop gone',
    'create new',
    'grant new',
    'mark new',
    'adopt old',
    'password old',
    'grant old',
    'revoke old',
    'mark old',
  ]);
});

test('new accounts get their privileges twenty by twenty, so that the first does not wait for the last', () => {
  const changes = Array.from({ length: 45 }, (_, index): AccountChange[] => {
    const account = accountOf({ host: `h${index}` });
    return [
      { kind: 'create', account },
      { kind: 'grant', account, set: SET },
    ];
  }).flat();
  const runs: [string, number][] = [];
  for (const { kind } of inOrder(changes)) {
    const last = runs.at(-1);
    if (last?.[0] === kind) last[1] += 1;
    else runs.push([kind, 1]);
  }
  expect(runs).toEqual([
    ['create', 20],
    ['grant', 20],
    ['create', 20],
    ['grant', 20],
    ['create', 5],
    ['grant', 5],
  ]);
});
