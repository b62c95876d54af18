import { expect } from 'vitest';
import { startLoad, type Load, type Place } from '../support/http-client.ts';

/** Requests before and after, so that the work is wholly under load. */
const MARGIN = 50;

/** Does something while requests come all the time; not one may fail. */
export async function underLoad(place: Place, work: (load: Load) => Promise<unknown>): Promise<void> {
  const load = startLoad(place);
  try {
    await load.more(MARGIN);
    await work(load);
    await load.more(MARGIN);
  } finally {
    await load.stop();
  }
  expect(load.failures).toEqual([]);
}
