import type { Account, AccountChange, AccountState, Credential } from './account.ts';
import { fingerprint } from './fingerprint.ts';

/**
 * What has to be done about the passwords of an existing account.
 * Shape: a new password lets the old one in as well for `keepOldPassword` seconds, if the old one was of our making; a
 * password that somebody else has set ends at once. Only one old password is kept at a time: see `rotationHeld`.
 */
export function passwordChanges(account: Account, state: AccountState, now: number): readonly AccountChange[] {
  const { second } = state;
  if (isCurrent(account, state)) {
    if (!second) return [];
    const ours = isOurs(second, state);
    if (ours && !isOver(account, state, now)) return [];
    return [{ kind: 'discard', account, due: ours }];
  }
  if (rotationHeld(account, state, now)) return [];
  const hadSecond = second !== undefined;
  const keep = keptPassword(account, state);
  return [keep ? { kind: 'password', account, keep, hadSecond } : { kind: 'password', account, hadSecond }];
}

/**
 * The Secret changed again while the change before still lets its old password in: a third would end that one, and
 * with it the clients that have not read the Secret since.
 */
export function rotationHeld(account: Account, state: AccountState, now: number): boolean {
  const { second } = state;
  if (!second || isCurrent(account, state) || isOver(account, state, now)) return false;
  // Back to the password before: both stay.
  if (second.hash === account.hash) return false;
  return isOurs(second, state) && isOurs(state, state);
}

/** Fingerprints of all passwords that let in once `changes` were made; the newest first. */
export function proofsAfter(
  account: Account,
  state: AccountState,
  changes: readonly AccountChange[],
): readonly string[] {
  const change = changes.find(({ kind }) => kind === 'password' || kind === 'discard');
  const first = change || isCurrent(account, state) ? account.proof : fingerprint(state.hash);
  const other = change?.kind === 'password' ? change.keep : change?.kind === 'discard' ? undefined : state.second;
  return other ? [first, fingerprint(other.hash)] : [first];
}

function isCurrent(account: Account, state: Credential): boolean {
  return state.hash === account.hash && state.plugin === account.plugin;
}

function isOurs({ hash }: Credential, { mark }: AccountState): boolean {
  return mark?.passwords.includes(fingerprint(hash)) === true;
}

function isOver({ keepOldPassword }: Account, { passwordChanged }: AccountState, now: number): boolean {
  return now - passwordChanged >= keepOldPassword;
}

/**
 * What stays valid beside a new password: never an empty one, never one that somebody else has set.
 * Source: MySQL refuses RETAIN CURRENT PASSWORD together with another plugin.
 */
function keptPassword(account: Account, state: AccountState): Credential | undefined {
  const { plugin, hash } = state;
  const keep = account.keepOldPassword > 0 && hash !== '' && plugin === account.plugin && isOurs(state, state);
  return keep ? { plugin, hash } : undefined;
}
