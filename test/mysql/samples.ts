import { NO_LIMITS } from '../../operator/mysql/account.ts';
import type { Account, AccountState, GrantSet, Mark } from '../../operator/mysql/account.ts';
import { dialectOf } from '../../operator/mysql/dialect.ts';
import type { Dialect } from '../../operator/mysql/dialect.ts';
import { fingerprint } from '../../operator/mysql/fingerprint.ts';

const SHOP: GrantSet = { schema: 'shop', table: '*', privileges: ['INSERT', 'SELECT'] };

/** `shop`@`10.0.0.1` with the hash `*NEW`, as it should be. */
export function accountOf(more: Partial<Account> = {}): Account {
  const hash = more.hash ?? '*NEW';
  return {
    user: 'shop',
    host: '10.0.0.1',
    owners: ['default/shop'],
    plugin: 'mysql_native_password',
    hash,
    proof: fingerprint(hash),
    grants: [SHOP],
    requireTLS: 'None',
    limits: NO_LIMITS,
    locked: false,
    keepOldPassword: 86_400,
    adopt: false,
    deletionPolicy: 'Delete',
    killSessions: true,
    driftPolicy: 'Enforce',
    secretVersion: '1',
    applied: 'all of it',
    ...more,
  };
}

/** The mark of `accountOf`, as it is when all was applied. */
export function markOf(more: Partial<Mark> = {}): Mark {
  return {
    cluster: 'local',
    owners: ['default/shop'],
    deletionPolicy: 'Delete',
    killSessions: true,
    passwords: [fingerprint('*NEW')],
    state: 'Owned',
    applied: 'all of it',
    ...more,
  };
}

/** What is read back of `accountOf` when nothing differs. */
export function stateOf(more: Partial<AccountState> = {}): AccountState {
  return {
    user: 'shop',
    host: '10.0.0.1',
    exists: true,
    plugin: 'mysql_native_password',
    hash: '*NEW',
    passwordChanged: 1000,
    requireTLS: 'None',
    limits: NO_LIMITS,
    locked: false,
    grants: [SHOP],
    mark: markOf(),
    ...more,
  };
}

/** The dialect of a version with nothing special set. */
export function dialectFor(version: string): Dialect {
  const dialect = dialectOf(version, { partialRevokes: false, lowerCaseNames: false });
  if ('unsupported' in dialect) throw new Error(dialect.unsupported);
  return dialect;
}
