import { expect, test } from 'vitest';
import { nearest } from '../../operator/api/nearest.ts';

const FIELDS = ['port', 'protocol', 'externalEndpoints', 'healthCheck', 'maxConnections', 'minReady', 'paused'];

test.each([
  ['prot', 'port'],
  ['Port', 'port'],
  ['puased', 'paused'],
  ['ports', 'port'],
  ['protocoll', 'protocol'],
  ['externalEndpoint', 'externalEndpoints'],
  ['external_endpoints', 'externalEndpoints'],
  ['healthcheck', 'healthCheck'],
  ['maxConns', undefined],
  ['selector', undefined],
  ['x', undefined],
  ['', undefined],
])('%j was meant as %s', (word, meant) => {
  expect(nearest(word, FIELDS)).toBe(meant);
});

test('the nearest of several, the first of equally near ones', () => {
  expect(nearest('aaab', ['aabb', 'aaac', 'aaaa'])).toBe('aabb');
  expect(nearest('abcdef', ['abcxyf', 'abcdxf'])).toBe('abcdxf');
});

test('a huge word costs nothing', () => {
  expect(nearest('x'.repeat(1_000_000), FIELDS)).toBeUndefined();
});
