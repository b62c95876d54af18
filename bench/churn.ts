/** A minute in which a hundred Pods a second come and go. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommands } from '../operator/driver/runtime-socket.ts';
import { figure, percentiles, type Result } from './frame.ts';
import { missingWorld, SERVERS, startKubernetesWorld, type KubernetesWorld } from './kubernetes-world.ts';
import { API_WRITES, metricsAt, processorSeconds, sumOf } from './process.ts';

export const name = 'churn';
export const description =
  'a hundred endpoints a second come and go for a minute in 100 pools: lag, processor time, API writes, reloads';
export const method = 'one minute, after the start has settled';

const POOLS = 100;
const PER_SECOND = 100;
const SECONDS = 60;
const LIMIT = 30_000;

export async function run(say: (text: string) => void): Promise<Result> {
  const missing = await missingWorld();
  if (missing !== undefined) {
    say(`NOT RUN: ${missing}`);
    return { name, figures: {} };
  }
  const world = await startKubernetesWorld({ pools: POOLS, rules: POOLS });
  try {
    await delay(3000);
    const before = await readCounters(world);
    const begun = performance.now();
    const lags = await churn(world);
    const seconds = (performance.now() - begun) / 1000;
    const after = await readCounters(world);
    return {
      name,
      figures: {
        ...percentiles('lag', lags),
        agent_cpu: figure((after.processor - before.processor) / seconds, 'cores'),
        api_writes_per_s: figure((after.writes - before.writes) / seconds, 'writes a second'),
        reloads: figure(after.reloads - before.reloads, 'reloads'),
      },
    };
  } finally {
    await world.stop();
  }
}

/** A write whose effect is waited for. */
interface Wanted {
  readonly backend: string;
  readonly address: string;
  readonly leaves: boolean;
  /** When the API server answered. */
  readonly since: number;
}

/** Each write takes one endpoint of a pool away or brings it back. Returns the milliseconds from answer to HAProxy. */
async function churn(world: KubernetesWorld): Promise<readonly number[]> {
  const all = Array.from({ length: SERVERS }, (_, index) => world.addressOf(index));
  const watch = watchServers(world);
  const writes: Promise<void>[] = [];
  const begun = performance.now();
  for (let turn = 0; turn < PER_SECOND * SECONDS; turn++) {
    await delay(Math.max(0, begun + (turn * 1000) / PER_SECOND - performance.now()));
    // Pool by pool; a server that left is deleted by the time its pool's turn comes again.
    const pool = 1 + (turn % (POOLS - 1));
    const round = Math.floor(turn / (POOLS - 1));
    const address = all[Math.floor(round / 2) % SERVERS] ?? '';
    const leaves = round % 2 === 0;
    const write = async () => {
      await world.writeSlice(pool, leaves ? all.filter((one) => one !== address) : all);
      watch.want({ backend: `http_default_pool${pool}`, address, leaves, since: performance.now() });
    };
    writes.push(write());
  }
  await Promise.all(writes);
  return watch.done();
}

/** Asks HAProxy again and again for whatever is waited for, over one connection at a time. */
function watchServers({ pod }: KubernetesWorld) {
  const wanted = new Set<Wanted>();
  const lags: number[] = [];
  const end = new AbortController();
  const look = async () => {
    const some = [...wanted].slice(0, 50);
    const commands = some.map(({ backend }) => `show servers state ${backend}`);
    const answers = await runCommands(join(pod.folder, 'admin.sock'), commands);
    const now = performance.now();
    for (const [index, one] of some.entries()) {
      // The next change of its pool may have come meanwhile.
      if (!wanted.has(one)) continue;
      if (now - one.since > LIMIT) throw new Error(`${one.address} of ${one.backend} was not seen`);
      if (!isThere(answers[index] ?? '', one)) continue;
      wanted.delete(one);
      lags.push(now - one.since);
    }
  };
  const watching = (async () => {
    while (!end.signal.aborted || wanted.size > 0) {
      await look();
      await delay(2);
    }
  })();
  return {
    /** What was not there when the next change of its pool came is over: it took at least until then. */
    want(next: Wanted): void {
      for (const one of wanted) {
        if (one.backend !== next.backend) continue;
        wanted.delete(one);
        lags.push(next.since - one.since);
      }
      wanted.add(next);
    },
    async done(): Promise<readonly number[]> {
      end.abort();
      await watching;
      return lags;
    },
  };
}

/** A server that leaves takes no new visitors: it is in drain, in maintenance or gone. */
function isThere(state: string, { address, leaves }: Wanted): boolean {
  const line = new RegExp(`^\\S+ \\S+ \\S+ \\S+ ${address.replaceAll('.', '\\.')} \\S+ (\\d+) `, 'm');
  const admin = line.exec(state)?.[1];
  return leaves ? admin !== '0' : admin === '0';
}

interface Counters {
  /** Seconds of processor time of the agent. */
  readonly processor: number;
  readonly writes: number;
  readonly reloads: number;
}

async function readCounters({ pod }: KubernetesWorld): Promise<Counters> {
  const metrics = await metricsAt(pod.url);
  return {
    processor: await processorSeconds(pod.agent.pid),
    writes: sumOf(metrics, API_WRITES),
    reloads: sumOf(metrics, /^webpool_reloads_total\{[^}]*\} (\d+)$/gm),
  };
}
