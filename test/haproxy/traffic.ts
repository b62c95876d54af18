/** Random rules and random requests over one small alphabet, so that they meet. */
import * as fc from 'fast-check';
import type { Rule, RuleMatch } from '../../operator/api/kinds.gen.ts';
import type { RequestLine } from '../../operator/topology/matching.ts';
import type { Written } from '../support/admit.ts';

/** Pools that rules may name: two that serve, one without servers, one that is not there. */
export const POOLS = ['pool-a', 'pool-b', 'pool-empty', 'pool-missing'] as const;

const HOSTS = ['a.x', 'b.a.x', 'x', 'wildcards.x', '127.0.0.1', 'xn--4ca.a.x'];
const RULE_HOSTS = [...HOSTS, '*.a.x', '*.x', '*.b.a.x', 'A.X', 'b.a.x.'];
const SEGMENTS = [
  'a',
  'b',
  'ab',
  'A',
  'x.php',
  'y.JPG',
  'v1.2',
  '.php',
  'a%C3%A4',
  '%20',
  '~',
  'a-b',
  "'$()",
  'x.abcdefghijk',
];
const VALUES = ['1', '2', 'a b', 'A', '1,2', '%', '50%', '\'"\\', '$x', '%[src]', 'a&b=c|d:e,f'];
const NAMES = ['v', 'w', 'V', 'a[]'];
const HEADERS = ['x-a', 'X-B'];
const TYPES = ['text/html', 'text/plain', 'application/json', 'image/svg+xml'];
const SOURCES = ['127.1.0.1', '127.1.0.2', '127.2.0.1'];

const pieces = [
  'a',
  'b',
  '/',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\.',
  '(?i:A)',
  '\\b',
  '',
  'x.php',
  '%',
  '[0-9a-f]{2}',
  '\\pL',
];

/** Regular expressions of RE2, most of them short enough to match something. */
export const regex: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...pieces),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => one + other),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(?:${one}|${other})`),
    fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{0,2}', '*?')).map(([one, times]) => `(?:${one})${times}`),
  ),
})).node;

const pathText = fc
  .tuple(fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 3 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`);

/** Present in this share of cases (percent), else undefined. */
function sometimes<T>(arbitrary: fc.Arbitrary<T>, percent: number): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: percent, arbitrary }, { weight: 100 - percent, arbitrary: fc.constant(undefined) });
}

const path: fc.Arbitrary<NonNullable<RuleMatch['path']>> = fc.oneof(
  fc.record({ type: fc.constantFrom('Exact' as const, 'Prefix' as const), value: pathText }),
  fc.record({ type: fc.constant('Regex' as const), value: regex.map((text) => `/${text}`) }),
);

const valueMatch = (name: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.record({ name, value: fc.constantFrom(...VALUES) }),
    fc.record({ name, type: fc.constant('Regex' as const), value: regex.filter((text) => text !== '') }),
  );

const subset = (list: readonly string[]) => fc.uniqueArray(fc.constantFrom(...list), { minLength: 1, maxLength: 3 });
const maybe = { requiredKeys: [] };

const match: fc.Arbitrary<RuleMatch> = fc
  .record(
    {
      path: sometimes(path, 75),
      extensions: sometimes(subset(['php', 'JPG', 'jpg', '2a']), 25),
      contentTypes: sometimes(subset(['text/html', 'Text/*', 'application/JSON', 'image/svg+xml']), 25),
      method: sometimes(fc.constantFrom('GET' as const, 'POST' as const, 'HEAD' as const), 50),
      headers: sometimes(
        fc.uniqueArray(valueMatch(fc.constantFrom(...HEADERS)), {
          selector: ({ name }) => name.toLowerCase(),
          minLength: 1,
          maxLength: 2,
        }),
        25,
      ),
      queryParams: sometimes(
        fc.uniqueArray(valueMatch(fc.constantFrom(...NAMES)), {
          selector: ({ name }) => name,
          minLength: 1,
          maxLength: 2,
        }),
        25,
      ),
      sourceRanges: sometimes(subset(['127.1.0.0/16', '127.1.0.2', '127.2.0.0/30', '2001:db8::/32', '0.0.0.0/0']), 25),
    },
    maybe,
  )
  // What is absent must not be there at all.
  .map((written) => Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)))
  .filter((written) => Object.keys(written).length > 0);

