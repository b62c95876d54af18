import { describe, expect, it, test } from 'vitest';
import { digest } from '../../operator/haproxy/names.ts';
import { configOf, pool, rule, section } from './worlds.ts';

const HEAD = 'backend http_default_p';
const TO_P = [{ name: 'all', pools: [{ name: 'p' }] }];
const linesOf = (spec: object) => section(configOf([pool('p', spec)]), HEAD);
/** The lines that this spec adds to those of a pool without any. */
const added = (spec: object) => {
  const plain = new Set(linesOf({}));
  return linesOf(spec).filter((line) => !plain.has(line));
};

test.each<[string, object, readonly string[]]>([
  ['LeastConnections', { balance: { algorithm: 'LeastConnections' } }, ['balance leastconn']],
  ['Random', { balance: { algorithm: 'Random' } }, ['balance random(2)']],
  ['First', { balance: { algorithm: 'First' } }, ['balance first']],
  ['SourceIP', { balance: { algorithm: 'SourceIP' } }, ['balance source', 'hash-type consistent']],
  ['URI', { balance: { algorithm: 'URI' } }, ['balance uri', 'hash-type consistent']],
  ['Header', { balance: { algorithm: 'Header', header: 'X-User' } }, ['balance hdr(X-User)', 'hash-type consistent']],
  [
    'time limits',
    { timeouts: { connect: '5s', server: '10s', tunnel: '2h' }, queueTimeout: '1m' },
    ['timeout connect 5000ms', 'timeout server 10000ms', 'timeout tunnel 7200000ms', 'timeout queue 60000ms'],
  ],
  [
    'compression',
    { compression: { types: ['text/html', 'Image/SVG+xml'] } },
    ['compression algo gzip', "compression type 'text/html' 'image/svg+xml'"],
  ],
  ['no retries', { retries: { attempts: 0 } }, ['retries 0']],
  [
    'retries of what was sent',
    { retries: { when: ['Reset', 'EmptyResponse', '503', 'ConnectFailure'] } },
    [
      'retry-on 503 conn-failure empty-response',
      'http-request disable-l7-retry unless { method GET HEAD OPTIONS TRACE PUT DELETE }',
    ],
  ],
  [
    'a cookie',
    { sessionAffinity: { type: 'Cookie', cookieName: 'SITE', maxAge: '1500ms' } },
    [
      "cookie SITE insert indirect nocache httponly dynamic maxidle 2s attr 'Max-Age=2'",
      `dynamic-cookie-key ${digest('cookie default/p')}`,
    ],
  ],
  [
    'a table',
    { sessionAffinity: { type: 'SourceIP', maxAge: '1m' } },
    ['stick-table type ipv6 size 200000 expire 60000ms peers webpool', 'stick on src'],
  ],
  [
    'a table of digests',
    { sessionAffinity: { type: 'Header', header: 'X-User' } },
    [
      'stick-table type binary len 20 size 200000 expire 1800000ms peers webpool',
      'stick on req.fhdr(X-User),sha1 unless { req.fhdr(X-User) -m len 0 }',
    ],
  ],
  [
    'a slow start',
    { slowStart: '30s' },
    ['default-server check inter 10000ms fastinter 500ms downinter 500ms rise 2 fall 3 slowstart 30000ms'],
  ],
  [
    'a check by connection',
    { healthCheck: { port: 81, interval: '200ms', timeout: '1s', rise: 1, fall: 5 } },
    ['timeout check 1000ms', 'default-server check inter 200ms fastinter 200ms downinter 200ms rise 1 fall 5 port 81'],
  ],
  [
    'a check by what is sent and received',
    { healthCheck: { send: "it's %[x]\r\n", receive: '$HOME' } },
    ['option tcp-check', 'tcp-check send-binary 6974277320255b785d0d0a', 'tcp-check expect binary 24484f4d45'],
  ],
  ['a check by login', { healthCheck: { type: 'MySQL', username: 'haproxy' } }, ['option mysql-check user haproxy']],
  [
    'a check by HTTP',
    {
      healthCheck: {
        path: '/a?b',
        method: 'HEAD',
        host: 'a.x',
        headers: [{ name: 'X-A', value: "50% 'of'" }],
        expect: { status: ['200', '204-299'], body: "it's", header: { name: 'X-B', value: '-m' } },
      },
    },
    [
      'option httpchk',
      `http-check send meth HEAD uri '/a?b' ver HTTP/1.1 hdr Host 'a.x' hdr X-A '50%% '\\''of'\\'''`,
      'http-check expect status 200,204-299',
      `http-check expect string 'it'\\''s'`,
      `http-check expect fhdr name X-B value -m str '-m'`,
    ],
  ],
])('%s', (...[, spec, lines]) => {
  expect(added(spec)).toEqual(lines);
});

