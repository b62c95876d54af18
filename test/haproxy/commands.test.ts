import { describe, expect, it, test } from 'vitest';
import { commitRoutes, fillRoutes, isDone, preparedVersion, runtimeCommands } from '../../operator/haproxy/commands.ts';
import type { BackendConfig, ServerConfig } from '../../operator/haproxy/proxy.ts';
import { UnquotableError } from '../../operator/haproxy/quote.ts';

const BACKEND: BackendConfig = {
  name: 'http_default_p',
  pool: 'default/p',
  keywords: 'check inter 1s',
  drainTimeout: 0,
  servers: new Map(),
};
const SERVER: ServerConfig = {
  name: 'a_192.0.2.1:80',
  address: '192.0.2.1',
  port: 80,
  weight: 3,
  maxConnections: 0,
  admin: 'ready',
  backup: false,
  fixed: '',
  probeFirst: true,
};
const T = 'http_default_p/a_192.0.2.1:80';
const ADD = `add server ${T} 192.0.2.1:80 check inter 1s weight 3`;

describe('a server that joins', () => {
  test.each<[string, Partial<ServerConfig>, Partial<BackendConfig>, readonly string[]]>([
    ['is born in drain', {}, {}, [ADD, `enable health ${T}`, `set server ${T} state drain`]],
    ['serves when it is a Pod', { probeFirst: false }, {}, [ADD, `enable health ${T}`, `set server ${T} state ready`]],
    ['rests when it is told to', { admin: 'maint' }, {}, [ADD, `enable health ${T}`]],
    [
      'has its limit and tier',
      { maxConnections: 5, backup: true },
      {},
      [`${ADD} maxconn 5 backup`, `enable health ${T}`, `set server ${T} state drain`],
    ],
    [
      'needs its cookie switched on',
      {},
      { dynamicCookieKey: 'abc' },
      [
        ADD,
        `enable health ${T}`,
        'enable dynamic-cookie backend http_default_p',
        'set dynamic-cookie-key backend http_default_p abc',
        `set server ${T} state drain`,
      ],
    ],
  ])('%s', (...[, server, backend, commands]) => {
    expect(
      runtimeCommands({ kind: 'add-server', backend: { ...BACKEND, ...backend }, server: { ...SERVER, ...server } }),
    ).toEqual(commands);
  });
});

const at = { backend: 'http_default_p', server: 'a_192.0.2.1:80' };
test.each([
  [{ kind: 'set-weight', ...at, weight: 7 }, `set server ${T} weight 7`],
  [{ kind: 'set-max-connections', ...at, maxConnections: 9 }, `set maxconn server ${T} 9`],
  [{ kind: 'set-state', ...at, state: 'maint' }, `set server ${T} state maint`],
  [{ kind: 'enable-health', ...at }, `enable health ${T}`],
  [{ kind: 'shutdown-sessions', ...at }, `shutdown sessions server ${T}`],
  [{ kind: 'delete-server', ...at }, `del server ${T}`],
] as const)('%j', (change, command) => {
  expect(runtimeCommands(change)).toEqual([command]);
});

test.each(['a;show info', 'a\nshow info', 'a <<', 'a b', ''])('no name %j becomes a command', (server) => {
  expect(() => runtimeCommands({ kind: 'delete-server', backend: 'b', server })).toThrow(UnquotableError);
});

test.each([
  ['', true],
  ['\n', true],
  ['New server registered.', true],
  ['Server deleted.', true],
  ['No such server.', false],
  ['Already exists a server with the same name in backend.', false],
  ['Only servers in maintenance mode can be deleted.', false],
  ['Unknown command: add', false],
])('the answer %j means done: %s', (answer, done) => {
  expect(isDone(answer)).toBe(done);
});

describe('routes', () => {
  it('are put in force in two steps, in payloads that fit', () => {
    const routes = new Map(
      Array.from({ length: 2000 }, (_, index) => [`80|host${index}.example.com/`, `http_default_pool-${index}`]),
    );
    const payloads = fillRoutes(routes, 4);
    expect(payloads.length).toBeGreaterThan(1);
    expect(Math.max(...payloads.map((text) => text.length))).toBeLessThan(14_100);
    // A payload ends at the first empty line.
    expect(payloads.filter((text) => !/^add map @4 routes\.map <<\n(?:[^\n]+\n)+$/.test(text))).toEqual([]);
    const lines = payloads.flatMap((text) => text.split('\n').slice(1, -1));
    expect(lines).toEqual([...routes].map(([key, value]) => `${key} ${value}`));
    expect(commitRoutes(4)).toBe('commit map @4 routes.map');
  });

  it('may be none', () => {
    expect(fillRoutes(new Map(), 4)).toEqual([]);
  });

  test.each([
    ['New version created: 12\n', 12],
    ['Unknown map identifier.', undefined],
    ['', undefined],
  ])('%j has the version %s', (answer, version) => {
    expect(preparedVersion(answer)).toBe(version);
  });
});
