import { expect, it } from 'vitest';
import { configFile, imageFiles, routesFile, skeletonIn } from '../../operator/haproxy/image.ts';
import type { ProxyConfig } from '../../operator/haproxy/proxy.ts';
import { configOf, pool, rule } from './worlds.ts';

const config = configOf([
  pool('p', {
    externalEndpoints: [
      { name: 'a', address: '192.0.2.1' },
      { name: 'b', address: '2001:db8::1', state: 'Drain', tier: 'Backup', maxConnections: 5 },
      { name: 'c', address: '192.0.2.3', state: 'Maintenance', weight: 0 },
    ],
  }),
  pool('empty'),
  rule('r', { rules: [{ name: 'all', pools: [{ name: 'p' }] }] }),
]);
const ALL = {
  backends: new Map([...config.backends].map(([name, { servers }]) => [name, servers])),
  certificateLists: new Map(),
};
const serverLines = (text: string) => text.split('\n').filter((line) => / {2}server \S+_/.test(line));

it('has no server that has to pass a check first', () => {
  expect(configFile(config)).toBe(`global\n  maxconn 5100\n\n${config.skeleton}`);
});

it('has those that run, in the section of their backend', () => {
  const text = configFile(config, ALL);
  expect(serverLines(text)).toEqual([
    '  server a_192.0.2.1:80 192.0.2.1:80 weight 100',
    '  server b_2001:db8::1:80_backup [2001:db8::1]:80 weight 100 maxconn 5 backup',
    '  server c_192.0.2.3:80 192.0.2.3:80 weight 0 disabled',
  ]);
  expect(text).toMatch(/\nbackend http_default_p\n(?: {2}.*\n)* {2}server a_/);
  expect(text).toMatch(/\nbackend http_default_empty\n(?: {2}(?!server ).*\n)*(?:\n|$)/);
});

it('has the same room for descriptors with every number of servers', () => {
  const inAll = (room: ProxyConfig['room']) => configFile({ ...config, room }, ALL).split('\n', 2)[1];
  expect(inAll({ maxConnections: 100, otherDescriptors: 23 })).toBe('  maxconn 110');
  expect(inAll({ maxConnections: 100, otherDescriptors: 2 })).toBe('  maxconn 100');
});

it('is the skeleton again without what depends on servers', () => {
  expect(skeletonIn(configFile(config, ALL))).toBe(config.skeleton);
});

it('has a server at once when somebody else has checked it', () => {
  const backend = config.backends.get('http_default_p');
  const pod = {
    name: 'pod_192.0.2.9:80',
    address: '192.0.2.9',
    port: 80,
    weight: 1,
    maxConnections: 0,
    admin: 'ready' as const,
    backup: false,
    fixed: '',
    probeFirst: false,
  };
  const backends = new Map(backend && [[backend.name, { ...backend, servers: new Map([[pod.name, pod]]) }]]);
  expect(serverLines(configFile({ ...config, backends }))).toEqual(['  server pod_192.0.2.9:80 192.0.2.9:80 weight 1']);
});

it('is the same for the same routes in any order', () => {
  const routes = [...config.routes, ['80|b.x/', 'http_default_p'] as const];
  expect(routesFile(new Map(routes))).toBe(routesFile(new Map(routes.toReversed())));
});

it('is all files that a start needs', () => {
  const files = imageFiles(config);
  expect([...files.keys()].sort()).toEqual(['haproxy.cfg', 'lean.lua', 'router.lua', 'routes.map']);
  expect(files.get('haproxy.cfg')).toContain(`  description ${config.checksum}\n`);
});
