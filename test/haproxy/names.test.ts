import { expect, it, test } from 'vitest';
import {
  backendName,
  digest,
  frontendName,
  serverId,
  serverName,
  socketAddress,
} from '../../operator/haproxy/names.ts';

const LONG = 'n'.repeat(60);

it('names backends by mode, namespace and pool', () => {
  expect(backendName('http', 'default/blog')).toBe('http_default_blog');
  expect(backendName('tcp', 'default/blog')).toBe('tcp_default_blog');
  expect(backendName('http', 'a/b-c')).not.toBe(backendName('http', 'a-b/c'));
});

it('ends long names in a digest, so that they stay apart', () => {
  const one = backendName('http', `${LONG}/${LONG}a`);
  const other = backendName('http', `${LONG}/${LONG}b`);
  expect([one.length, other.length]).toEqual([63, 63]);
  expect(one).not.toBe(other);
});

test.each([
  ['192.0.2.1', '192.0.2.1:80'],
  ['2001:db8::1', '[2001:db8::1]:80'],
])('%s has the socket %s', (address, socket) => {
  expect(socketAddress(address, 80)).toBe(socket);
});

it('knows tiers, what servers are made of, and listeners apart, and the id in a name', () => {
  const names = [serverName('a', 'Primary', ''), serverName('a', 'Backup', ''), serverName('a', 'Backup', 'tls')];
  expect(names).toEqual(['a', 'a_backup', `a_backup_by-${digest('tls')}`]);
  expect(names.map(serverId)).toEqual(['a', 'a', 'a']);
  expect(frontendName('HTTP', 80)).toBe('http_80');
});

it('gives the same digest for the same text', () => {
  expect(digest('a')).toBe('ca978112ca1bbdca');
  expect(digest('b')).not.toBe(digest('a'));
});
