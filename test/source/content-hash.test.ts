import { describe, expect, test } from 'vitest';
import { contentHash } from '../../operator/source/content-hash.ts';

describe('the hash of a spec', () => {
  test('is the same however it is written', () => {
    expect(contentHash({ port: 80, paused: false })).toBe(contentHash({ paused: false, port: 80 }));
  });

  test.each([
    [{ port: 80 }, { port: 81 }],
    [{ port: 80 }, { port: '80' }],
    [{ hostnames: ['a', 'b'] }, { hostnames: ['b', 'a'] }],
    [{ a: null }, {}],
    [{ a: {} }, { a: [] }],
    [{ a: 'b:c' }, { 'a:b': 'c' }],
  ])('tells %j and %j apart', (one, other) => {
    expect(contentHash(one)).not.toBe(contentHash(other));
  });
});
