import { afterEach, describe, expect, it } from 'vitest';
import { createNameResolver, type NameResolver } from '../../operator/driver/names.ts';
import { eventually } from '../support/wait.ts';

let resolver: NameResolver | undefined;
afterEach(() => resolver?.close());

/** A resolver whose answers a test sets; a name without one is unknown. */
function world(answers: Record<string, readonly string[] | undefined>, interval = 60_000, unknownInterval = 60_000) {
  const asked: string[] = [];
  let changes = 0;
  let clock = 0;
  const waiting = new Map<string, () => void>();
  const made = createNameResolver({
    interval,
    unknownInterval,
    now: () => clock,
    onChange: () => (changes += 1),
    resolve: async (hostname) => {
      asked.push(hostname);
      if (hostname.startsWith('slow')) {
        await new Promise<void>((resolve) => {
          waiting.set(hostname, resolve);
        });
      }
      const found = answers[hostname];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found;
    },
  });
  resolver = made;
  /** Two seconds pass, and then it answers. */
  const answerLate = (hostname: string) => {
    clock += 2000;
    waiting.get(hostname)?.();
  };
  return { resolver: made, answers, asked, waiting, answerLate, changes: () => changes };
}

describe('a name', () => {
  it('is looked up when it is first wanted, and its addresses are sorted', async () => {
    const { resolver, asked, changes } = world({ 'a.x': ['192.0.2.2', '192.0.2.1'] });
    resolver.want(['a.x']);
    resolver.want(['a.x']);
    await eventually('the address', () => resolver.names.has('a.x'));
    expect(resolver.names.get('a.x')).toEqual(['192.0.2.1', '192.0.2.2']);
    expect([asked, changes()]).toEqual([['a.x'], 1]);
  });

  it('that never resolved is looked at more often than one that is known', async () => {
    const { resolver, answers, asked } = world({ 'a.x': ['192.0.2.1'] }, 60_000, 5);
    resolver.want(['a.x', 'b.x']);
    await eventually('three looks', () => asked.filter((name) => name === 'b.x').length >= 3);
    answers['b.x'] = ['192.0.2.2'];
    await eventually('the address', () => resolver.names.has('b.x'));
    expect(asked.filter((name) => name === 'a.x')).toHaveLength(1);
  });

  it('keeps its last addresses when it does not resolve any more', async () => {
    const { resolver, answers, asked } = world({ 'a.x': ['192.0.2.1'] }, 5);
    resolver.want(['a.x']);
    await eventually('the address', () => resolver.names.has('a.x'));
    answers['a.x'] = undefined;
    const { length } = asked;
    await eventually('two more looks', () => asked.length >= length + 2);
    answers['a.x'] = [];
    await eventually('two more looks', () => asked.length >= length + 4);
    expect(resolver.names.get('a.x')).toEqual(['192.0.2.1']);
  });

  it('that an earlier process knew counts until it is found, and is looked for as one that is not known', async () => {
    const { resolver, answers, asked, changes } = world({ 'b.x': ['192.0.2.2'] }, 60_000, 5);
    const earlier: readonly (readonly [string, readonly string[]])[] = [
      ['a.x', ['192.0.2.1']],
      ['b.x', ['192.0.2.2']],
    ];
    resolver.recall(new Map(earlier));
    resolver.want(['a.x', 'b.x']);
    expect([...resolver.names]).toEqual(earlier);
    await eventually('three looks', () => asked.filter((name) => name === 'a.x').length >= 3);
    expect([[...resolver.names], changes()]).toEqual([earlier, 0]);
    answers['a.x'] = ['192.0.2.9'];
    await eventually('the move', () => resolver.names.get('a.x')?.[0] === '192.0.2.9');
    const { length } = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([asked.slice(length), changes()]).toEqual([[], 1]);
  });

  it('of which something is known is not recalled', async () => {
    const { resolver } = world({ 'a.x': ['192.0.2.1'] });
    resolver.want(['a.x']);
    await eventually('the address', () => resolver.names.has('a.x'));
    resolver.recall(new Map([['a.x', ['192.0.2.9']]]));
    expect(resolver.names.get('a.x')).toEqual(['192.0.2.1']);
  });

  it('that nobody wants any more is forgotten with the next change', async () => {
    const { resolver } = world({ 'a.x': ['192.0.2.1'], 'b.x': ['192.0.2.2'], 'c.x': ['192.0.2.3'] });
    resolver.want(['a.x', 'b.x']);
    await eventually('both', () => resolver.names.size === 2);
    const { names } = resolver;
    resolver.want(['b.x']);
    expect(resolver.names).toBe(names);
    resolver.want(['b.x', 'c.x']);
    await eventually('the new one', () => resolver.names.has('c.x'));
    expect([...resolver.names.keys()]).toEqual(['b.x', 'c.x']);
  });

  it('that moves is news, the same addresses in another order are not', async () => {
    const { resolver, answers, asked, changes } = world({ 'a.x': ['192.0.2.1', '192.0.2.2'] }, 5);
    resolver.want(['a.x']);
    await eventually('the address', () => resolver.names.has('a.x'));
    const { names } = resolver;
    answers['a.x'] = ['192.0.2.2', '192.0.2.1'];
    const { length } = asked;
    await eventually('two more looks', () => asked.length >= length + 2);
    expect([resolver.names, changes()]).toEqual([names, 1]);
    answers['a.x'] = ['192.0.2.9'];
    await eventually('the move', () => resolver.names.get('a.x')?.[0] === '192.0.2.9');
    expect(changes()).toBe(2);
  });

  it('that takes its time does not hold up the others', async () => {
    const { resolver, waiting } = world({ 'slow.x': ['192.0.2.1'], 'a.x': ['192.0.2.2'] });
    resolver.want(['slow.x', 'a.x']);
    await eventually('the quick one', () => resolver.names.has('a.x'));
    expect(resolver.names.has('slow.x')).toBe(false);
    waiting.get('slow.x')?.();
    await eventually('the slow one', () => resolver.names.has('slow.x'));
  });

  it('that hangs is not asked for a second time meanwhile, and the others have the other thread', async () => {
    const { resolver, asked, waiting } = world({ 'a.x': ['192.0.2.1'] }, 60_000, 5);
    resolver.want(['slow.x', 'b.x']);
    await eventually('the question', () => waiting.has('slow.x'));
    await eventually('three looks', () => asked.filter((name) => name === 'b.x').length >= 3);
    expect(asked.filter((name) => name === 'slow.x')).toHaveLength(1);
    resolver.want(['slow.x', 'b.x', 'a.x']);
    await eventually('the quick one', () => resolver.names.has('a.x'));
  });

  it('that took long waits for others that do, and not the quick ones for both', async () => {
    const { resolver, asked, waiting, answerLate } = world({ 'a.x': ['192.0.2.1'] }, 60_000, 5);
    const slow = ['slow-1.x', 'slow-2.x'];
    resolver.want([...slow, 'b.x']);
    await eventually('both questions', () => waiting.size === 2);
    for (const name of slow) answerLate(name);
    await eventually('one again', () => asked.filter((name) => slow.includes(name)).length === 3);
    resolver.want([...slow, 'b.x', 'a.x']);
    await eventually('the quick one', () => resolver.names.has('a.x'));
    expect(asked.filter((name) => slow.includes(name))).toHaveLength(3);
  });

  it('that takes long as all do has both threads', async () => {
    const { resolver, asked, waiting, answerLate } = world({}, 60_000, 5);
    const slow = ['slow-1.x', 'slow-2.x', 'slow-3.x'];
    resolver.want(slow);
    for (const name of slow) {
      await eventually('the question', () => waiting.has(name));
      answerLate(name);
    }
    await eventually('two at a time', () => asked.length === 5);
  });

  it('that is found after the end is no news', async () => {
    const { resolver, waiting, changes } = world({ 'slow.x': ['192.0.2.1'] });
    resolver.want(['slow.x']);
    await eventually('the question', () => waiting.has('slow.x'));
    resolver.close();
    waiting.get('slow.x')?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(changes()).toBe(0);
  });
});

it('the system knows this host', async () => {
  const real = createNameResolver({ onChange: () => undefined });
  resolver = real;
  real.want(['localhost']);
  await eventually('the address', () => real.names.has('localhost'));
  expect(real.names.get('localhost')?.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
});
