/** DatabaseGrants and the servers of their pools → the accounts that MySQL servers need. */
import type { GrantPool } from '../api/kinds.gen.ts';
import type { Finding, ResolvedReason } from '../api/finding.ts';
import { keyOf, type DatabaseGrant, type Key, type Resources, type SecretInfo } from '../api/resources.ts';
import { canonicalAddress } from '../api/address.ts';
import type { AccountHostNeed, AccountNeed, PodNodes, Pool, Server } from './topology.ts';
import type { Pools } from './pools.ts';
import { DEFAULTS } from './defaults.ts';
import { normalizeHost } from './path.ts';
import { compareText, keepIdentity, keepList, sameItems, sortedKeys } from '../api/stable.ts';

/** The accounts, sorted by the key of their grant, and the references that lead nowhere. */
export interface Accounts {
  readonly accounts: readonly AccountNeed[];
  readonly findings: readonly Finding[];
}

type AccountSource = Pick<Resources, 'grants' | 'secrets' | 'held' | 'pictureComplete'>;

/** What one grant refers to, as it is right now. */
interface GrantSources {
  readonly grant: DatabaseGrant;
  readonly pools: readonly (Pool | undefined)[];
  readonly password: SecretInfo | undefined;
  readonly admin: SecretInfo | undefined;
  readonly ca: SecretInfo | undefined;
  readonly incomplete: boolean;
  /** Absent: nobody knows, or the grant does not ask. */
  readonly nodes: PodNodes | undefined;
}

interface Memo extends GrantSources {
  readonly accounts: readonly AccountNeed[];
  readonly findings: readonly Finding[];
}

/** The accounts of a series of inputs; each result depends on its input alone, and what did not change keeps its identity. */
export function createAccountBuilder(): (resources: AccountSource, pools: Pools, nodes?: PodNodes) => Accounts {
  let memos: ReadonlyMap<Key, Memo> = new Map();
  let last: Accounts | undefined;
  return (resources, pools, nodes) => {
    const known = { ...pools, nodes, unread: unreadPools(resources) };
    const next = new Map<Key, Memo>();
    for (const key of sortedKeys(resources.grants, memos)) {
      const grant = resources.grants.get(key);
      if (grant !== undefined) next.set(key, memoOf(sourcesOf(grant, resources, known), memos.get(key)));
    }
    memos = next;
    const all = [...memos.values()];
    last = {
      accounts: keepList(
        last?.accounts,
        all.flatMap((memo) => memo.accounts),
      ),
      findings: keepList(
        last?.findings,
        all.flatMap((memo) => memo.findings),
      ),
    };
    return last;
  };
}

/** Whether a pool that is not there may be written in something that could not be read. */
function unreadPools({ held, pictureComplete }: AccountSource): (key: Key) => boolean {
  const keys = new Set(held.filter(({ kind }) => kind === 'WebPool').map(({ key }) => key));
  return (key) => !pictureComplete || keys.has(key);
}

interface Known extends Pools {
  readonly unread: (key: Key) => boolean;
  readonly nodes: PodNodes | undefined;
}

function sourcesOf(
  grant: DatabaseGrant,
  { secrets }: AccountSource,
  { pools, unresolved, unread, nodes }: Known,
): GrantSources {
  const key = (name: string) => keyOf({ namespace: grant.metadata.namespace, name });
  const keys = (grant.spec.pools ?? []).map(({ name }) => key(name));
  return {
    grant,
    pools: keys.map((pool) => pools.get(pool)),
    password: secrets.get(key(grant.spec.passwordSecret.name)),
    admin: secrets.get(key(grant.spec.server.adminSecretName)),
    ca: secrets.get(key(grant.spec.server.tls?.caSecretName ?? '')),
    incomplete: keys.some((pool) => unresolved.has(pool) || (!pools.has(pool) && unread(pool))),
    nodes: asksForNodes(grant) ? nodes : undefined,
  };
}

function memoOf(sources: GrantSources, previous: Memo | undefined): Memo {
  if (previous !== undefined && sameSources(previous, sources)) return previous;
  const findings = [...nodeFindings(sources), ...poolFindings(sources), ...secretFindings(sources)];
  const accounts = keepIdentity(previous?.accounts, accountsOf(sources));
  return { ...sources, accounts, findings };
}

