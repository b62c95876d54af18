import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { DatabaseRound, DatabaseRoundInput, DatabaseServer } from '../../operator/driver/mysql-server.ts';
import { need } from '../mysql/needs.ts';
import { freePort } from '../support/database-process.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import {
  grantsOf,
  hostsOf,
  inputOf,
  logsIn,
  PASSWORD,
  reset,
  serverKinds,
  serverOf,
  statesOf,
  useDatabase,
} from './database-world.ts';

describe('a server that cannot be reached', () => {
  const TIMEOUTS = { connect: 300, query: 1000 };
  const ADMIN = { username: 'admin', password: 'secret' };

  const problemAt = async (port: number): Promise<DatabaseRound['problem']> => {
    const server = serverOf({ port }, { timeouts: TIMEOUTS });
    const round = await server.round(inputOf(ADMIN, [need(['127.0.0.1'])]));
    await server.close();
    expect(statesOf(round)).toEqual({ '127.0.0.1': 'Pending' });
    expect(JSON.stringify(round)).not.toContain(ADMIN.password);
    return round.problem;
  };

  /** Something that listens and does this with whoever comes. */
  const listening = async (treat: (client: Socket) => void, work: (port: number) => Promise<void>): Promise<void> => {
    const clients = new Set<Socket>();
    const server: Server = createServer((client) => {
      clients.add(client.on('error', () => undefined));
      treat(client);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    try {
      await work((server.address() as AddressInfo).port);
    } finally {
      for (const client of clients) client.destroy();
      server.close();
    }
  };

  it('because nothing listens', async () => {
    const port = await freePort();
    expect(await problemAt(port)).toEqual({
      reason: 'ServerUnreachable',
      message:
        `127.0.0.1 refuses connections on port ${port}: the server is down, or its configuration has skip-networking or bind-address 127.0.0.1, ` +
        `or SELinux keeps it from the port (semanage port -a -t mysqld_port_t -p tcp ${port})`,
    });
  });

  it('because it takes the connection and says nothing', async () => {
    await listening(
      () => undefined,
      async (port) => {
        expect((await problemAt(port))?.message).toContain('took the connection but did not speak MySQL in time');
      },
    );
  });

  it('because it closes before it greets', async () => {
    await listening(
      (client) => client.end(),
      async (port) => {
        expect((await problemAt(port))?.message).toContain('look for tcp_wrappers, a proxy without its server');
      },
    );
  });

  it('because it speaks something else', async () => {
    await listening(
      (client) => client.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      async (port) => {
        expect(await problemAt(port)).toMatchObject({ reason: 'ServerUnreachable' });
      },
    );
  });

  it.each([
    [1129, 'ServerUnreachable', 'run FLUSH HOSTS there'],
    [1130, 'AdminAuthenticationFailed', '(it sees us as 192.0.2.77): create the admin account for that host'],
    [1040, 'ServerUnreachable', 'raise max_connections'],
    [1226, 'ServerUnreachable', 'or the limits of our account'],
  ])('because it greets with error %i', async (code, reason, text) => {
    const body = Buffer.from(`\xff\0\0#HY000Host '192.0.2.77' is not allowed`, 'latin1');
    body.writeUInt16LE(code, 1);
    const header = Buffer.from([body.length, 0, 0, 0]);
    await listening(
      (client) => client.end(Buffer.concat([header, body])),
      async (port) => {
        expect(await problemAt(port)).toEqual({ reason, message: expect.stringContaining(text) as string });
      },
    );
  });
});

describe.each(await serverKinds())('on $name', ({ start }) => {
  let db: DatabaseProcess;
  let server: DatabaseServer;

  useDatabase(start, (database, driver) => {
    db = database;
    server = driver;
  });

  const one = () => inputOf(db.admin, [need(['127.0.0.1'])]);
  const two = () => inputOf(db.admin, [need(['127.0.0.1', '127.0.0.2'])]);

  it('a wrong admin password is told with the address that the server sees', async () => {
    const round = await server.round({ ...one(), admin: { ...db.admin, password: 'wrong' } });
    expect(round.problem).toEqual({
      reason: 'AdminAuthenticationFailed',
      message:
        '127.0.0.1 refuses the login of the admin account (it sees us as 127.0.0.1): wrong password, no account for this source address, or the account requires TLS',
    });
    expect(await server.round(one())).toMatchObject({ settled: true });
  });

  it('no account for our address at all is told as such', async () => {
    await db.query(`RENAME USER ${db.admin.username}@'127.0.0.1' TO ${db.admin.username}@'127.0.0.99'`);
    try {
      expect((await server.round(one())).problem?.reason).toBe('AdminAuthenticationFailed');
    } finally {
      await db.query(`RENAME USER ${db.admin.username}@'127.0.0.99' TO ${db.admin.username}@'127.0.0.1'`);
    }
  });

  it('an admin that lacks rights is told which; accounts that are there count on', async () => {
    await server.round(one());
    await db.query("CREATE USER half@127.0.0.1 IDENTIFIED BY 'x'; GRANT SELECT ON mysql.* TO half@127.0.0.1");
    if (db.flavor === 'MariaDB') await db.query('GRANT ALL ON webpool_ledger.* TO half@127.0.0.1');
    const round = await server.round({ ...two(), admin: { username: 'half', password: 'x' } });
    expect(round.problem).toMatchObject({
      reason: 'AdminPrivilegeMissing',
      message: expect.stringContaining('it needs CREATE USER and PROCESS, SELECT on mysql.*') as string,
    });
    expect(statesOf(round)).toEqual({ '127.0.0.1': 'Ready', '127.0.0.2': 'Pending' });
  });

  it('a server that turns read-only is told once there is something to write, and written to when it is back', async () => {
    await server.round(one());
    await db.query('SET GLOBAL read_only = ON');
    try {
      expect(await server.round(one())).toMatchObject({ settled: true });
      const blocked = await server.round(two());
      expect(blocked).toMatchObject({ problem: { reason: 'ReadOnlyServer' }, settled: false, statements: 0 });
      expect(statesOf(blocked)).toEqual({ '127.0.0.1': 'Ready', '127.0.0.2': 'Pending' });
    } finally {
      await db.query('SET GLOBAL read_only = OFF');
    }
    expect(statesOf(await server.round(two()))).toEqual({ '127.0.0.1': 'Ready', '127.0.0.2': 'Ready' });
  });

  it('a name that leads to another server after a failover is followed, though the one before still answers', async () => {
    const other = await start();
    const way = await startCuttingProxy(db.port);
    const client = serverOf(way);
    const ask = (input: DatabaseRoundInput) => client.round({ ...input, tls: { mode: 'Disabled' } });
    try {
      await reset(other);
      await ask(one());
      await db.query('SET GLOBAL read_only = ON');
      way.leadTo(other.port);
      expect(await ask(two())).toMatchObject({ problem: { reason: 'ReadOnlyServer' } });
      expect(statesOf(await ask(two()))).toEqual({ '127.0.0.1': 'Ready', '127.0.0.2': 'Ready' });
      expect(await hostsOf(other, 'shop')).toEqual(['127.0.0.1', '127.0.0.2']);
    } finally {
      await db.query('SET GLOBAL read_only = OFF');
      await client.close();
      await way.close();
      await other.stop();
    }
  });

  it('a server without a free connection is told', async () => {
    await db.query('SELECT 1');
    const [[, limit] = []] = await db.query("SHOW VARIABLES LIKE 'max_connections'");
    await db.query("CREATE USER guest@127.0.0.1 IDENTIFIED BY 'x'; SET GLOBAL max_connections = 10");
    const guests = [];
    try {
      for (;;) guests.push(await db.login({ user: 'guest', password: 'x' }));
    } catch (error) {
      expect(error).toMatchObject({ errno: 1040 });
      // One more is kept for an administrator, which `query` may already have.
      const admin = await db.login({ user: db.admin.username, password: db.admin.password }).catch(() => undefined);
      expect((await server.round(one())).problem).toMatchObject({
        reason: 'ServerUnreachable',
        message: expect.stringContaining('max_connections') as string,
      });
      await admin?.end();
    } finally {
      await Promise.all(guests.map((guest) => guest.end()));
      await db.query(`SET GLOBAL max_connections = ${Number(limit)}`);
    }
    expect(await server.round(one())).toMatchObject({ settled: true });
  });

  it('a lost connection costs one round, a killed server as many as it is away', async () => {
    await server.round(one());
    const [[id] = []] = await db.query(
      `SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '${db.admin.username}' AND ID <> CONNECTION_ID()`,
    );
    await db.query(`KILL ${Number(id)}`);
    await server.round(one());
    expect(await server.round(two())).toMatchObject({ settled: true });
    await db.kill();
    const away = await server.round(two());
    expect(away.problem?.reason).toBe('ServerUnreachable');
    // An outage of the server takes nobody's account away in what is told.
    expect(statesOf(away)).toEqual({ '127.0.0.1': 'Ready', '127.0.0.2': 'Ready' });
    await db.restart();
    expect(await server.round(two())).toMatchObject({ settled: true, statements: 0 });
  });

  it('an account dropped or edited by hand comes back; its own table gone, the rest is foreign', async () => {
    await server.round(two());
    await db.query('DROP USER shop@127.0.0.2; REVOKE ALL PRIVILEGES, GRANT OPTION FROM shop@127.0.0.1');
    expect(await server.round(two())).toMatchObject({ settled: true });
    expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.1', '127.0.0.2']);
    expect(await grantsOf(db, 'shop', '127.0.0.1')).toEqual(['GRANT SELECT, INSERT ON `shop`.* TO `shop`@`127.0.0.1`']);
    const forget =
      db.flavor === 'MariaDB'
        ? 'DROP DATABASE webpool_ledger'
        : `ALTER USER shop@127.0.0.1, shop@127.0.0.2 ATTRIBUTE '{"webpool": null}'`;
    await db.query(forget);
    await server.round(two());
    const round = await server.round(two());
    expect(statesOf(round)).toEqual({ '127.0.0.1': 'Conflicting', '127.0.0.2': 'Conflicting' });
    await logsIn(db, PASSWORD);
  });

  describe('what is asked for that cannot be', () => {
    it.each<[string, Parameters<typeof need>[1], object]>([
      ['a system schema', { grants: [{ schema: 'MySQL', privileges: ['SELECT'] }] }, { reason: 'UnsupportedValue' }],
      ['every schema', { grants: [{ schema: '*', privileges: ['SELECT'] }] }, { reason: 'UnsupportedValue' }],
      ['a reserved account', { username: 'root' }, { reason: 'ReservedAccount' }],
      ['our own account', { username: 'webpool_admin' }, { reason: 'ReservedAccount' }],
      [
        'a privilege of schemas on a table',
        { grants: [{ schema: 's', table: 't', privileges: ['EVENT'] }] },
        { reason: 'UnsupportedPrivilege' },
      ],
    ])('%s is refused and its neighbour goes on', async (_, options, problem) => {
      const bad = need(['127.0.0.1'], { grant: 'default/a-bad', ...options });
      const round = await server.round(inputOf(db.admin, [bad, need(['127.0.0.2'])]));
      expect(round.grants.get('default/a-bad')?.problem).toMatchObject({ condition: 'Accepted', ...problem });
      expect(statesOf(round)).toEqual({ '127.0.0.2': 'Ready' });
      expect(await hostsOf(db, options?.username ?? 'shop')).not.toContain('127.0.0.3');
    });

    it('an empty password is refused', async () => {
      const passwords = new Map([['default/shop-db/password', '']]);
      const round = await server.round(inputOf(db.admin, [need(['127.0.0.1'])], { passwords }));
      expect(round.grants.get('default/shop')?.problem).toMatchObject({
        condition: 'ResolvedRefs',
        reason: 'SecretKeyMissing',
      });
      expect(await hostsOf(db, 'shop')).toEqual([]);
    });

    it('hosts that are none are left out, and the others get their accounts', async () => {
      const hosts = ['', '%', '127.%', 'web_1', "a'b", 'a\\b', '10.0.0.0/8', 'UPPER.example.com'];
      const round = await server.round(inputOf(db.admin, [need([...hosts, '127.0.0.1'])]));
      expect(statesOf(round)).toEqual({
        ...Object.fromEntries(hosts.map((host) => [host, 'Failed'])),
        '127.0.0.1': 'Ready',
      });
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.1']);
    });

    it('is no reason to take away what was there before', async () => {
      await server.round(one());
      const bad = need(['127.0.0.1'], { grants: [{ schema: 'mysql', privileges: ['SELECT'] }] });
      await server.round(inputOf(db.admin, [bad]));
      await logsIn(db, PASSWORD);
      expect(await grantsOf(db, 'shop', '127.0.0.1')).toHaveLength(1);
    });
  });

  describe('a deleted grant', () => {
    const MANY = Array.from({ length: 12 }, (_, index) => `10.0.0.${index + 1}`);

    it.each([
      ['Delete', 0, undefined],
      ['Lock', 1, 'Y'],
      ['Orphan', 1, 'N'],
    ] as const)(
      'with deletionPolicy %s is settled after a restart of ours too',
      async (deletionPolicy, left, locked) => {
        await server.round(inputOf(db.admin, [need(['127.0.0.1'], { deletionPolicy })]));
        const session = await db.login({ user: 'shop', password: PASSWORD });
        session.on('error', () => undefined);
        await server.close();
        server = serverOf(db);
        const gone = inputOf(db.admin, []);
        expect(await server.round(gone)).toMatchObject({ settled: true });
        expect(await server.round(gone)).toMatchObject({ settled: true, statements: 0 });
        expect(await hostsOf(db, 'shop')).toHaveLength(left);
        if (locked !== undefined) {
          const find =
            db.flavor === 'MariaDB'
              ? "IF(JSON_VALUE(Priv, '$.account_locked') = 1, 'Y', 'N') FROM mysql.global_priv"
              : 'account_locked FROM mysql.user';
          expect(await db.query(`SELECT ${find} WHERE User = 'shop'`)).toEqual([[locked]]);
        }
        const alive = await session.query('SELECT 1').then(
          () => true,
          () => false,
        );
        expect(alive).toBe(deletionPolicy === 'Orphan');
        session.destroy();
      },
    );

    it('loses all its accounts at once, for that is evidence enough', async () => {
      await server.round(inputOf(db.admin, [need(MANY)]));
      await server.round(inputOf(db.admin, []));
      expect(await hostsOf(db, 'shop')).toEqual([]);
    });

    it('is not taken for deleted while something cannot be read', async () => {
      await server.round(one());
      await server.round(inputOf(db.admin, [], { pictureComplete: false }));
      await server.round(inputOf(db.admin, [], { presentGrants: new Set(['default/shop']) }));
      expect(await hostsOf(db, 'shop')).toEqual(['127.0.0.1']);
    });

    it('most hosts gone from a grant in force are held until their number is allowed', async () => {
      await server.round(inputOf(db.admin, [need(MANY)]));
      const held = await server.round(inputOf(db.admin, [need(['10.0.0.1'])]));
      expect(held.grants.get('default/shop')?.problem).toEqual({
        condition: 'Synced',
        reason: 'RemovalHeld',
        message:
          '11 of 12 accounts would be dropped at once; if that is meant, annotate the DatabaseGrant with webpool.dev/allow-removal: "11"',
      });
      expect(await hostsOf(db, 'shop')).toHaveLength(12);
      const allow = (count: number) =>
        inputOf(db.admin, [need(['10.0.0.1'])], { allowRemoval: new Map([['default/shop', count]]) });
      await server.round(allow(10));
      expect(await hostsOf(db, 'shop')).toHaveLength(12);
      await server.round(allow(11));
      expect(await hostsOf(db, 'shop')).toEqual(['10.0.0.1']);
    });
  });

  it('a round that has no time left says so, and the next goes on', async () => {
    const hurried = serverOf(db, { budget: 0 });
    const many = inputOf(db.admin, [need(['127.0.0.1', '127.0.0.2', '127.0.0.3'])]);
    expect(await hurried.round(many)).toMatchObject({ settled: false });
    await hurried.close();
    expect(await server.round(many)).toMatchObject({ settled: true });
  });

  it('a probe that only opens a connection does no harm to ours', async () => {
    const probe = connect({ host: '127.0.0.1', port: db.port });
    await new Promise((resolve) => probe.once('data', resolve));
    probe.destroy();
    expect(await server.round(one())).toMatchObject({ settled: true });
  });
});
