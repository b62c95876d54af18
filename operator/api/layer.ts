import type { Listener } from './kinds.gen.ts';

/** What a listener speaks. */
export type Protocol = Listener['protocol'];

/** Whether requests are read there (Layer 7); else bytes pass as they come (Layer 4). A word that is none is told by the schema. */
export function readsHttp(protocol: Protocol): boolean {
  return protocol !== 'TCP' && protocol !== 'TLS';
}
