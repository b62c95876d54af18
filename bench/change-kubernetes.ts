/**
 * From the API server's answer to a write of an EndpointSlice to the first request that the new server answers, and to the last one
 * that the old server answers: a real API server, an agent, a real HAProxy.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { percentiles, type Figures } from './frame.ts';
import { LISTENER, missingWorld, startKubernetesWorld, type KubernetesWorld } from './kubernetes-world.ts';

const SIZES = [
  { label: '10', pools: 10, rules: 10 },
  { label: '1000', pools: 1000, rules: 5000 },
] as const;
const CHANGES = 200;
/** Milliseconds without an answer of the old server after which it counts as gone. */
const QUIET = 60;
/** Milliseconds between two requests: a visitor who never rests takes the processor from those whom it measures. */
const REST = 1;
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
      await delay(3000);
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
  const visitor = createVisitor(world.pod.bind);
  let current = world.addressOf(0);
  for (let turn = 1; turn <= CHANGES; turn++) {
    const next = world.addressOf(turn);
    await world.writeSlice(0, [current, next]);
    joins.push(await visitor.untilFirst(next));
    await world.writeSlice(0, [next]);
    leaves.push(await visitor.untilLast(current));
    current = next;
  }
  await visitor.close();
  return { ...percentiles(`k8s_${label}`, joins), ...percentiles(`k8s_${label}_leave`, leaves) };
}

/** One visitor who asks again and again, over one connection. */
export function createVisitor(bind: string, { port = LISTENER, host = bind }: { port?: number; host?: string } = {}) {
  const dispatcher = new Agent({ connections: 1 });
  const ask = async () => {
    const { headers, body } = await request(`http://${bind}:${port}/area0`, { dispatcher, headers: { host } });
    await body.dump();
    return { who: headers['x-server'], at: performance.now() };
  };
  return {
    async untilFirst(server: string): Promise<number> {
      const begun = performance.now();
      for (;;) {
        const { who, at } = await ask();
        if (who === server) return at - begun;
        if (at - begun > 10_000) throw new Error(`${server} never came`);
        await delay(REST);
      }
    },
    /** The time of the last answer of that server. */
    async untilLast(server: string): Promise<number> {
      const begun = performance.now();
      let last = begun;
      for (;;) {
        const { who, at } = await ask();
        if (who === server) last = at;
        if (at - last > QUIET) return last - begun;
        if (at - begun > 10_000) throw new Error(`${server} never left`);
        await delay(REST);
      }
    },
    close: () => dispatcher.close(),
  };
}
