/** A refusal that holds for a whole grant on this server. */
export interface GrantProblem {
  readonly condition: 'Accepted' | 'ResolvedRefs' | 'Synced';
  readonly reason:
    | 'Conflicted'
    | 'UnsupportedPrivilege'
    | 'UnsupportedValue'
    | 'UnsupportedAuthPlugin'
    | 'ReservedAccount'
    | 'SecretKeyMissing'
    | 'AccountExists'
    | 'PasswordRejected'
    | 'SQLError'
    | 'DriftDetected'
    | 'PartiallySynced'
    | 'RemovalHeld';
  readonly message: string;
}
