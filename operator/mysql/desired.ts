import type { GrantProblem } from '../api/grant-problem.ts';
import type { Key } from '../api/resources.ts';
import { isReservedAccount } from '../api/server-owned.ts';
import type { AccountNeed } from '../topology/topology.ts';
import { accountKey, nameOfKey, NO_LIMITS } from './account.ts';
import { parseDuration } from '../api/duration.ts';
import { DEFAULTS } from '../topology/defaults.ts';
import type { Account, AuthPlugin, Limits, TlsRequirement } from './account.ts';
import type { Dialect } from './dialect.ts';
import { fingerprint } from './fingerprint.ts';
import { entryProblem, grantSets } from './privileges.ts';
import { hostProblem, userProblem } from './quote.ts';

/** What the accounts of one server should be. */
export interface Desired {
  /** By accountKey, in the order of the needs. */
  readonly accounts: ReadonlyMap<string, Account>;
  /** Needs that are carried out, by grant. */
  readonly admitted: ReadonlyMap<Key, AccountNeed>;
  /** Needs that are refused as a whole. */
  readonly problems: ReadonlyMap<Key, GrantProblem>;
  /** Hosts that cannot be part of an account, by grant. */
  readonly badHosts: ReadonlyMap<Key, ReadonlyMap<string, string>>;
}

export interface DesiredInput {
  /** In order of precedence: of two that cannot both be, the later is refused. */
  readonly needs: readonly AccountNeed[];
  /** By grant, as the server stores them for `pluginOf`; a need without one has no usable password. */
  readonly hashes: ReadonlyMap<Key, string>;
  readonly dialect: Dialect;
  /** The account with which we log in ourselves. */
  readonly adminUser: string;
}

/** The accounts that these needs come to. A need that cannot be carried out refuses itself, not the others. */
export function desiredAccounts(input: DesiredInput): Desired {
  const problems = new Map<Key, GrantProblem>();
  const admitted = new Map<Key, AccountNeed>();
  const badHosts = new Map<Key, ReadonlyMap<string, string>>();
  const claims = new Map<string, AccountNeed[]>();
  for (const need of input.needs) {
    const problem = needProblem(need, input) ?? conflictProblem(need, claims);
    if (problem) {
      problems.set(need.grant, problem);
      continue;
    }
    admitted.set(need.grant, need);
    const refused = new Map<string, string>();
    for (const { host } of need.hosts) {
      const wrong = hostProblem(host, input.dialect);
      if (wrong === undefined) claim(claims, need, host);
      else refused.set(host, wrong);
    }
    badHosts.set(need.grant, refused);
  }
  return { accounts: accountsOf(claims, input), admitted, problems, badHosts };
}

/** The plugin for a grant on a server, or undefined where the server does not have it. */
export function pluginOf(need: AccountNeed, { plugins }: Pick<Dialect, 'plugins'>): AuthPlugin | undefined {
  const wanted = need.spec.authPlugin ?? 'Auto';
  return wanted === 'Auto' ? plugins[0] : plugins.find((plugin) => plugin === wanted);
}

function claim(claims: Map<string, AccountNeed[]>, need: AccountNeed, host: string): void {
  const key = accountKey({ user: need.spec.username, host });
  const others = claims.get(key);
  if (others) others.push(need);
  else claims.set(key, [need]);
}

function needProblem(need: AccountNeed, input: DesiredInput): GrantProblem | undefined {
  const { username, authPlugin, grants, deletionPolicy } = need.spec;
  const user = userProblem(username, input.dialect);
  if (user !== undefined) return { condition: 'Accepted', reason: 'UnsupportedValue', message: user };
  if (username === input.adminUser || isReservedAccount(username)) {
    const message = `${username} is reserved: choose a username of the application's own`;
    return { condition: 'Accepted', reason: 'ReservedAccount', message };
  }
  const { flavor, version, plugins, lock } = input.dialect;
  if (deletionPolicy === 'Lock' && !lock) {
    const message = `${flavor} ${version} cannot lock accounts: set deletionPolicy to Delete or Orphan`;
    return { condition: 'Accepted', reason: 'UnsupportedValue', message };
  }
  if (pluginOf(need, input.dialect) === undefined) {
    const message = `${flavor} ${version} does not offer ${authPlugin}; it has ${plugins.join(', ')}`;
    return { condition: 'Accepted', reason: 'UnsupportedAuthPlugin', message };
  }
  for (const entry of grants) {
    const problem = entryProblem(entry, input.dialect);
    if (problem) return { condition: 'Accepted', ...problem };
  }
  if (input.hashes.has(need.grant)) return undefined;
  const { secret, key } = need.password;
  const message = `Secret ${secret} has no password under ${key}: an empty one is not accepted`;
  return { condition: 'ResolvedRefs', reason: 'SecretKeyMissing', message };
}

