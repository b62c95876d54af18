import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountKey } from '../../operator/mysql/account.ts';
import { NO_LIMITS } from '../../operator/mysql/account.ts';
import type { AccountState, GrantSet, Mark } from '../../operator/mysql/account.ts';
import { desiredAccounts } from '../../operator/mysql/desired.ts';
import { DEFAULT_DIALECT } from '../../operator/mysql/dialect.ts';
import { fingerprint } from '../../operator/mysql/fingerprint.ts';
import { planAccounts } from '../../operator/mysql/plan.ts';
import type { PlanInput } from '../../operator/mysql/plan.ts';
import type { RemovalPolicy } from '../../operator/mysql/removal.ts';
import { need } from './needs.ts';
import { simulate } from './simulate.ts';

const GRANTS = ['default/a', 'default/b', 'default/c'] as const;
const HOSTS = Array.from({ length: 16 }, (_, index) => `10.0.0.${index}`);
const CLUSTER = 'local';
/** Seconds by the server's clock. */
const NOW = 1_000_000;
const DAY = 86_400;
const HASHES = ['*A', '*B', '*C'] as const;
const PLUGIN = 'mysql_native_password';

const grantSet: fc.Arbitrary<GrantSet> = fc.record({
  schema: fc.constantFrom('shop', 'a\\_b', 'other'),
  table: fc.constant('*'),
  privileges: fc
    .uniqueArray(fc.constantFrom('SELECT', 'INSERT', 'DROP', 'GRANT OPTION'), { minLength: 1 })
    .map((list) => list.sort()),
});

const mark: fc.Arbitrary<Mark> = fc.record({
  cluster: fc.constantFrom(CLUSTER, CLUSTER, CLUSTER, 'elsewhere'),
  owners: fc.uniqueArray(fc.constantFrom(...GRANTS), { minLength: 1, maxLength: 2 }).map((list) => list.sort()),
  deletionPolicy: fc.constantFrom('Delete', 'Lock', 'Orphan'),
  state: fc.constantFrom('Intent', 'Proven', 'Owned', 'Owned'),
  applied: fc.constantFrom('', 'old'),
  killSessions: fc.boolean(),
  passwords: fc.subarray(HASHES.map(fingerprint)),
});

const limits = fc.constantFrom(NO_LIMITS, { ...NO_LIMITS, maxUserConnections: 5 });

const state: fc.Arbitrary<AccountState> = fc
  .record({
    user: fc.constantFrom('shop', 'blog'),
    host: fc.constantFrom(...HOSTS, '%'),
    exists: fc.boolean(),
    hash: fc.constantFrom(...HASHES, ''),
    second: fc.option(fc.constantFrom(...HASHES), { nil: undefined }),
    passwordChanged: fc.constantFrom(0, NOW - 2 * DAY, NOW - 60),
    requireTLS: fc.constantFrom('None', 'SSL', 'Specified'),
    limits,
    locked: fc.boolean(),
    grants: fc.uniqueArray(grantSet, { selector: ({ schema }) => schema, maxLength: 3 }),
    mark: fc.option(mark, { nil: undefined, freq: 6 }),
  })
  // What is not there holds nothing, and without a mark it is not even known.
  .filter(({ exists, mark }) => exists || mark !== undefined)
  .map(({ second, ...own }) => ({
    ...own,
    plugin: PLUGIN,
    ...(second !== undefined && { second: { plugin: PLUGIN, hash: second } }),
    ...(!own.exists && { hash: '', locked: false, grants: [] }),
  }));

const needArbitrary = fc
  .record({
    username: fc.constantFrom('shop', 'shop', 'blog', 'root'),
    hosts: fc.subarray(HOSTS),
    secret: fc.constantFrom('one', 'one', 'two'),
    privileges: fc.uniqueArray(fc.constantFrom<'SELECT' | 'INSERT' | 'DROP'>('SELECT', 'INSERT', 'DROP'), {
      minLength: 1,
    }),
    schema: fc.constantFrom('shop', 'a_b'),
    driftPolicy: fc.constantFrom<'Enforce' | 'Report'>('Enforce', 'Enforce', 'Report'),
    requireTLS: fc.constantFrom<'None' | 'SSL'>('None', 'SSL'),
    limits,
    rotation: fc.constantFrom({}, { mode: 'Immediate' as const }, { discardAfter: '30s' }),
    existingAccounts: fc.constantFrom<'Refuse' | 'Adopt'>('Refuse', 'Adopt'),
    removal: fc.record({ killSessions: fc.boolean() }),
  })
  .map(
    ({ hosts, secret, schema, privileges, ...own }) =>
      (grant: string) =>
        need(hosts, {
          grant,
          passwordSecret: { name: secret, key: 'password' },
          grants: [{ schema, privileges }],
          ...own,
        }),
  );

