/**
 * Objects that must be refused, and neighbours of them that must pass: the one table for the rules in code, which a folder has, and for
 * the schema and CEL of the CRDs, which an API server has. Both have to give the same verdict.
 */
import type { Kind } from '../../operator/api/resources.ts';

/** An object by its spec. */
export interface Written {
  readonly name: string;
  readonly kind: Kind;
  readonly spec: unknown;
}

/** An object with one mistake. */
export interface BadObject extends Written {
  /** Where the code says the mistake is. */
  readonly at: string;
  /** Why the CRD cannot say it, so that the API server takes the object and status tells. */
  readonly beyondCrd?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** `base` with other fields; undefined takes one away. */
function but(base: Fields, over: Fields): Fields {
  return JSON.parse(JSON.stringify({ ...base, ...over })) as Fields;
}

const POOL: Fields = { port: 80, externalEndpoints: [{ name: 'web01', address: '192.0.2.1' }] };
const RULE: Fields = { listener: { protocol: 'HTTP' }, rules: [{ name: 'all', pools: [{ name: 'blog' }] }] };
const RELAY: Fields = {
  listener: { protocol: 'TCP', port: 2525 },
  rules: [{ name: 'all', pools: [{ name: 'relay' }] }],
};
const PRIVILEGES: Fields = { schema: 'site', privileges: ['SELECT'] };
const GRANT: Fields = {
  server: { host: 'db01.example.com', adminSecretName: 'admin' },
  username: 'app',
  passwordSecret: { name: 'app', key: 'password' },
  pools: [{ name: 'blog' }],
  grants: [PRIVILEGES],
};

const pool = (over: Fields) => but(POOL, over);
const tcpPool = (over: Fields) => but(POOL, { protocol: 'TCP', ...over });
const at = (address: string) => pool({ externalEndpoints: [{ name: 'web01', address }] });
const rule = (over: Fields) => but(RULE, over);
const match = (over: Fields) => rule({ rules: [{ name: 'all', matches: [over], pools: [{ name: 'blog' }] }] });
const path = (type: string, value: string) => match({ path: { type, value } });
const action = (over: Fields) => rule({ rules: [{ name: 'all', ...over }] });
const tcpMatch = (over: Fields) =>
  but(RELAY, { rules: [{ name: 'all', matches: [over], pools: [{ name: 'relay' }] }] });
const grant = (over: Fields) => but(GRANT, over);
const privileges = (over: Fields) => grant({ grants: [but(PRIVILEGES, over)] });

type Row = readonly [name: string, spec: Fields, at: string, beyondCrd?: string];
type GoodRow = readonly [name: string, spec: Fields];

const PAIRS = 'comparing 512 endpoints with each other is beyond the cost limit of CEL';
const KEYS = 'a schema cannot bound the keys of a map, so CEL may not look into them';

const BAD_POOLS: readonly Row[] = [
  ['protocol unknown', pool({ protocol: 'http' }), 'spec.protocol'],
  ['port out of range', pool({ port: 65_536 }), 'spec.port'],
  ['no port anywhere', pool({ port: undefined }), 'spec.externalEndpoints[0]'],
  ['port as text', pool({ port: '80' }), 'spec.port'],
  ['endpoint without address', pool({ externalEndpoints: [{ name: 'web01' }] }), 'spec.externalEndpoints[0]'],
  [
    'endpoint with a name that is none',
    pool({ externalEndpoints: [{ name: 'Web_01', address: '192.0.2.1' }] }),
    'spec.externalEndpoints[0].name',
  ],
  [
    'two endpoints of one name',
    pool({
      externalEndpoints: [
        { name: 'a', address: '192.0.2.1' },
        { name: 'a', address: '192.0.2.2' },
      ],
    }),
    'spec.externalEndpoints[1].name',
  ],
  [
    'two endpoints with one address',
    pool({
      externalEndpoints: [
        { name: 'a', address: '192.0.2.1' },
        { name: 'b', address: '192.0.2.1', port: 80 },
      ],
    }),
    'spec.externalEndpoints[1]',
    PAIRS,
  ],
  [
    'two endpoints with one name in DNS',
    pool({
      externalEndpoints: [
        { name: 'a', address: 'web01.example.com' },
        { name: 'b', address: 'WEB01.example.com.' },
      ],
    }),
    'spec.externalEndpoints[1]',
    PAIRS,
  ],
  [
    'weight out of range',
    pool({ externalEndpoints: [{ name: 'a', address: '192.0.2.1', weight: 257 }] }),
    'spec.externalEndpoints[0].weight',
  ],
  ['address with a wildcard', at('192.0.2.%'), 'spec.externalEndpoints[0].address'],
  ['address with a port', at('192.0.2.1/24'), 'spec.externalEndpoints[0].address'],
  ['address with too big a part', at('192.0.2.256'), 'spec.externalEndpoints[0].address'],
  ['address with three parts', at('192.0.2'), 'spec.externalEndpoints[0].address'],
  ['address with leading zeros', at('192.0.02.1'), 'spec.externalEndpoints[0].address'],
  ['IPv6 address cut short', at('2001:db8:'), 'spec.externalEndpoints[0].address'],
  ['name with an empty label', at('web01..example.com'), 'spec.externalEndpoints[0].address'],
  ['name with a label too long', at(`${'a'.repeat(64)}.example.com`), 'spec.externalEndpoints[0].address'],
  ['name with a hyphen at the end of a label', at('web01-.example.com'), 'spec.externalEndpoints[0].address'],
  ['unspecified IPv4 address', at('0.0.0.0'), 'spec.externalEndpoints[0].address'],
  ['unspecified IPv6 address', at('::'), 'spec.externalEndpoints[0].address'],
  ['broadcast address', at('255.255.255.255'), 'spec.externalEndpoints[0].address'],
  ['multicast address', at('224.0.0.1'), 'spec.externalEndpoints[0].address'],
  ['multicast IPv6 address', at('ff02::1'), 'spec.externalEndpoints[0].address'],
  ['Pods without port', { selector: { matchLabels: { app: 'blog' } } }, 'spec.selector'],
  ['selector of nothing', pool({ selector: { matchLabels: {} } }), 'spec.selector.matchLabels'],
  [
    'label key that is none',
    pool({ selector: { matchLabels: { '-app': 'blog' } } }),
    'spec.selector.matchLabels',
    KEYS,
  ],
  [
    'label key with too long a name',
    pool({ selector: { matchLabels: { ['a'.repeat(64)]: 'blog' } } }),
    'spec.selector.matchLabels',
    KEYS,
  ],
  ['label value with a space', pool({ selector: { matchLabels: { app: 'a b' } } }), 'spec.selector.matchLabels.app'],
  ['port name of digits', pool({ portName: '80' }), 'spec.portName'],
  ['port name with two hyphens', pool({ portName: 'a--b' }), 'spec.portName'],
  ['Pod weight out of range', pool({ podWeight: 257 }), 'spec.podWeight'],
  ['algorithm Header without header', pool({ balance: { algorithm: 'Header' } }), 'spec.balance'],
  ['header with another algorithm', pool({ balance: { algorithm: 'URI', header: 'X-User' } }), 'spec.balance.header'],
  ['check with a path and type TCP', pool({ healthCheck: { type: 'TCP', path: '/' } }), 'spec.healthCheck.path'],
  ['check with a method and no type', pool({ healthCheck: { method: 'HEAD' } }), 'spec.healthCheck.method'],
  [
    'check with expectations and no type',
    pool({ healthCheck: { expect: { status: ['200'] } } }),
    'spec.healthCheck.expect',
  ],
  ['check too often', pool({ healthCheck: { interval: '50ms' } }), 'spec.healthCheck.interval'],
  ['check too seldom', pool({ healthCheck: { interval: '61m' } }), 'spec.healthCheck.interval'],
  ['check without time', pool({ healthCheck: { timeout: '9ms' } }), 'spec.healthCheck.timeout'],
  [
    'check that expects an empty range',
    pool({ healthCheck: { path: '/', expect: { status: ['299-200'] } } }),
    'spec.healthCheck.expect.status[0]',
  ],
  ['check path with a space', pool({ healthCheck: { path: '/a b' } }), 'spec.healthCheck.path'],
  ['duration without unit', pool({ slowStart: '30' }), 'spec.slowStart'],
  ['slow start too long', pool({ slowStart: '24h1s' }), 'spec.slowStart'],
  ['drain time too long', pool({ drainTimeout: '1441m' }), 'spec.drainTimeout'],
  ['no time in the queue', pool({ queueTimeout: '0s' }), 'spec.queueTimeout'],
  ['no time to connect', pool({ timeouts: { connect: '0ms' } }), 'spec.timeouts.connect'],
  ['too much time to connect', pool({ timeouts: { connect: '3601s' } }), 'spec.timeouts.connect'],
  ['no time for the server', pool({ timeouts: { server: '0h0m' } }), 'spec.timeouts.server'],
  ['tunnel beyond what HAProxy can count', pool({ timeouts: { tunnel: '577h' } }), 'spec.timeouts.tunnel'],
  [
    'affinity shorter than a second',
    pool({ sessionAffinity: { type: 'Cookie', maxAge: '999ms' } }),
    'spec.sessionAffinity.maxAge',
  ],
  [
    'cookie name with affinity by address',
    pool({ sessionAffinity: { type: 'SourceIP', cookieName: 'S' } }),
    'spec.sessionAffinity.cookieName',
  ],
  ['affinity by a header that has no name', pool({ sessionAffinity: { type: 'Header' } }), 'spec.sessionAffinity'],
  [
    'header with affinity by cookie',
    pool({ sessionAffinity: { type: 'Cookie', header: 'X-User' } }),
    'spec.sessionAffinity.header',
  ],
  [
    'affinity by header in a TCP pool',
    tcpPool({ sessionAffinity: { type: 'Header', header: 'X-User' } }),
    'spec.sessionAffinity.type',
  ],
  ['cookie in a TCP pool', tcpPool({ sessionAffinity: { type: 'Cookie' } }), 'spec.sessionAffinity.type'],
  [
    'backup tier in a pool that prefers its zone',
    pool({
      trafficDistribution: 'PreferSameZone',
      externalEndpoints: [
        { name: 'a', address: '192.0.2.1' },
        { name: 'b', address: '192.0.2.2', tier: 'Backup' },
      ],
    }),
    'spec.externalEndpoints[1].tier',
  ],
  ['hash of the URI in a TCP pool', tcpPool({ balance: { algorithm: 'URI' } }), 'spec.balance.algorithm'],
  [
    'hash of a header in a TCP pool',
    tcpPool({ balance: { algorithm: 'Header', header: 'X' } }),
    'spec.balance.algorithm',
  ],
  [
    'retry on a status in a TCP pool',
    tcpPool({ retries: { when: ['ConnectFailure', '503'] } }),
    'spec.retries.when[1]',
  ],
  ['maintenance page in a TCP pool', tcpPool({ maintenancePage: { body: 'soon' } }), 'spec.maintenancePage'],
  [
    'maintenance page with a control character',
    pool({ maintenancePage: { body: 'so\u0007on' } }),
    'spec.maintenancePage.body',
  ],
  [
    'maintenance page with a line separator',
    pool({ maintenancePage: { body: 'so\u2028on' } }),
    'spec.maintenancePage.body',
  ],
];

const GOOD_POOLS: readonly GoodRow[] = [
  ['smallest', {}],
  ['one endpoint', POOL],
  ['ports on the endpoints alone', { externalEndpoints: [{ name: 'a', address: '192.0.2.1', port: 81 }] }],
  [
    'one address with two ports',
    pool({
      externalEndpoints: [
        { name: 'a', address: '192.0.2.1' },
        { name: 'b', address: '192.0.2.1', port: 81 },
      ],
    }),
  ],
  [
    'zones with and without a preference, and a preference without zones',
    pool({
      trafficDistribution: 'PreferSameZone',
      externalEndpoints: [
        { name: 'a', address: '192.0.2.1', zone: 'eu-1a', tier: 'Primary' },
        { name: 'b', address: '192.0.2.2' },
      ],
    }),
  ],
  ['IPv6 address', at('2001:db8::1')],
  ['IPv6 address in capitals', at('2001:DB8::A')],
  ['IPv4 address in IPv6', at('::ffff:192.0.2.1')],
  ['loopback address', at('127.0.0.1')],
  ['name with a trailing dot', at('web01.example.com.')],
  ['name of one label', at('web01')],
  ['name with digits in front', at('1and1.example')],
  ['Pods', { port: 8080, podWeight: 0, selector: { matchLabels: { app: 'blog', 'example.com/tier': '' } } }],
  ['Pods with a named port', { portName: 'http-2', selector: { matchLabels: { app: 'blog' } } }],
  ['algorithm Header with header', pool({ balance: { algorithm: 'Header', header: 'X-User' } })],
  [
    'check by path alone',
    pool({ healthCheck: { path: '/health?deep=1', method: 'HEAD', expect: { status: ['200-299', '304'] } } }),
  ],
  [
    'check by type alone',
    pool({ healthCheck: { type: 'HTTP', host: 'www.example.com:8080', headers: [{ name: 'X', value: '1' }] } }),
  ],
  [
    'shortest times',
    pool({
      slowStart: '0s',
      drainTimeout: '0s',
      queueTimeout: '1ms',
      timeouts: { connect: '1ms', server: '1ms', tunnel: '1ms' },
      healthCheck: { interval: '100ms', timeout: '10ms' },
    }),
  ],
  [
    'longest times',
    pool({
      slowStart: '24h',
      drainTimeout: '1440m',
      queueTimeout: '86400s',
      timeouts: { connect: '60m', server: '24h', tunnel: '576h' },
      healthCheck: { interval: '1h', timeout: '1h' },
    }),
  ],
  ['durations in several units', pool({ drainTimeout: '1h30m5s10ms' })],
  ['affinity by address', pool({ sessionAffinity: { type: 'SourceIP', maxAge: '1s' } })],
  ['affinity by header', pool({ sessionAffinity: { type: 'Header', header: 'X-User', maxAge: '8h' } })],
  ['affinity by address in a TCP pool', tcpPool({ sessionAffinity: { type: 'SourceIP' } })],
  ['hash of the address in a TCP pool', tcpPool({ balance: { algorithm: 'SourceIP' } })],
  ['retries in a TCP pool', tcpPool({ retries: { attempts: 1, when: ['ConnectFailure'] } })],
  ['maintenance page of several lines', pool({ maintenancePage: { body: '<h1>soon</h1>\n\t<p>Überarbeitung</p>' } })],
];

const BAD_RULES: readonly Row[] = [
  ['protocol unknown', rule({ listener: { protocol: 'UDP' } }), 'spec.listener.protocol'],
  ['TCP without port', but(RELAY, { listener: { protocol: 'TCP' } }), 'spec.listener'],
  ['port of the agent', rule({ listener: { protocol: 'HTTP', port: 61_081 } }), 'spec.listener.port'],
  ['hosts on a TCP listener', but(RELAY, { hostnames: ['www.example.com'] }), 'spec.hostnames'],
  ['host with an empty label', rule({ hostnames: ['www..example.com'] }), 'spec.hostnames[0]'],
  ['host with a label too long', rule({ hostnames: [`${'a'.repeat(64)}.example.com`] }), 'spec.hostnames[0]'],
  ['host with a wildcard in the middle', rule({ hostnames: ['www.*.com'] }), 'spec.hostnames[0]'],
  ['host that is a wrong address', rule({ hostnames: ['192.0.2.256'] }), 'spec.hostnames[0]'],
  ['wildcard below an address', rule({ hostnames: ['*.192.0.2.1'] }), 'spec.hostnames[0]'],
  ['host with a port', rule({ hostnames: ['www.example.com:80'] }), 'spec.hostnames[0]'],
  ['no rules', rule({ rules: [] }), 'spec.rules'],
  [
    'two rules of one name',
    rule({
      rules: [
        { name: 'a', pools: [{ name: 'blog' }] },
        { name: 'a', pools: [{ name: 'site' }] },
      ],
    }),
    'spec.rules[1].name',
  ],
  ['rule that does nothing', action({}), 'spec.rules[0]'],
  ['TCP rule that does nothing', but(RELAY, { rules: [{ name: 'all' }] }), 'spec.rules[0]'],
  ['pools beside an answer', action({ pools: [{ name: 'blog' }], respond: { status: 200 } }), 'spec.rules[0].respond'],
  [
    'answer on a TCP listener',
    but(RELAY, { rules: [{ name: 'all', respond: { status: 200 } }] }),
    'spec.rules[0].respond',
  ],
  ['answer 204 with a body', action({ respond: { status: 204, body: 'none' } }), 'spec.rules[0].respond.body'],
  [
    'answer with a control character',
    action({ respond: { status: 200, body: 'a\u0000b' } }),
    'spec.rules[0].respond.body',
  ],
  ['empty match', match({}), 'spec.rules[0].matches[0]'],
  ['path on a TCP listener', tcpMatch({ path: { type: 'Exact', value: '/' } }), 'spec.rules[0].matches[0].path'],
  ['method on a TCP listener', tcpMatch({ method: 'GET' }), 'spec.rules[0].matches[0].method'],
  ['header on a TCP listener', tcpMatch({ headers: [{ name: 'X', value: '1' }] }), 'spec.rules[0].matches[0].headers'],
  ['path that does not begin with a slash', path('Prefix', 'blog'), 'spec.rules[0].matches[0].path.value'],
  ['path with a query', path('Exact', '/a?b=1'), 'spec.rules[0].matches[0].path.value'],
  ['path with a fragment', path('Exact', '/a#b'), 'spec.rules[0].matches[0].path.value'],
  ['path with a percent sign alone', path('Exact', '/100%'), 'spec.rules[0].matches[0].path.value'],
  ['path with an encoded slash', path('Exact', '/a%2Fb'), 'spec.rules[0].matches[0].path.value'],
  ['path with an encoded backslash', path('Exact', '/a%5cb'), 'spec.rules[0].matches[0].path.value'],
  ['path with an encoded NUL', path('Exact', '/a%00'), 'spec.rules[0].matches[0].path.value'],
  ['path with a space', path('Exact', '/a b'), 'spec.rules[0].matches[0].path.value'],
  ['path with a letter beyond ASCII', path('Exact', '/münchen'), 'spec.rules[0].matches[0].path.value'],
  ['path with two slashes', path('Exact', '/a//b'), 'spec.rules[0].matches[0].path.value'],
  ['path with a dot segment', path('Prefix', '/a/./b'), 'spec.rules[0].matches[0].path.value'],
  ['path with two dots at the end', path('Prefix', '/a/..'), 'spec.rules[0].matches[0].path.value'],
  ['path that is no regular expression', path('Regex', '/(a'), 'spec.rules[0].matches[0].path.value'],
  ['path with a back reference', path('Regex', '/(a)\\1'), 'spec.rules[0].matches[0].path.value'],
  ['path with a look-ahead', path('Regex', '/(?=a)'), 'spec.rules[0].matches[0].path.value'],
  ['regular expression too long', path('Regex', `/${'a'.repeat(256)}`), 'spec.rules[0].matches[0].path.value'],
  ['regular expression beyond ASCII', path('Regex', '/ü'), 'spec.rules[0].matches[0].path.value'],
  [
    'header that is no regular expression',
    match({ headers: [{ name: 'X', type: 'Regex', value: '[' }] }),
    'spec.rules[0].matches[0].headers[0].value',
  ],
  [
    'header twice',
    match({
      headers: [
        { name: 'X', value: '1' },
        { name: 'X', value: '2' },
      ],
    }),
    'spec.rules[0].matches[0].headers[1].name',
  ],
  [
    'query that is no regular expression',
    match({ queryParams: [{ name: 'q', type: 'Regex', value: '*' }] }),
    'spec.rules[0].matches[0].queryParams[0].value',
  ],
  ['extension with a dot', match({ extensions: ['.php'] }), 'spec.rules[0].matches[0].extensions[0]'],
  ['extension twice', match({ extensions: ['php', 'php'] }), 'spec.rules[0].matches[0].extensions[1]'],
  ['media type without subtype', match({ contentTypes: ['image'] }), 'spec.rules[0].matches[0].contentTypes[0]'],
  ['source range that is none', match({ sourceRanges: ['192.0.2.0/33'] }), 'spec.rules[0].matches[0].sourceRanges[0]'],
  [
    'source address that is none',
    tcpMatch({ sourceRanges: ['192.0.2.256'] }),
    'spec.rules[0].matches[0].sourceRanges[0]',
  ],
  [
    'source range with leading zeros',
    match({ sourceRanges: ['192.0.2.0/08'] }),
    'spec.rules[0].matches[0].sourceRanges[0]',
  ],
  ['weight below zero', action({ pools: [{ name: 'blog', weight: -1 }] }), 'spec.rules[0].pools[0].weight'],
];

const GOOD_RULES: readonly GoodRow[] = [
  ['smallest', RULE],
  ['smallest TCP', RELAY],
  [
    'hosts of all kinds',
    rule({ hostnames: ['www.example.com', '*.example.com', 'localhost', 'Example.ORG.', '192.0.2.1'] }),
  ],
  ['answer', action({ respond: { status: 200, contentType: 'text/plain', body: 'a\nb\tü' } })],
  ['answer without body', action({ respond: { status: 204 } })],
  [
    'everything in one match',
    match({
      path: { type: 'Prefix', value: '/a' },
      method: 'GET',
      extensions: ['php', 'mp4'],
      contentTypes: ['image/*', 'application/vnd.api+json'],
      headers: [{ name: 'X', type: 'Regex', value: 'a|b' }],
      queryParams: [{ name: 'q', value: '1 2' }],
      sourceRanges: ['192.0.2.0/24', '2001:db8::/32', '192.0.2.1', '192.0.2.77/24'],
    }),
  ],
  ['source ranges on a TCP listener', tcpMatch({ sourceRanges: ['0.0.0.0/0', '::/0', '::1'] })],
  ['path with all that a path may have', path('Exact', "/a-._~!$&'()*+,;=:@%20%C3%BC/...x")],
  ['path that ends in a slash', path('Prefix', '/a/')],
  ['the root', path('Prefix', '/')],
  ['regular expression', path('Regex', '/(?i:a+|[b-d]{2,3})\\d$')],
  ['regular expression that does not begin with a slash', path('Regex', '.*\\.php')],
];

const BAD_GRANTS: readonly Row[] = [
  [
    'server that is a wrong address',
    grant({ server: { host: '192.0.2.256', adminSecretName: 'admin' } }),
    'spec.server.host',
  ],
  ['server that is no one host', grant({ server: { host: '0.0.0.0', adminSecretName: 'admin' } }), 'spec.server.host'],
  ['account of the server', grant({ username: 'root' }), 'spec.username'],
  ['account of the server in capitals', grant({ username: 'MySQL.Sys' }), 'spec.username'],
  ['account of a cloud', grant({ username: 'cloudsqladmin' }), 'spec.username'],
  ['account of a backup', grant({ username: 'mariadb-backup' }), 'spec.username'],
  ['account of the server', grant({ username: 'Mysql.backup' }), 'spec.username'],
  ['account with a quote', grant({ username: "a'b" }), 'spec.username'],
  ['nobody', grant({ pools: undefined }), 'spec'],
  ['Pods behind nothing', grant({ pools: [{ name: 'blog', source: 'Egress' }] }), 'spec.pools[0].egressAddresses'],
  [
    'gateway of nobody',
    grant({ pools: [{ name: 'blog', egressAddresses: ['192.0.2.9'] }] }),
    'spec.pools[0].egressAddresses',
  ],
  [
    'gateway that is no one host',
    grant({ pools: [{ name: 'blog', source: 'Egress', egressAddresses: ['0.0.0.0'] }] }),
    'spec.pools[0].egressAddresses[0]',
  ],
  [
    'gateway that is a wrong address',
    grant({ pools: [{ name: 'blog', source: 'Egress', egressAddresses: ['192.0.2.256'] }] }),
    'spec.pools[0].egressAddresses[0]',
  ],
  ['pool twice', grant({ pools: [{ name: 'blog' }, { name: 'blog' }] }), 'spec.pools[1].name'],
  ['host with a wildcard', grant({ hosts: ['%'] }), 'spec.hosts[0]'],
  ['host with an underscore', grant({ hosts: ['web_1'] }), 'spec.hosts[0]'],
  ['host that is a wrong address', grant({ hosts: ['10.0.0'] }), 'spec.hosts[0]'],
  ['host that is multicast', grant({ hosts: ['239.1.1.1'] }), 'spec.hosts[0]'],
  ['host twice', grant({ hosts: ['a', 'a'] }), 'spec.hosts[1]'],
  ['no privileges', privileges({ privileges: [] }), 'spec.grants[0].privileges'],
  ['privilege that may grant', privileges({ privileges: ['GRANT OPTION'] }), 'spec.grants[0].privileges[0]'],
  ['privilege in small letters', privileges({ privileges: ['select'] }), 'spec.grants[0].privileges[0]'],
  ['every schema', privileges({ schema: '*' }), 'spec.grants[0].schema'],
  ['schema of the server', privileges({ schema: 'mysql' }), 'spec.grants[0].schema'],
  ['schema of the server in capitals', privileges({ schema: 'Information_Schema' }), 'spec.grants[0].schema'],
  ['schema of ours', privileges({ schema: 'webpool_ledger' }), 'spec.grants[0].schema'],
  ['schema that ends in a space', privileges({ schema: 'site ' }), 'spec.grants[0].schema'],
  ['schema beyond the basic plane', privileges({ schema: 'site\u{1f600}' }), 'spec.grants[0].schema'],
  ['schema with a control character', privileges({ schema: 'si\nte' }), 'spec.grants[0].schema'],
  ['table that ends in a space', privileges({ table: 'users ' }), 'spec.grants[0].table'],
  ['column that ends in a space', privileges({ table: 'users', columns: ['id '] }), 'spec.grants[0].columns[0]'],
  ['columns without table', privileges({ columns: ['id'] }), 'spec.grants[0].columns'],
  ['columns of every table', privileges({ table: '*', columns: ['id'] }), 'spec.grants[0].columns'],
  [
    'privilege that columns lack',
    privileges({ table: 'users', columns: ['id'], privileges: ['SELECT', 'DELETE'] }),
    'spec.grants[0].privileges[1]',
  ],
  [
    'privilege that tables lack',
    privileges({ table: 'users', privileges: ['EXECUTE'] }),
    'spec.grants[0].privileges[0]',
  ],
];

const GOOD_GRANTS: readonly GoodRow[] = [
  ['smallest', GRANT],
  ['hosts alone', grant({ pools: undefined, hosts: ['batch01.example.com', '192.0.2.9', '2001:db8::9'] })],
  [
    'Pods behind a gateway',
    grant({ pools: [{ name: 'blog', source: 'Egress', egressAddresses: ['192.0.2.9', '2001:db8::9'] }] }),
  ],
  ['account much like one of the server', grant({ username: 'root2' })],
  ['schema much like one of the server', privileges({ schema: 'mysql_site' })],
  ['schema with odd characters', privileges({ schema: 'my`site %_é' })],
  ['whole schema', privileges({ privileges: ['SELECT', 'EXECUTE', 'CREATE TEMPORARY TABLES'] })],
  ['every table by name', privileges({ table: '*', privileges: ['EVENT'] })],
  ['one table', privileges({ table: 'users', privileges: ['SELECT', 'DELETE', 'TRIGGER'] })],
  ['columns', privileges({ table: 'users', columns: ['id', 'name'], privileges: ['SELECT', 'REFERENCES'] })],
];

const bad = (kind: Kind, rows: readonly Row[]) =>
  rows.map(([name, spec, at, beyondCrd]): BadObject => ({
    name,
    kind,
    spec,
    at,
    ...(beyondCrd !== undefined && { beyondCrd }),
  }));
const good = (kind: Kind, rows: readonly GoodRow[]) => rows.map(([name, spec]): Written => ({ name, kind, spec }));

/** Each has one mistake. */
export const BAD_OBJECTS: readonly BadObject[] = [
  ...bad('WebPool', BAD_POOLS),
  ...bad('RoutingRule', BAD_RULES),
  ...bad('DatabaseGrant', BAD_GRANTS),
];

/** Each is right, most of them only just. */
export const GOOD_OBJECTS: readonly Written[] = [
  ...good('WebPool', GOOD_POOLS),
  ...good('RoutingRule', GOOD_RULES),
  ...good('DatabaseGrant', GOOD_GRANTS),
];
