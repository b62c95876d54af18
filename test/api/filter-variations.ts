/** Bounds and rules of the filters of a RoutingRule. */
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
  type Bad,
  type Bound,
} from './bounds.ts';
import type { Changes } from './sample.ts';

const RULE = 'spec.rules[0]';
const FILTERS = `${RULE}.filters`;
const POOL_FILTERS = `${RULE}.pools[0].filters`;
const CORS = `${FILTERS}.cors`;
const REWRITE = `${FILTERS}.rewrite`;
const REDIRECT = 'spec.rules[2].filters.redirect';

const NAME = { most: 128, wrong: ['X A', 'X:', '(a)', 'ä'], form: 'the characters of a header name' };
const HOST = { most: 253, fill: dotted, wrong: ['a b', 'a/b', 'a:80', '*.a', '-a', 'a_b'], form: 'a host name' };

function empty(path: string): Bound {
  return { bad: [bad(path, {}, 'is empty: set a field or remove it')], good: [] };
}

function headerFilter(path: string): readonly Bound[] {
  const values = (field: string) => [
    list(`${path}.${field}`, {
      most: 16,
      least: 1,
      entry: (index) => ({ name: `X-${field}-${index}`, value: '1' }),
      type: 'Map',
    }),
    required(`${path}.${field}[0]`, ['name', 'value']),
    text(`${path}.${field}[0].name`, NAME),
    text(`${path}.${field}[0].value`, { most: 4096 }),
  ];
  return [
    empty(path),
    ...values('set'),
    ...values('add'),
    list(`${path}.remove`, { most: 16, least: 1, entry: (index) => `X-remove-${index}`, type: 'Set' }),
    text(`${path}.remove[0]`, NAME),
  ];
}

function pathChange(path: string): readonly Bound[] {
  return [
    required(path, ['type', 'value']),
    choice(`${path}.type`, ['ReplaceFullPath', 'ReplacePrefix']),
    text(`${path}.value`, { most: 1024, least: 0, fill: (length) => `/${letters(length)}`.slice(0, length) }),
  ];
}

function names(path: string): readonly Bound[] {
  return [list(path, { most: 64, least: 1, entry: (index) => `X-${index}`, type: 'Set' }), text(`${path}[0]`, NAME)];
}

/** Bounds of single fields. */
export const FILTER_BOUNDS: readonly Bound[] = [
  empty(FILTERS),
  empty(POOL_FILTERS),
  ...[FILTERS, POOL_FILTERS].flatMap((place) =>
    ['requestHeaders', 'responseHeaders'].flatMap((field) => headerFilter(`${place}.${field}`)),
  ),
  empty(REWRITE),
  text(`${REWRITE}.hostname`, HOST),
  ...pathChange(`${REWRITE}.path`),
  empty(REDIRECT),
  choice(`${REDIRECT}.scheme`, ['http', 'https']),
  text(`${REDIRECT}.hostname`, HOST),
  whole(`${REDIRECT}.port`, [1, 65_535]),
  ...pathChange(`${REDIRECT}.path`),
  choice(`${REDIRECT}.statusCode`, [301, 302, 303, 307, 308]),
  required(CORS, ['allowOrigins']),
  list(`${CORS}.allowOrigins`, { most: 64, least: 1, entry: (index) => `https://a${index}.x`, type: 'Set' }),
  {
    bad: [
      bad(`${CORS}.allowOrigins[0]`, '', 'is too short: at least 1 character'),
      bad(`${CORS}.allowOrigins[0]`, `https://${dotted(246)}`, 'is too long: 254 characters, at most 253'),
      ...['a.x', 'ftp://a.x', 'https://a.x/', 'https://', '**', 'https://a.x:', 'null', 'https://a.*'].map((origin) =>
        bad(`${CORS}.allowOrigins[0]`, origin, `${JSON.stringify(origin)} is not an origin`),
      ),
      ...['https://a..b', `https://${letters(64)}`, 'https://a.x:0', 'https://a.x:65536'].map((origin) =>
        ruled({ [`${CORS}.allowOrigins[0]`]: origin }, 'is no origin'),
      ),
    ],
    good: ['*', 'https://*.a.x', 'http://192.0.2.1:8080', 'https://A.x:65535', `https://${dotted(245)}`].map(
      (origin) => ({
        [`${CORS}.allowOrigins[0]`]: origin,
      }),
    ),
  },
  list(`${CORS}.allowMethods`, { most: 9, least: 1, entry: () => 'GET', type: 'Set', unreachable: true }),
  choice(`${CORS}.allowMethods[0]`, [
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'DELETE',
    'CONNECT',
    'OPTIONS',
    'TRACE',
    'PATCH',
    '*',
  ]),
  ...names(`${CORS}.allowHeaders`),
  ...names(`${CORS}.exposeHeaders`),
  duration(`${CORS}.maxAge`, ['0s', '24h'], ['25h', '24h1ms']),
];

const POOLS = [{ name: 'blog' }];
const incompatible = { reason: 'IncompatibleFilters' } as const;
const onlyRule = (rule: object): Changes => ({ 'spec.rules': [{ name: 'all', ...rule }] });
const TCP: Changes = { 'spec.listener': { protocol: 'TCP', port: 2525 }, 'spec.hostnames': undefined };
const MARK = { set: [{ name: 'X-A', value: '1' }] };

