import { expect, test } from 'vitest';
import { reloadReason } from '../../operator/haproxy/reload-reason.ts';
import { configOf, pool, rule, SETTINGS } from './worlds.ts';

const site = (port = 80) =>
  rule('r', { listener: { protocol: 'HTTP', port }, rules: [{ name: 'all', pools: [{ name: 'p' }] }] });
const BEFORE = configOf([pool('p'), site()]).skeleton;

test.each([
  ['another port', configOf([pool('p'), site(81)]), 'listeners'],
  [
    'one more port and pool',
    configOf([
      pool('p'),
      pool('q'),
      site(),
      rule('s', { listener: { protocol: 'HTTP', port: 81 }, rules: [{ name: 'a', respond: { status: 200 } }] }),
    ]),
    'listeners',
  ],
  ['one more pool', configOf([pool('p'), pool('q'), site()]), 'pools'],
  ['one pool less', configOf([site()]), 'pools'],
  ['another option of a pool', configOf([pool('p', { queueTimeout: '1s' }), site()]), 'pool-options'],
  ['another setting', configOf([pool('p'), site()], { ...SETTINGS, maxConnections: 7 }), 'settings'],
  [
    'another setting and option',
    configOf([pool('p', { queueTimeout: '1s' }), site()], { ...SETTINGS, maxConnections: 7 }),
    'settings',
  ],
  ['another router', configOf([pool('p'), site()], { ...SETTINGS, router: '-- other' }), 'settings'],
])('%s', (...[, after, reason]) => {
  expect(reloadReason(BEFORE, after.skeleton)).toBe(reason);
});

test('nobody knows what ran', () => {
  expect(reloadReason('', BEFORE)).toBe('listeners');
});
