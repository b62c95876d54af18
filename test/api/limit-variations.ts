/** Bounds and rules of the limits of a rule: access, rateLimit, timeouts. */
import { bad, choice, duration, list, required, ruled, text, whole, type Bad, type Bound } from './bounds.ts';
import type { Changes } from './sample.ts';

const RULE = 'spec.rules[0]';
const ACCESS = `${RULE}.access`;
const LIMIT = `${RULE}.rateLimit`;

/** Bounds of a list of ranges of addresses. */
export function ranges(path: string, most = 256): readonly Bound[] {
  const wrong = ['example.com', '192.0.2.0/24/24', '192.0.2.*', 'fe80::1%eth0'];
  return [
    list(path, { most, least: 1, entry: (index) => `192.0.2.${index}/32`.replace('256/32', '1/31'), type: 'Set' }),
    {
      bad: [
        bad(`${path}[0]`, ':', 'is too short: at least 2 characters'),
        bad(`${path}[0]`, '0'.repeat(50), 'is too long: 50 characters, at most 49'),
        ...wrong.map((range) => bad(`${path}[0]`, range, 'is not an address or CIDR such as 192.0.2.0/24')),
        ...['999.1.1.1', '192.0.2.0/33', '::1/129'].map((range) =>
          ruled({ [`${path}[0]`]: range }, 'is no address or CIDR such as'),
        ),
      ],
      good: ['::', '0.0.0.0/0', '192.0.2.77/24', '2001:DB8::1/64'].map((range) => ({ [`${path}[0]`]: range })),
    },
  ];
}

/** Bounds of single fields. */
export const LIMIT_BOUNDS: readonly Bound[] = [
  ...ranges('spec.listener.trustedSources', 64),
  { bad: [bad(ACCESS, {}, 'is empty: set a field or remove it')], good: [] },
  ...ranges(`${ACCESS}.allow`),
  ...ranges(`${ACCESS}.deny`),
  { bad: [bad(`${RULE}.timeouts`, {}, 'is empty: set a field or remove it')], good: [] },
  duration(`${RULE}.timeouts.request`, ['0s', '24h'], ['25h', '24h1ms']),
  { bad: [bad(`${RULE}.limits`, {}, 'is empty: set a field or remove it')], good: [] },
  text(`${RULE}.limits.requestBody`, {
    most: 11,
    fill: (length) => `${'9'.repeat(Math.min(length, 9))}${'Ki0'.slice(0, Math.max(0, length - 9))}`,
    wrong: ['0', '-1', '1.5Mi', '10M', '10 Mi', '1e6', '1Ti'],
    form: 'a number of bytes such as',
  }),
  required(LIMIT, ['requests', 'per']),
  whole(`${LIMIT}.requests`, [1, 1_000_000]),
  duration(`${LIMIT}.per`, ['1s', '1h'], ['0s', '999ms', '1h1ms']),
  whole(`${LIMIT}.burst`, [1, 1_000_000]),
  required(`${LIMIT}.key`, ['type']),
  choice(`${LIMIT}.key.type`, ['SourceIP', 'Header'], ['Header']),
  text(`${LIMIT}.key.name`, {
    most: 128,
    wrong: ['X A', 'X:', '(a)', 'ä'],
    form: 'the characters of a header name',
  }),
  whole(`${LIMIT}.statusCode`, [400, 599]),
];

const POOLS = [{ name: 'blog' }];
const onlyRule = (rule: object): Changes => ({ 'spec.rules': [{ name: 'all', ...rule }] });
const TCP: Changes = { 'spec.listener': { protocol: 'TCP', port: 2525 }, 'spec.hostnames': undefined };
const HOURLY = { requests: 1000, per: '1h' };

/** What limits ask of each other and of the rule they stand in. */
export const LIMIT_RULES: readonly Bad[] = [
  ...Object.entries({ rateLimit: HOURLY, limits: { requestBody: '1Mi' }, timeouts: { request: '1s' } }).map(
    ([field, value]) =>
      ruled({ ...TCP, ...onlyRule({ pools: POOLS, [field]: value }) }, 'needs an HTTP listener', {
        path: `${RULE}.${field}`,
      }),
  ),
  ruled(onlyRule({ respond: { status: 404 }, timeouts: { request: '1s' } }), 'no server is waited for', {
    path: `${RULE}.timeouts`,
  }),
  ...['TCP', 'TLS'].map((protocol) =>
    ruled(
      {
        ...onlyRule({ pools: POOLS }),
        'spec.hostnames': undefined,
        'spec.listener': { protocol, port: 2525, trustedSources: ['192.0.2.1'] },
      },
      'only HTTP has X-Forwarded-For',
      { path: 'spec.listener.trustedSources' },
    ),
  ),
  ruled({ [`${LIMIT}.key`]: { type: 'Header' } }, 'type Header needs the field name'),
  ruled({ [`${LIMIT}.key`]: { type: 'SourceIP', name: 'X-Key' } }, 'is for type Header', { path: `${LIMIT}.key.name` }),
  ruled({ [LIMIT]: { ...HOURLY, burst: 1001 } }, 'takes more than 1h to be regained', { path: `${LIMIT}.burst` }),
];

/** Limits that look odd and are right. */
export const GOOD_LIMITS: readonly Changes[] = [
  { [LIMIT]: HOURLY },
  { [LIMIT]: { requests: 1, per: '1h', burst: 1, key: { type: 'SourceIP' } } },
  { [LIMIT]: { requests: 10, per: '1s', burst: 36_000 } },
  onlyRule({ respond: { status: 200 }, rateLimit: HOURLY, access: { deny: ['::/0'] } }),
  { ...TCP, ...onlyRule({ pools: POOLS, access: { allow: ['192.0.2.0/24'] } }) },
];
