import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRounds, type RoundsOptions } from '../../operator/controller/rounds.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function world(options: Partial<RoundsOptions> = {}) {
  const seen: string[] = [];
  const does = (name: string) => async () => {
    seen.push(name);
    return undefined;
  };
  const rounds = startRounds({
    make: does('make'),
    tell: does('tell'),
    holdOff: 200,
    onRound: (work, result) => seen.push(`${work} ${result}`),
    onError: (error, work) => seen.push(`${work}: ${(error as Error).message}`),
    ...options,
  });
  return { rounds, seen };
}

const pass = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);

describe('rounds', () => {
  it('make, then tell what came of it', async () => {
    const { seen } = world();
    await pass();
    expect(seen).toEqual(['make', 'make success', 'tell', 'tell success']);
  });

  it('begin once everything was listed, whatever woke them before', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { rounds, seen } = world({ ready: promise });
    rounds.wake();
    await pass(1000);
    expect(seen).toEqual([]);
    resolve();
    await pass();
    expect(seen).toContain('make');
  });

  it('do nothing while they may not, and do not count it', async () => {
    let leads = false;
    const { rounds, seen } = world({ allowed: () => leads });
    await pass(1000);
    expect(seen).toEqual([]);
    leads = true;
    rounds.wake();
    await pass();
    expect(seen).toEqual(['make', 'make success', 'tell', 'tell success']);
  });

  it('tell of what failed too, try it again and count how often', async () => {
    let broken = true;
    const make = async () => {
      if (broken) throw new Error('no');
      return undefined;
    };
    const { rounds, seen } = world({ make });
    await pass();
    expect(seen).toEqual(['make error', 'make: no', 'tell', 'tell success']);
    await pass(100);
    expect(rounds.failures).toBe(2);
    broken = false;
    await pass(1000);
    expect(rounds.failures).toBe(0);
  });

  it('tell again whatever could not be told, without making again', async () => {
    let broken = true;
    const tell = async () => {
      if (broken) throw new Error('full');
      return undefined;
    };
    const { rounds, seen } = world({ tell });
    await pass();
    broken = false;
    await pass(1000);
    expect(seen).toEqual(['make', 'make success', 'tell error', 'tell: full', 'tell success']);
    expect(rounds.failures).toBe(0);
  });

  it('tell within seconds of the end of a long failure', async () => {
    let broken = true;
    const tell = async () => {
      if (broken) throw new Error('away');
      return undefined;
    };
    const { seen } = world({ tell });
    await pass(600_000);
    broken = false;
    seen.length = 0;
    await pass(5000);
    expect(seen).toEqual(['tell success']);
  });

  it('make at once while telling takes its share of the time', async () => {
    const at: number[] = [];
    const begun = performance.now();
    const slow = async () => {
      at.push(performance.now() - begun);
      await new Promise((resolve) => {
        setTimeout(resolve, 25);
      });
      return undefined;
    };
    const { rounds, seen } = world({ tell: slow });
    await pass();
    for (let count = 0; count < 10; count++) {
      rounds.wake();
      await pass(50);
    }
    await pass(500);
    expect(seen.filter((what) => what === 'make')).toHaveLength(11);
    expect(at).toEqual([0, 500]);
  });

  it('end making, then what is in between, then telling', async () => {
    const { rounds, seen } = world();
    await pass();
    await rounds.stop(async () => {
      seen.push('between');
    });
    rounds.wake();
    await pass(1000);
    expect(seen.at(-1)).toBe('between');
  });
});