describe('a maintenance page', () => {
  it('is a file that is named by its content', () => {
    const { files } = configOf([pool('p', { maintenancePage: { body: 'closed' } })]);
    expect([...files].filter(([name]) => name.startsWith('page-'))).toEqual([
      [`page-${digest('closed')}.txt`, 'closed'],
    ]);
  });

  it('may have another status, as long as nobody is there', () => {
    const lines = added({ maintenancePage: { body: 'closed', status: 200 } });
    expect(lines[0]).toMatch(/^http-error status 503 /);
    expect(lines[1]).toMatch(/^http-after-response set-status 200 if \{ nbsrv eq 0 \} /);
  });

  it('is another configuration when it reads otherwise', () => {
    const of = (body: string) => configOf([pool('p', { maintenancePage: { body } })]).checksum;
    expect(of('one')).not.toBe(of('other'));
  });
});

describe('the layer', () => {
  it('of a pool that TCP listeners use is a backend more', () => {
    const relay = rule('r', { listener: { protocol: 'TCP', port: 25 }, rules: TO_P });
    const config = configOf([
      pool('p', { sessionAffinity: { type: 'Cookie' }, balance: { algorithm: 'URI' }, maintenancePage: { body: 'a' } }),
      relay,
    ]);
    expect([...config.backends.keys()]).toEqual(['http_default_p', 'tcp_default_p']);
    const lines = section(config, 'backend tcp_default_p');
    // Bytes have no path, no cookie and no page; silence is measured by the limit of tunnels.
    expect(lines.filter((line) => /cookie|http|page/.test(line))).toEqual([]);
    expect(lines).toEqual(expect.arrayContaining(['mode tcp', 'balance source', 'timeout server 3600000ms']));
  });

  it('of a TCP pool is one', () => {
    expect([...configOf([pool('p', { protocol: 'TCP' })]).backends.keys()]).toEqual(['tcp_default_p']);
  });
});

describe('servers', () => {
  const endpoint = { name: 'a', address: '192.0.2.1' };
  const serverOf = (more: object, spec: object = {}) =>
    [
      ...(configOf([pool('p', { externalEndpoints: [{ ...endpoint, ...more }], ...spec })])
        .backends.get('http_default_p')
        ?.servers.values() ?? []),
    ][0];

  it('are data beside the skeleton', () => {
    const of = (...names: string[]) =>
      configOf([
        pool('p', { externalEndpoints: names.map((name, index) => ({ name, address: `192.0.2.${index + 1}` })) }),
      ]);
    expect(of('a', 'b').checksum).toBe(of('c').checksum);
  });

  it('are born in drain when they are external', () => {
    expect(serverOf({})).toEqual({
      name: 'a_192.0.2.1:80',
      address: '192.0.2.1',
      port: 80,
      weight: 100,
      maxConnections: 0,
      admin: 'ready',
      backup: false,
      fixed: '',
      probeFirst: true,
    });
  });

  it('have what their endpoint says', () => {
    expect(serverOf({ port: 81, weight: 3, state: 'Maintenance', tier: 'Backup', maxConnections: 9 })).toMatchObject({
      name: 'a_192.0.2.1:81_backup',
      weight: 3,
      admin: 'maint',
      backup: true,
      maxConnections: 9,
    });
  });
});
