/** From nothing to a programmed load balancer. */
import { freePort } from '../test/support/mariadb.ts';
import { makeBigFolder, startBigInstance } from './big-folder.ts';
import { figure, median, type Result } from './frame.ts';

export const name = 'cold';
export const description = 'start of `webpool run` on 1,000 pools with 10 servers each and 5,000 rules';
export const method = 'five starts; a start has nothing to warm up';

const SIZE = { pools: 1000, serversPerPool: 10, rules: 5000 };
const TURNS = 5;

export async function run(say: (text: string) => void): Promise<Result> {
  const read: number[] = [];
  const start: number[] = [];
  const memory: number[] = [];
  const haproxy: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const folder = await makeBigFolder(SIZE, await freePort());
    const instance = await startBigInstance(folder.path);
    read.push(instance.readToProgrammed / 1000);
    start.push(instance.startToProgrammed / 1000);
    memory.push(await instance.memory());
    haproxy.push(await instance.haproxyMemory());
    await instance.stop();
    await folder.remove();
    say(`turn ${turn + 1} of ${TURNS}: ${start.at(-1)?.toFixed(2)} s`);
  }
  return {
    name,
    figures: {
      first_programmed_s: median(read, 's'),
      start_to_programmed_s: median(start, 's'),
      rss_mb: figure(Math.max(...memory), 'MB'),
      haproxy_rss_mb: figure(Math.max(...haproxy), 'MB'),
    },
  };
}
