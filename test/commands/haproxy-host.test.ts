import { expect, test } from 'vitest';
import { descriptors } from '../../operator/commands/haproxy-host.ts';

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
