import {
  bad,
  choice,
  dotted,
  duration,
  letters,
  list,
  required,
  ruled,
  text,
  whole,
  within,
  type Bad,
  type Bound,
} from './bounds.ts';
import type { Changes } from './sample.ts';

const CHECK = 'spec.healthCheck';
const LABELS = 'spec.selector.matchLabels';
const ENDPOINT = 'spec.externalEndpoints[0]';
const PAGE = 'spec.maintenancePage';
const ANYWHERE: Changes = { 'spec.trafficDistribution': undefined };
const BY_HEADER: Changes = { 'spec.sessionAffinity': { type: 'Header', header: 'X-User' } };
const FROM_CONFIG_MAP: Changes = { [PAGE]: { configMap: { name: 'pages', key: 'soon.html' } } };

const HEADER_NAME = { most: 64, wrong: ['X User', 'X:', 'Größe', '-m'], form: 'letters, digits and "-"' };
const ALGORITHMS = ['RoundRobin', 'LeastConnections', 'Random', 'First', 'SourceIP', 'URI', 'Header'];
const EVENTS = ['ConnectFailure', 'EmptyResponse', 'Reset', 'Timeout'];
const CODES = ['401', '403', '404', '408', '425', '500', '501', '502', '503', '504'];
const PRINTABLE = { wrong: ['é'], form: 'printable ASCII characters' };

const endpoint = (index: number) => ({ name: `web${index}`, address: `192.0.${index >> 8}.${index & 255}`, port: 80 });
const hosts = { most: 253, form: 'an IPv4 address, an IPv6 address or a DNS name alone' };

const TALK: Changes = { [CHECK]: { type: 'TCP', send: 'PING\r\n', receive: '+PONG' } };
const MYSQL: Changes = { [CHECK]: { type: 'MySQL', username: 'haproxy' } };

