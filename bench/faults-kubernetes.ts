/**
 * The same in Kubernetes: webpool as `manifests/install.yaml` installs it, on a real node; two Pods and two VMs are one pool, and the
 * requests come from outside, through the Service of the proxies.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../demo/instance.ts';
import type { Visitors } from '../demo/visitors.ts';
import { missingCluster, type Cluster } from '../test/cluster/node.ts';
import type { Vm, VmOptions } from '../test/cluster/vm.ts';
import {
  externalAddress,
  imageOfManifest,
  MANIFEST,
  restart,
  rolledOut,
  startClusterWithImage,
  system,
} from '../test/e2e/installation.ts';
import { apply, applyServers, NAMESPACE, pool, RULE } from '../test/e2e/site.ts';
import type { Figures } from './frame.ts';
import { figuresOf, seen, underTraffic, wordsOf, type Death, type Play, type Target } from './traffic.ts';

interface World {
  readonly cluster: Cluster;
  readonly vms: Map<string, Vm>;
}

type Fault = (world: World, visitors: Visitors) => ReturnType<Play>;

const FAULTS: Readonly<Record<string, Fault>> = {
  rolling: rollPods,
  server_killed: killServer,
  server_silent: unplugServer,
  operator_killed: killOperators,
  proxy_rollout: rollProxies,
};

const PREFIX = 'k8s_';
const VMS: readonly VmOptions[] = [
  { name: 'web01', port: 8080, host: 21 },
  { name: 'web02', port: 8080, host: 22 },
];
const LIMIT = 120_000;
/** Milliseconds that a page of a VM takes, so that there is always one inside. */
const WAIT = 40;
const ROLLS = 3;
/** Milliseconds that a VM is away: several checks long. */
const AWAY = 8000;

/** The figures, or none where this machine cannot have a cluster; then it says so. */
export async function measureKubernetesFaults(say: (text: string) => void): Promise<Figures> {
  const missing = await missingCluster();
  if (missing !== undefined) {
    say(`NOT RUN: faults in Kubernetes: ${missing}`);
    return {};
  }
  say('Kubernetes: starts');
  const cluster = await startClusterWithImage();
  try {
    const world = { cluster, vms: new Map<string, Vm>() };
    const host = await install(world);
    const isServer = (server: string): boolean => server.startsWith('blog-') || world.vms.has(server);
    const target = { host, port: 80, expected: new Map([['/', isServer]]) };
    await everyoneServes(target, world);
    let figures: Figures = {};
    for (const [fault, play] of Object.entries(FAULTS)) {
      const outcome = await underTraffic(target, (visitors) => play(world, visitors));
      figures = { ...figures, ...figuresOf(fault, outcome, PREFIX) };
      say(`Kubernetes, ${wordsOf(fault, outcome)}`);
    }
    return figures;
  } finally {
    await cluster.stop();
  }
}

/** Resolves with the address of the proxies. */
async function install(world: World): Promise<string> {
  const { cluster } = world;
  await Promise.all([
    cluster.kubectl(['apply', '-f', MANIFEST]),
    imageOfManifest().then((image) => applyServers(cluster, image)),
    ...VMS.map((options) => plugIn(world, options)),
  ]);
  await apply(cluster, [patientPool([...world.vms.values()]), RULE]);
  await rolledOut(cluster, 'webpool-operator');
  await waitFor('the Deployment of the proxies', LIMIT, () =>
    system(cluster, ['get', 'deployment/webpool-proxy']).catch(() => undefined),
  );
  await rolledOut(cluster, 'webpool-proxy');
  return waitFor('an address for the proxies', LIMIT, () => externalAddress(cluster));
}

/** What was sent to a server that fell silent is tried on another after five seconds, where it may be: visitors wait for ten. */
function patientPool(vms: readonly Vm[]): object {
  const { spec, ...rest } = pool(vms) as { readonly spec: object };
  const retries = { attempts: 3, when: ['ConnectFailure', 'EmptyResponse', 'Timeout'] };
  return { ...rest, spec: { ...spec, retries, timeouts: { server: '5s' } } };
}

async function plugIn({ cluster, vms }: World, options: VmOptions): Promise<Vm> {
  const vm = await cluster.network.startVm(options);
  await vm.behave({ delay: WAIT });
  vms.set(vm.name, vm);
  return vm;
}

async function everyoneServes(target: Target, { vms }: World): Promise<void> {
  await underTraffic(target, async (visitors) => {
    for (const name of vms.keys()) await seen(visitors, (server) => server === name);
    return undefined;
  });
}

/** As an update of the site does, again and again. */
async function rollPods({ cluster }: World, visitors: Visitors): Promise<undefined> {
  const site = (args: readonly string[]): Promise<string> => cluster.kubectl(['-n', NAMESPACE, ...args]);
  const newest = ['get', 'replicasets', '--sort-by=.metadata.creationTimestamp', '-o', 'name'];
  for (let turn = 0; turn < ROLLS; turn++) {
    await site(['rollout', 'restart', 'deployment/blog']);
    await site(['rollout', 'status', 'deployment/blog', '--timeout=300s']);
    // The names of its Pods begin with that of their ReplicaSet.
    const set = (await site(newest)).trim().split('/').at(-1) ?? '';
    await seen(visitors, (server) => server.startsWith(set));
  }
}

/** A VM that loses its power; a second one of its name and address takes its place. */
async function killServer(world: World, visitors: Visitors): Promise<Death> {
  const [options = {}] = VMS;
  const from = performance.now();
  await world.vms.get('web01')?.stop();
  const to = performance.now();
  await delay(AWAY);
  await plugIn(world, options);
  await seen(visitors, (server) => server === 'web01');
  return { from, to };
}

/** A black hole: packets vanish, nobody is told. */
async function unplugServer({ vms }: World, visitors: Visitors): Promise<Death> {
  const from = performance.now();
  await vms.get('web02')?.unplug();
  await delay(AWAY);
  await vms.get('web02')?.plug();
  const to = performance.now();
  await seen(visitors, (server) => server === 'web02');
  return { from, to };
}

/** All of them at once. */
async function killOperators({ cluster }: World): Promise<undefined> {
  const operators = 'app.kubernetes.io/component=operator';
  await system(cluster, ['delete', 'pods', '-l', operators, '--grace-period=0', '--force']);
  await rolledOut(cluster, 'webpool-operator');
}

async function rollProxies({ cluster }: World): Promise<undefined> {
  await restart(cluster, 'webpool-proxy');
}
