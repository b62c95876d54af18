import type { Listener } from '../api/kinds.gen.ts';
import { DEFAULTS } from './defaults.ts';

/** The port that a listener opens. TCP and TLS always name theirs. */
export function listenerPort({ protocol, port }: Listener): number {
  const defaults: Partial<Record<Listener['protocol'], number>> = DEFAULTS.RoutingRule.listener.port;
  return port ?? defaults[protocol] ?? 0;
}