/** Bounds of single fields of a WebPool. */
export const WEB_POOL_BOUNDS: readonly Bound[] = [
  choice('spec.protocol', ['HTTP', 'TCP'], ['HTTP']),
  whole('spec.port', [1, 65_535]),
  required('spec.selector', ['matchLabels']),
  {
    bad: [
      bad(LABELS, {}, 'is empty: set a field or remove it'),
      bad(
        LABELS,
        Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`a${index}`, ''])),
        'has 17 entries, at most 16',
      ),
    ],
    good: [{ [LABELS]: Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`a${index}`, ''])) }],
  },
  text(`${LABELS}.app`, { most: 63, least: 0, wrong: ['a b', '-a', 'a-', 'a/b', 'ä'], form: 'a label value' }),
  text('spec.portName', {
    most: 15,
    wrong: ['HTTP', 'a_b', '-a', 'a-', 'a.b'],
    form: 'lower-case letters, digits and "-"',
  }),
  whole('spec.podWeight', [0, 256]),
  ...['spec.tls', `${ENDPOINT}.tls`].flatMap((path) => [
    choice(`${path}.mode`, ['Enabled', 'Disabled']),
    text(`${path}.caSecretName`, {
      most: 253,
      wrong: ['CA', 'a_b', '-a'],
      form: 'lower-case letters, digits',
      hidden: true,
    }),
    text(`${path}.serverName`, {
      most: 253,
      fill: dotted,
      wrong: ['a b', '-a', '*.a'],
      form: 'a host name without scheme',
    }),
    choice(`${path}.profile`, ['Modern', 'Legacy']),
  ]),
  choice('spec.proxyProtocol', ['Disabled', 'V1', 'V2']),
  list('spec.externalEndpoints', { most: 512, entry: endpoint, type: 'Map' }),
  required(ENDPOINT, ['name', 'address']),
  text(`${ENDPOINT}.name`, {
    most: 63,
    wrong: ['Web01', 'web_01', '-web', 'web-', 'web.01'],
    form: 'lower-case letters, digits and "-"',
  }),
  text(`${ENDPOINT}.address`, {
    ...hosts,
    fill: dotted,
    wrong: ['-a', 'a-', '.', '[::1]', 'fe80::1%eth0', 'http://a', 'a/24'],
  }),
  whole(`${ENDPOINT}.port`, [1, 65_535]),
  whole(`${ENDPOINT}.weight`, [0, 256]),
  choice(`${ENDPOINT}.state`, ['Active', 'Drain', 'Maintenance']),
  within(ANYWHERE, choice(`${ENDPOINT}.tier`, ['Primary', 'Backup'])),
  text(`${ENDPOINT}.zone`, {
    most: 63,
    wrong: ['a b', '-a', 'a-', 'a/b', 'ä'],
    form: 'a label value',
  }),
  choice('spec.trafficDistribution', ['PreferSameZone']),
  whole(`${ENDPOINT}.maxConnections`, [1, 1_000_000]),
  required('spec.balance', ['algorithm']),
  choice('spec.balance.algorithm', ALGORITHMS, ['Header']),
  text('spec.balance.header', HEADER_NAME),
  choice(`${CHECK}.type`, ['TCP', 'HTTP', 'MySQL'], ['HTTP']),
  ...['send', 'receive'].map((field) =>
    within(
      TALK,
      text(`${CHECK}.${field}`, {
        most: 256,
        wrong: ['é', '\0'],
        form: 'printable ASCII characters, line ends and tabs',
      }),
    ),
  ),
  within(
    MYSQL,
    text(`${CHECK}.username`, {
      most: 32,
      wrong: ['-u', 'a b', "a'b", 'a$', '%'],
      form: 'letters, digits, "_", "." and "-"',
    }),
  ),
  text(`${CHECK}.path`, {
    most: 1024,
    fill: (length) => '/'.repeat(length),
    wrong: ['health', '/a b', '/a;b', '/"', "/'", '/#a', '/ä', '/<a>'],
    form: 'a path that begins with / and has no spaces',
  }),
  choice(`${CHECK}.method`, ['GET', 'HEAD', 'OPTIONS', 'POST']),
  text(`${CHECK}.host`, { most: 253 }),
  {
    bad: ['-a', 'a_b', 'a:', 'a:123456', '*'].map((host) =>
      bad(`${CHECK}.host`, host, 'is not a host name with or without a port'),
    ),
    good: [],
  },
  list(`${CHECK}.headers`, { most: 8, entry: (index) => ({ name: `X-${index}`, value: '1' }), type: 'Map' }),
  required(`${CHECK}.headers[0]`, ['name', 'value']),
  text(`${CHECK}.headers[0].name`, HEADER_NAME),
  text(`${CHECK}.headers[0].value`, { most: 1024, ...PRINTABLE }),
  list(`${CHECK}.expect.status`, { most: 16, least: 1, entry: (index) => `${200 + index}`, type: 'Set' }),
  {
    bad: ['20', '99', '600', '2xx', '200-', '200,204', '200-2999'].map((code) =>
      bad(`${CHECK}.expect.status[0]`, code, 'is not a status code or a range such as 200-299'),
    ),
    good: [{ [`${CHECK}.expect.status[0]`]: '100-599' }, { [`${CHECK}.expect.status[0]`]: '204' }],
  },
  { bad: [bad(`${CHECK}.expect.status[0]`, '200-2999', 'is too long: 8 characters, at most 7')], good: [] },
  text(`${CHECK}.expect.body`, { most: 256, ...PRINTABLE }),
  required(`${CHECK}.expect.header`, ['name', 'value']),
  text(`${CHECK}.expect.header.name`, HEADER_NAME),
  text(`${CHECK}.expect.header.value`, { most: 256, ...PRINTABLE }),
  duration(`${CHECK}.timeout`, ['10ms', '1h'], ['0s', '9ms', '2h']),
  ...[CHECK, `${ENDPOINT}.healthCheck`].flatMap((path) => [
    whole(`${path}.port`, [1, 65_535]),
    duration(`${path}.interval`, ['100ms', '1h'], ['0s', '99ms', '2h', '1h1ms']),
    whole(`${path}.rise`, [1, 100]),
    whole(`${path}.fall`, [1, 100]),
  ]),
  duration('spec.slowStart', ['0s', '24h'], ['25h', '24h1ms']),
  duration('spec.drainTimeout', ['0s', '24h'], ['24h1ms']),
  whole('spec.maxConnections', [1, 1_000_000]),
  duration('spec.queueTimeout', ['1ms', '24h'], ['0s', '24h1ms']),
  duration('spec.timeouts.connect', ['1ms', '1h'], ['0s', '1h1ms']),
  duration('spec.timeouts.server', ['1ms', '24h'], ['0s', '24h1ms']),
  duration('spec.timeouts.tunnel', ['1ms', '576h'], ['0s', '577h', '99999h']),
  required('spec.passiveHealth', ['errors']),
  whole('spec.passiveHealth.errors', [1, 10_000]),
  choice('spec.passiveHealth.action', ['TakeOut', 'CheckSoon']),
  whole('spec.retries.attempts', [0, 10]),
  list('spec.retries.when', { most: 16, least: 1, entry: () => '503', type: 'Set', unreachable: true }),
  choice('spec.retries.when[0]', [...EVENTS, ...CODES], [...EVENTS, '401']),
  required('spec.compression', ['types']),
  list('spec.compression.types', { most: 32, least: 1, entry: (index) => `text/x-${index}`, type: 'Set' }),
  text('spec.compression.types[0]', {
    most: 127,
    least: 3,
    fill: (length) => (length < 3 ? letters(length) : `a/${letters(length - 2)}`),
    wrong: ['text', 'text/*', '*/*', 'text/html; charset=utf-8', 'text/', '/html', 'a/b/c'],
    form: 'a media type such as text/html, without parameters',
  }),
  required('spec.sessionAffinity', ['type']),
  choice('spec.sessionAffinity.type', ['Cookie', 'SourceIP', 'Header'], ['Cookie']),
  text('spec.sessionAffinity.cookieName', {
    most: 64,
    wrong: ['a b', 'a;b', 'a=b', 'a,b', 'ä'],
    form: 'letters, digits, "_" and "-"',
  }),
  within(BY_HEADER, text('spec.sessionAffinity.header', HEADER_NAME)),
  duration('spec.sessionAffinity.maxAge', ['1s', '576h'], ['0s', '999ms', '577h']),
  whole('spec.minReady', [0, 512]),
  ...[
    required(`${PAGE}.configMap`, ['name', 'key']),
    text(`${PAGE}.configMap.name`, { most: 253, wrong: ['Pages', '-a', 'a_b', 'a/b'], form: 'lower-case letters' }),
    text(`${PAGE}.configMap.key`, { most: 253, wrong: ['a b', 'a/b', 'ä'], form: 'letters, digits, "-", "_" and "."' }),
  ].map((bound) => within(FROM_CONFIG_MAP, bound)),
  choice('spec.maintenancePage.status', [200, 500, 502, 503, 504]),
  choice('spec.maintenancePage.contentType', ['text/html', 'text/plain', 'application/json']),
  text('spec.maintenancePage.body', { most: 8192 }),
];

