import { describe, expect, it, test } from 'vitest';
import { percentEncode, quote, UnquotableError, type QuoteContext } from '../../operator/haproxy/quote.ts';

test.each<[QuoteContext, string, string]>([
  ['name', 'web01_2001:db8::1:80', 'web01_2001:db8::1:80'],
  ['string', `it's`, `'it'\\''s'`],
  ['string', '$HOME "${X}" \\ # %[src]', `'$HOME "\${X}" \\ # %[src]'`],
  ['format', '100% of %[env(X)]', `'100%% of %%[env(X)]'`],
  ['token', '192.0.2.0/24', '192.0.2.0/24'],
  ['path', "/a/b;c='d'", "/a/b;c='d'"],
])('as a %s, %j is written %j', (context, value, written) => {
  expect(quote(context, value)).toBe(written);
});

test.each<[QuoteContext, string]>([
  ['name', ''],
  ['name', '-f'],
  ['name', 'a b'],
  ['name', 'a/b'],
  ['name', `a\nb`],
  ['name', 'é'],
  ['string', 'a\nglobal'],
  ['string', 'a\rb'],
  ['string', 'a\0b'],
  ['string', 'a\u0085b'],
  ['format', 'a\nb'],
  ['token', ''],
  ['token', 'a b'],
  ['token', 'a;b'],
  ['token', 'a<<'],
  ['token', 'a#b'],
  ['token', 'a\\b'],
  ['path', 'a'],
  ['path', '/a b'],
  ['path', '/a?b'],
  ['path', '/a|b'],
  ['path', '/a\n'],
])('as a %s, %j is not written at all', (context, value) => {
  expect(() => quote(context, value)).toThrow(UnquotableError);
});

describe('percentEncode', () => {
  it('leaves what may stand in a map line and a command', () => {
    expect(percentEncode("a-b._~!'()*,;:|&=?#%\\ \né🙂")).toMatch(/^[A-Za-z0-9\-._~%]*$/);
  });

  it('can be undone, and bears half a character', () => {
    const text = "!'()* 100% a|b&c=d";
    expect(decodeURIComponent(percentEncode(text))).toBe(text);
    expect(percentEncode('\ud800')).toBe('%EF%BF%BD');
  });
});
