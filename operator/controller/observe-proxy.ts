import { withValues } from '../api/patched-map.ts';
import { changedKeys } from '../api/stable.ts';
import { backendName, serverId } from '../haproxy/names.ts';
import type { BackendConfig, ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';
import type { ProxyObserved, ServerObserved } from '../status/observed.ts';

/** What the proxy rail knows. */
export interface ProxyKnowledge {
  readonly state: ProxyState | undefined;
  readonly config: ProxyConfig | undefined;
  /** The last round left nothing to do. */
  readonly settled: boolean;
  readonly problem: ProxyObserved['problem'];
  readonly bind: string;
  readonly refusedSecrets?: ProxyObserved['refusedSecrets'];
  /** `address port` → what a server offers whose TLS handshake fails. */
  readonly offers?: ReadonlyMap<string, string>;
}

const NO_OFFERS: ReadonlyMap<string, string> = new Map();
const NO_WANTED: ProxyConfig['backends'] = new Map();
const NO_BACKENDS: ProxyState['backends'] = new Map();

type Servers = ReadonlyMap<string, ServerState>;
type Seen = ReadonlyMap<string, ServerObserved>;

/** What is compared with what was there last. */
interface Inputs {
  readonly wanted: ProxyConfig['backends'];
  readonly known: ProxyState['backends'];
  readonly offers: ReadonlyMap<string, string>;
}

/** The proxy's part of what status is made of. A pool of which nothing changed keeps its identity, and costs nothing. */
export function createProxyObserver(): (knowledge: ProxyKnowledge) => ProxyObserved {
  let last: Inputs = { wanted: NO_WANTED, known: NO_BACKENDS, offers: NO_OFFERS };
  let pools: ProxyObserved['pools'] = new Map();
  return ({ state, config, settled, problem, bind, refusedSecrets, offers = NO_OFFERS }) => {
    const inputs = { wanted: config?.backends ?? NO_WANTED, known: state?.backends ?? NO_BACKENDS, offers };
    pools = poolsOf(inputs, changedPools(last, inputs), pools);
    last = inputs;
    const programmed = settled && state !== undefined;
    return { programmed, ...(problem && { problem }), ...(refusedSecrets && { refusedSecrets }), pools, bind };
  };
}

function changedPools(last: Inputs, { wanted, known, offers }: Inputs): readonly string[] {
  const changed = [...changedKeys(last.wanted, wanted), ...changedKeys(last.known, known)];
  const names = last.offers === offers ? changed : [...changed, ...wanted.keys()];
  const pools = names.flatMap((name) => (wanted.get(name) ?? last.wanted.get(name))?.pool ?? []);
  return [...new Set(pools)];
}

function poolsOf(inputs: Inputs, changed: readonly string[], previous: ProxyObserved['pools']): ProxyObserved['pools'] {
  const fresh = new Map(changed.flatMap((pool): [string, Seen][] => seenIn(pool, inputs)));
  if (fresh.size === changed.length && changed.every((pool) => previous.has(pool))) return withValues(previous, fresh);
  const all = new Set([...inputs.wanted.values()].map(({ pool }) => pool));
  return new Map(
    [...all].flatMap((pool) => {
      const seen = fresh.get(pool) ?? previous.get(pool);
      return seen === undefined ? [] : [[pool, seen]];
    }),
  );
}

/** Layer 4 and Layer 7 of one pool are backends of their own. */
function seenIn(pool: string, { wanted, known, offers }: Inputs): [string, Seen][] {
  const backends = (['http', 'tcp'] as const).flatMap((mode) => wanted.get(backendName(mode, pool)) ?? []);
  if (backends.length === 0) return [];
  return [
    [
      pool,
      seen(
        backends.map((backend) => [backend, known.get(backend.name)]),
        offers,
      ),
    ],
  ];
}

function seen(
  inputs: readonly (readonly [BackendConfig, Servers | undefined])[],
  offers: ReadonlyMap<string, string>,
): Seen {
  const servers = new Map<string, ServerObserved>();
  for (const [backend, states] of inputs) {
    for (const { name, admin, health, failure, address, port } of states?.values() ?? []) {
      const offer = failure === 'Handshake' ? offers.get(`${address} ${port}`) : undefined;
      const why = { ...(failure && { failure }), ...(offer !== undefined && { offer }) };
      const [id, leaving] = [serverId(name), !backend.servers.has(name)];
      // What it was before, in another tier or with another transport, leaves under the same id.
      if (!leaving || !servers.has(id)) servers.set(id, { admin, health, ...why, leaving });
    }
  }
  return servers;
}