const TCP: Changes = { 'spec.protocol': 'TCP' };
const PLAIN: Changes = {
  ...TCP,
  'spec.balance': undefined,
  'spec.retries': undefined,
  'spec.compression': undefined,
  'spec.sessionAffinity': undefined,
  'spec.maintenancePage': undefined,
};

function twin(address: string, other: string): Bad {
  const externalEndpoints = [
    { name: 'web01', address, port: 80 },
    { name: 'web02', address: other },
  ];
  const message = 'has the address and port of endpoint "web01": remove one of them';
  return ruled({ 'spec.externalEndpoints': externalEndpoints }, message, { path: 'spec.externalEndpoints[1]' });
}

/** What the fields of a WebPool ask of each other. */
export const WEB_POOL_RULES: readonly Bad[] = [
  ruled(
    { 'spec.maintenancePage.body': `${'ä'.repeat(6144)}a` },
    'has 12289 bytes in UTF-8, at most 12288: make it shorter',
  ),
  ruled({ 'spec.tls': { profile: 'Legacy' } }, 'profile Legacy needs caSecretName', { path: 'spec.tls' }),
  ruled({ 'spec.tls': undefined, [`${ENDPOINT}.tls`]: { profile: 'Legacy' } }, 'profile Legacy needs caSecretName', {
    path: `${ENDPOINT}.tls`,
  }),
  ruled({ 'spec.tls': undefined, [`${ENDPOINT}.tls`]: { caSecretName: 'ca' } }, 'needs serverName, because', {
    path: `${ENDPOINT}.tls`,
  }),
  ...[
    '999.1.1.1',
    '1.2.3',
    '1.2.3.4.5',
    '0x7f.1',
    '192.0.2.1:80',
    'a..b',
    `${letters(64)}.example`,
    ':',
    '1::2::3',
  ].map((address) => ruled({ [`${ENDPOINT}.address`]: address }, 'is neither an IPv4 or IPv6 address nor a DNS name')),
  ...['0.0.0.0', '255.255.255.255', '224.0.0.1', '::', 'ff02::1', '::ffff:0.0.0.0'].map((address) =>
    ruled({ [`${ENDPOINT}.address`]: address }, 'is no address that a server can have: name one host'),
  ),
  ruled(
    { 'spec.port': undefined, 'spec.portName': undefined },
    'needs the port of the Pods: set spec.port or spec.portName',
    { path: 'spec.selector' },
  ),
  ...['80', '8-0', 'a--b'].map((name) => ruled({ 'spec.portName': name }, `"${name}" needs a letter and no "--"`)),
  ...[
    '-app',
    'a b',
    '',
    '/a',
    'a/',
    'Example.com/a',
    'a/b/c',
    'ä',
    letters(64),
    `a/${letters(64)}`,
    `${dotted(254)}/a`,
  ].map((key) => ruled({ [LABELS]: { [key]: 'blog' } }, 'is no label key such as app or example.com/app')),
  ruled({ [`${ENDPOINT}.port`]: undefined, 'spec.port': undefined }, 'has no port: set spec.port', { path: ENDPOINT }),
  twin('192.0.2.1', '192.0.2.1'),
  twin('192.0.2.1', '::ffff:192.0.2.1'),
  twin('2001:db8::1', '2001:DB8:0:0::1'),
  twin('web.example.com', 'WEB.example.com.'),
  ruled({ 'spec.balance.header': undefined }, 'algorithm Header needs the field header', { path: 'spec.balance' }),
  ...ALGORITHMS.filter((name) => name !== 'Header').map((algorithm) =>
    ruled(
      { 'spec.balance': { algorithm, header: 'X-User' } },
      `goes with algorithm Header only, not with ${algorithm}`,
      {
        path: 'spec.balance.header',
      },
    ),
  ),
  ruled({ [`${ENDPOINT}.tier`]: 'Backup' }, 'Backup does not go with trafficDistribution: PreferSameZone'),
  ...['path', 'method', 'host', 'headers', 'expect'].map((field) =>
    ruled(tcpCheckWith(field), 'goes with type HTTP only: set type: HTTP or remove it', {
      path: `${CHECK}.${field}`,
    }),
  ),
  ruled({ [CHECK]: { host: 'a' } }, 'goes with type HTTP only', { path: `${CHECK}.host` }),
  ...['send', 'receive'].flatMap((field) =>
    [{ path: '/' }, { type: 'HTTP' }, { type: 'MySQL', username: 'a' }].map((other) =>
      ruled({ [CHECK]: { ...other, [field]: 'a' } }, 'goes with type TCP only', { path: `${CHECK}.${field}` }),
    ),
  ),
  ruled({ [`${CHECK}.username`]: 'a' }, 'goes with type MySQL only'),
  ruled({ [CHECK]: { username: 'a' } }, 'goes with type MySQL only', { path: `${CHECK}.username` }),
  ruled({ [CHECK]: { type: 'MySQL' } }, 'type MySQL needs the field username'),
  // HAProxy takes no second one.
  ...['Host', 'host'].map((name) =>
    ruled({ [`${CHECK}.headers[0].name`]: name }, 'the host has a field of its own: use healthCheck.host'),
  ),
  ...['299-200', '201-200'].map((range) =>
    ruled({ [`${CHECK}.expect.status[0]`]: range }, `"${range}" is empty: the lower code comes first`),
  ),
  ruled({ 'spec.sessionAffinity.type': 'SourceIP' }, 'goes with type Cookie only: remove it', {
    path: 'spec.sessionAffinity.cookieName',
  }),
  ruled({ 'spec.sessionAffinity.header': 'X-User' }, 'goes with type Header only: remove it'),
  ruled({ 'spec.sessionAffinity': { type: 'SourceIP', header: 'X' } }, 'goes with type Header only: remove it', {
    path: 'spec.sessionAffinity.header',
  }),
  ruled({ 'spec.sessionAffinity': { type: 'Header' } }, 'type Header needs the field header'),
  ruled({ 'spec.sessionAffinity': { type: 'Header', header: 'X', cookieName: 'S' } }, 'goes with type Cookie only', {
    path: 'spec.sessionAffinity.cookieName',
  }),
  ...[{ type: 'Cookie' }, { type: 'Header', header: 'X-User' }].map((affinity) =>
    ruled({ ...PLAIN, 'spec.sessionAffinity': affinity }, `${affinity.type} needs an HTTP pool`, {
      path: 'spec.sessionAffinity.type',
    }),
  ),
  ...[{ algorithm: 'URI' }, { algorithm: 'Header', header: 'X-User' }].map((balance) =>
    ruled({ ...PLAIN, 'spec.balance': balance }, `${balance.algorithm} needs an HTTP pool`, {
      path: 'spec.balance.algorithm',
    }),
  ),
  ...['EmptyResponse', 'Reset', 'Timeout', '503'].map((event) =>
    ruled({ ...PLAIN, 'spec.retries': { when: ['ConnectFailure', event] } }, `${event} needs an HTTP pool`, {
      path: 'spec.retries.when[1]',
    }),
  ),
  ruled({ ...PLAIN, 'spec.compression': { types: ['text/html'] } }, 'needs an HTTP pool: remove it', {
    path: 'spec.compression',
  }),
  ...[{ status: 503 }, { body: 'Gone', configMap: { name: 'pages', key: 'soon.html' } }].map((page) =>
    ruled({ [PAGE]: page }, 'needs the page: body or configMap, one of them'),
  ),
  ruled({ ...PLAIN, 'spec.maintenancePage': { body: 'Gone' } }, 'needs an HTTP pool: remove it', {
    path: 'spec.maintenancePage',
  }),
];