const action: fc.Arbitrary<Pick<Rule, 'pools'>> = fc
  .uniqueArray(fc.record({ name: fc.constantFrom(...POOLS), weight: fc.constantFrom(0, 1, 3) }), {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 2,
  })
  .map((pools) => ({ pools }));

const change = fc.record({
  type: fc.constantFrom('ReplaceFullPath' as const, 'ReplacePrefix' as const),
  value: fc.constantFrom('', '/', '/new', '/new/', "/a%20b/'$()"),
});
const filter = {
  rewrite: fc.oneof(fc.record({ hostname: fc.constant('Inner.x') }), fc.record({ path: change })),
  redirect: fc
    .record(
      {
        scheme: fc.constantFrom('http' as const, 'https' as const),
        hostname: fc.constantFrom('b.x', 'C.X.'),
        port: fc.constantFrom(80, 443, 8443),
        path: change,
      },
      maybe,
    )
    .filter((redirect) => Object.keys(redirect).length > 0),
  cors: fc.record({ allowOrigins: subset(['https://a.x', 'https://*.x', '*']) }),
};

/** What a rule asks for besides its matches and its action. */
const way: fc.Arbitrary<Pick<Rule, 'filters' | 'access'>> = fc
  .record({
    rewrite: sometimes(filter.rewrite, 30),
    redirect: sometimes(filter.redirect, 30),
    cors: sometimes(filter.cors, 60),
    access: sometimes(
      fc.constantFrom({ deny: ['127.1.0.0/16'] }, { allow: ['127.1.0.0/16', '2001:db8::/32'], deny: ['127.1.0.2'] }),
      30,
    ),
  })
  .map(({ access, rewrite, redirect, cors }) => {
    const filters = {
      ...(cors && { cors }),
      ...(redirect ? { redirect } : rewrite && { rewrite }),
    };
    return { ...(access && { access }), ...(Object.keys(filters).length > 0 && { filters }) };
  });

/** Pools, or an answer with this status; a redirect is the whole answer, and a rewrite needs a server. */
function actionOf(pools: Pick<Rule, 'pools'> | undefined, asked: Pick<Rule, 'filters'>, status: number): Partial<Rule> {
  if (asked.filters?.redirect !== undefined) return {};
  if (asked.filters?.rewrite !== undefined) return pools ?? { pools: [{ name: POOLS[0] }] };
  return pools ?? { respond: { status } };
}

/** Lists of RoutingRules for one HTTP port. Rules that answer themselves do so with a status of their own. */
export function rulesOn(port: number): fc.Arbitrary<readonly Written[]> {
  const rule = fc.record({
    matches: sometimes(fc.array(match, { minLength: 1, maxLength: 3 }), 80),
    pools: sometimes(action, 25),
    asked: fc.oneof(fc.constant({}), way),
  });
  const object = fc.record({
    hostnames: sometimes(fc.uniqueArray(fc.constantFrom(...RULE_HOSTS), { minLength: 1, maxLength: 3 }), 50),
    priority: fc.constantFrom(0, 0, 5),
    rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
  });
  return fc.array(object, { minLength: 1, maxLength: 8 }).map((objects) =>
    objects.map(({ hostnames, priority, rules }, index) => ({
      kind: 'RoutingRule',
      name: `r${index}`,
      spec: {
        listener: { protocol: 'HTTP', port },
        ...(hostnames === undefined ? {} : { hostnames }),
        priority,
        rules: rules.map(({ matches, pools, asked }, place) => ({
          name: `n${place}`,
          ...(matches === undefined ? {} : { matches }),
          ...asked,
          ...actionOf(pools, asked, 210 + index * 4 + place),
        })),
      },
    })),
  );
}

