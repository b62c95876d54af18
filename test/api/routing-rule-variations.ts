import { bad, choice, dotted, letters, list, required, ruled, text, whole, type Bad, type Bound } from './bounds.ts';
import { FILTER_BOUNDS, FILTER_RULES, GOOD_FILTERS } from './filter-variations.ts';
import { GOOD_LIMITS, LIMIT_BOUNDS, LIMIT_RULES, ranges } from './limit-variations.ts';
import type { Changes } from './sample.ts';

const RULE = 'spec.rules[0]';
const MATCH = `${RULE}.matches[0]`;
const TRUSTED = 'spec.listener.proxyProtocol.trustedSources';
const RESPOND = 'spec.rules[1].respond';

const LABEL = { wrong: ['Blog', 'my_blog', '-a', 'a-'], form: 'lower-case letters, digits and "-"' };
const LITERAL = { most: 512, wrong: ['é'], form: 'printable ASCII characters' };

function valueMatches(path: string): readonly Bound[] {
  return [
    list(path, { most: 16, least: 1, entry: (index) => ({ name: `X-${index}`, value: '1' }), type: 'Map' }),
    required(`${path}[0]`, ['name', 'value']),
    choice(`${path}[0].type`, ['Exact', 'Regex']),
    text(`${path}[0].value`, LITERAL),
  ];
}

