import type { Key } from '../api/resources.ts';
import type { AccountState } from '../mysql/account.ts';
import { pluginOf } from '../mysql/desired.ts';
import type { Dialect } from '../mysql/dialect.ts';
import type { AccountNeed } from '../topology/topology.ts';
import { ed25519Hash } from './ed25519.ts';
import { cachingSha2Hash, nativeHash, randomSalt, saltOf } from './password-hash.ts';

export interface HashInput {
  readonly needs: readonly AccountNeed[];
  /** By `<Secret key>/<key in it>`. */
  readonly passwords: ReadonlyMap<string, string>;
  readonly dialect: Dialect;
  readonly states: ReadonlyMap<string, AccountState>;
}

/** A hash costs 20 ms with salt, and a stored one is recognised among so many different salts. */
const SALTS_TRIED = 3;

/**
 * A function that gives the hash for each need that has a password. A salted hash stays the same as long as the
 * password does: the salt is remembered, or after a restart read back from the accounts.
 */
export function hashKeeper(): (input: HashInput) => Map<Key, string> {
  const salted = new Map<Key, { readonly version: string; readonly hash: string }>();
  return ({ needs, passwords, dialect, states }) => {
    const hashes = new Map<Key, string>();
    for (const need of needs) {
      const password = passwords.get(`${need.password.secret}/${need.password.key}`);
      const plugin = pluginOf(need, dialect);
      if (password === undefined || password === '') continue;
      if (plugin !== 'caching_sha2_password') {
        hashes.set(need.grant, plugin === 'ed25519' ? ed25519Hash(password) : nativeHash(password));
        continue;
      }
      const version = `${need.password.secret} ${need.password.key} ${need.password.version}`;
      const known = salted.get(need.grant);
      const hash = known?.version === version ? known.hash : saltedHash(need, password, states);
      salted.set(need.grant, { version, hash });
      hashes.set(need.grant, hash);
    }
    for (const grant of salted.keys()) if (!hashes.has(grant)) salted.delete(grant);
    return hashes;
  };
}

function saltedHash(need: AccountNeed, password: string, states: ReadonlyMap<string, AccountState>): string {
  const salts = new Set<string>();
  for (const { mark, hash, second } of states.values()) {
    if (mark?.owners.includes(need.grant) !== true) continue;
    for (const stored of second ? [hash, second.hash] : [hash]) {
      const salt = saltOf(stored);
      if (salt === undefined || salts.has(salt)) continue;
      if (salts.size === SALTS_TRIED) return cachingSha2Hash(password, randomSalt());
      salts.add(salt);
      if (cachingSha2Hash(password, salt) === stored) return stored;
    }
  }
  return cachingSha2Hash(password, randomSalt());
}
