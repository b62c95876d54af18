/** Which peers a proxy is told of, and when. */
import { beforeEach, expect, test } from 'vitest';
import { createPeerKeeper, type PeerKeeper } from '../../operator/controller/proxy-peers.ts';
import type { Peer } from '../../operator/haproxy/peers.ts';
import { allTo } from '../support/haproxy.ts';
import { pool, rule, topologyOf } from '../haproxy/worlds.ts';

const peer = (name: string, address = `10.0.0.${name.charCodeAt(0) - 96}`): Peer => ({ name, address, port: 61_082 });
const site = (more: object = {}) => topologyOf([pool('p'), rule('r', { rules: [{ ...allTo('p'), ...more }] })]);
const PLAIN = site();
const LIMITED = site({ rateLimit: { requests: 1, per: '1s' } });

let time = 0;
let live: readonly Peer[] = [];
beforeEach(() => {
  time = 100_000;
  live = [peer('a')];
});

const keeper = (told: readonly Peer[] = []): PeerKeeper =>
  createPeerKeeper({ own: peer('a'), live: () => live, told, now: () => time });
const names = (kept: PeerKeeper, topology = LIMITED) =>
  kept
    .wanted(topology)
    .peers.all.map(({ name }) => name)
    .join('');

test('nobody else is named while no rule needs them', () => {
  live = [peer('a'), peer('b')];
  const kept = keeper();
  expect(names(kept, PLAIN)).toBe('a');
  expect(kept.wanted(PLAIN).again).toBe(Infinity);
});

test('the first rule that needs them does not wait, and the last one costs nothing', () => {
  live = [peer('b'), peer('a')];
  const kept = keeper();
  expect(names(kept, PLAIN)).toBe('a');
  expect(names(kept)).toBe('ab');
  expect(names(kept, PLAIN)).toBe('ab');
});

test('those who come together are told of together', () => {
  const kept = keeper();
  expect(names(kept)).toBe('a');
  live = [peer('a'), peer('b')];
  expect(kept.wanted(LIMITED)).toMatchObject({ peers: { all: [peer('a')] }, again: 1000 });
  time += 999;
  live = [peer('a'), peer('b'), peer('c')];
  expect(kept.wanted(LIMITED).again).toBe(1);
  time += 1;
  expect(names(kept)).toBe('abc');
});

test('one reload has some distance to the next', () => {
  const kept = keeper();
  names(kept);
  live = [peer('a'), peer('b')];
  names(kept);
  time += 1000;
  expect(names(kept)).toBe('ab');
  live = [peer('a'), peer('b'), peer('c')];
  expect(kept.wanted(LIMITED).again).toBe(4000);
  time += 3999;
  expect(names(kept)).toBe('ab');
  time += 1;
  expect(names(kept)).toBe('abc');
});

test('one that went stays named until another comes', () => {
  live = [peer('a'), peer('b')];
  const kept = keeper();
  const { peers } = kept.wanted(LIMITED);
  live = [peer('a')];
  time += 60_000;
  expect(kept.wanted(LIMITED)).toEqual({ peers, again: Infinity });
  expect(kept.wanted(LIMITED).peers).toBe(peers);
  live = [peer('a'), peer('c')];
  names(kept);
  time += 1000;
  expect(names(kept)).toBe('ac');
});

test('one that comes back with another address is another', () => {
  live = [peer('a'), peer('b')];
  const kept = keeper();
  names(kept);
  live = [peer('a'), peer('b', '10.0.0.99')];
  names(kept);
  time += 4000;
  expect(kept.wanted(LIMITED).peers.all[1]?.address).toBe('10.0.0.99');
});

test('a successor goes on with the peers that HAProxy knows', () => {
  const kept = keeper([peer('b'), peer('c')]);
  live = [peer('a'), peer('b')];
  expect(names(kept)).toBe('abc');
});

test('a rolling update of ten costs a proxy that stays nine reloads at most', () => {
  const kept = keeper();
  names(kept);
  const seen = new Set<unknown>();
  const all = 'bcdefghij'.split('').map((name) => peer(name));
  for (let step = 0; step < all.length; step++) {
    for (let second = 0; second < 10; second++) {
      live = [peer('a'), ...all.slice(Math.max(0, step - 1), step + 1)];
      seen.add(kept.wanted(LIMITED).peers);
      time += 1000;
    }
  }
  expect(seen.size - 1).toBeLessThanOrEqual(all.length);
  expect(kept.wanted(LIMITED).peers.all).toContainEqual(peer('j'));
});