/** Bounds of single fields of a RoutingRule. */
export const ROUTING_RULE_BOUNDS: readonly Bound[] = [
  required('spec', ['listener', 'rules']),
  required('spec.listener', ['protocol']),
  choice('spec.listener.protocol', ['HTTP', 'HTTPS', 'TCP', 'TLS'], ['HTTPS']),
  whole('spec.listener.port', [1, 65_535]),
  required('spec.listener.proxyProtocol', ['trustedSources']),
  ...ranges(TRUSTED, 16),
  required('spec.listener.tls', ['secretName']),
  ...['secretName', 'alternateSecretName', 'clientCASecretName'].map((name) =>
    text(`spec.listener.tls.${name}`, { most: 253, ...LABEL, hidden: true }),
  ),
  choice('spec.listener.tls.minVersion', ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']),
  list('spec.hostnames', { most: 16, least: 1, entry: (index) => `a${index}.example`, type: 'Set' }),
  text('spec.hostnames[0]', { most: 253, fill: dotted }),
  {
    bad: [
      '*',
      '*.',
      '*.*.example',
      'a.*',
      'www.*.example',
      'a..b',
      '-a',
      'a-.b',
      'a_b',
      'a:80',
      '[::1]',
      'http://a',
      'a/b',
      '^a$',
    ].map((host) => bad('spec.hostnames[0]', host, `${JSON.stringify(host)} is not a host name such as`)),
    good: ['a', '*.example.com', 'Example.COM.', '192.0.2.1', '*.a'].map((host) => ({ 'spec.hostnames[0]': host })),
  },
  whole('spec.priority', [-1000, 1000]),
  list('spec.rules', {
    most: 16,
    least: 1,
    entry: (index) => ({ name: `r${index}`, respond: { status: 404 } }),
    type: 'Map',
  }),
  required(RULE, ['name']),
  text(`${RULE}.name`, { most: 63, ...LABEL }),
  list(`${RULE}.matches`, {
    most: 64,
    least: 1,
    entry: (index) => ({ path: { type: 'Exact', value: `/${index}` } }),
    type: 'Any',
  }),
  { bad: [bad(MATCH, {}, 'is empty: set a field or remove it')], good: [] },
  required(`${MATCH}.path`, ['type', 'value']),
  choice(`${MATCH}.path.type`, ['Exact', 'Prefix', 'Regex']),
  text(`${MATCH}.path.value`, { most: 1024, fill: (length) => `/${letters(length)}`.slice(0, length) }),
  list(`${MATCH}.extensions`, { most: 64, least: 1, entry: (index) => `x${index}`, type: 'Set' }),
  text(`${MATCH}.extensions[0]`, {
    most: 10,
    wrong: ['.php', '7', 'tar.gz', 'c++', '*'],
    form: 'letters and digits with at least one letter',
  }),
  list(`${MATCH}.contentTypes`, { most: 16, least: 1, entry: (index) => `a/${index}`, type: 'Set' }),
  {
    bad: [
      bad(`${MATCH}.contentTypes[0]`, 'a/', 'is too short: at least 3 characters'),
      bad(`${MATCH}.contentTypes[0]`, `a/${letters(126)}`, 'is too long: 128 characters, at most 127'),
      ...['image', '*/*', '*/png', 'image/png; q=1', 'image/pn*', 'image /png'].map((type) =>
        bad(`${MATCH}.contentTypes[0]`, type, 'is not a media type such as image/png'),
      ),
    ],
    good: ['a/b', 'image/*', 'application/vnd.api+json', `a/${letters(125)}`].map((type) => ({
      [`${MATCH}.contentTypes[0]`]: type,
    })),
  },
  choice(`${MATCH}.method`, ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']),
  ...valueMatches(`${MATCH}.headers`),
  text(`${MATCH}.headers[0].name`, {
    most: 128,
    wrong: ['X A', 'X:', '(a)', 'ä'],
    form: 'the characters of a header name',
  }),
  ...valueMatches(`${MATCH}.queryParams`),
  text(`${MATCH}.queryParams[0].name`, {
    most: 128,
    wrong: ['a b', 'ä'],
    form: 'printable ASCII characters without spaces',
  }),
  list(`${MATCH}.sourceRanges`, { most: 64, least: 1, entry: (index) => `192.0.2.${index}`, type: 'Set' }),
  {
    bad: [
      bad(`${MATCH}.sourceRanges[0]`, ':', 'is too short: at least 2 characters'),
      bad(
        `${MATCH}.sourceRanges[0]`,
        `${'0'.repeat(40)}::/128 `.padEnd(50, '0'),
        'is too long: 50 characters, at most 49',
      ),
      ...['example.com', '192.0.2.0/24/24', '192.0.2.0/', '192.0.2.*', '192.0.2.1-9', 'fe80::1%eth0'].map((range) =>
        bad(`${MATCH}.sourceRanges[0]`, range, 'is not an address or CIDR such as 192.0.2.0/24'),
      ),
    ],
    good: ['::', '0.0.0.0/0', '::/0', '192.0.2.77/24', '2001:DB8::1/64', '::ffff:192.0.2.1'].map((range) => ({
      [`${MATCH}.sourceRanges[0]`]: range,
    })),
  },
  list(`${RULE}.pools`, { most: 16, least: 1, entry: (index) => ({ name: `p${index}` }), type: 'Map' }),
  required(`${RULE}.pools[0]`, ['name']),
  text(`${RULE}.pools[0].name`, { most: 253, ...LABEL }),
  whole(`${RULE}.pools[0].weight`, [0, 1_000_000]),
  required(RESPOND, ['status']),
  whole(`${RESPOND}.status`, [200, 599]),
  choice(`${RESPOND}.contentType`, ['text/html', 'text/plain', 'application/json']),
  text(`${RESPOND}.body`, { most: 4096, least: 0, fill: (length) => 'ä'.repeat(length) }),
  ...FILTER_BOUNDS,
  ...LIMIT_BOUNDS,
];

const SAMPLE_POOLS = [{ name: 'blog' }];
const TCP: Changes = {
  'spec.listener': { protocol: 'TCP', port: 2525 },
  'spec.hostnames': undefined,
  'spec.rules': [{ name: 'all', pools: SAMPLE_POOLS }],
};

const matchOf = (match: object): Changes => ({ [`${RULE}.matches`]: [match] });
const tcpMatch = (match: object): Changes => ({
  ...TCP,
  'spec.rules': [{ name: 'all', matches: [match], pools: SAMPLE_POOLS }],
});
const regex = { reason: 'InvalidRegex' } as const;

function badPath(value: string, message: string): readonly Bad[] {
  const path = `${MATCH}.path.value`;
  return ['Exact', 'Prefix'].map((type) => ruled(matchOf({ path: { type, value } }), message, { path }));
}

const BAD_EXPRESSIONS: readonly (readonly [string, string])[] = [
  ['(', 'is no regular expression of RE2: missing closing )'],
  ['[z-a]', 'is no regular expression of RE2'],
  ['a{1001}', 'is no regular expression of RE2'],
  ['(?=a)b', 'is no regular expression of RE2'],
  ['(a)\\1', 'is no regular expression of RE2'],
  ['*', 'is no regular expression of RE2'],
  ['a\\', 'is no regular expression of RE2'],
  [letters(257), 'has 257 characters, at most 256: split it into several matches'],
];

/** What the fields of a RoutingRule ask of each other. */
export const ROUTING_RULE_RULES: readonly Bad[] = [
  ruled({ [`${RESPOND}.body`]: '😀'.repeat(3073) }, 'has 12292 bytes in UTF-8, at most 12288: make it shorter'),
  // A word that nobody knows is told alone: what its neighbours must be depends on it.
  {
    changes: matchOf({ path: { type: 'regex', value: '[a-z]+' } }),
    path: `${MATCH}.path.type`,
    message: 'Did you mean Regex?',
    reason: 'UnsupportedValue',
  },
  ruled({ ...TCP, 'spec.listener': { protocol: 'TCP' } }, 'protocol TCP needs the field port', {
    path: 'spec.listener',
  }),
  ruled({ 'spec.listener.tls': undefined }, 'protocol HTTPS needs the field tls', { path: 'spec.listener' }),
  ruled({ 'spec.listener.protocol': 'HTTP' }, 'goes with protocol HTTPS only', { path: 'spec.listener.tls' }),
  ruled({ 'spec.listener.tls.alternateSecretName': 'site' }, 'is the Secret of secretName: remove it'),
  ruled({ ...TCP, 'spec.listener': { protocol: 'TLS' } }, 'protocol TLS needs the field port', {
    path: 'spec.listener',
  }),
  ruled({ ...TCP, 'spec.hostnames': ['a.example'] }, 'a TCP connection names no host', { path: 'spec.hostnames' }),
  ...[`${letters(64)}.example`, '1.2.3', '*.192.0.2.1', '999.1.1.1', '*.7'].map((host) =>
    ruled({ 'spec.hostnames[0]': host }, 'is no host: labels have 1 to 63 characters'),
  ),
  ruled({ [`${RULE}.pools`]: undefined }, 'has neither pools nor respond nor filters.redirect: say what it does', {
    path: RULE,
  }),
  ruled({ ...TCP, 'spec.rules': [{ name: 'all' }] }, 'has no pools: say where the connections go', { path: RULE }),
  ruled({ ...TCP, 'spec.rules': [{ name: 'all', respond: { status: 404 } }] }, 'needs an HTTP listener', {
    path: `${RULE}.respond`,
  }),
  ruled({ 'spec.rules[1].pools': SAMPLE_POOLS }, 'stands beside pools: keep one of them', { path: RESPOND }),
  ...[204, 205, 304].map((status) =>
    ruled({ [`${RESPOND}.status`]: status }, `an answer ${status} has no body`, { path: `${RESPOND}.body` }),
  ),
  ...Object.entries({
    path: { type: 'Exact', value: '/' },
    extensions: ['php'],
    contentTypes: ['image/*'],
    method: 'GET',
    headers: [{ name: 'a', value: '1' }],
    queryParams: [{ name: 'a', value: '1' }],
  }).map(([field, value]) =>
    ruled(tcpMatch({ [field]: value }), 'needs an HTTP listener: TCP rules match sourceRanges only', {
      path: `${MATCH}.${field}`,
    }),
  ),
  ...badPath('blog', '"blog" does not begin with /'),
  ...badPath('/a?b', 'a path has no query or fragment'),
  ...badPath('/a#b', 'a path has no query or fragment'),
  ...badPath('/100%', 'write %25 for the character itself'),
  ...badPath('/%2', 'write %25 for the character itself'),
  ...badPath('/%[env(HOME)]', 'write %25 for the character itself'),
  ...badPath('/a%2Fb', 'has %2F, which servers read in different ways'),
  ...badPath('/a%5cb', 'has %5c, which servers read in different ways'),
  ...badPath('/a%00', 'has %00, which servers read in different ways'),
  ...badPath('/a b', 'write it as %20'),
  ...badPath('/a"b', 'write it as %22'),
  ...badPath('/a\\b', 'write it as %5C'),
  ...badPath('/a<<b', 'write it as %3C%3C'),
  ...badPath('/ä', 'write it as %C3%A4'),
  ...badPath('/a//b', 'has "//"'),
  ...badPath('/a/../b', 'requests are compared with "." and ".." resolved'),
  ...badPath('/./a', 'requests are compared with "." and ".." resolved'),
  ...badPath('/..', 'requests are compared with "." and ".." resolved'),
  ...BAD_EXPRESSIONS.flatMap(([value, message]) => [
    ruled(matchOf({ path: { type: 'Regex', value } }), message, { path: `${MATCH}.path.value`, ...regex }),
    ruled(matchOf({ headers: [{ name: 'a', type: 'Regex', value }] }), message, {
      path: `${MATCH}.headers[0].value`,
      ...regex,
    }),
    ruled(matchOf({ queryParams: [{ name: 'a', type: 'Regex', value }] }), message, {
      path: `${MATCH}.queryParams[0].value`,
      ...regex,
    }),
  ]),
  ruled(matchOf({ path: { type: 'Regex', value: '/ä' } }), 'has a character beyond ASCII: write it percent-encoded', {
    path: `${MATCH}.path.value`,
    ...regex,
  }),
  ...['999.1.1.1', '192.0.2.0/33', '::1/129', '1.2.3/24', 'abc', '192.0.2.0/024'].flatMap((range) => [
    ruled(matchOf({ sourceRanges: [range] }), 'is no address or CIDR such as', { path: `${MATCH}.sourceRanges[0]` }),
    ruled(tcpMatch({ sourceRanges: [range] }), 'is no address or CIDR such as', { path: `${MATCH}.sourceRanges[0]` }),
  ]),
  ...FILTER_RULES,
  ...LIMIT_RULES,
];

/** RoutingRules that look odd and are right. */
export const GOOD_ROUTING_RULES: readonly Changes[] = [
  { [`${RESPOND}.body`]: '😀'.repeat(3072) },
  TCP,
  { ...TCP, 'spec.listener': { protocol: 'TLS', port: 443 }, 'spec.hostnames': ['a.example', '*.b.example'] },
  tcpMatch({ sourceRanges: ['192.0.2.0/24', '2001:db8::/32'] }),
  { 'spec.listener': { protocol: 'HTTP' } },
  { [`${RULE}.matches`]: undefined },
  { [`${RESPOND}.status`]: 204, [`${RESPOND}.body`]: undefined },
  { [`${RESPOND}.body`]: 'first line\n\tsecond line, "quoted" \\ %[env(HOME)] ${HOME} ; <<' },
  ...['/', '/a;b=c', "/it's", '/%20', '/%c3%a4', '/a..b/...', '/(a)', '/a%252f', '/$%7B'].flatMap((value) =>
    ['Exact', 'Prefix'].map((type) => matchOf({ path: { type, value } })),
  ),
  ...['/[a-z]+\\.php', '.*', '(?i)/a', '^/a$', '/a{1,1000}', '/"\'%[env(HOME)]', letters(256)].map((value) =>
    matchOf({ path: { type: 'Regex', value } }),
  ),
  matchOf({ headers: [{ name: "!#$%&'*+.^_`|~-", value: '"quoted" \\ %[env(HOME)] ${HOME} ; << #' }] }),
  matchOf({ queryParams: [{ name: '"\\;<<%[env(HOME)]', value: '"quoted" \\ %[env(HOME)] ${HOME} ; << #' }] }),
  ...GOOD_FILTERS,
  ...GOOD_LIMITS,
];
