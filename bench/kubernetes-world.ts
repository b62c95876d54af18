/** A real API server with pools, rules and EndpointSlices in it, servers that answer, an agent and its HAProxy. */
import { join } from 'node:path';
import { request } from 'undici';
import { startChild, whenTrue } from '../test/cluster/child.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../test/cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../test/cluster/network.ts';
import { missingPrograms } from '../test/cluster/programs.ts';
import { startProxyPod, type ProxyPod } from '../test/support/proxy-pod.ts';
import { echoServer } from './echo-server.ts';
import { builtProgram } from './process.ts';

export interface KubernetesWorld {
  readonly plane: ControlPlane;
  readonly pod: ProxyPod;
  /** The address of a server; they go round. */
  readonly addressOf: (index: number) => string;
  /** Replaces the endpoints of a pool; resolves with the API server's answer. */
  readonly writeSlice: (pool: number, addresses: readonly string[]) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface WorldSize {
  readonly pools: number;
  readonly rules: number;
}

/** Port of the load balancer; pool N is behind `/areaN`. */
export const LISTENER = 8080;
/** Servers of each pool except the first, which begins with one. */
export const SERVERS = 10;
/** Servers of the network: so many that one which left is deleted before its turn comes again. */
const ALL_SERVERS = 150;

const PORT = 8080;
/** Hard limit of the proxy Pod. */
const DESCRIPTORS = 20_000;
const PARALLEL = 16;
const NAMESPACE = '/namespaces/default';
const OURS = '/apis/webpool.dev/v1alpha1';
const SLICES = `/apis/discovery.k8s.io/v1${NAMESPACE}/endpointslices`;

/** What this machine lacks for such a world; undefined = nothing. */
export async function missingWorld(): Promise<string | undefined> {
  return (await missingNetwork()) ?? (await missingPrograms(programsOf({})));
}

/** Starts it and waits until the agent has programmed its HAProxy. */
export async function startKubernetesWorld(size: WorldSize): Promise<KubernetesWorld> {
  const endings: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (let end = endings.pop(); end !== undefined; end = endings.pop()) await end();
  };
  try {
    const network = await startNetwork();
    endings.push(() => network.stop());
    const plane = await startControlPlane({});
    endings.push(() => plane.stop());
    await startServers(network);
    await plane.installKinds();
    await fill(plane, network, size);
    const uid = '00000000-0000-4000-8000-000000000001';
    const identity = { namespace: 'default', name: 'proxy-1', uid };
    const pod = await startProxyPod({
      access: plane,
      pod: identity,
      program: await builtProgram(),
      descriptors: DESCRIPTORS,
    });
    endings.push(() => pod.stop());
    await pod.ready();
    return {
      plane,
      pod,
      addressOf: (index) => addressOf(network, index),
      writeSlice: async (pool, addresses) => {
        await plane.client.ask('PUT', `${SLICES}/pool${pool}`, { body: sliceOf(pool, addresses) });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** All servers of the network in one process. */
async function startServers(network: Network): Promise<void> {
  const addresses = Array.from({ length: ALL_SERVERS }, (_, index) => addressOf(network, index));
  const add = addresses.map((address) => `ip addr add ${address}/24 dev bridge`).join('\n');
  await network.run(['sh', '-ec', add]);
  const log = join(network.folder, 'servers.log');
  const child = await startChild({ ...echoServer(PORT), netns: network.netns, log });
  const url = `http://${addressOf(network, 0)}:${PORT}/`;
  await whenTrue(child, 'servers listen', async () => (await request(url)).statusCode === 200);
}

function addressOf(network: Network, index: number): string {
  return network.addressOf(100 + (index % ALL_SERVERS));
}

async function fill({ client }: ControlPlane, network: Network, { pools, rules }: WorldSize): Promise<void> {
  const addresses = Array.from({ length: SERVERS }, (_, index) => addressOf(network, index));
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

export function sliceOf(pool: number, addresses: readonly string[]): object {
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
