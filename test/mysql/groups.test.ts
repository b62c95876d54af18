import { describe, expect, test } from 'vitest';
import type { AccountChange } from '../../operator/mysql/account.ts';
import { groupChanges, pickAccounts } from '../../operator/mysql/groups.ts';
import { accountOf } from './samples.ts';

const A = accountOf({ host: '1' });
const B = accountOf({ host: '2' });
const C = accountOf({ host: '3' });
const SET = { schema: 's', table: '*', privileges: ['SELECT'] };

/** Which changes are carried out together: their hosts. */
const together = (changes: readonly AccountChange[]) =>
  groupChanges(changes).map(({ kind, accounts }) => [kind, accounts.map(({ host }) => host).join('')]);

describe('changes that one statement can carry out', () => {
  test.each<[string, readonly AccountChange[], readonly string[][]]>([
    ['neighbours of one kind', [A, B, C].map((account) => ({ kind: 'unlock', account })), [['unlock', '123']]],
    [
      'not across another kind',
      [
        { kind: 'unlock', account: A },
        { kind: 'forget', account: B },
        { kind: 'unlock', account: C },
      ],
      [
        ['unlock', '1'],
        ['forget', '2'],
        ['unlock', '3'],
      ],
    ],
    [
      'of the same place and privileges',
      [
        { kind: 'grant', account: A, set: SET },
        { kind: 'grant', account: B, set: { ...SET } },
      ],
      [['grant', '12']],
    ],
    [
      'not on columns, which would leak from one to the next',
      [
        { kind: 'grant', account: A, set: { ...SET, table: 't', column: 'c' } },
        { kind: 'grant', account: B, set: { ...SET, table: 't', column: 'c' } },
      ],
      [
        ['grant', '1'],
        ['grant', '2'],
      ],
    ],
    [
      'not of another place',
      [
        { kind: 'grant', account: A, set: SET },
        { kind: 'grant', account: B, set: { ...SET, table: 't' } },
      ],
      [
        ['grant', '1'],
        ['grant', '2'],
      ],
    ],
    [
      'not of other privileges',
      [
        { kind: 'revoke', account: A, set: SET },
        { kind: 'revoke', account: B, set: { ...SET, privileges: ['DROP'] } },
      ],
      [
        ['revoke', '1'],
        ['revoke', '2'],
      ],
    ],
    [
      'marks that say the same',
      [
        { kind: 'mark', account: A, passwords: ['x'] },
        { kind: 'mark', account: B, passwords: ['x'] },
      ],
      [['mark', '12']],
    ],
    [
      'not marks of other passwords',
      [
        { kind: 'mark', account: A, passwords: ['x'] },
        { kind: 'mark', account: B, passwords: ['y'] },
      ],
      [
        ['mark', '1'],
        ['mark', '2'],
      ],
    ],
    [
      'not marks of other owners',
      [
        { kind: 'mark', account: A, passwords: [] },
        { kind: 'mark', account: { ...B, owners: ['x/y'] }, passwords: [] },
      ],
      [
        ['mark', '1'],
        ['mark', '2'],
      ],
    ],
    [
      'not drops that spare sessions',
      [
        { kind: 'drop', account: A, killSessions: true },
        { kind: 'drop', account: B, killSessions: false },
      ],
      [
        ['drop', '1'],
        ['drop', '2'],
      ],
    ],
    [
      'not options that differ',
      [
        { kind: 'options', account: A },
        { kind: 'options', account: { ...B, requireTLS: 'SSL' } },
      ],
      [
        ['options', '1'],
        ['options', '2'],
      ],
    ],
    [
      'not passwords beside which others stay',
      [
        { kind: 'password', account: A, hadSecond: false },
        { kind: 'password', account: B, hadSecond: false, keep: { plugin: 'p', hash: 'h' } },
      ],
      [
        ['password', '1'],
        ['password', '2'],
      ],
    ],
  ])('%s', (_, changes, expected) => {
    expect(together(changes)).toEqual(expected);
  });

  test('a part of a group is of the same kind', () => {
    const [group] = groupChanges(
      [A, B, C].flatMap((account) => (account ? [{ kind: 'drop', account, killSessions: false } as const] : [])),
    );
    expect(group && pickAccounts(group, (_, index) => index !== 1)).toMatchObject({
      kind: 'drop',
      killSessions: false,
      accounts: [{ host: '1' }, { host: '3' }],
    });
  });
});
