/**
 * `node worker.ts NAME`: one benchmark in a process of its own, so that none warms, fills or ends the process of another. Its parent
 * gets `FromWorker` over the channel of Node.
 */
import { YARDSTICK } from './compare.ts';
import { median, rounded, type Benchmark, type Result } from './frame.ts';
import { yardstick } from './machine.ts';

/** What the process of a benchmark tells. */
export type FromWorker =
  | { readonly say: string }
  | { readonly started: Pick<Benchmark, 'description' | 'method'> }
  | { readonly result: Result }
  | { readonly problem: string };

function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

async function main(): Promise<void> {
  const { run, name, description, method } = (await import(`./${process.argv[2]}.ts`)) as Benchmark;
  await tell({ started: { description, method } });
  const before = yardstick();
  const { figures } = await run((text) => void tell({ say: text }));
  const pace = median([...before, ...yardstick()], 'ms');
  await tell({ result: { name, figures: rounded({ ...figures, [YARDSTICK]: pace }) } });
}

try {
  await main();
} catch (error) {
  await tell({ problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
}
process.disconnect();
