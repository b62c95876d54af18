import { describe, expect, test } from 'vitest';
import type { Account, AccountChange, AccountState } from '../../operator/mysql/account.ts';
import { fingerprint } from '../../operator/mysql/fingerprint.ts';
import { passwordChanges, proofsAfter, rotationHeld } from '../../operator/mysql/rotation.ts';
import { accountOf, markOf, stateOf } from './samples.ts';

const PLUGIN = 'mysql_native_password';
const marked = (...hashes: string[]) => markOf({ passwords: hashes.map(fingerprint) });
const second = (hash: string) => ({ second: { plugin: PLUGIN, hash } });
/** The password of the state was changed at 1000; the old one stays for a day. */
const SOON = 1060;
const LATER = 1000 + 86_400;

const withoutAccount = (change: AccountChange): object => ({ ...change, account: undefined });

describe('what is done about passwords', () => {
  test.each<[string, Partial<AccountState>, number, object | undefined]>([
    ['nothing differs', {}, SOON, undefined],
    [
      'a new one, the old is ours',
      { hash: '*OLD', mark: marked('*OLD') },
      SOON,
      { kind: 'password', keep: { plugin: PLUGIN, hash: '*OLD' }, hadSecond: false },
    ],
    [
      'a new one, the old is somebody else’s',
      { hash: '*HAND', mark: marked('*OLD') },
      SOON,
      { kind: 'password', hadSecond: false },
    ],
    ['a new one, the old is empty', { hash: '', mark: marked('') }, SOON, { kind: 'password', hadSecond: false }],
    [
      'a new one, the plugin differs',
      { plugin: 'ed25519', mark: marked('*NEW') },
      SOON,
      { kind: 'password', hadSecond: false },
    ],
    ['a second one of ours, young', { ...second('*OLD'), mark: marked('*NEW', '*OLD') }, SOON, undefined],
    [
      'a second one of ours, a second too young',
      { ...second('*OLD'), mark: marked('*NEW', '*OLD') },
      LATER - 1,
      undefined,
    ],
    [
      'a second one of ours, old',
      { ...second('*OLD'), mark: marked('*NEW', '*OLD') },
      LATER,
      { kind: 'discard', due: true },
    ],
    ['a second one that somebody else has set', { ...second('*HAND') }, SOON, { kind: 'discard', due: false }],
    [
      'a third, while the first is young',
      { hash: '*MID', ...second('*OLD'), mark: marked('*MID', '*OLD') },
      SOON,
      undefined,
    ],
    [
      'a third, when the first is old',
      { hash: '*MID', ...second('*OLD'), mark: marked('*MID', '*OLD') },
      LATER,
      { kind: 'password', keep: { plugin: PLUGIN, hash: '*MID' }, hadSecond: true },
    ],
    [
      'the one before again',
      { hash: '*MID', ...second('*NEW'), mark: marked('*MID', '*NEW') },
      SOON,
      { kind: 'password', keep: { plugin: PLUGIN, hash: '*MID' }, hadSecond: true },
    ],
    [
      'a third, the second is somebody else’s',
      { hash: '*MID', ...second('*HAND'), mark: marked('*MID') },
      SOON,
      { kind: 'password', keep: { plugin: PLUGIN, hash: '*MID' }, hadSecond: true },
    ],
  ])('%s', (...[, state, now, expected]) => {
    const changes = passwordChanges(accountOf(), stateOf(state), now);
    expect(changes.map(withoutAccount)).toEqual(expected === undefined ? [] : [expected]);
  });

  test.each<[string, Partial<AccountState>, object]>([
    ['a new one', { hash: '*OLD', mark: marked('*OLD') }, { kind: 'password', hadSecond: false }],
    [
      'a third',
      { hash: '*MID', ...second('*OLD'), mark: marked('*MID', '*OLD') },
      { kind: 'password', hadSecond: true },
    ],
    ['a second one of ours', { ...second('*OLD'), mark: marked('*NEW', '*OLD') }, { kind: 'discard', due: true }],
  ])('at once, nothing is kept: %s', (_, state, expected) => {
    const changes = passwordChanges(accountOf({ keepOldPassword: 0 }), stateOf(state), SOON);
    expect(changes.map(withoutAccount)).toEqual([expected]);
  });

  test('only the third waits', () => {
    const held = (account: Account, state: Partial<AccountState>) => rotationHeld(account, stateOf(state), SOON);
    const third = { hash: '*MID', ...second('*OLD'), mark: marked('*MID', '*OLD') };
    expect(held(accountOf(), third)).toBe(true);
    expect(held(accountOf({ keepOldPassword: 0 }), third)).toBe(false);
    expect(held(accountOf({ hash: '*OLD' }), third)).toBe(false);
    expect(held(accountOf({ hash: '*MID' }), third)).toBe(false);
    expect(held(accountOf(), { hash: '*MID', mark: marked('*MID') })).toBe(false);
  });
});

describe('what the mark says afterwards', () => {
  test.each<[string, Partial<AccountState>, number, readonly string[]]>([
    ['nothing differs', {}, SOON, ['*NEW']],
    ['a new one beside the old', { hash: '*OLD', mark: marked('*OLD') }, SOON, ['*NEW', '*OLD']],
    ['a new one alone', { hash: '*HAND' }, SOON, ['*NEW']],
    ['both go on', { ...second('*OLD'), mark: marked('*NEW', '*OLD') }, SOON, ['*NEW', '*OLD']],
    ['the old one ends', { ...second('*OLD'), mark: marked('*NEW', '*OLD') }, LATER, ['*NEW']],
    ['a third waits', { hash: '*MID', ...second('*OLD'), mark: marked('*MID', '*OLD') }, SOON, ['*MID', '*OLD']],
  ])('%s', (...[, more, now, expected]) => {
    const [account, state] = [accountOf(), stateOf(more)];
    expect(proofsAfter(account, state, passwordChanges(account, state, now))).toEqual(expected.map(fingerprint));
  });
});
