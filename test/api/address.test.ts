import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalAddress, canonicalCidr, isHostname, isServerAddress } from '../../operator/api/address.ts';

describe('an address has one spelling', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::192.0.2.1', '::c000:201'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });

  test.each([
    ['nothing', ''],
    ['a name', 'web01.example.com'],
    ['a part above 255', '192.0.2.256'],
    ['leading zeros, which some read as octal', '192.0.02.1'],
    ['hexadecimal', '0x7f.0.0.1'],
    ['a whole number', '3221225985'],
    ['three parts', '192.0.2'],
    ['five parts', '192.0.2.1.5'],
    ['a port', '192.0.2.1:80'],
    ['brackets', '[::1]'],
    ['a zone', 'fe80::1%eth0'],
    ['a range', '192.0.2.0/24'],
    ['two gaps', '1::2::3'],
    ['seven groups', '1:2:3:4:5:6:7'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['a group too long', '12345::'],
    ['dots not at the end', '::192.0.2.1:1'],
    ['bad dots at the end', '::192.0.2.256'],
    ['octal dots at the end', '::192.0.02.1'],
    ['white space', ' 192.0.2.1'],
    ['white space behind', '::1\n'],
    ['a colon', ':'],
  ])('%s is none: %j', (_, text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });

  test('whatever way an IPv6 address is written', () => {
    fc.assert(
      fc.property(groups, fc.boolean(), fc.boolean(), (numbers, wide, upper) => {
        const plain = numbers.map((number) => number.toString(16).padStart(wide ? 4 : 1, '0')).join(':');
        const canonical = canonicalAddress(upper ? plain.toUpperCase() : plain);
        // URL is another reader of IPv6; an IPv4-mapped address stays IPv6 there.
        const other = new URL(`http://[${plain}]`).hostname.slice(1, -1);
        if (other.startsWith('::ffff:')) expect(canonical).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
        else expect(canonical).toBe(other);
      }),
    );
  });
});

describe('a range has one spelling', () => {
  test.each([
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.77/24', '192.0.2.0/24'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.1/0', '0.0.0.0/0'],
    ['192.0.2.129/25', '192.0.2.128/25'],
    ['2001:DB8::1/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['::1', '::1/128'],
    ['::ffff:192.0.2.77/120', '192.0.2.0/24'],
    ['::ffff:192.0.2.1', '192.0.2.1/32'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['::ffff:0:0/95', '::fffe:0:0/95'],
    ['64:ff9b::192.0.2.1/96', '64:ff9b::/96'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalCidr(text)).toBe(canonical);
    expect(canonicalCidr(canonical)).toBe(canonical);
  });

  test.each([
    '192.0.2.0/33',
    '::/129',
    '192.0.2.0/',
    '/24',
    '192.0.2.0/024',
    '192.0.2.0/-1',
    '192.0.2.0/ 24',
    '192.0.2.0/24/24',
    '192.0.2.0/255.255.255.0',
    '192.0.2/24',
    'example.com/24',
    '',
  ])('%j is none', (text) => {
    expect(canonicalCidr(text)).toBeUndefined();
  });
});

describe('a DNS name', () => {
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;

  test.each([
    'a',
    'web01',
    'www.example.com',
    'www.example.com.',
    'Web-01.Example.COM',
    '1and1.de',
    '7.example',
    'xn--p1ai',
    long,
    `${long}.`,
  ])('is %s', (text) => {
    expect(isHostname(text)).toBe(true);
  });

  test.each([
    '',
    '.',
    'a..b',
    '.a',
    'a..',
    '-a',
    'a-',
    'a.-b',
    'a_b',
    'ä.example',
    'a b',
    '*.example.com',
    '%',
    '192.0.2.1',
    '192.0.2.256',
    'web.7',
    '7',
    `${long}e`,
    `${'a'.repeat(64)}.example`,
    'a\n',
  ])('is not %j', (text) => {
    expect(isHostname(text)).toBe(false);
  });
});

test.each([
  ['192.0.2.1', true],
  ['127.0.0.1', true],
  ['10.0.0.1', true],
  ['169.254.0.1', true],
  ['2001:db8::1', true],
  ['fe80::1', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['255.255.255.255', false],
  ['224.0.0.1', false],
  ['239.255.255.255', false],
  ['::', false],
  ['ff02::1', false],
])('whether a server can have %s: %s', (address, can) => {
  expect(isServerAddress(address)).toBe(can);
});
