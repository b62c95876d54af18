import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLoop, type Loop } from '../../operator/controller/loop.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface World {
  readonly loop: Loop;
  /** When rounds began (ms). */
  readonly rounds: number[];
  readonly errors: string[];
  /** Most rounds that ran at one time. */
  readonly most: () => number;
}

interface Rounds {
  /** Milliseconds that a round takes. */
  readonly takes?: number;
  readonly holdOff?: number;
  readonly share?: number;
  /** What a round gives, by its number from 0; an Error is thrown. */
  readonly gives?: (round: number) => number | undefined | Error;
}

function world({ takes = 0, holdOff, share = 1, gives = () => undefined }: Rounds = {}): World {
  const begun = performance.now();
  const rounds: number[] = [];
  const errors: string[] = [];
  let running = 0;
  let most = 0;
  const loop = createLoop({
    round: async () => {
      const number = rounds.length;
      rounds.push(performance.now() - begun);
      running += 1;
      most = Math.max(most, running);
      if (takes > 0) {
        await new Promise((resolve) => {
          setTimeout(resolve, takes);
        });
      }
      running -= 1;
      const given = gives(number);
      if (given instanceof Error) throw given;
      return given;
    },
    onError: (error, again) => errors.push(`${(error as Error).message} ${again}`),
    ...(holdOff === undefined ? {} : { holdOff }),
    share,
  });
  return { loop, rounds, errors, most: () => most };
}

describe('a loop', () => {
  it('runs a round only when it is woken', async () => {
    const { loop, rounds } = world();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(rounds).toEqual([]);
    loop.wake();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(rounds).toEqual([60_000]);
  });

  it('never runs two rounds at once, and one more for whatever came meanwhile', async () => {
    const { loop, rounds, most } = world({ takes: 100 });
    loop.wake();
    await vi.advanceTimersByTimeAsync(50);
    for (let count = 0; count < 5; count++) loop.wake();
    await vi.advanceTimersByTimeAsync(1000);
    expect(rounds).toEqual([0, 100]);
    expect(most()).toBe(1);
  });

  it('comes back when the round asks for it, or earlier when it is woken', async () => {
    const { loop, rounds } = world({ gives: (round) => (round < 2 ? 1000 : undefined) });
    loop.wake();
    await vi.advanceTimersByTimeAsync(1500);
    expect(rounds).toEqual([0, 1000]);
    loop.wake();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rounds).toEqual([0, 1000, 1500]);
  });

  it('waits longer after each failure, and starts anew after a success', async () => {
    const broken = new Error('broken');
    const { loop, rounds, errors } = world({ gives: (round) => (round === 4 ? 10 : round < 6 ? broken : undefined) });
    loop.wake();
    await vi.advanceTimersByTimeAsync(5000);
    expect(rounds).toEqual([0, 100, 300, 700, 1500, 1510, 1610]);
    expect(errors).toEqual(['broken 100', 'broken 200', 'broken 400', 'broken 800', 'broken 100']);
  });

  it('waits half a minute at most', async () => {
    const { loop, errors } = world({ gives: () => new Error('broken') });
    loop.wake();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(errors.at(-1)).toBe('broken 30000');
    await loop.stop();
  });

  it('holds off a second round, not the first', async () => {
    const { loop, rounds } = world({ holdOff: 100 });
    loop.wake();
    await vi.advanceTimersByTimeAsync(10);
    loop.wake();
    loop.wake();
    await vi.advanceTimersByTimeAsync(500);
    expect(rounds).toEqual([0, 100]);
    loop.wake();
    await vi.advanceTimersByTimeAsync(1);
    expect(rounds).toEqual([0, 100, 510]);
  });

  it.each([
    [20, 400],
    [200, 1000],
  ])('after a round of %i ms starts the next %i ms later where rounds may take a twentieth', async (takes, later) => {
    const { loop, rounds } = world({ takes, share: 0.05 });
    loop.wake();
    await vi.advanceTimersByTimeAsync(takes / 2);
    loop.wake();
    await vi.advanceTimersByTimeAsync(3000);
    expect(rounds).toEqual([0, later]);
    await loop.stop();
  });

  it('ends after the round that runs, and none follows', async () => {
    const { loop, rounds } = world({ takes: 100, gives: () => 10 });
    loop.wake();
    await vi.advanceTimersByTimeAsync(50);
    let ended = false;
    void loop.stop().then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(40);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(20);
    expect(ended).toBe(true);
    loop.wake();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rounds).toEqual([0]);
  });
});
