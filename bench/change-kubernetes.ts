/**
 * From the API server's answer to a write of an EndpointSlice to the first request that the new server answers, and to the last one
 * that the old server answers: a real API server, an agent, a real HAProxy.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { percentiles, type Figures } from './frame.ts';
import { LISTENER, missingWorld, startKubernetesWorld, type KubernetesWorld } from './kubernetes-world.ts';
import { createVisitor } from './visitor.ts';

const SIZES = [
  { label: '10', pools: 10, rules: 10 },
  { label: '1000', pools: 1000, rules: 5000 },
] as const;
/** The p99 of a run is the second largest of its third of these. */
const CHANGES = 600;
/** Milliseconds: for status and image of the start. */
const SETTLE = 3000;

/** The figures, or none where this machine cannot have a network or a control plane of its own; then it says so. */
export async function measureKubernetes(say: (text: string) => void): Promise<Figures> {
  const missing = await missingWorld();
  if (missing !== undefined) {
    say(`NOT RUN: Kubernetes mode: ${missing}`);
    return {};
  }
  let figures: Figures = {};
  for (const { label, ...size } of SIZES) {
    const world = await startKubernetesWorld(size);
    try {
      await delay(SETTLE);
      figures = { ...figures, ...(await measure(world, label)) };
      const p = (share: string) => figures[`k8s_${label}_${share}_ms`]?.value.toFixed(1);
      say(`${label} pools: p50 ${p('p50')} ms, p99 ${p('p99')} ms`);
    } finally {
      await world.stop();
    }
  }
  return figures;
}

async function measure(world: KubernetesWorld, label: string): Promise<Figures> {
  const joins: number[] = [];
  const leaves: number[] = [];
  const visitor = await createVisitor({
    address: world.pod.bind,
    port: LISTENER,
    host: world.pod.bind,
    path: '/area0',
  });
  let current = world.addressOf(0);
  for (let turn = 1; turn <= CHANGES; turn++) {
    const next = world.addressOf(turn);
    await world.writeSlice(0, [current, next]);
    joins.push(await visitor.untilFirst(next));
    await world.writeSlice(0, [next]);
    leaves.push(await visitor.untilLast(current));
    current = next;
  }
  visitor.close();
  return { ...percentiles(`k8s_${label}`, joins), ...percentiles(`k8s_${label}_leave`, leaves) };
}
