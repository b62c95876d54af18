import type { ProxyConfig, ProxyState } from '../haproxy/proxy.ts';
import type { ProxyObserved, ServerObserved } from '../status/observed.ts';

/** What the proxy rail knows. */
export interface ProxyKnowledge {
  readonly state: ProxyState | undefined;
  readonly config: ProxyConfig | undefined;
  /** The last round left nothing to do. */
  readonly settled: boolean;
  readonly problem: ProxyObserved['problem'];
  readonly bind: string;
}

const BACKUP = /_backup$/;

/** The proxy's part of what status is made of. */
export function observeProxy({ state, config, settled, problem, bind }: ProxyKnowledge): ProxyObserved {
  const pools = new Map<string, Map<string, ServerObserved>>();
  for (const backend of config?.backends.values() ?? []) {
    const servers = pools.get(backend.pool) ?? new Map<string, ServerObserved>();
    pools.set(backend.pool, servers);
    for (const { name, admin, health } of state?.backends.get(backend.name)?.values() ?? []) {
      servers.set(name.replace(BACKUP, ''), { admin, health, leaving: !backend.servers.has(name) });
    }
  }
  return { programmed: settled && state !== undefined, ...(problem === undefined ? {} : { problem }), pools, bind };
}
