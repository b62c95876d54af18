/** Traffic while something goes wrong, and what became of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../demo/instance.ts';
import { startVisitors, type Answer, type VisitorOptions, type Visitors } from '../demo/visitors.ts';
import { figure, type Figures } from './frame.ts';

/** What became of the requests. */
export interface Outcome {
  readonly requests: number;
  readonly failed: number;
  /**
   * Failed too, and no proxy could have saved them: they were inside a server when it died, and may not be sent twice. Undefined:
   * none died.
   */
  readonly inside?: number;
  /** Of those that failed: why, and how many. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** Where the traffic goes; each third request changes something, so that it must not be sent twice. */
export type Target = Omit<VisitorOptions, 'perSecond' | 'methods'>;

const PER_SECOND = 300;
const METHODS = ['GET', 'GET', 'POST'];
/** Milliseconds of traffic before the fault: it warms up. */
const BEFORE = 500;
const LIMIT = 60_000;
/** Milliseconds without an answer of a server after which it has nothing more to do. */
const QUIET = 500;

/** A server that is no more, and a proxy that does not know it yet (`performance.now()`): a killed process is noticed at once. */
export interface Death {
  readonly from: number;
  readonly to: number;
}

/** What is done under traffic; resolves with the death of a server, if it was one. */
export type Play = (visitors: Visitors) => Promise<Death | undefined>;

/** Plays a fault under traffic. */
export async function underTraffic(target: Target, play: Play): Promise<Outcome> {
  const visitors = startVisitors({ ...target, perSecond: PER_SECOND, methods: METHODS });
  try {
    await delay(BEFORE);
    const death = await play(visitors);
    await visitors.stop();
    return outcomeOf(visitors.answers, death);
  } finally {
    await visitors.stop();
  }
}

/** Counts apart what the proxy had sent to the server that died and got no answer for. */
export function outcomeOf(answers: readonly Answer[], death: Death | undefined): Outcome {
  const failures = answers.filter(({ failure }) => failure !== undefined);
  const failed = failures.filter((answer) => death === undefined || !wasInside(answer, death));
  const reasons = new Map<string, number>();
  for (const { method, failure = '' } of failed) {
    const reason = `${method}: ${failure}`;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const inside = death === undefined ? {} : { inside: failures.length - failed.length };
  return { requests: answers.length, failed: failed.length, ...inside, reasons };
}

/**
 * Under way while the server was dead unnoticed, and not to be sent twice: the proxy says 502 or 504, or closes without a word when
 * the connection to the server had been used before, so that the client may decide.
 */
function wasInside({ begun, at, method, failure = '' }: Answer, { from, to }: Death): boolean {
  return (
    method === 'POST' && begun <= to && at >= from && /^(?:50[24] |socket hang up$|read ECONNRESET$)/.test(failure)
  );
}

/** The figures of a fault; `prefix` goes before their names. */
export function figuresOf(fault: string, { requests, failed, inside }: Outcome, prefix = ''): Figures {
  return {
    [`${prefix}failed_${fault}`]: figure(failed, 'requests'),
    ...(inside !== undefined && { [`${prefix}inside_${fault}`]: figure(inside, 'requests') }),
    [`${prefix}requests_${fault}`]: figure(requests, 'requests'),
  };
}

/** The same in a line. */
export function wordsOf(fault: string, { requests, failed, inside, reasons }: Outcome): string {
  const apart = inside === undefined ? '' : `, ${inside} more inside a server that died`;
  const why = [...reasons].map(([reason, count]) => `; ${count} × ${reason}`).join('');
  return `${fault}: ${failed} of ${requests} failed${apart}${why}`;
}

/** Waits until such a server answers. */
export async function seen(visitors: Visitors, isIt: (server: string) => boolean): Promise<void> {
  const since = performance.now();
  await waitFor('an answer of a server', LIMIT, () =>
    visitors.answers.findLast((one) => one.at > since && isIt(one.server)),
  );
}

/** Waits until a server has nothing to do. */
export async function quiet(visitors: Visitors, server: string): Promise<void> {
  const since = performance.now();
  const last = (): number => visitors.answers.findLast((one) => one.server === server)?.at ?? 0;
  await waitFor(`${server} to be idle`, LIMIT, () => performance.now() - Math.max(last(), since) > QUIET || undefined);
}
