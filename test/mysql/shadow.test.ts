import { describe, expect, test } from 'vitest';
import { shadows } from '../../operator/mysql/shadow.ts';

describe('a pattern that covers an account', () => {
  test.each([
    ['192.0.2.%', '192.0.2.1', true],
    ['192.0.2.%', '192.0.3.1', false],
    ['%', 'web01.example.com', true],
    ['', '192.0.2.1', true],
    ['%.example.com', 'WEB01.Example.com', true],
    ['web_1.example.com', 'web01.example.com', true],
    ['web.1%', 'webx1a', false],
    ['192.0.2.1', '192.0.2.1', false],
  ])('%j and %s: %s', (pattern, host, expected) => {
    const covered = shadows([{ user: 'shop', host: pattern }])({ user: 'shop', host });
    expect(covered).toBe(expected ? `ShadowedByWildcard: 'shop'@'${pattern}' lets this server in as well` : undefined);
  });

  test('is of the same user, whose name has case', () => {
    const covered = shadows([
      { user: 'Shop', host: '%' },
      { user: 'other', host: '%' },
    ]);
    expect(covered({ user: 'shop', host: 'h' })).toBe(undefined);
  });
});
