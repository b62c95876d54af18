import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { need } from '../mysql/needs.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { grantsOf, hostsOf, inputOf, reset, serverKinds, serverOf } from './database-world.ts';

// Seconds on a machine of its own; here others work as well.
vi.setConfig({ testTimeout: 300_000 });

const HOSTS = ['127.0.0.1', '10.0.0.1', 'web01.example.com', '2001:db8::1'] as const;
const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

const entry = fc.oneof(
  fc.record({
    schema: fc.constantFrom('shop', 'a_b', 'a%', 'it`s'),
    privileges: fc.uniqueArray(fc.constantFrom(...PRIVILEGES, 'EVENT', 'CREATE TEMPORARY TABLES'), { minLength: 1 }),
  }),
  fc.record({
    schema: fc.constant('shop'),
    table: fc.constant('orders'),
    privileges: fc.uniqueArray(fc.constantFrom(...PRIVILEGES), { minLength: 1 }),
  }),
  fc.record({
    schema: fc.constant('shop'),
    table: fc.constant('orders'),
    columns: fc.uniqueArray(fc.constantFrom('id', 'total'), { minLength: 1 }),
    privileges: fc.uniqueArray(fc.constantFrom('SELECT', 'INSERT', 'UPDATE'), { minLength: 1 }),
  }),
);

/** What a grant may ask for. */
const wanted = fc.record({
  hosts: fc.uniqueArray(fc.constantFrom(...HOSTS), { minLength: 1 }),
  grants: fc.array(entry, { minLength: 1, maxLength: 4 }),
  requireTLS: fc.constantFrom('None' as const, 'SSL' as const, 'X509' as const),
  limits: fc.constantFrom({}, { maxUserConnections: 3 }, { maxQueriesPerHour: 10, maxUpdatesPerHour: 5 }),
  rotation: fc.constantFrom({}, { mode: 'Immediate' as const }),
  existingAccounts: fc.constantFrom('Refuse' as const, 'Adopt' as const),
  password: fc.constantFrom('one', 'two', 'three'),
});

/** What somebody may do by hand meanwhile, to one of the accounts that are there. */
const MEDDLING = [
  (name: string) => `GRANT DROP, SELECT ON shop.* TO ${name} WITH GRANT OPTION`,
  (name: string) => `GRANT SELECT (id), UPDATE ON shop.orders TO ${name}`,
  (name: string) => `GRANT FILE, PROCESS ON *.* TO ${name}`,
  (name: string) => `GRANT SELECT ON \`a_b\`.* TO ${name}`,
  (name: string) => `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${name}`,
  (name: string) => `ALTER USER ${name} IDENTIFIED BY 'by hand'`,
  (name: string) => `ALTER USER ${name} ACCOUNT LOCK`,
  (name: string) => `ALTER USER ${name} REQUIRE SUBJECT '/CN=x' WITH MAX_USER_CONNECTIONS 1`,
  (name: string) => `DROP USER ${name}`,
];
const meddling = fc.array(fc.tuple(fc.nat(MEDDLING.length - 1), fc.nat(9)), { maxLength: 5 });

describe.each(await serverKinds())('whatever is asked for and done by hand on $name', ({ start }) => {
  let db: DatabaseProcess;

  beforeAll(async () => {
    db = await start();
  });
  afterAll(() => db.stop());
  beforeEach(() => reset(db));

  const meddle = async (steps: readonly (readonly [number, number])[]): Promise<void> => {
    for (const [what, which] of steps) {
      const hosts = await hostsOf(db, 'shop');
      const sql = MEDDLING[what]?.(`'shop'@'${hosts[which % hosts.length] ?? ''}'`);
      if (hosts.length > 0 && sql !== undefined) await db.query(sql);
    }
  };

  it('one round puts it right, and a second has nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(wanted, meddling), { minLength: 1, maxLength: 3 }), async (chapters) => {
        await reset(db);
        const server = serverOf(db);
        for (const [{ hosts, password, ...options }, steps] of chapters) {
          await meddle(steps);
          const shop = need(hosts, { ...options, secretVersion: password });
          const passwords = new Map([['default/shop-db/password', password]]);
          const input = inputOf(db.admin, [shop], { passwords });
          const first = await server.round(input);
          expect(first.problem).toBe(undefined);
          expect(first.settled).toBe(true);
          expect(await server.round(input)).toMatchObject({ settled: true, statements: 0 });
          expect(await hostsOf(db, 'shop')).toEqual([...hosts].sort());
          // All have the same, and nothing on the whole server.
          // The server lists columns in the order in which they were granted.
          const words = (line: string, host: string): string =>
            line
              .replace(host, 'HOST')
              .split(/[ ,()]+/)
              .sort()
              .join(' ');
          const held = await Promise.all(
            hosts.map(async (host) => (await grantsOf(db, 'shop', host)).map((line) => words(line, host)).sort()),
          );
          for (const one of held) expect(one).toEqual(held[0]);
          expect(held.flat().filter((line) => line.includes('*.*'))).toEqual([]);
        }
        await server.close();
      }),
      { numRuns: 15 },
    );
  });
});