const input: fc.Arbitrary<PlanInput> = fc
  .record({
    states: fc.uniqueArray(state, { selector: accountKey, maxLength: 20 }),
    needs: fc.tuple(...GRANTS.map(() => fc.option(needArbitrary, { nil: undefined }))),
    present: fc.subarray([...GRANTS]),
    hashed: fc.subarray([...GRANTS], { minLength: 2 }),
    keep: fc.subarray(HOSTS),
    allow: fc.constantFrom(0, 5, 100),
    pictureComplete: fc.boolean(),
  })
  .map(({ states, needs, present, hashed, keep, allow, pictureComplete }) => {
    const own = needs.flatMap((make, index) => (make ? [make(GRANTS[index] ?? '')] : []));
    const policy: RemovalPolicy = {
      present: new Set([...present, ...own.map(({ grant }) => grant)]),
      elsewhere: new Set(),
      keepHosts: new Map([[GRANTS[0], new Set(keep)]]),
      incomplete: new Map(),
      allowRemoval: new Map(GRANTS.map((grant) => [grant, allow])),
      departed: new Set(),
      pictureComplete,
    };
    const hashes = new Map(hashed.map((grant) => [grant, '*A']));
    const desired = desiredAccounts({ needs: own, hashes, dialect: DEFAULT_DIALECT, adminUser: 'admin' });
    const known = new Map(states.map((one) => [accountKey(one), one]));
    return { states: known, desired, policy, cluster: CLUSTER, now: NOW };
  });

describe('planAccounts', () => {
  it('has nothing left to do after its changes were applied', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { changes } = planAccounts(given);
        const states = simulate(given.states, changes, { cluster: CLUSTER, now: NOW });
        expect(planAccounts({ ...given, states }).changes).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves alone what does not carry our mark, unless it is adopted, and never what another installation owns', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { changes } = planAccounts(given);
        const adopted = new Set(changes.flatMap((one) => (one.kind === 'adopt' ? [accountKey(one.account)] : [])));
        for (const { account } of changes) {
          const before = given.states.get(accountKey(account));
          if (before?.exists !== true || before.mark?.cluster === CLUSTER) continue;
          expect(before.mark).toBe(undefined);
          expect(adopted).toContain(accountKey(account));
          expect(given.desired.accounts.get(accountKey(account))?.adopt).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('drops nothing while the picture is not complete', () => {
    fc.assert(
      fc.property(input, (given) => {
        const policy = { ...given.policy, pictureComplete: false };
        const kinds = planAccounts({ ...given, policy }).changes.map(({ kind }) => kind);
        expect(kinds).not.toContain('drop');
        expect(kinds).not.toContain('lock');
        expect(kinds).not.toContain('forget');
      }),
    );
  });

  it('never takes a privilege that it also gives', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { changes } = planAccounts(given);
        const words = (kind: 'grant' | 'revoke'): Set<string> =>
          new Set(
            changes.flatMap((change) =>
              change.kind === kind
                ? change.set.privileges.map((word) => `${accountKey(change.account)} ${change.set.schema} ${word}`)
                : [],
            ),
          );
        const taken = words('revoke');
        expect([...words('grant')].filter((word) => taken.has(word))).toEqual([]);
      }),
    );
  });

  it('lets in with nothing but the newest password, and for a while the one before if that was ours', () => {
    fc.assert(
      fc.property(input, (given) => {
        const after = simulate(given.states, planAccounts(given).changes, { cluster: CLUSTER, now: NOW });
        for (const { user, host, state } of planAccounts({ ...given, states: after }).verdicts) {
          if (state !== 'InSync') continue;
          const account = given.desired.accounts.get(accountKey({ user, host }));
          const [then, now] = [given.states, after].map((states) => states.get(accountKey({ user, host })));
          expect(now?.hash).toBe(account?.hash);
          if (!now?.second) continue;
          expect(account?.keepOldPassword).toBeGreaterThan(0);
          expect([then?.hash, then?.second?.hash]).toContain(now.second.hash);
          expect(now.second.hash).not.toBe('');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
