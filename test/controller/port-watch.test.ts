/** When it is looked whether ports are taken, and what becomes of rules whose port is. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPortWatch, type PortWatch } from '../../operator/controller/port-watch.ts';
import { pool, rule, topologyOf } from '../haproxy/worlds.ts';

const at = (name: string, port: number, respond = 200) => {
  const rules = [{ name: 'all', respond: { status: respond } }];
  return rule(name, { listener: { protocol: 'HTTP', port }, hostnames: [`${name}.example.com`], rules });
};
const ONE = topologyOf([pool('p'), at('a', 80)]);
const TWO = topologyOf([pool('p'), at('a', 80), at('b', 81), at('c', 81)]);

let taken: ReadonlyMap<number, string>;
let asked: (readonly number[])[];
let watch: PortWatch;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [taken, asked] = [new Map(), []];
  watch = createPortWatch(async (ports) => {
    asked.push([...ports]);
    return new Map([...taken].filter(([port]) => ports.has(port)));
  });
});
afterEach(() => void vi.useRealTimers());

test('free ports are looked at before they are opened, and never again', async () => {
  expect(await watch.open(ONE, false)).toBe(ONE);
  expect(await watch.open(TWO, false)).toBe(TWO);
  vi.advanceTimersByTime(60_000);
  await watch.open(TWO, false);
  await watch.open(topologyOf([pool('p'), at('a', 80, 204), at('b', 81)]), false);
  expect(asked).toEqual([[80], [80, 81]]);
  expect(watch.again).toBe(Infinity);
});

test('a taken one costs all rules of the port and no other, until it is free', async () => {
  taken = new Map([[81, 'nginx (process 7)']]);
  const left = await watch.open(TWO, false);
  expect(left.listeners.map(({ port }) => port)).toEqual([80]);
  expect(left.pools).toBe(TWO.pools);
  expect(left.findings.map(({ object, reason, condition }) => [object?.key, condition, reason])).toEqual([
    ['default/b', 'Accepted', 'PortUnavailable'],
    ['default/c', 'Accepted', 'PortUnavailable'],
  ]);
  expect(left.findings[0]?.message).toContain('Port 81 is held by nginx (process 7) on this host.');
  expect(watch.again).toBe(1000);
  vi.advanceTimersByTime(999);
  expect(await watch.open(TWO, false)).toBe(left);
  taken = new Map();
  expect(await watch.open(TWO, false)).toBe(left);
  vi.advanceTimersByTime(1);
  expect(await watch.open(TWO, false)).toBe(TWO);
  expect(watch.again).toBe(Infinity);
});

test('one that comes back is looked at again', async () => {
  await watch.open(TWO, false);
  await watch.open(ONE, false);
  await watch.open(TWO, false);
  expect(asked).toEqual([
    [80, 81],
    [80, 81],
  ]);
});

test('all are looked at while HAProxy does not do as asked, once a second', async () => {
  await watch.open(ONE, false);
  taken = new Map([[80, 'another program']]);
  expect(await watch.open(ONE, true)).toBe(ONE);
  vi.advanceTimersByTime(1000);
  expect((await watch.open(ONE, true)).listeners).toEqual([]);
});

test('what cannot be looked at is tried again', async () => {
  let fails = true;
  const failing = createPortWatch(async () => {
    if (fails) throw new Error('no /proc');
    return new Map([[80, 'x']]);
  });
  await expect(failing.open(ONE, false)).rejects.toThrow('no /proc');
  fails = false;
  expect((await failing.open(ONE, false)).listeners).toEqual([]);
});
