import { NO_LIMITS } from './account.ts';
import type { AccountState, Credential, DeletionPolicy, GrantSet, Limits, Mark } from './account.ts';

/** Cells of a result, by position. */
export type Row = readonly (string | number | null)[];

/** The bit of GRANT OPTION in MariaDB's `access`. */
const GRANT_OPTION_BIT = 1024;

/** How an account logs in and what holds for it as a whole. */
export interface Identity
  extends Pick<AccountState, 'passwordChanged' | 'requireTLS' | 'limits' | 'locked'>, Credential {
  readonly second?: Credential;
  /** What the account may do on the whole server, which is never of our making. */
  readonly global: readonly GrantSet[];
  readonly mark: Mark | undefined;
}

const NO_GRANTS: readonly GrantSet[] = [];

/** A cell as text; NULL is empty. */
export function text(cell: string | number | null | undefined): string {
  return cell === null || cell === undefined ? '' : String(cell);
}

/** Whatever is not one of the three leaves the account alone. */
export function policyOf(value: unknown): DeletionPolicy {
  return value === 'Delete' || value === 'Lock' ? value : 'Orphan';
}

interface Way {
  readonly plugin?: string;
  readonly authentication_string?: string;
}

interface GlobalPriv extends Way {
  readonly access?: number;
  readonly account_locked?: boolean;
  readonly password_last_changed?: number;
  readonly ssl_type?: number;
  readonly max_questions?: number;
  readonly max_updates?: number;
  readonly max_connections?: number;
  readonly max_user_connections?: number;
  /** Ways in, the first that is tried first; an empty one stands for the one beside this list. */
  readonly auth_or?: readonly Way[];
}

/** Reads rows of mysql.global_priv. Accounts that were made together have the same text, which is then read once. */
export function globalPrivIdentity(): (row: Row) => Identity {
  const known = new Map<string, Identity>();
  return (row) => {
    const json = text(row[2]) || '{}';
    const identity = known.get(json) ?? identityOf(JSON.parse(json) as GlobalPriv);
    known.set(json, identity);
    return identity;
  };
}

const SSL_TYPES = ['None', 'SSL', 'X509'] as const;

function identityOf({ access = 0, ...priv }: GlobalPriv): Identity {
  return {
    ...waysOf(priv),
    locked: priv.account_locked === true,
    passwordChanged: priv.password_last_changed ?? 0,
    requireTLS: SSL_TYPES[priv.ssl_type ?? 0] ?? 'Specified',
    limits: limitsOf([priv.max_user_connections, priv.max_questions, priv.max_updates, priv.max_connections]),
    global: globalGrants(access !== 0, (access & GRANT_OPTION_BIT) !== 0),
    mark: undefined,
  };
}

/** An account with more than two ways in counts as none of ours: it differs from all we would make. */
function waysOf(priv: GlobalPriv): Credential & { readonly second?: Credential } {
  const ways = (priv.auth_or ?? [priv]).map((way) => credentialOf(way.plugin === undefined ? priv : way));
  const [first, second] = ways;
  if (!first || ways.length > 2) return { plugin: 'several', hash: '' };
  return second ? { ...first, second } : first;
}

function credentialOf({ plugin = 'mysql_native_password', authentication_string: hash = '' }: Way): Credential {
  return { plugin, hash };
}

function limitsOf(counts: readonly (number | undefined)[]): Limits {
  const [maxUserConnections = 0, maxQueriesPerHour = 0, maxUpdatesPerHour = 0, maxConnectionsPerHour = 0] = counts;
  if (counts.every((count = 0) => count === 0)) return NO_LIMITS;
  return { maxUserConnections, maxQueriesPerHour, maxUpdatesPerHour, maxConnectionsPerHour };
}

const SSL_WORDS: Readonly<Record<string, AccountState['requireTLS']>> = { '': 'None', ANY: 'SSL', X509: 'X509' };

/** Reads a row of mysql.user. */
export function userIdentity(row: Row): Identity {
  const [plugin, hash, locked, changed, tls, limits, privileges, attributes] = row.slice(2).map(text);
  const { webpool, old } = attributesOf(attributes ?? '');
  return {
    plugin: plugin ?? '',
    hash: hash ?? '',
    ...(old !== undefined && { second: { plugin: plugin ?? '', hash: old } }),
    locked: locked === '1',
    passwordChanged: Number(changed),
    requireTLS: SSL_WORDS[tls ?? ''] ?? 'Specified',
    limits: limitsOf((limits ?? '').split(',').map(Number)),
    global: globalGrants(privileges !== '', privileges?.includes('GRANT OPTION') === true),
    mark: webpool && markOfAttribute(webpool),
  };
}

type Attribute = Readonly<Record<string, unknown>>;

function attributesOf(json: string): { readonly webpool?: Attribute; readonly old?: string } {
  if (json === '') return {};
  const { metadata, additional_password: old } = JSON.parse(json) as {
    readonly metadata?: { readonly webpool?: Attribute };
    readonly additional_password?: string;
  };
  return { ...(metadata?.webpool && { webpool: metadata.webpool }), ...(old !== undefined && { old }) };
}

function markOfAttribute(webpool: Attribute): Mark {
  const word = (name: string): string => (typeof webpool[name] === 'string' ? webpool[name] : '');
  return {
    cluster: word('cluster'),
    owners: word('owners').split(','),
    deletionPolicy: policyOf(webpool['deletionPolicy']),
    killSessions: webpool['killSessions'] !== false,
    passwords: word('passwords').split(','),
    state: 'Owned',
    applied: word('applied'),
  };
}

/** We never grant anything on the whole server, so all that matters is whether there is something to take back. */
function globalGrants(any: boolean, grantOption: boolean): readonly GrantSet[] {
  if (!any) return NO_GRANTS;
  const privileges = grantOption ? ['ALL PRIVILEGES', 'GRANT OPTION'] : ['ALL PRIVILEGES'];
  return [{ schema: '*', table: '*', privileges }];
}
