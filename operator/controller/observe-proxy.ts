import { serverId } from '../haproxy/names.ts';
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
  /** `address port` → what a server offers whose TLS handshake fails. */
  readonly offers?: ReadonlyMap<string, string>;
}

const NO_OFFERS: ReadonlyMap<string, string> = new Map();

type Servers = ReadonlyMap<string, ServerState>;
type Seen = ReadonlyMap<string, ServerObserved>;

interface PoolMemo {
  readonly inputs: readonly [BackendConfig, Servers | undefined][];
  readonly servers: Seen;
}

/** The proxy's part of what status is made of. A pool of which nothing changed keeps its identity. */
export function createProxyObserver(): (knowledge: ProxyKnowledge) => ProxyObserved {
  let memos: ReadonlyMap<string, PoolMemo> = new Map();
  let last: readonly unknown[] = [];
  let pools: ProxyObserved['pools'] = new Map();
  return ({ state, config, settled, problem, bind, offers = NO_OFFERS }) => {
    const inputs = [offers, config, state?.backends];
    if (last.length === 0 || inputs.some((input, index) => input !== last[index])) {
      memos = memosOf({ state, config, offers }, last[0] === offers ? memos : new Map());
      pools = new Map([...memos].map(([key, { servers }]) => [key, servers]));
      last = inputs;
    }
    return { programmed: settled && state !== undefined, ...(problem === undefined ? {} : { problem }), pools, bind };
  };
}

/** Layer 4 and Layer 7 of one pool are backends of their own. */
function memosOf(
  { state, config, offers }: Required<Pick<ProxyKnowledge, 'state' | 'config' | 'offers'>>,
  previous: ReadonlyMap<string, PoolMemo>,
): ReadonlyMap<string, PoolMemo> {
  const byPool = new Map<string, [BackendConfig, Servers | undefined][]>();
  for (const backend of config?.backends.values() ?? []) {
    const input: [BackendConfig, Servers | undefined] = [backend, state?.backends.get(backend.name)];
    const inputs = byPool.get(backend.pool);
    if (inputs === undefined) byPool.set(backend.pool, [input]);
    else inputs.push(input);
  }
  return new Map(
    [...byPool].map(([key, inputs]) => {
      const before = previous.get(key);
      return [
        key,
        before !== undefined && sameInputs(before.inputs, inputs) ? before : { inputs, servers: seen(inputs, offers) },
      ];
    }),
  );
}

function sameInputs(a: PoolMemo['inputs'], b: PoolMemo['inputs']): boolean {
  return (
    a.length === b.length &&
    a.every(([backend, servers], index) => backend === b[index]?.[0] && servers === b[index][1])
  );
}

function seen(inputs: PoolMemo['inputs'], offers: ReadonlyMap<string, string>): Seen {
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
