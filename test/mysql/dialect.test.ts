import { describe, expect, test } from 'vitest';
import { dialectOf } from '../../operator/mysql/dialect.ts';
import { dialectFor } from './samples.ts';

const NATIVE = 'mysql_native_password';
const SHA2 = 'caching_sha2_password';

describe('the dialect of a version', () => {
  test.each([
    [
      '5.1.73',
      { mark: 'Ledger', plugins: [NATIVE], maxUser: 16, credential: 'ByPassword', alterUser: false, charset: 'utf8' },
    ],
    ['5.5.62', { accounts: 'PasswordAndPlugin', charset: 'utf8mb4', innodbReadOnly: false, lock: false }],
    ['5.6.51-log', { innodbReadOnly: true, alterUser: false, dropIfExists: false }],
    [
      '5.7.44',
      { accounts: 'AuthenticationString', alterUser: true, lock: true, dual: false, maxUser: 32, grantCreates: true },
    ],
    ['8.0.13', { plugins: [SHA2, NATIVE], dual: false, grantCreates: false, maxHost: 60, mark: 'Ledger' }],
    ['8.0.14', { dual: true, attributes: true }],
    ['8.0.20', { maxHost: 255, mark: 'Ledger' }],
    ['8.0.21', { mark: 'Attribute', plugins: [SHA2, NATIVE] }],
    ['8.4.10', { mark: 'Attribute', plugins: [SHA2, NATIVE] }],
    ['9.7.4-2', { mark: 'Attribute', plugins: [SHA2] }],
    ['26.10.0', { mark: 'Attribute', plugins: [SHA2] }],
  ])('MySQL %s', (version, expected) => {
    expect(dialectFor(version)).toMatchObject({ flavor: 'MySQL', ...expected });
  });

  test.each([
    [
      '5.5.68-MariaDB',
      { accounts: 'PasswordAndPlugin', credential: 'ByPassword', alterUser: false, dropIfExists: false },
    ],
    ['5.5.5-10.1.48-MariaDB-0+deb9u2', { version: '10.1.48', dropIfExists: true, alterUser: false }],
    ['10.3.39-MariaDB-log', { alterUser: true, dual: false, lock: false, maxUser: 80, maxHost: 60 }],
    ['10.4.34-MariaDB', { accounts: 'GlobalPriv', credential: 'Via', dual: true, lock: true, maxHost: 60 }],
    ['10.11.19-MariaDB-0+deb12u1', { maxUser: 128, maxHost: 255, mark: 'Ledger' }],
    ['11.8.2-MariaDB', { credential: 'Via', mark: 'Ledger' }],
  ])('MariaDB %s', (version, expected) => {
    expect(dialectFor(version)).toMatchObject({ flavor: 'MariaDB', ...expected });
  });

  test.each(['5.0.96', '4.1.22-standard', '5.3.12-MariaDB', 'unknown', ''])('there is none for "%s"', (version) => {
    expect(dialectOf(version, { partialRevokes: false, lowerCaseNames: false })).toEqual({
      unsupported: expect.stringContaining('use MySQL 5.1.7 or later, or MariaDB 5.5.20 or later') as string,
    });
  });

  test('has what variables say', () => {
    const dialect = dialectOf('8.4.0', { partialRevokes: true, lowerCaseNames: true });
    expect(dialect).toMatchObject({ literalSchemas: true, lowerCaseNames: true });
  });
});
