import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DatabaseRound, DatabaseRoundInput } from '../../operator/driver/mysql-server.ts';
import { need } from '../mysql/needs.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import type { Cut } from '../support/cutting-proxy.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { eventually } from '../support/wait.ts';
import { grantsOf, hostsOf, inputOf, logsIn, PASSWORD, reset, serverKinds, serverOf } from './database-world.ts';

// Seconds on a machine of its own; here others work as well.
vi.setConfig({ testTimeout: 300_000 });

/** Something that one round does, and what must be so at the end, whatever came in between. */
interface Scenario {
  readonly name: string;
  readonly prepare: (world: World) => Promise<unknown>;
  readonly input: (world: World) => DatabaseRoundInput;
  readonly check: (world: World) => Promise<void>;
}

interface World {
  readonly db: DatabaseProcess;
  /** A round by a program of its own. */
  readonly round: (input: DatabaseRoundInput, port?: number) => Promise<DatabaseRound>;
}

const PRESENT = { presentGrants: new Set(['default/shop']) };
/** What can be cut must be read. */
const TLS = { mode: 'Disabled' } as const;

const wants = (db: DatabaseProcess, hosts: string[], more: Partial<DatabaseRoundInput> = {}): DatabaseRoundInput =>
  inputOf(db.admin, [need(hosts)], { ...PRESENT, tls: TLS, ...more });

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'accounts are made',
    prepare: async () => undefined,
    input: ({ db }) => wants(db, ['127.0.0.1', '127.0.0.2']),
    check: async ({ db }) => {
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.1', '127.0.0.2']);
      expect(await grantsOf(db, 'shop', '127.0.0.2')).toEqual([
        'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.2`',
      ]);
      await logsIn(db, PASSWORD);
    },
  },
  {
    name: 'an account with an open session goes',
    prepare: async ({ db, round }) => {
      await round(wants(db, ['127.0.0.1', '127.0.0.2']));
      const session = await db.login({ user: 'shop', password: PASSWORD });
      session.on('error', () => undefined);
    },
    input: ({ db }) => wants(db, ['127.0.0.2']),
    check: async ({ db }) => {
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.2']);
      // A session that is killed ends when it notices.
      await eventually('the end of all sessions', async () => {
        const sessions = await db.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'shop'");
        return sessions.length === 0;
      });
    },
  },
  {
    name: 'a password changes',
    prepare: ({ db, round }) => round(wants(db, ['127.0.0.1', '127.0.0.2'])),
    input: ({ db }) =>
      inputOf(db.admin, [need(['127.0.0.1', '127.0.0.2'], { secretVersion: '2' })], {
        tls: TLS,
        passwords: new Map([['default/shop-db/password', 'second']]),
      }),
    check: async ({ db }) => {
      await logsIn(db, 'second');
      await logsIn(db, PASSWORD);
    },
  },
  {
    name: 'an account is taken over',
    prepare: ({ db }) =>
      db.query("CREATE USER shop@127.0.0.1 IDENTIFIED BY 'theirs'; GRANT DROP ON shop.* TO shop@127.0.0.1"),
    input: ({ db }) => inputOf(db.admin, [need(['127.0.0.1'], { existingAccounts: 'Adopt' })], { tls: TLS }),
    check: async ({ db }) => {
      await logsIn(db, PASSWORD);
      await logsIn(db, 'theirs');
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual([
        'GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`',
      ]);
    },
  },
];

/** No scenario needs more statements than this. */
const MOST = 40;

describe.each(await serverKinds())('a crash on $name', ({ start }) => {
  let db: DatabaseProcess;

  beforeAll(async () => {
    db = await start();
  });
  afterAll(() => db.stop());

  const round = async (input: DatabaseRoundInput, port = db.port): Promise<DatabaseRound> => {
    const server = serverOf({ port });
    const result = await server.round(input);
    await server.close();
    return result;
  };

  /** One run with a cut; returns whether the cut came before the end of the work. */
  const crashAt = async ({ prepare, input, check }: Scenario, cut: Cut): Promise<boolean> => {
    const world: World = { db, round };
    await reset(db);
    await prepare(world);
    const proxy = await startCuttingProxy(db.port, cut);
    const cutShort = (await round(input(world), proxy.port)).problem !== undefined;
    await proxy.close();
    // Somebody else starts with what is on the server.
    const after = await round(input(world));
    expect([cut, after.settled, after.problem]).toEqual([cut, true, undefined]);
    await check(world);
    expect(await round(input(world))).toMatchObject({ settled: true, statements: 0 });
    return cutShort;
  };

  describe.each(SCENARIOS)('while $name', (scenario) => {
    it.each(['Statement', 'Answer'] as const)(
      'leaves nothing that the next start does not put right: %s lost',
      async (lost) => {
        let after = 0;
        while (await crashAt(scenario, { after, lost })) after += 1;
        expect(after).toBeGreaterThan(5);
        expect(after).toBeLessThan(MOST);
      },
    );
  });
});
