import { describe, expect, test } from 'vitest';
import { accountKey } from '../../operator/mysql/account.ts';
import type { AccountState } from '../../operator/mysql/account.ts';
import { DEFAULT_DIALECT } from '../../operator/mysql/dialect.ts';
import { desiredAccounts } from '../../operator/mysql/desired.ts';
import { planAccounts } from '../../operator/mysql/plan.ts';
import type { AccountFailure } from '../../operator/mysql/problem.ts';
import { grantReports } from '../../operator/mysql/report.ts';
import { need } from './needs.ts';
import type { NeedOptions } from './needs.ts';
import { markOf, stateOf } from './samples.ts';

interface Case {
  readonly hosts?: readonly string[];
  readonly options?: NeedOptions;
  readonly states?: readonly Partial<AccountState>[];
  readonly failures?: readonly (readonly [string, AccountFailure])[];
}

/** The report on `default/shop`, whose accounts hold what is wanted unless `states` says otherwise. */
function report({ hosts = ['10.0.0.1'], options = {}, states = [], failures = [] }: Case) {
  const needs = [need(hosts, options)];
  const desired = desiredAccounts({
    needs,
    hashes: new Map([['default/shop', '*NEW']]),
    dialect: DEFAULT_DIALECT,
    adminUser: 'admin',
  });
  const wanted = [...desired.accounts.values()][0];
  const known = states.map((more) => stateOf({ mark: markOf({ applied: wanted?.applied ?? '' }), ...more }));
  const plan = planAccounts({
    states: new Map(known.map((state) => [accountKey(state), state])),
    desired,
    policy: {
      present: new Set(['default/shop']),
      elsewhere: new Set(),
      keepHosts: new Map(),
      incomplete: new Map(),
      allowRemoval: new Map(),
      departed: new Set(),
      pictureComplete: true,
    },
    cluster: 'local',
    now: 1060,
  });
  const failed = new Map(failures.map(([host, failure]) => [accountKey({ user: 'shop', host }), failure]));
  return grantReports({ needs, desired, plan, failures: failed }).get('default/shop');
}

const MISSING_TABLE: AccountFailure = { reason: 'SQLError', message: 'no such table' };

describe('what is told of a grant', () => {
  test.each<[string, Case, object]>([
    ['in place', { states: [{}] }, { accounts: [{ host: '10.0.0.1', state: 'Ready' }] }],
    ['not there yet', {}, { accounts: [{ host: '10.0.0.1', state: 'Pending' }] }],
    [
      'no account of ours',
      { states: [{ mark: undefined }] },
      { accounts: [{ state: 'Conflicting' }], problem: { condition: 'Synced', reason: 'AccountExists' } },
    ],
    ['changed by hand, to be put right', { states: [{ locked: true }] }, { accounts: [{ state: 'Ready' }] }],
    [
      'changed by hand, to be told',
      { options: { driftPolicy: 'Report' }, states: [{ locked: true }] },
      { accounts: [{ state: 'Ready', message: 'the account is locked' }], problem: { reason: 'DriftDetected' } },
    ],
    [
      'dropped by hand, to be told',
      { options: { driftPolicy: 'Report' }, states: [{ exists: false }] },
      {
        accounts: [{ state: 'Pending', message: 'the account was dropped by hand' }],
        problem: { reason: 'DriftDetected' },
      },
    ],
    [
      'leaving',
      { states: [{}, { host: '10.0.0.2' }] },
      {
        accounts: [
          { host: '10.0.0.1', state: 'Ready' },
          { host: '10.0.0.2', state: 'Leaving' },
        ],
      },
    ],
    [
      'a host that is none',
      { hosts: ['%', '10.0.0.1'], states: [{}] },
      {
        accounts: [
          { host: '%', state: 'Failed' },
          { host: '10.0.0.1', state: 'Ready' },
        ],
      },
    ],
    [
      'refused',
      { options: { username: 'root' } },
      { accounts: [], problem: { condition: 'Accepted', reason: 'ReservedAccount' } },
    ],
    [
      'all failed',
      { failures: [['10.0.0.1', MISSING_TABLE]] },
      {
        accounts: [{ state: 'Failed', message: 'no such table' }],
        problem: { condition: 'Synced', reason: 'SQLError', message: 'no such table' },
      },
    ],
    [
      'some failed',
      { hosts: ['10.0.0.1', '10.0.0.2'], states: [{}], failures: [['10.0.0.2', MISSING_TABLE]] },
      { problem: { reason: 'PartiallySynced', message: '1 of 2 accounts are in place: no such table' } },
    ],
    [
      'a plugin that is not loaded',
      { failures: [['10.0.0.1', { reason: 'UnsupportedAuthPlugin', message: 'x' }]] },
      { problem: { condition: 'Accepted', reason: 'UnsupportedAuthPlugin' } },
    ],
  ])('%s', (_, given, expected) => {
    expect(report(given)).toMatchObject(expected);
  });

  test('and nothing where all is well', () => {
    expect(report({ states: [{}] })?.problem).toBe(undefined);
  });
});