function sameSources(a: GrantSources, b: GrantSources): boolean {
  const secrets = a.password === b.password && a.admin === b.admin && a.ca === b.ca;
  const rest = a.incomplete === b.incomplete && a.nodes === b.nodes;
  return a.grant === b.grant && secrets && rest && sameItems(a.pools, b.pools);
}

/** One need, or none while a Secret is missing. */
function accountsOf(sources: GrantSources): readonly AccountNeed[] {
  const { grant, password } = sources;
  const { spec, metadata } = grant;
  const { key } = spec.passwordSecret;
  if (password === undefined || secretFindings(sources).length > 0) return [];
  const { hosts, lacking } = accountHosts(sources);
  const incomplete = sources.incomplete || lacking;
  const need = {
    grant: keyOf(metadata),
    generation: metadata.generation,
    spec,
    server: databaseServer(grant),
    password: { secret: keyOf(password.metadata), key, version: password.version },
    hosts,
    ...(incomplete && { incomplete }),
  };
  return [need];
}

/** The server that a grant names, and how to reach it. */
export function databaseServer({ spec, metadata }: DatabaseGrant): AccountNeed['server'] {
  const { port = DEFAULTS.DatabaseGrant.server.port, adminSecretName } = spec.server;
  const secret = (name: string): Key => keyOf({ namespace: metadata.namespace, name });
  const host = canonicalHost(spec.server.host);
  const adminSecret = secret(adminSecretName);
  const id = `${host.includes(':') ? `[${host}]` : host}:${port} as ${adminSecret}`;
  const { mode = DEFAULTS.DatabaseGrant.server.tls.mode, caSecretName, serverName } = spec.server.tls ?? {};
  const tls = {
    mode,
    ...(caSecretName !== undefined && { caSecret: secret(caSecretName) }),
    ...(serverName !== undefined && { serverName: normalizeHost(serverName) }),
  };
  return { id, host, port, adminSecret, tls };
}

function canonicalHost(host: string): string {
  return canonicalAddress(host) ?? normalizeHost(host);
}

type Login = AccountHostNeed['servers'][number];

interface AccountHosts {
  readonly hosts: readonly AccountHostNeed[];
  /** Of a Pod nobody knows yet on which node it runs. */
  readonly lacking: boolean;
}

interface LoginHosts {
  readonly login: Login;
  readonly hosts: readonly string[];
}

/** Servers in drain or maintenance are in it too: they keep their account. */
function accountHosts(sources: GrantSources): AccountHosts {
  const servers = loginsOf(sources);
  const byHost = new Map<string, Map<string, Login>>();
  for (const host of sources.grant.spec.hosts ?? []) byHost.set(canonicalHost(host), new Map());
  for (const { login, hosts } of servers) {
    for (const host of hosts) {
      const logins = byHost.get(host) ?? new Map<string, Login>();
      byHost.set(host, logins.set(`${login.pool} ${login.id}`, login));
    }
  }
  const hosts = [...byHost]
    .sort(([a], [b]) => compareText(a, b))
    .map(([host, logins]) => ({ host, servers: sorted(logins) }));
  return { hosts, lacking: servers.some((server) => server.hosts.length === 0) };
}

/** Every server that wants an account, and from where it logs in. */
function loginsOf({ grant, pools, nodes }: GrantSources): readonly LoginHosts[] {
  const { when } = { ...DEFAULTS.DatabaseGrant.removal, ...grant.spec.removal };
  return (grant.spec.pools ?? []).flatMap((reference, index) => {
    const pool = pools[index];
    const wanting = (pool?.servers ?? []).filter(({ leaving }) => leaving !== true || when !== 'DeletionStart');
    return wanting.map((server) => ({
      login: { pool: pool?.key ?? '', id: server.id },
      hosts: hostsOf(server, reference, nodes?.get(podKey(grant, server))),
    }));
  });
}

/** Of the Pod that a server is, if it is one. */
function podKey({ metadata }: DatabaseGrant, { endpoint }: Server): Key {
  return keyOf({ namespace: metadata.namespace, name: endpoint });
}

function sorted(logins: ReadonlyMap<string, Login>): readonly Login[] {
  return [...logins].sort(([a], [b]) => compareText(a, b)).map(([, login]) => login);
}

