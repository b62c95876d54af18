/** Checks that say something over a plain connection, and checks that log in to a real MariaDB. */
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopbackAddress } from '../support/address.ts';
import { createTestProxy, type TestProxy } from '../support/haproxy.ts';
import { startMariaDb, type MariaDb } from '../support/mariadb.ts';

let proxy: TestProxy;
beforeAll(async () => {
  proxy = await createTestProxy();
});
afterAll(() => proxy.stop());

/** What the check of a pool of this one server comes to. */
async function verdict(place: { readonly address: string; readonly port: number }, healthCheck: object) {
  const check = { interval: '200ms', timeout: '2s', rise: 1, fall: 1, ...healthCheck };
  const spec = { protocol: 'TCP', externalEndpoints: [{ name: 'a', ...place }], healthCheck: check };
  await proxy.apply([]);
  await proxy.apply([
    { kind: 'WebPool', name: 'db', spec },
    {
      kind: 'RoutingRule',
      name: 'db',
      spec: { listener: { protocol: 'TCP', port: 8306 }, rules: [{ name: 'all', pools: [{ name: 'db' }] }] },
    },
  ]);
  return proxy.until('a verdict', () => {
    const [server] = [...(proxy.rail.observed.pools.get('default/db')?.values() ?? [])];
    // A server that has failed is told with the reason only between two checks.
    if (server?.health === 'Up') return 'Up';
    return server?.health === 'Down' && server.failure !== undefined ? server.failure : undefined;
  });
}

describe('a TCP check', () => {
  const heard = new Set<string>();
  let server: Server;
  let place: { address: string; port: number };
  let greeting: string;
  let reply: string;

  beforeAll(async () => {
    server = createServer((socket: Socket) => {
      socket.on('error', () => undefined);
      if (greeting !== '') socket.write(greeting);
      socket.on('data', (data) => {
        heard.add(data.toString());
        if (reply !== '') socket.write(reply);
      });
    });
    const address = loopbackAddress();
    await new Promise<void>((resolve) => {
      server.listen(0, address, resolve);
    });
    place = { address, port: (server.address() as { port: number }).port };
  });
  afterAll(async () => {
    await proxy.apply([]);
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  const ODD = `it's "%[env(HOME)]" \${HOME} \\x41 ; << #`;
  it.each<[string, string, string, { send?: string; receive?: string; timeout?: string }, string]>([
    ['an answer', '', '+PONG\r\n', { send: 'PING\r\n', receive: '+PONG\r\n' }, 'Up'],
    ['a part of it', '', '-ERR +PONG', { send: 'PING\r\n', receive: '+PONG' }, 'Up'],
    ['another answer', '', '-LOADING\r\n', { send: 'PING\r\n', receive: '+PONG', timeout: '300ms' }, 'Timeout'],
    ['no answer', '', '', { send: 'PING\r\n', receive: '+PONG', timeout: '300ms' }, 'Timeout'],
    ['a greeting', '220 mail ESMTP\r\n', '', { receive: '220 ' }, 'Up'],
    ['another greeting', '554 no\r\n', '', { receive: '220 ', timeout: '300ms' }, 'Timeout'],
    ['no more than that it can send', '', '', { send: 'x' }, 'Up'],
    ['texts as they are written', '', `<${ODD}>`, { send: ODD, receive: ODD }, 'Up'],
    ['texts that are nearly so', '', ODD.toUpperCase(), { send: ODD, receive: ODD, timeout: '300ms' }, 'Timeout'],
  ])('looks for %s', async (...[, hello, answer, check, wanted]) => {
    [greeting, reply] = [hello, answer];
    heard.clear();
    expect(await verdict(place, check)).toBe(wanted);
    if (check.send !== undefined) expect([...heard]).toContain(check.send);
  });
});

describe('a MySQL check', () => {
  let database: MariaDb;
  beforeAll(async () => {
    database = await startMariaDb();
    await database.query(`CREATE USER 'haproxy'@'127.0.0.1'; CREATE USER 'locked'@'127.0.0.1' IDENTIFIED BY 'secret'`);
  });
  afterAll(() => database.stop());

  it.each([
    ['logs in', 'haproxy', 'Up'],
    ['fails where the account has a password', 'locked', 'Answer'],
    ['fails where there is no such account', 'nobody', 'Answer'],
  ])('%s', async (_, username, wanted) => {
    expect(await verdict({ address: '127.0.0.1', port: database.port }, { type: 'MySQL', username })).toBe(wanted);
  });
});
