/** Memory of agent, operator and HAProxy in a cluster: settled, at rest, and after ten thousand changes. */
import { openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommands } from '../operator/driver/runtime-socket.ts';
import { freePortOn } from '../test/support/address.ts';
import { createContainer, type Container } from '../test/support/container.ts';
import { withOwnNode } from '../test/support/own-node.ts';
import { asInPod } from '../test/support/pod-identity.ts';
import { figure, type Figures } from './frame.ts';
import { missingWorld, SERVERS, startKubernetesWorld, type KubernetesWorld } from './kubernetes-world.ts';
import {
  API_WRITES,
  builtProgram,
  metricsAt,
  processorSeconds,
  residentMemory,
  sumOf,
  TIDY,
  workerMemory,
} from './process.ts';

const SIZE = { pools: 1000, rules: 5000 };
const CHANGES = 10_000;
/** Writes in flight: as fast as the API server takes them. What comes while a round runs is taken together, as it would be in life. */
const PARALLEL = 8;
/** Milliseconds without a write after which an operator has nothing left to do. */
const QUIET = 5000;
/** Milliseconds that processors are measured for. */
const IDLE = 20_000;
const LIMIT = 300_000;
const SETTINGS = 'apiVersion: webpool.dev/v1alpha1\nkind: OperatorConfig\n';

/** The figures, or none where this machine cannot have a network or a control plane of its own; then it says so. */
export async function measureKubernetesMemory(say: (text: string) => void): Promise<Figures> {
  const missing = await missingWorld();
  if (missing !== undefined) {
    say(`NOT RUN: Kubernetes mode: ${missing}`);
    return {};
  }
  const world = await startKubernetesWorld(SIZE);
  const operator = await startOperator(world);
  try {
    await showProxy(world);
    await quiet(operator);
    await delay(TIDY);
    const settled = await memoryOf(world, operator);
    say(`agent ${settled.agent.toFixed(0)} MB, operator ${settled.operator.toFixed(0)} MB`);
    const idle = await idleShares({ agent: world.pod.agent.pid, operator: operator.process.pid });
    const seconds = await change(world);
    say(`${CHANGES} changes in ${seconds.toFixed(0)} s`);
    await quiet(operator);
    await delay(TIDY);
    const after = await memoryOf(world, operator);
    return {
      agent_settled_mb: figure(settled.agent, 'MB'),
      operator_settled_mb: figure(settled.operator, 'MB'),
      k8s_haproxy_mb: figure(settled.haproxy, 'MB'),
      agent_after_10000_changes_mb: figure(after.agent, 'MB'),
      operator_after_10000_changes_mb: figure(after.operator, 'MB'),
      k8s_haproxy_after_10000_changes_mb: figure(after.haproxy, 'MB'),
      agent_idle_cpu_percent: figure(idle.agent, '%'),
      operator_idle_cpu_percent: figure(idle.operator, '%'),
    };
  } finally {
    await operator.process.end('SIGKILL');
    await world.stop();
  }
}

interface OperatorProcess {
  readonly process: Container;
  readonly url: string;
}

/** An operator as its Pod runs it. */
async function startOperator({ plane }: KubernetesWorld): Promise<OperatorProcess> {
  const config = join(plane.folder, 'operator.yaml');
  await writeFile(config, SETTINGS);
  const log = openSync(join(plane.folder, 'operator.log'), 'a');
  const http = `127.0.0.1:${await freePortOn('127.0.0.1')}`;
  const flags = ['--config', config, '--image', 'webpool', '--http', http, '--log-format', 'json'];
  const own = [await builtProgram(), 'operator', ...flags];
  const { command, env } = asInPod(plane, own);
  const names = { POD_NAMESPACE: 'default', POD_NAME: 'operator-1' };
  const container = createContainer(command, { env: { ...withOwnNode(), ...names, ...env }, log });
  return { process: container, url: `http://${http}` };
}

/** The Pod of the proxy as an object that is ready, so that its report counts. */
async function showProxy({ plane }: KubernetesWorld): Promise<void> {
  const pods = '/api/v1/namespaces/default/pods';
  const labels = { 'app.kubernetes.io/name': 'webpool', 'app.kubernetes.io/component': 'proxy' };
  await plane.kubectl(['create', 'serviceaccount', 'default']);
  await plane.client.ask('POST', pods, {
    body: { metadata: { name: 'proxy-1', labels }, spec: { containers: [{ name: 'haproxy', image: 'webpool' }] } },
  });
  await plane.client.ask('PATCH', `${pods}/proxy-1/status`, {
    body: { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
    contentType: 'application/strategic-merge-patch+json',
  });
}

/** Waits until the operator has written all that it has to: what is left are a Lease every two seconds and the like. */
async function quiet({ url }: OperatorProcess): Promise<void> {
  const limit = performance.now() + LIMIT;
  let last = Number.NaN;
  for (;;) {
    const now = await writesOf(url).catch(() => Number.NaN);
    if (now > SIZE.pools && now - last <= QUIET / 1000) return;
    if (performance.now() > limit) throw new Error(`the operator does not come to rest: ${now} writes`);
    last = now;
    await delay(QUIET);
  }
}

async function writesOf(url: string): Promise<number> {
  return sumOf(await metricsAt(url), API_WRITES);
}

async function memoryOf({ pod }: KubernetesWorld, operator: OperatorProcess) {
  const [info = ''] = await runCommands(join(pod.folder, 'admin.sock'), ['show info']);
  return {
    agent: await residentMemory(pod.agent.pid),
    operator: await residentMemory(operator.process.pid),
    haproxy: await workerMemory(info),
  };
}

/** Percent of a processor that each takes while nothing happens. */
async function idleShares<K extends string>(pids: Readonly<Record<K, number>>): Promise<Record<K, number>> {
  const all = Object.entries(pids) as [K, number][];
  const before = await Promise.all(all.map(([, pid]) => processorSeconds(pid)));
  await delay(IDLE);
  const after = await Promise.all(all.map(([, pid]) => processorSeconds(pid)));
  // SAFETY: one entry a key of `pids`.
  return Object.fromEntries(
    all.map(([name], index) => [name, (((after[index] ?? 0) - (before[index] ?? 0)) * 100_000) / IDLE]),
  ) as Record<K, number>;
}

/** Each write takes one endpoint of a pool away or brings it back. Returns the seconds that all took. */
async function change(world: KubernetesWorld): Promise<number> {
  const all = Array.from({ length: SERVERS }, (_, index) => world.addressOf(index));
  const others = SIZE.pools - 1;
  const begun = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let turn = next++; turn < CHANGES; turn = next++) {
        const round = Math.floor(turn / others);
        const address = all[Math.floor(round / 2) % SERVERS];
        await world.writeSlice(1 + (turn % others), round % 2 === 0 ? all.filter((one) => one !== address) : all);
      }
    }),
  );
  return (performance.now() - begun) / 1000;
}
