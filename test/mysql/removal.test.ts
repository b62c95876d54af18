import { describe, expect, test } from 'vitest';
import type { AccountState, Mark } from '../../operator/mysql/account.ts';
import { DEFAULT_DIALECT } from '../../operator/mysql/dialect.ts';
import { desiredAccounts } from '../../operator/mysql/desired.ts';
import { heldRemovals, removalOf } from '../../operator/mysql/removal.ts';
import type { RemovalPolicy } from '../../operator/mysql/removal.ts';
import { need } from './needs.ts';
import { markOf, stateOf } from './samples.ts';

/** `default/shop` is in force; `default/bad` is refused. */
const desired = desiredAccounts({
  needs: [need(['10.0.0.9']), need(['10.0.0.8'], { grant: 'default/bad', username: 'root' })],
  hashes: new Map([['default/shop', '*NEW']]),
  dialect: DEFAULT_DIALECT,
  adminUser: 'admin',
});
const POLICY: RemovalPolicy = {
  present: new Set(['default/shop', 'default/bad', 'default/paused']),
  elsewhere: new Set(['default/moved']),
  keepHosts: new Map(),
  incomplete: new Map(),
  allowRemoval: new Map(),
  departed: new Set(),
  pictureComplete: true,
};

interface Case {
  readonly owners?: readonly string[];
  readonly mark?: Partial<Mark>;
  readonly state?: Partial<AccountState>;
  readonly policy?: Partial<RemovalPolicy>;
  readonly held?: readonly string[];
}

function removal({ owners = ['default/shop'], mark = {}, state = {}, policy = {}, held = [] }: Case) {
  const own = markOf({ owners, ...mark });
  const counts = new Map(held.map((owner) => [owner, { total: 20, removals: 19 }]));
  const result = removalOf(stateOf({ mark: own, ...state }), own, {
    desired,
    policy: { ...POLICY, ...policy },
    held: counts,
  });
  return result.kind === 'Change' ? result.change.kind : result.kind;
}

describe('an account that nobody wants', () => {
  test.each<[string, Case, string]>([
    ['of a grant in force goes', {}, 'drop'],
    ['of a deleted grant goes', { owners: ['default/gone'] }, 'drop'],
    [
      'of a deleted grant is locked by its policy',
      { owners: ['default/gone'], mark: { deletionPolicy: 'Lock' } },
      'lock',
    ],
    ['is locked once', { owners: ['default/gone'], mark: { deletionPolicy: 'Lock' }, state: { locked: true } }, 'Done'],
    [
      'of a deleted grant is let go by its policy',
      { owners: ['default/gone'], mark: { deletionPolicy: 'Orphan' } },
      'forget',
    ],
    [
      'of a grant that moved goes, whatever its policy',
      { owners: ['default/moved'], mark: { deletionPolicy: 'Orphan' } },
      'drop',
    ],
    ['of a grant in force goes, whatever its policy', { mark: { deletionPolicy: 'Lock' } }, 'drop'],
    ['of a refused grant stays', { owners: ['default/bad'] }, 'Withheld'],
    ['of a grant that exists and is not carried out stays', { owners: ['default/paused'] }, 'Withheld'],
    ['of two grants stays while one is refused', { owners: ['default/bad', 'default/shop'] }, 'Withheld'],
    [
      'waits for its server to drain',
      { policy: { keepHosts: new Map([['default/shop', new Set(['10.0.0.1'])]]) } },
      'Leaving',
    ],
    [
      'does not wait for another',
      { policy: { keepHosts: new Map([['default/shop', new Set(['10.0.0.7'])]]) } },
      'drop',
    ],
    [
      'waits while not every server is known',
      { policy: { incomplete: new Map([['default/shop', new Set<string>()]]) } },
      'Leaving',
    ],
    [
      'does not wait when it was seen to be wanted',
      { policy: { incomplete: new Map([['default/shop', new Set(['10.0.0.1'])]]) } },
      'drop',
    ],
    [
      'does not wait for servers of other grants',
      { policy: { incomplete: new Map([['default/other', new Set<string>()]]) } },
      'drop',
    ],
    ['waits while something cannot be read', { policy: { pictureComplete: false } }, 'Leaving'],
    [
      'of a grant that may stand in what cannot be read stays',
      { owners: ['default/gone'], policy: { pictureComplete: false } },
      'Withheld',
    ],
    ['is held when too many go', { held: ['default/shop'] }, 'Held'],
    [
      'that is not there any more loses its sessions and its note',
      { state: { exists: false }, mark: { deletionPolicy: 'Orphan' }, owners: ['default/gone'] },
      'drop',
    ],
    ['that was only intended is forgotten', { state: { exists: false }, mark: { state: 'Intent' } }, 'forget'],
    ['beside our intent is somebody else’s', { mark: { state: 'Intent' } }, 'forget'],
  ])('%s', (_, given, expected) => {
    expect(removal(given)).toBe(expected);
  });
});

describe('a mass removal', () => {
  const owned = (total: number, removals: number) =>
    Array.from({ length: total }, (_, index) => ({
      owners: ['default/shop'],
      host: `10.0.0.${index}`,
      wanted: index >= removals,
    }));
  const held = (total: number, removals: number, policy: Partial<RemovalPolicy> = {}) => [
    ...heldRemovals(owned(total, removals), { desired, policy: { ...POLICY, ...policy } }).values(),
  ];

  test.each([
    [20, 10, false],
    [22, 11, false],
    [21, 11, true],
    [11, 11, true],
    [10, 10, false],
    [1000, 500, false],
    [1000, 501, true],
  ])('of %i accounts %i: held %o', (total, removals, expected) => {
    expect(held(total, removals)).toEqual(expected ? [{ total, removals }] : []);
  });

  test.each([
    ['its own', 0, []],
    ['some of its own', 8, [{ total: 16, removals: 12 }]],
    ['others', 100, [{ total: 20, removals: 16 }]],
  ])('is no riddle where Pods were seen to go: %s', (_, from, expected) => {
    const departed = new Set(Array.from({ length: 12 }, (__, index) => `10.0.0.${from + index}`));
    if (from === 8) for (const host of [...departed].slice(4)) departed.delete(host);
    expect(held(20, 16, { departed })).toEqual(expected);
  });

  test('is let through for as many as are allowed, and of a grant that is not in force anyway', () => {
    const allow = (count: number) => ({ allowRemoval: new Map([['default/shop', count]]) });
    expect(held(20, 15, allow(14))).toHaveLength(1);
    expect(held(20, 15, allow(15))).toHaveLength(0);
    const gone = owned(20, 20).map((one) => ({ ...one, owners: ['default/gone'] }));
    expect(heldRemovals(gone, { desired, policy: POLICY }).size).toBe(0);
  });
});
