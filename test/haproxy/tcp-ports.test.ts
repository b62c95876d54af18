/** TCP ports that are open from the start: what of a listener stands in the skeleton, and what in the map alone. */
import { expect, test } from 'vitest';
import { createProxyConfigBuilder } from '../../operator/haproxy/config.ts';
import { reloadReason } from '../../operator/haproxy/reload-reason.ts';
import type { Written } from '../support/admit.ts';
import { pool, rule, section, SETTINGS, topologyOf } from './worlds.ts';

const POOL = pool('p', { protocol: 'TCP' });
const to = (name: string, listener: object, more: object = {}): Written =>
  rule(name, { listener: { protocol: 'TCP', ...listener }, rules: [{ name: 'all', pools: [{ name: 'p' }], ...more }] });
const build = createProxyConfigBuilder({
  ...SETTINGS,
  bind: ['192.0.2.1', '2001:db8::1'],
  tcpPorts: [20_000, 20_001, 20_002, 20_003, 20_004],
});
const configOf = (...objects: readonly Written[]) => build(topologyOf([POOL, ...objects]));
const binds = (config: ReturnType<typeof configOf>) =>
  section(config, 'frontend tcp_ports').filter((line) => line.startsWith('bind '));

test('rules on them come and go without a trace in the skeleton', () => {
  const none = configOf();
  const two = configOf(
    to('a', { port: 20_001 }, { access: { deny: ['192.0.2.0/24'] } }),
    to('b', { port: 20_003 }, { matches: [{ sourceRanges: ['10.0.0.0/8'] }] }),
  );
  expect(two.skeleton).toBe(none.skeleton);
  expect([...two.routes.keys()].filter((key) => key.startsWith('tcp|'))).toEqual(['tcp|20001', 'tcp|20003']);
  expect(binds(none)).toEqual(['bind 192.0.2.1:20000-20004', 'bind [2001:db8::1]:20000-20004 v6only']);
});

test.each<[string, object, string]>([
  [
    'who is told the client by PROXY protocol',
    { port: 20_002, proxyProtocol: { trustedSources: ['10.0.0.1'] } },
    'tcp_20002',
  ],
  ['who reads HTTP', { protocol: 'HTTP', port: 20_002 }, 'http_20002'],
])('%s has a frontend of its own', (...[, listener, name]) => {
  const shared = configOf(to('a', { port: 20_001 }));
  const config = configOf(to('a', { port: 20_001 }), { ...to('b', listener), name: 'b' });
  expect(section(config, `frontend ${name}`).length).toBeGreaterThan(3);
  expect(binds(config).filter((line) => line.includes('192.0.2.1'))).toEqual([
    'bind 192.0.2.1:20000-20001',
    'bind 192.0.2.1:20003-20004',
  ]);
  expect(reloadReason(shared.skeleton, config.skeleton)).toBe('listeners');
});

test('another port is a listener of its own', () => {
  const config = configOf(to('a', { port: 20_005 }));
  expect(section(config, 'frontend tcp_20005')).toContain('bind 192.0.2.1:20005');
  expect(binds(config)).toEqual(binds(configOf()));
});

test('without such ports there is no such frontend', () => {
  const { skeleton } = createProxyConfigBuilder(SETTINGS)(topologyOf([POOL, to('a', { port: 20_001 })]));
  expect(skeleton).not.toContain('tcp_ports');
});

test('the access log tells the port', () => {
  const logging = createProxyConfigBuilder({ ...SETTINGS, tcpPorts: [20_000], accessLog: 'Full' })(topologyOf([POOL]));
  expect(section(logging, 'frontend tcp_ports').join()).toContain('"listener":"tcp_%fp"');
});
