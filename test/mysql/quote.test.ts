import { describe, expect, test } from 'vitest';
import {
  accountName,
  hostProblem,
  identifier,
  identifierProblem,
  literal,
  QuoteError,
  schemaPattern,
  userProblem,
} from '../../operator/mysql/quote.ts';

describe('literals and identifiers', () => {
  test.each([
    ['plain', "'plain'"],
    ["it's", String.raw`'it\'s'`],
    ['a\\', String.raw`'a\\'`],
    ["\\'", String.raw`'\\\''`],
    ['"`%_', "'\"`%_'"],
    ['', "''"],
    ['😀', "'😀'"],
  ])('literal %j', (text, sql) => {
    expect(literal(text)).toBe(sql);
  });

  test.each([
    ['orders', '`orders`'],
    ['a`b', '`a``b`'],
    ['a\\b', '`a\\b`'],
    ['select', '`select`'],
  ])('identifier %j', (name, sql) => {
    expect(identifier(name)).toBe(sql);
  });

  test.each(['\0', 'a\nb', '\u001a', '\u007f', '\ud800'])('%j is refused in both', (text) => {
    expect(() => literal(text)).toThrow(QuoteError);
    expect(() => identifier(text)).toThrow(QuoteError);
  });

  test('an identifier is never empty, an account is two literals', () => {
    expect(() => identifier('')).toThrow(QuoteError);
    expect(accountName({ user: "o'x", host: '::1' })).toBe(String.raw`'o\'x'@'::1'`);
  });

  test('a schema is a pattern where the server takes it for one', () => {
    expect(schemaPattern('a_b%c\\', { literalSchemas: false })).toBe('a\\_b\\%c\\\\');
    expect(schemaPattern('a_b', { literalSchemas: true })).toBe('a_b');
  });
});

describe('what may be a part of an account', () => {
  test.each(['192.0.2.1', '2001:db8::1', '::1', 'web01', 'web-01.example.com', 'a'.repeat(60)])('host %s', (host) => {
    expect(hostProblem(host, { maxHost: 60 })).toBe(undefined);
  });

  test.each([
    '',
    '%',
    '192.0.2.%',
    'web_1',
    "a'b",
    'a\\b',
    '10.0.0.0/8',
    '10.0.0.0/255.0.0.0',
    'Web01',
    'fe80::1%eth0',
    'a b',
    'a.',
    '-a',
    'a'.repeat(61),
  ])('not host %j', (host) => {
    expect(hostProblem(host, { maxHost: 60 })).toBeTypeOf('string');
  });

  test.each([
    ['', 'empty'],
    [' a', 'white space'],
    ['a ', 'white space'],
    ['a\nb', 'control characters'],
    ['😀', 'outside'],
    ['a'.repeat(17), 'more than 16'],
  ])('not user %j', (user, why) => {
    expect(userProblem(user, { maxUser: 16 })).toContain(why);
  });

  test.each([
    ['a'.repeat(65), 'more than 64'],
    ['#mysql50#a', '#mysql50#'],
    ['a ', 'white space'],
  ])('not a name %j', (name, why) => {
    expect(identifierProblem('table', name)).toContain(why);
  });
});