function tcpCheckWith(field: string): Changes {
  const fields = { path: '/', method: 'GET', host: 'a', headers: [], expect: {} };
  return { [CHECK]: { type: 'TCP', [field]: fields[field as keyof typeof fields] } };
}

/** WebPools that look odd and are right. */
export const GOOD_WEB_POOLS: readonly Changes[] = [
  FROM_CONFIG_MAP,
  { 'spec.maintenancePage.body': 'ä'.repeat(6144) },
  { spec: {} },
  { spec: { externalEndpoints: [] } },
  PLAIN,
  { ...PLAIN, 'spec.balance': { algorithm: 'SourceIP' }, 'spec.sessionAffinity': { type: 'SourceIP' } },
  { ...PLAIN, 'spec.retries': { attempts: 0, when: ['ConnectFailure'] } },
  { [CHECK]: { type: 'TCP', port: 22, interval: '1m' } },
  { [CHECK]: { receive: 'SSH-2.0' } },
  { [CHECK]: { send: '"quoted" \\ %[env(HOME)] ${HOME} ; << #\t\r\n' } },
  { ...PLAIN, ...MYSQL },
  { [CHECK]: { path: '/' } },
  { [CHECK]: { type: 'HTTP' } },
  { 'spec.port': undefined },
  { 'spec.port': undefined, 'spec.portName': undefined, 'spec.selector': undefined },
  { 'spec.portName': 'http-2' },
  ...['App_1.x', 'app.kubernetes.io/name', letters(63), `${dotted(253)}/${letters(63)}`].map((key) => ({
    [LABELS]: { [key]: '' },
  })),
  { [`${ENDPOINT}.port`]: undefined },
  ...[
    '::1',
    '2001:db8::1',
    '::ffff:192.0.2.1',
    '127.0.0.1',
    'web',
    'Web01.Example.com.',
    '1.example',
    '64:ff9b::192.0.2.1',
  ].map((address) => ({ [`${ENDPOINT}.address`]: address })),
  {
    'spec.externalEndpoints': [
      { name: 'a', address: '192.0.2.1', port: 80 },
      { name: 'b', address: '192.0.2.1', port: 81 },
    ],
  },
  ...ALGORITHMS.filter((name) => name !== 'Header').map((algorithm) => ({ 'spec.balance': { algorithm } })),
  { 'spec.maintenancePage.body': 'first line\n\tsecond line, "quoted" \\ %[env(HOME)] ${HOME} ; <<' },
  { [`${CHECK}.expect.body`]: '"quoted" \\ %[env(HOME)] ${HOME} ; << #' },
  { [`${CHECK}.headers[0].value`]: '"quoted" \\ %[env(HOME)] ${HOME} ; << #' },
];