/** What filters ask of each other and of the action of their rule. */
export const FILTER_RULES: readonly Bad[] = [
  ruled({ ...TCP, ...onlyRule({ pools: POOLS, filters: { requestHeaders: MARK } }) }, 'needs an HTTP listener', {
    path: FILTERS,
  }),
  ruled(
    { ...TCP, ...onlyRule({ pools: [{ name: 'a', filters: { requestHeaders: MARK } }] }) },
    'needs an HTTP listener',
    {
      path: POOL_FILTERS,
    },
  ),
  ...[{ pools: POOLS }, { respond: { status: 404 } }].map((action) =>
    ruled(
      onlyRule({ ...action, filters: { redirect: { scheme: 'https' } } }),
      `stands beside ${Object.keys(action)[0]}`,
      {
        path: `${FILTERS}.redirect`,
        ...incompatible,
      },
    ),
  ),
  ...[{ rewrite: { hostname: 'a.x' } }, { requestHeaders: MARK }].flatMap((filter) => [
    ruled(onlyRule({ respond: { status: 404 }, filters: filter }), 'stands beside respond', {
      path: `${FILTERS}.${Object.keys(filter)[0]}`,
      ...incompatible,
    }),
    ruled(onlyRule({ filters: { redirect: { scheme: 'https' }, ...filter } }), 'stands beside redirect', {
      path: `${FILTERS}.${Object.keys(filter)[0]}`,
      ...incompatible,
    }),
  ]),
  ruled({ [REDIRECT]: { statusCode: 301 } }, 'clients would go round in a loop'),
  ...[`${letters(64)}.x`, '999.1.1.1', 'a..b'].flatMap((host) => [
    ruled({ [`${REDIRECT}.hostname`]: host }, 'is no host'),
    ruled({ [`${REWRITE}.hostname`]: host }, 'is no host'),
  ]),
  ...['Exact', 'Regex'].map((type) =>
    ruled(
      { [`${RULE}.matches[0].path`]: { type, value: '/a' }, [`${REWRITE}.path.type`]: 'ReplacePrefix' },
      `matches[0] has ${type}`,
      {
        path: `${REWRITE}.path.type`,
        ...incompatible,
      },
    ),
  ),
  ...['new', '/a?b', '/a#b', '/a b', '/a//b', '/../a', '/%2f', '/%[env(HOME)]'].flatMap((value) =>
    [`${REWRITE}.path.value`, `${REDIRECT}.path.value`].map((path) => ruled({ [path]: value }, '')),
  ),
  ...[FILTERS, POOL_FILTERS].flatMap((place) => [
    ...['Connection', 'content-length', 'Transfer-Encoding', 'Upgrade', 'TE'].flatMap((name) =>
      ['requestHeaders', 'responseHeaders'].map((field) =>
        ruled({ [`${place}.${field}.set[0].name`]: name }, 'is up to the load balancer'),
      ),
    ),
    ruled({ [`${place}.requestHeaders.set[0].name`]: 'Host' }, 'use rewrite.hostname'),
    ruled({ [`${place}.requestHeaders.remove[0]`]: 'host' }, 'use rewrite.hostname'),
    ruled({ [`${place}.responseHeaders.add[0].name`]: 'x-set' }, 'stands at'),
    ruled({ [`${place}.responseHeaders.remove[0]`]: 'X-ADD' }, 'stands at', {
      path: `${place}.responseHeaders.add[0].name`,
    }),
    ruled({ [`${place}.requestHeaders.set`]: ['A', 'a'].map((name) => ({ name, value: '1' })) }, 'stands at', {
      path: `${place}.requestHeaders.set[1].name`,
    }),
    ...[' a', 'a ', ' '].map((value) =>
      ruled({ [`${place}.requestHeaders.set[0].value`]: value }, 'begins or ends with a space'),
    ),
    ruled(
      { [`${place}.requestHeaders.set`]: ['A', 'B', 'C'].map((name) => ({ name, value: letters(4096) })) },
      'bytes of headers',
      {
        path: `${place}.requestHeaders`,
      },
    ),
  ]),
];

/** Filters that look odd and are right. */
export const GOOD_FILTERS: readonly Changes[] = [
  onlyRule({ filters: { redirect: { scheme: 'https' } } }),
  onlyRule({ filters: { redirect: { scheme: 'https' }, responseHeaders: MARK } }),
  onlyRule({ respond: { status: 200 }, filters: { responseHeaders: MARK, cors: { allowOrigins: ['*'] } } }),
  onlyRule({ pools: POOLS, filters: { rewrite: { path: { type: 'ReplacePrefix', value: '' } } } }),
  ...['%[env(HOME)] $x ${HOME} "quoted" \\ ;<<#', "it's", 'ä€', letters(4096)].map((value) => ({
    [`${FILTERS}.requestHeaders.set[0].value`]: value,
  })),
  { [`${FILTERS}.responseHeaders.set[0].name`]: 'Host' },
];
