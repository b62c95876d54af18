/**
 * From the API server's answer to a write of an EndpointSlice to the first request that the new server answers, and to the last one
 * that the old server answers: a real API server, an agent, a real HAProxy.
 */
import { Agent, request } from 'undici';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { startChild, whenTrue } from '../test/cluster/child.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../test/cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../test/cluster/network.ts';
import { missingPrograms } from '../test/cluster/programs.ts';
import { startProxyPod, type ProxyPod } from '../test/support/proxy-pod.ts';
import { figure, percentile, type Figures } from './frame.ts';

const SIZES = [
  { label: '10', pools: 10, rules: 10 },
  { label: '1000', pools: 1000, rules: 5000 },
] as const;
const ENDPOINTS = 10;
const CHANGES = 100;
const PORT = 8080;
const LISTENER = 8080;
const PARALLEL = 16;
/** Milliseconds without an answer of the old server after which it counts as gone. */
const QUIET = 60;
const NAMESPACE = '/namespaces/default';
const OURS = '/apis/webpool.dev/v1alpha1';
const SLICES = `/apis/discovery.k8s.io/v1${NAMESPACE}/endpointslices`;
const CRDS = new URL('../crds/', import.meta.url).pathname;

interface World {
  readonly plane: ControlPlane;
  readonly network: Network;
  readonly pod: ProxyPod;
}

/** The figures, or none where this machine cannot have a network or a control plane of its own; then it says so. */
export async function measureKubernetes(say: (text: string) => void): Promise<Figures> {
  const missing = (await missingNetwork()) ?? (await missingPrograms(programsOf({})));
  if (missing !== undefined) {
    say(`NOT RUN: Kubernetes mode: ${missing}`);
    return {};
  }
  let figures: Figures = {};
  for (const { label, pools, rules } of SIZES) {
    const network = await startNetwork();
    const plane = await startControlPlane({});
    try {
      await startServers(network);
      await plane.kubectl(['apply', '-k', CRDS]);
      await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
      await fill(plane, network, { pools, rules });
      const uid = '00000000-0000-4000-8000-000000000001';
      const pod = await startProxyPod({
        kubeconfig: plane.kubeconfig,
        pod: { namespace: 'default', name: 'proxy-1', uid },
      });
      try {
        await pod.ready();
        await delay(3000);
        figures = { ...figures, ...(await measure({ plane, network, pod }, label)) };
        say(
          `${label} pools: p50 ${figures[`k8s_${label}_p50_ms`]?.value} ms, p99 ${figures[`k8s_${label}_p99_ms`]?.value} ms`,
        );
      } finally {
        await pod.stop();
      }
    } finally {
      await plane.stop();
      await network.stop();
    }
  }
  return figures;
}

/** All servers of the network in one process. */
async function startServers(network: Network): Promise<void> {
  for (let index = 0; index < ENDPOINTS; index++) {
    await network.run(['ip', 'addr', 'add', `${addressOf(network, index)}/24`, 'dev', 'bridge']);
  }
  const script = new URL('./echo-server.ts', import.meta.url).pathname;
  const log = join(network.folder, 'servers.log');
  const args = [script, String(PORT)];
  const child = await startChild({ command: process.execPath, args, netns: network.netns, log });
  const url = `http://${addressOf(network, 0)}:${PORT}/`;
  await whenTrue(child, 'servers listen', async () => (await request(url)).statusCode === 200);
}

function addressOf(network: Network, index: number): string {
  return network.addressOf(100 + index);
}

async function fill(
  { client }: ControlPlane,
  network: Network,
  { pools, rules }: { readonly pools: number; readonly rules: number },
): Promise<void> {
  const addresses = Array.from({ length: ENDPOINTS }, (_, index) => addressOf(network, index));
  const works = [
    ...Array.from({ length: pools }, (_, index) => async () => {
      const spec = { port: PORT, selector: { matchLabels: { app: `pool${index}` } }, healthCheck: { interval: '1h' } };
      await client.ask('POST', `${OURS}${NAMESPACE}/webpools`, { body: ours('WebPool', `pool${index}`, spec) });
      await client.ask('POST', SLICES, { body: sliceOf(index, index === 0 ? addresses.slice(0, 1) : addresses) });
    }),
    ...Array.from({ length: rules }, (_, index) => async () => {
      const pool = [{ name: `pool${index % pools}` }];
      const matches = [{ path: { type: 'Prefix', value: `/area${index}` } }];
      const spec = { listener: { protocol: 'HTTP', port: LISTENER }, rules: [{ name: 'all', matches, pools: pool }] };
      await client.ask('POST', `${OURS}${NAMESPACE}/routingrules`, { body: ours('RoutingRule', `rule${index}`, spec) });
    }),
  ];
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let work = works.pop(); work !== undefined; work = works.pop()) await work();
    }),
  );
}

function ours(kind: string, name: string, spec: object): object {
  return { apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { name, namespace: 'default' }, spec };
}

function sliceOf(pool: number, addresses: readonly string[]): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `pool${pool}`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': `pool${pool}` },
    },
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: PORT }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

async function measure(world: World, label: string): Promise<Figures> {
  const joins: number[] = [];
  const leaves: number[] = [];
  const visitor = createVisitor(world.pod.bind);
  let current = addressOf(world.network, 0);
  for (let turn = 1; turn <= CHANGES; turn++) {
    const next = addressOf(world.network, turn % ENDPOINTS);
    await writeSlice(world.plane, [current, next]);
    joins.push(await visitor.untilFirst(next));
    await writeSlice(world.plane, [next]);
    leaves.push(await visitor.untilLast(current));
    current = next;
    await delay(1100);
  }
  await visitor.close();
  return {
    [`k8s_${label}_p50_ms`]: figure(percentile(joins, 0.5), 'ms'),
    [`k8s_${label}_p99_ms`]: figure(percentile(joins, 0.99), 'ms'),
    [`k8s_${label}_leave_p50_ms`]: figure(percentile(leaves, 0.5), 'ms'),
    [`k8s_${label}_leave_p99_ms`]: figure(percentile(leaves, 0.99), 'ms'),
  };
}

async function writeSlice({ client }: ControlPlane, addresses: readonly string[]): Promise<void> {
  await client.ask('PUT', `${SLICES}/pool0`, { body: sliceOf(0, addresses) });
}

/** One visitor who asks again and again, over one connection. */
function createVisitor(bind: string) {
  const dispatcher = new Agent({ connections: 1 });
  const ask = async (): Promise<string> => {
    const { headers, body } = await request(`http://${bind}:${LISTENER}/area0`, { dispatcher });
    await body.dump();
    return String(headers['x-server'] ?? '');
  };
  return {
    async untilFirst(server: string): Promise<number> {
      const begun = performance.now();
      while ((await ask()) !== server) if (performance.now() - begun > 10_000) throw new Error(`${server} never came`);
      return performance.now() - begun;
    },
    /** The time of the last answer of that server. */
    async untilLast(server: string): Promise<number> {
      const begun = performance.now();
      let last = begun;
      for (let now = begun; now - last < QUIET; now = performance.now()) {
        if ((await ask()) === server) last = performance.now();
        if (now - begun > 10_000) throw new Error(`${server} never left`);
      }
      return last - begun;
    },
    close: () => dispatcher.close(),
  };
}
