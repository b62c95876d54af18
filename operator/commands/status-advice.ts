import type { Reason } from '../status/reasons.ts';

/** The way out, where the message of a condition cannot know it. */
const ADVICE: Partial<Readonly<Record<Reason, string>>> = {
  InvalidSpec: '`webpool check FOLDER` shows file and line of every error.',
  BackendNotFound: 'Write the WebPool, or correct its name in the rule.',
  HostnameUnresolvable: 'Give the address itself, or put the name into DNS; the other servers serve meanwhile.',
  SecretNotFound: 'Write a Secret of that name into the same namespace.',
  AdminSecretNotFound: 'Write a Secret with the keys username and password of an account that may create accounts.',
  PortUnavailable:
    'Choose another port. Another rule gives way to a higher spec.priority; another program has to be stopped.',
  Conflicted: 'Change what both ask for, or raise spec.priority of the object that shall have it.',
  MatchConflicted: 'Change the match, or raise spec.priority of the object that shall have it.',
  NoProxies: 'The log of `webpool run` says why HAProxy does not start.',
  ProxyUnreachable: 'Look whether HAProxy hangs or was stopped; it is asked again all the time.',
  ConfigRejected:
    'The last good configuration serves. Undo the last change; `webpool render FOLDER` shows the refused file.',
  FilesNotWritten:
    'The last good configuration serves. Make room where HAProxy has its files; everything else is done by itself.',
  NoReadyEndpoints: 'SERVERS says why for each of them; try its check by hand with curl.',
  BelowMinimum: 'SERVERS says why for each of them; try its check by hand with curl.',
  NoAvailableBackends: '`webpool status FOLDER pool/NAME` shows the servers of the pool, and SERVERS says why.',
  AccountExists: 'Drop that account by hand, or choose another username.',
  DriftDetected: 'Undo the change by hand, or set driftPolicy: Enforce.',
};

/** What can be done about a condition with this reason. */
export function adviceOn(reason: string): string | undefined {
  return Object.hasOwn(ADVICE, reason) ? ADVICE[reason as Reason] : undefined;
}