/** A server that was given by address has no name to log in by; Pods may be seen as somebody else. */
function hostsOf(
  { address, hostname, origin }: Server,
  reference: GrantPool,
  node: readonly string[] = [],
): readonly string[] {
  const { hostAs, source } = { ...DEFAULTS.DatabaseGrant.pools, ...reference };
  if (origin === 'Pod' && source === 'Egress') return (reference.egressAddresses ?? []).map(canonicalHost);
  if (origin === 'Pod' && source === 'NodeIP') return node.map(canonicalHost);
  if (hostname === undefined || hostAs === 'Address') return [address];
  return hostAs === 'Name' ? [hostname] : [address, hostname];
}

function asksForNodes({ spec }: DatabaseGrant): boolean {
  return (spec.pools ?? []).some(({ source }) => source === 'NodeIP');
}

function nodeFindings({ grant, pools, nodes }: GrantSources): readonly Finding[] {
  if (nodes !== undefined) return [];
  return (grant.spec.pools ?? []).flatMap(({ source }, index): Finding[] => {
    const hasPods = pools[index]?.servers.some(({ origin }) => origin === 'Pod') === true;
    if (source !== 'NodeIP' || !hasPods) return [];
    const path = `spec.pools[${index}].source`;
    const message =
      'Outside a cluster nobody knows on which node a Pod runs, so source: NodeIP gives no account. Use Egress with the addresses of the nodes.';
    return [unresolved(grant, 'HostnameUnresolvable', { path, message })];
  });
}

function poolFindings({ grant, pools }: GrantSources): readonly Finding[] {
  return (grant.spec.pools ?? []).flatMap(({ name }, index) => {
    if (pools[index] !== undefined) return [];
    const message = `WebPool "${name}" is missing or not accepted, so none of its servers has an account. Create it in this namespace or correct the name.`;
    return [unresolved(grant, 'BackendNotFound', { path: `spec.pools[${index}].name`, message })];
  });
}

function secretFindings({ grant, password, admin, ca }: GrantSources): readonly Finding[] {
  return [...passwordFindings(grant, password), ...adminFindings(grant, admin), ...caFindings(grant, ca)];
}

/** The key under which Kubernetes keeps certificates of an authority. */
const CA_KEY = 'ca.crt';

function caFindings(grant: DatabaseGrant, secret: SecretInfo | undefined): readonly Finding[] {
  const name = grant.spec.server.tls?.caSecretName;
  if (name === undefined || secret?.keys.includes(CA_KEY) === true) return [];
  const reason = secret === undefined ? 'SecretNotFound' : 'SecretKeyMissing';
  const wrong = secret === undefined ? 'is missing' : `has no key "${CA_KEY}"`;
  const message = `Secret "${name}" with the certificate authority of the server ${wrong}. It needs the key ${CA_KEY} in this namespace.`;
  return [unresolved(grant, reason, { path: 'spec.server.tls.caSecretName', message })];
}

function passwordFindings(grant: DatabaseGrant, secret: SecretInfo | undefined): readonly Finding[] {
  const { name, key } = grant.spec.passwordSecret;
  if (secret === undefined) {
    const message = `Secret "${name}" with the password of the accounts is missing. Create it in this namespace.`;
    return [unresolved(grant, 'SecretNotFound', { path: 'spec.passwordSecret.name', message })];
  }
  if (secret.keys.includes(key)) return [];
  const message = `Secret "${name}" has no key "${key}". Add the key or correct passwordSecret.key.`;
  return [unresolved(grant, 'SecretKeyMissing', { path: 'spec.passwordSecret.key', message })];
}

function adminFindings(grant: DatabaseGrant, secret: SecretInfo | undefined): readonly Finding[] {
  const missing = missingAdminKey(secret);
  if (missing === undefined) return [];
  const name = grant.spec.server.adminSecretName;
  const message =
    secret === undefined
      ? `Secret "${name}" with the account that manages accounts is missing. Create it in this namespace with the keys username and password.`
      : `Secret "${name}" has no key "${missing}". It needs the keys username and password.`;
  return [unresolved(grant, 'AdminSecretNotFound', { path: 'spec.server.adminSecretName', message })];
}

function missingAdminKey(secret: SecretInfo | undefined): string | undefined {
  return ['username', 'password'].find((key) => secret?.keys.includes(key) !== true);
}

function unresolved(grant: DatabaseGrant, reason: ResolvedReason, what: { path: string; message: string }): Finding {
  return { object: { kind: 'DatabaseGrant', key: keyOf(grant.metadata) }, condition: 'ResolvedRefs', reason, ...what };
}
