import { expect, test } from 'vitest';
import { renderAccounts } from '../../operator/mysql/render.ts';
import { need } from './needs.ts';
import { dialectFor } from './samples.ts';

const NEEDS = [
  need(['10.0.0.1'], { requireTLS: 'SSL' }),
  need(['10.0.0.1'], { grant: 'default/far', port: 3307, limits: { maxUserConnections: 2 } }),
  need(['10.0.0.1'], { grant: 'default/bad', username: 'root' }),
];

test('accounts as SQL that a person can read, and no hash', () => {
  expect(JSON.stringify(renderAccounts(NEEDS))).not.toContain('root');
  const text = JSON.stringify(renderAccounts(NEEDS));
  expect(text).toContain(
    "CREATE USER 'shop'@'10.0.0.1' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/shop-db password>' REQUIRE SSL;",
  );
  expect(text).toContain('WITH MAX_USER_CONNECTIONS 2;');
  expect(text.indexOf('127.0.0.1:3306')).toBeLessThan(text.indexOf('127.0.0.1:3307'));
});

test('in the words of the server that is meant', () => {
  const text = JSON.stringify(renderAccounts(NEEDS, dialectFor('5.1.73')));
  expect(text).toContain('IDENTIFIED BY PASSWORD');
  expect(text).toContain('GRANT USAGE ON *.*');
});
