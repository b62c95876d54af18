import type { AccountName } from './account.ts';

/**
 * A function that says whether an account with a pattern as host covers another one: when that one goes, its server
 * can still log in through the pattern.
 */
export function shadows(accounts: Iterable<AccountName>): (account: AccountName) => string | undefined {
  const patterns = new Map<string, { readonly host: string; readonly pattern: RegExp }[]>();
  for (const { user, host } of accounts) {
    if (!/[%_]/.test(host) && host !== '') continue;
    const known = patterns.get(user) ?? [];
    patterns.set(user, [...known, { host, pattern: likePattern(host) }]);
  }
  if (patterns.size === 0) return () => undefined;
  return ({ user, host }) => {
    const found = patterns.get(user)?.find(({ pattern }) => pattern.test(host));
    return found && `ShadowedByWildcard: '${user}'@'${found.host}' lets this server in as well`;
  };
}

function likePattern(host: string): RegExp {
  if (host === '') return /^/;
  const body = host
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  return new RegExp(`^${body}$`, 'i');
}
