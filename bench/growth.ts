/** What one change costs in a round as the objects grow tenfold. */
import { withValues } from '../operator/api/patched-map.ts';
import { NO_RESOURCES, type Resources, type RoutingRule, type WebPool } from '../operator/api/resources.ts';
import { createProxyConfigBuilder } from '../operator/haproxy/config.ts';
import { createProxyPlanner } from '../operator/haproxy/plan.ts';
import type { BackendConfig, ProxyConfig, ProxyState, ServerState } from '../operator/haproxy/proxy.ts';
import { createTopologyBuilder } from '../operator/topology/build.ts';
import { figure, median, percentile, type Figures, type Result } from './frame.ts';
import { serversOf } from './big-folder.ts';

export const name = 'growth';
export const description =
  'picture to plan for one changed weight, at 1,000 and 10,000 servers with 500 and 5,000 rules';
export const method = 'a run of each size warms up, then 200 changes do; 1,000 are measured in each size';

const SIZES = [
  { label: '1000', pools: 100, rules: 500 },
  { label: '10000', pools: 1000, rules: 5000 },
] as const;
const CHANGES = 1000;
const WARM_UP = 200;
const NAMES: ReadonlyMap<string, readonly string[]> = new Map();

export async function run(say: (text: string) => void): Promise<Result> {
  const medians: number[] = [];
  let figures: Figures = {};
  // The first size measured would pay for the compiler and seem slow.
  for (const { pools, rules } of SIZES) measure(pools, rules);
  for (const { label, pools, rules } of SIZES) {
    const times = measure(pools, rules);
    medians.push(percentile(times, 0.5));
    figures = { ...figures, [`round_${label}_ms`]: median(times, 'ms') };
    say(`${label} servers: ${percentile(times, 0.5).toFixed(3)} ms`);
  }
  const [small = 1, large = 1] = medians;
  return { name, figures: { ...figures, growth_10x_factor: figure(large / small, 'x') } };
}

/** Milliseconds of each round. */
function measure(pools: number, rules: number): readonly number[] {
  const topologyOf = createTopologyBuilder();
  const configOf = createProxyConfigBuilder({ bind: ['127.0.0.1'], maxConnections: 1000, router: '' });
  const plan = createProxyPlanner();
  let resources = world(pools, rules);
  const first = configOf(topologyOf(resources, NAMES));
  let state = stateOf(first);
  const context = { now: 0, leaving: new Map(), runningSkeleton: first.skeleton };
  plan(state, first, context);
  const times: number[] = [];
  for (let turn = 0; turn < CHANGES + WARM_UP; turn++) {
    resources = changed(resources, `default/pool${(turn * 37) % pools}`, 1 + (turn % 90));
    const begun = performance.now();
    const config = configOf(topologyOf(resources, NAMES));
    const changes = plan(state, config, context);
    const took = performance.now() - begun;
    if (changes.length === 0) throw new Error('the change was not seen');
    state = applied(state, config, `http_default_pool${(turn * 37) % pools}`);
    plan(state, config, context);
    if (turn >= WARM_UP) times.push(took);
  }
  return times;
}

function world(pools: number, rules: number): Resources {
  const poolList = Array.from({ length: pools }, (_, index) => pool(index, 100));
  const ruleList = Array.from({ length: rules }, (_, index) => rule(index, pools));
  return {
    ...NO_RESOURCES,
    pools: new Map(poolList.map((one) => [`default/${one.metadata.name}`, one])),
    rules: new Map(ruleList.map((one) => [`default/${one.metadata.name}`, one])),
  };
}

function pool(index: number, weight: number): WebPool {
  const externalEndpoints = serversOf(index, 10).map((server) => ({ ...server, weight }));
  const metadata = { namespace: 'default', name: `pool${index}`, generation: weight };
  return { kind: 'WebPool', metadata, spec: { port: 80, externalEndpoints } };
}

function rule(index: number, pools: number): RoutingRule {
  return {
    kind: 'RoutingRule',
    metadata: { namespace: 'default', name: `rule${index}`, generation: 1 },
    spec: {
      listener: { protocol: 'HTTP', port: 80 },
      hostnames: [`site${index % 500}.example.com`],
      rules: [
        {
          name: 'all',
          matches: [{ path: { type: 'Prefix', value: `/area${index}` } }],
          pools: [{ name: `pool${index % pools}` }],
        },
      ],
    },
  };
}

function changed(resources: Resources, key: string, weight: number): Resources {
  const index = Number(/\d+$/.exec(key)?.[0]);
  // Never the weight of before, or nothing would have changed.
  const before = resources.pools.get(key)?.metadata.generation;
  const pools = withValues(resources.pools, [[key, pool(index, weight === before ? weight + 1 : weight)]]);
  return { ...resources, pools };
}

/** A HAProxy that is what it should be. */
function stateOf(config: ProxyConfig): ProxyState {
  const backends = new Map([...config.backends].map(([name, backend]) => [name, serversIn(backend)]));
  const { checksum, routes } = config;
  return {
    pid: 1,
    epoch: '1',
    checksum,
    version: '2.6',
    backends,
    routes,
    secretFiles: new Map(),
    certificateLists: new Map(),
  };
}

function applied(state: ProxyState, config: ProxyConfig, name: string): ProxyState {
  const backend = config.backends.get(name);
  if (backend === undefined) throw new Error(`no backend ${name}`);
  return { ...state, backends: withValues(state.backends, [[name, serversIn(backend)]]) };
}

function serversIn({ servers }: BackendConfig): ReadonlyMap<string, ServerState> {
  return new Map(
    [...servers].map(([id, { name, address, port, weight, maxConnections, admin }]) => [
      id,
      { name, address, port, weight, maxConnections, admin, health: 'Up' as const },
    ]),
  );
}