const triplet = (text: string) => `%${text.charCodeAt(0).toString(16)}`;
const TRICKS = [
  '/',
  '//',
  '/./',
  '/../',
  '/..',
  '%2e%2e/',
  '%2F',
  '%5c',
  '\\',
  '%00',
  '%',
  '%zz',
  '%%41',
  '%%4141',
  triplet('a'),
  '%C3%A4',
  '%c3%a4',
  ';x=1',
  '|',
  '"',
  '<',
  '^',
  '{}',
  "'",
  ':',
  '@',
  '*',
];

const targetPath = fc.oneof(
  { weight: 4, arbitrary: pathText },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.oneof(fc.constantFrom(...SEGMENTS), fc.constantFrom(...TRICKS), fc.constant('/')), { maxLength: 6 })
      .map((parts) => `/${parts.join('')}`),
  },
);

const encodings: readonly ((text: string) => string)[] = [
  encodeURIComponent,
  (text) => encodeURIComponent(text).replaceAll('%20', '+'),
  (text) => text.replaceAll(/[^]/g, triplet),
];
const parameter = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES, '', 'aa', 'é'), fc.constantFrom(...encodings))
  .map(
    ([name, value, encode]) => `${encode(name)}=${/^[ -~]*$/.test(value) ? encode(value) : encodeURIComponent(value)}`,
  );
const query = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: parameter },
      { weight: 1, arbitrary: fc.constantFrom('v', 'v=%zz', 'v=%e4', '=', 'v=1=2', 'w=%25', 'v=a?b', '%') },
    ),
    { maxLength: 3 },
  )
  .map((parts) => (parts.length === 0 ? '' : `?${parts.join('&')}`));

const spellings: readonly ((host: string) => string)[] = [
  (host) => host,
  (host) => host.toUpperCase(),
  (host) => `${host}:8080`,
  (host) => `${host}.`,
  (host) => `${host}.:80`,
  (host) => `c.${host}`,
  (host) => `c.d.${host}`,
  (host) => `.${host}`,
  (host) => `c..${host}`,
  (host) => `${host}..`,
  (host) => `${host}:`,
  (host) => `${host},a.x`,
  (host) => `${host}/a`,
  (host) => `*.${host}`,
];

const header = fc
  .oneof(
    fc.tuple(fc.constantFrom(...HEADERS, 'x-A'), fc.constantFrom(...VALUES, 'b', '')),
    fc.tuple(fc.constant('Origin'), fc.constantFrom('https://a.x', 'https://b.a.x', 'http://a.x', 'null')),
    fc.tuple(
      fc.constantFrom('Content-Type', 'content-type'),
      fc.constantFrom(...TYPES, 'TEXT/HTML; charset=utf-8', 'text', 'text/', 'application/json;x', ''),
    ),
  )
  .map(([name, value]) => ({ name, value }));

const anyRequest: fc.Arbitrary<Required<RequestLine>> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'get'),
  target: fc.tuple(targetPath, query).map(([text, rest]) => text + rest),
  host: fc
    .tuple(
      fc.constantFrom(...HOSTS),
      fc.oneof(
        { weight: 3, arbitrary: fc.constant(spellings[0]) },
        { weight: 2, arbitrary: fc.constantFrom(...spellings) },
      ),
    )
    .map(([host, spell]) => spell?.(host) ?? host),
  headers: fc.array(header, { maxLength: 3 }),
  source: fc.constantFrom(...SOURCES),
});

const preflight = fc.constantFrom('https://a.x', 'https://b.a.x', 'http://a.x', 'null').map((origin) => ({
  method: 'OPTIONS',
  headers: [
    { name: 'Origin', value: origin },
    { name: 'Access-Control-Request-Method', value: 'PUT' },
  ],
}));

/** Requests as a client might send them, decent and otherwise. */
export const requestLine: fc.Arbitrary<Required<RequestLine>> = fc
  .tuple(anyRequest, sometimes(preflight, 15))
  .map(([request, asked]) => ({ ...request, ...asked }));

/** The bytes of a request. */
export function bytesOf({ method, target, host, headers }: Required<RequestLine>): string {
  const fields = headers.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}Content-Length: 0\r\nConnection: close\r\n\r\n`;
}
