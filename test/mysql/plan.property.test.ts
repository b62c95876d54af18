import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountKey } from '../../operator/mysql/account.ts';
import type { AccountState, GrantSet, Mark } from '../../operator/mysql/account.ts';
import { desiredAccounts } from '../../operator/mysql/desired.ts';
import { DEFAULT_DIALECT } from '../../operator/mysql/dialect.ts';
import { planAccounts } from '../../operator/mysql/plan.ts';
import type { PlanInput } from '../../operator/mysql/plan.ts';
import type { RemovalPolicy } from '../../operator/mysql/removal.ts';
import { need } from './needs.ts';
import { simulate } from './simulate.ts';

const GRANTS = ['default/a', 'default/b', 'default/c'] as const;
const HOSTS = Array.from({ length: 16 }, (_, index) => `10.0.0.${index}`);
const CLUSTER = 'local';

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
});

const state: fc.Arbitrary<AccountState> = fc
  .record({
    user: fc.constantFrom('shop', 'blog'),
    host: fc.constantFrom(...HOSTS, '%'),
    exists: fc.boolean(),
    hash: fc.constantFrom('*A', '*B', ''),
    locked: fc.boolean(),
    grants: fc.uniqueArray(grantSet, { selector: ({ schema }) => schema, maxLength: 3 }),
    mark: fc.option(mark, { nil: undefined, freq: 6 }),
  })
  // What is not there holds nothing, and without a mark it is not even known.
  .filter(({ exists, mark }) => exists || mark !== undefined)
  .map((own) => ({
    ...own,
    plugin: 'mysql_native_password',
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
  })
  .map(
    (own) => (grant: string) =>
      need(own.hosts, {
        grant,
        username: own.username,
        passwordSecret: { name: own.secret, key: 'password' },
        grants: [{ schema: own.schema, privileges: own.privileges }],
        driftPolicy: own.driftPolicy,
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
      allowRemoval: new Map(GRANTS.map((grant) => [grant, allow])),
      pictureComplete,
    };
    const hashes = new Map(hashed.map((grant) => [grant, '*A']));
    const desired = desiredAccounts({ needs: own, hashes, dialect: DEFAULT_DIALECT, adminUser: 'admin' });
    return { states: new Map(states.map((one) => [accountKey(one), one])), desired, policy, cluster: CLUSTER };
  });

describe('planAccounts', () => {
  it('has nothing left to do after its changes were applied', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { changes } = planAccounts(given);
        const states = simulate(given.states, changes, CLUSTER);
        expect(planAccounts({ ...given, states }).changes).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves alone what does not carry our mark', () => {
    fc.assert(
      fc.property(input, (given) => {
        for (const { account } of planAccounts(given).changes) {
          const before = given.states.get(accountKey(account));
          const foreign = before?.exists === true && before.mark?.cluster !== CLUSTER;
          expect(foreign).toBe(false);
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
});