/** One account has one password: grants that share it have to agree where it comes from. */
function conflictProblem(need: AccountNeed, claims: ReadonlyMap<string, AccountNeed[]>): GrantProblem | undefined {
  for (const { host } of need.hosts) {
    const first = claims.get(accountKey({ user: need.spec.username, host }))?.[0];
    if (!first || agree(first, need)) continue;
    const message = `'${need.spec.username}'@'${host}' is held by ${first.grant} with another password Secret, authPlugin, requireTLS or limits`;
    return { condition: 'Accepted', reason: 'Conflicted', message };
  }
  return undefined;
}

function agree(a: AccountNeed, b: AccountNeed): boolean {
  return (
    a.password.secret === b.password.secret &&
    a.password.key === b.password.key &&
    (a.spec.authPlugin ?? 'Auto') === (b.spec.authPlugin ?? 'Auto') &&
    tlsOf(a) === tlsOf(b) &&
    JSON.stringify(limitsOf(a)) === JSON.stringify(limitsOf(b))
  );
}

function tlsOf({ spec }: AccountNeed): TlsRequirement {
  return spec.requireTLS ?? DEFAULTS.DatabaseGrant.requireTLS;
}

function limitsOf({ spec }: AccountNeed): Limits {
  return { ...NO_LIMITS, ...spec.limits };
}

/** Seconds. */
function keepOldPassword({ spec }: AccountNeed, { dual }: Dialect): number {
  const { mode, discardAfter } = DEFAULTS.DatabaseGrant.rotation;
  if (!dual || (spec.rotation?.mode ?? mode) === 'Immediate') return 0;
  const text = spec.rotation?.discardAfter;
  return Math.ceil((text === undefined ? discardAfter : (parseDuration(text) ?? discardAfter)) / 1000);
}

type Template = Omit<Account, 'host'>;

/** Accounts of the same needs differ in their host only: the rest is made once. */
function accountsOf(claims: ReadonlyMap<string, readonly AccountNeed[]>, input: DesiredInput): Map<string, Account> {
  const templates = new Map<string, Template>();
  const accounts = new Map<string, Account>();
  for (const [key, needs] of claims) {
    const [first] = needs;
    if (!first) continue;
    const owners = needs.length === 1 ? first.grant : needs.map(({ grant }) => grant).join(',');
    let template = templates.get(owners);
    if (!template) {
      template = templateOf(first, needs, input);
      templates.set(owners, template);
    }
    accounts.set(key, { ...template, host: nameOfKey(key).host });
  }
  return accounts;
}

function templateOf(first: AccountNeed, needs: readonly AccountNeed[], { hashes, dialect }: DesiredInput): Template {
  const plugin = pluginOf(first, dialect) ?? dialect.plugins[0];
  const hash = hashes.get(first.grant) ?? '';
  const grants = grantSets(
    needs.flatMap(({ spec }) => spec.grants),
    dialect,
  );
  const [requireTLS, limits] = [tlsOf(first), limitsOf(first)];
  return {
    user: first.spec.username,
    owners: needs.map(({ grant }) => grant).sort(),
    plugin,
    hash,
    proof: fingerprint(hash),
    grants,
    requireTLS,
    limits,
    locked: false,
    keepOldPassword: keepOldPassword(first, dialect),
    adopt: needs.some(({ spec }) => spec.existingAccounts === 'Adopt'),
    deletionPolicy: first.spec.deletionPolicy ?? 'Delete',
    killSessions: first.spec.removal?.killSessions ?? DEFAULTS.DatabaseGrant.removal.killSessions,
    driftPolicy: needs.some(({ spec }) => spec.driftPolicy === 'Report') ? 'Report' : 'Enforce',
    secretVersion: first.password.version,
    applied: fingerprint(JSON.stringify([plugin, hash, grants, requireTLS, limits])),
  };
}
