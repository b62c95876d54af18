/** Memory of the program and of HAProxy: settled, at its peak, and after ten thousand changes. */
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../test/support/mariadb.ts';
import { makeBigFolder, replaceFile, serversOf, startBigInstance } from './big-folder.ts';
import { figure, type Result } from './frame.ts';
import { measureKubernetesMemory } from './memory-kubernetes.ts';
import { peakMemory, TIDY } from './process.ts';

export const name = 'memory';
export const description =
  'resident memory at 1,000 pools with 10 servers each and 5,000 rules, also after 10,000 changes';
export const method =
  'one run: 40 s to settle, 10,000 changes, 40 s to settle; the same in Kubernetes, changes as fast as the API server takes them';

const POOLS = 1000;
const CHANGES = 10_000;
/** Files that change at once. */
const GROUP = 20;

export async function run(say: (text: string) => void): Promise<Result> {
  const folder = await makeBigFolder({ pools: POOLS, serversPerPool: 10, rules: 5000 }, await freePort());
  const instance = await startBigInstance(folder.path);
  await delay(TIDY);
  const settled = await instance.memory();
  say(`settled: ${settled.toFixed(0)} MB`);
  for (let change = 0; change < CHANGES; change += GROUP) {
    const weight = 1 + ((change / GROUP) % 90);
    await Promise.all(
      Array.from({ length: GROUP }, async (_, index) => {
        const pool = (change + index) % POOLS;
        const file = folder.poolFile(pool);
        const servers = serversOf(pool, 10).map((server) => ({ ...server, weight }));
        await replaceFile(file, folder.poolText(pool, servers));
      }),
    );
    await delay(20);
  }
  await delay(TIDY);
  const after = await instance.memory();
  const peak = await peakMemory(instance.pid);
  const haproxy = await instance.haproxyMemory();
  await instance.stop();
  await folder.remove();
  return {
    name,
    figures: {
      settled_mb: figure(settled, 'MB'),
      after_10000_changes_mb: figure(after, 'MB'),
      peak_mb: figure(peak, 'MB'),
      haproxy_mb: figure(haproxy, 'MB'),
      ...(await measureKubernetesMemory(say)),
    },
  };
}
