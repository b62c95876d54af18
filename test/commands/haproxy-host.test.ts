import { expect, test } from 'vitest';
import { descriptors, logHaproxyLine } from '../../operator/commands/haproxy-host.ts';
import type { Logger } from '../../operator/telemetry/log.ts';

const limits = (hard: string) =>
  `Limit Soft Limit Hard Limit Units\nMax open files            1024                 ${hard}            files\n`;

test.each([
  ['1048576', undefined, { maxConnections: 10_000, otherDescriptors: 10_000 }],
  ['unlimited', undefined, { maxConnections: 10_000, otherDescriptors: 10_000 }],
  ['20000', undefined, { maxConnections: 4500, otherDescriptors: 10_000 }],
  ['4096', undefined, { maxConnections: 500, otherDescriptors: 2096 }],
  ['1024', undefined, { maxConnections: 500, otherDescriptors: 0 }],
  ['20000', 9000, { maxConnections: 9000, otherDescriptors: 1000 }],
  ['1048576', 50_000, { maxConnections: 50_000, otherDescriptors: 10_000 }],
])('under a limit of %s descriptors', (hard, wanted, room) => {
  expect(descriptors(wanted, limits(hard))).toEqual(room);
});

test.each([
  ['error: haproxy alert', '[ALERT]    (12) : Current worker (14) exited with code 139 (Segmentation fault)'],
  ['error: haproxy alert', 'backend http_default_site has no server available!'],
  ['info: haproxy saw a server change', 'Server http_default_site/web01 is DOWN, reason: Layer4 timeout.'],
  ['debug: haproxy said', 'Server http_default_site/web01 is UP/DRAIN (leaving forced maintenance).'],
])('%s for %s', (told, line) => {
  const logged: string[] = [];
  const level = (name: string) => (fields: unknown, message: string) => {
    logged.push(`${name}: ${message}`);
    expect(fields).toEqual({ line });
  };
  const log = { error: level('error'), info: level('info'), debug: level('debug') };
  logHaproxyLine(log as unknown as Logger, line);
  expect(logged).toEqual([told]);
});
