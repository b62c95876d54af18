import { describe, expect, test } from 'vitest';
import { cachingSha2Hash, nativeHash, randomSalt, saltOf, shaCrypt } from '../../operator/driver/password-hash.ts';

/** Source: MySQL reference manual, PASSWORD(), and MariaDB 10.11's. */
test.each([
  ['password', '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'],
  ['mypass', '*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4'],
  ['root', '*81F5E21E35407D884A6CD4A731AEBFB6AF209E1B'],
  ['', '*BE1BDEC0AA74B4DCB079943E70528096CCA985F8'],
])('mysql_native_password of %j', (password, hash) => {
  expect(nativeHash(password)).toBe(hash);
});

/** Source: `openssl passwd -5`, which is another implementation of the same specification. */
test.each([
  ['Hello world!', 'saltstring', '5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  ['we have a short salt string but not a short password', 'short', 'k38kpRP0CfxHLIcmymaSTFLK.iFfF4tKryDuEGKp6SC'],
  [
    'a very much longer text to encrypt.  This one even stretches over morethan one line.',
    'anotherlongsalts',
    'xDOFsdwNAstVE3491M3cBSSbHS4ksOOPoR7XlHBf4G1',
  ],
])('SHA-256 crypt of %j with %s', (password, salt, digest) => {
  expect(shaCrypt(password, salt, 5000)).toBe(digest);
});

describe('caching_sha2_password', () => {
  test('has the form in which the server keeps it', () => {
    const salt = randomSalt();
    expect(salt).toMatch(/^[./0-9A-Za-z]{20}$/);
    expect(cachingSha2Hash('a', salt)).toMatch(/^\$A\$005\$[./0-9A-Za-z]{63}$/);
    expect(saltOf(cachingSha2Hash('a', salt))).toBe(salt);
    expect(cachingSha2Hash('a', salt)).not.toBe(cachingSha2Hash('b', salt));
  });

  test.each([
    '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19',
    '',
    '$A$00A$abcdefghij0123456789abc',
    `$A$005$${'\u0001'.repeat(20)}${'a'.repeat(43)}`,
  ])('no salt of ours in %j', (hash) => {
    expect(saltOf(hash)).toBe(undefined);
  });
});
