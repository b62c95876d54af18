import { describe, expect, test } from 'vitest';
import { createSharingFinder, peerSections, peersIn, type Peers } from '../../operator/haproxy/peers.ts';
import { buildProxyConfig } from '../../operator/haproxy/config.ts';
import { reloadReason } from '../../operator/haproxy/reload-reason.ts';
import { pool, rule, section, SETTINGS, topologyOf } from './worlds.ts';

const PEERS: Peers = {
  name: 'a',
  all: [
    { name: 'a', address: '10.0.0.1', port: 61_082 },
    { name: '0a1b', address: '10.0.0.2', port: 61_082 },
    { name: 'c', address: '2001:db8::3', port: 10_000 },
  ],
};
const LINES = [
  'bind unix@peers.sock mode 600',
  'server a',
  'server 0a1b 10.0.0.2:61082',
  'server c [2001:db8::3]:10000',
];

test('the section names all, and the others are read back from it', () => {
  const { skeleton } = buildProxyConfig(topologyOf([pool('p', { sessionAffinity: { type: 'SourceIP' } })]), {
    ...SETTINGS,
    peers: PEERS,
  });
  expect(section({ skeleton }, 'peers webpool')).toEqual(LINES);
  expect(section({ skeleton }, 'listen webpool_peers')).toContain('bind 10.0.0.1:61082');
  expect(peersIn(skeleton)).toEqual(PEERS.all.slice(1));
});

test('alone there is the next worker', () => {
  expect(peerSections({ name: 'local', all: [] })).toEqual([
    ['peers webpool', 'bind unix@peers.sock mode 600', 'server local'],
  ]);
  expect(peersIn(buildProxyConfig(topologyOf([]), SETTINGS).skeleton)).toEqual([]);
  expect(peersIn('')).toEqual([]);
});

test('another peer is a reason of its own for a reload', () => {
  const config = (all: Peers['all']) => buildProxyConfig(topologyOf([]), { ...SETTINGS, peers: { name: 'a', all } });
  expect(reloadReason(config(PEERS.all.slice(0, 2)).skeleton, config(PEERS.all).skeleton)).toBe('peers');
});

const to = (more: object) => rule('r', { rules: [{ name: 'all', pools: [{ name: 'p' }], ...more }] });

describe('what proxies share', () => {
  test.each<[string, Parameters<typeof topologyOf>[0], boolean]>([
    ['nothing', [pool('p'), to({})], false],
    ['a rate limit', [pool('p'), to({ rateLimit: { requests: 1, per: '1s' } })], true],
    ['affinity by address', [pool('p', { sessionAffinity: { type: 'SourceIP' } }), to({})], true],
    ['affinity by header', [pool('p', { sessionAffinity: { type: 'Header', header: 'X' } }), to({})], true],
    ['affinity by cookie, which the visitor carries', [pool('p', { sessionAffinity: { type: 'Cookie' } })], false],
  ])('%s', (...[, objects, shared]) => {
    expect(createSharingFinder()(topologyOf(objects))).toBe(shared);
  });

  test('is known of each topology of a series', () => {
    const sharesTables = createSharingFinder();
    const [plain, sharing] = [pool('p'), pool('p', { sessionAffinity: { type: 'SourceIP' } })];
    const series = [[plain], [sharing], [sharing, pool('q')], [plain, pool('q')], [sharing], []];
    expect(series.map((objects) => sharesTables(topologyOf(objects)))).toEqual([false, true, true, false, true, false]);
  });
});
