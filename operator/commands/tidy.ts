/**
 * Garbage is collected once a process comes to rest after work. V8 looks for it when memory grows, so what a start or a burst of changes
 * left behind would stay until the next one; and pages that V8 has emptied stay in the process until some seconds after a full collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds of a process that were spent with work and with waiting. */
interface Spent {
  readonly active: number;
  readonly idle: number;
}

/** Milliseconds between two looks. */
const LOOK = 2000;
/** Whoever works less than this share of the time is at rest. */
const REST = 0.02;
/** Milliseconds of work that leave enough behind: the collection takes 20 to 60, and a change that comes right then waits for it. */
const WORTHWHILE = 500;

/** A look at what was spent since the look before: true when it is time to collect. */
export function createRestFinder(): (spent: Spent) => boolean {
  let worked = 0;
  return ({ active, idle }) => {
    if (active > (active + idle) * REST) {
      worked += active;
      return false;
    }
    const isTime = worked >= WORTHWHILE;
    if (isTime) worked = 0;
    return isTime;
  };
}

/** Looks for rest as long as this process has something else to do. */
export function tidyAtRest(): void {
  const isTime = createRestFinder();
  let last = performance.eventLoopUtilization();
  const look = () => {
    const now = performance.eventLoopUtilization();
    if (isTime(performance.eventLoopUtilization(now, last))) collectGarbage();
    last = now;
  };
  setInterval(look, LOOK).unref();
}

/** A full collection, at once. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  // SAFETY: with that flag each new context has it.
  const collect = runInNewContext('gc') as () => void;
  collect();
}
