import { describe, expect, it, test } from 'vitest';
import type { RoutingRuleSpec, RuleMatch } from '../../operator/api/kinds.gen.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { matchRequest, parseQuery, type RequestLine } from '../../operator/topology/matching.ts';
import type { Listener } from '../../operator/topology/topology.ts';
import { NO_NAMES, resources, rule } from './objects.ts';

function listen(spec: Omit<RoutingRuleSpec, 'listener'>, protocol: 'HTTP' | 'TCP' = 'HTTP'): Listener {
  const rules = [rule('r', { listener: { protocol, port: 80 }, ...spec })];
  const [listener] = buildTopology(resources({ rules }), NO_NAMES).listeners;
  if (listener === undefined) throw new Error('a rule opens a listener');
  return listener;
}

const request = (target: string, more: Partial<RequestLine> = {}): RequestLine => ({
  method: 'GET',
  target,
  headers: [],
  ...more,
});
const headers = (...pairs: [string, string][]) => ({ headers: pairs.map(([name, value]) => ({ name, value })) });

/** A match, requests that it takes and requests that it leaves. */
type Row = readonly [RuleMatch, readonly RequestLine[], readonly RequestLine[]];

const ROWS: readonly Row[] = [
  [
    { path: { type: 'Exact', value: '/a' } },
    ['/a', '/a?x=/b', '/%61', '/b/../a', '//a', '/./a'].map((target) => request(target)),
    ['/a/', '/A', '/ab', '/'].map((target) => request(target)),
  ],
  [
    { path: { type: 'Prefix', value: '/a' } },
    ['/a', '/a/', '/a/b', '/a?x'].map((target) => request(target)),
    ['/ab', '/A', '/b/a', '/a/..'].map((target) => request(target)),
  ],
  [
    { path: { type: 'Regex', value: '/a|/b[0-9]+' } },
    ['/a', '/b12'].map((target) => request(target)),
    ['/ab12', '/b', '/b1/', '/B1'].map((target) => request(target)),
  ],
  [
    { extensions: ['php'] },
    ['/x.PHP', '/x.php/y.jpg', '/v1.2/x.php'].map((target) => request(target)),
    [request('/x.jpg'), request('/php'), request('/y?x.php')],
  ],
  [
    { contentTypes: ['text/*', 'application/json'] },
    [headers(['Content-Type', 'Text/HTML; charset=utf-8']), headers(['content-type', 'application/json'])].map((more) =>
      request('/', more),
    ),
    [headers(['content-type', 'application/jsonp']), headers(['accept', 'text/html']), {}].map((more) =>
      request('/', more),
    ),
  ],
  [{ method: 'POST' }, [request('/', { method: 'POST' })], [request('/'), request('/', { method: 'post' })]],
  [
    { headers: [{ name: 'X-A', value: '1,2' }] },
    [headers(['x-a', '1,2']), headers(['X-A', '1'], ['x-a', ' 2 '])].map((more) => request('/', more)),
    [headers(['x-a', '1']), headers(['x-b', '1,2']), {}].map((more) => request('/', more)),
  ],
  [
    { headers: [{ name: 'x-a', type: 'Regex', value: 'v[0-9]' }] },
    [request('/', headers(['x-a', 'v1']))],
    [request('/', headers(['x-a', 'V1'])), request('/', headers(['x-a', 'v12']))],
  ],
  [
    { queryParams: [{ name: 'v', value: 'a b' }] },
    ['/?v=a+b', '/?v=a%20b&v=c', '/?x=1&%76=a%20b'].map((target) => request(target)),
    ['/?v=c&v=a+b', '/?V=a+b', '/v=a+b', '/?v=a%2Bb', '/'].map((target) => request(target)),
  ],
  [
    { sourceRanges: ['10.0.0.0/8', '2001:db8::/32'] },
    ['10.1.2.3', '::ffff:10.1.2.3', '2001:DB8::5'].map((source) => request('/', { source })),
    ['11.0.0.1', '::a00:1', '2001:db9::'].map((source) => request('/', { source })).concat(request('/')),
  ],
];

describe('a match', () => {
  test.each(ROWS)('%j', (match, taken, left) => {
    const listener = listen({ rules: [{ name: 'a', matches: [match], respond: { status: 200 } }] });
    expect(taken.filter((one) => matchRequest(listener, one).outcome !== 'Matched')).toEqual([]);
    expect(left.filter((one) => matchRequest(listener, one).outcome !== 'NoRoute')).toEqual([]);
  });

  it('holds only with all its parts', () => {
    const match: RuleMatch = { path: { type: 'Prefix', value: '/a' }, method: 'GET', extensions: ['php'] };
    const listener = listen({ rules: [{ name: 'a', matches: [match], respond: { status: 200 } }] });
    const outcomes = [request('/a/x.php'), request('/a/x'), request('/x.php'), request('/a/x.php', { method: 'PUT' })];
    expect(outcomes.map((one) => matchRequest(listener, one).outcome)).toEqual([
      'Matched',
      'NoRoute',
      'NoRoute',
      'NoRoute',
    ]);
  });
});

test.each([
  ['a.x', ['a.x', 'A.X', 'a.x:8080', 'a.x.', 'a.x.:80'], ['b.a.x', 'x', 'a.xx']],
  ['*.a.x', ['b.a.x', 'c.b.a.x', 'B.A.X.:80'], ['a.x', 'ba.x']],
])('the host %s', (hostname, taken, left) => {
  const listener = listen({ hostnames: [hostname], rules: [{ name: 'a', respond: { status: 200 } }] });
  const outcome = (host: string) => matchRequest(listener, request('/', { host })).outcome;
  expect(taken.filter((host) => outcome(host) !== 'Matched')).toEqual([]);
  expect(left.filter((host) => outcome(host) !== 'NoRoute')).toEqual([]);
});

describe('the answer', () => {
  const listener = listen({
    rules: [
      {
        name: 'blog',
        matches: [{ path: { type: 'Prefix', value: '/blog' }, method: 'POST' }],
        respond: { status: 200 },
      },
      { name: 'media', matches: [{ extensions: ['jpg', 'png'] }], respond: { status: 200 } },
      { name: 'rest', respond: { status: 200 } },
    ],
  });

  it('says why each earlier route was passed', () => {
    const matching = matchRequest(listener, request('/blog/x.css'));
    expect(matching).toMatchObject({ outcome: 'Matched', route: { rule: { name: 'rest' } } });
    expect(matching.passed.map(({ route, why }) => [route.rule.name, why])).toEqual([
      ['blog', 'The method is GET; wanted: POST.'],
      ['media', 'The file type is css; wanted: jpg, png.'],
    ]);
  });

  test.each(['/a%2Fb', '/..', '/a\\b', '*', '/%'])('to the path %s is 400', (target) => {
    expect(matchRequest(listener, request(target))).toMatchObject({
      outcome: 'Rejected',
      why: expect.stringContaining(target) as unknown,
    });
  });

  test.each(['*.a.x', 'a|b', 'a/b', 'a,b', '.a.x', 'b..a.x', 'a.x..'])('to the host %s is 400', (host) => {
    expect(matchRequest(listener, request('/', { host })).outcome).toBe('Rejected');
  });

  it('at a TCP port looks at the client only', () => {
    const near = { name: 'near', matches: [{ sourceRanges: ['10.0.0.0/8'] }], pools: [{ name: 'site' }] };
    const tcp = listen({ rules: [near] }, 'TCP');
    const outcomes = ['10.0.0.1', '11.0.0.1'].map((source) => matchRequest(tcp, request('\\', { source })).outcome);
    expect(outcomes).toEqual(['Matched', 'NoRoute']);
  });
});

test.each([
  ['a=1&a=2&b', { a: '1', b: '' }],
  ['a=%zz&b=%e4&c=%C3%A4', { a: '%zz', b: '\xe4', c: '\xc3\xa4' }],
  ['a=b=c;d=e', { a: 'b=c;d=e' }],
  ['a=1?b=2', { a: '1?b=2' }],
])('the query %s', (query, params) => {
  expect(Object.fromEntries(parseQuery(query))).toEqual(params);
});

test.each([
  ['10.1.2.3', 'Matched'],
  ['10.1.2.3, 192.0.2.1', 'Matched'],
  ['10.1.2.3:4711, 192.0.2.1', 'Matched'],
  ['10.1.2.3, 203.0.113.1', 'NoRoute'],
  ['10.1.2.3, unknown', 'NoRoute'],
  ['10.1.2.3, [2001:db8::1]:80, 192.0.2.1', 'NoRoute'],
])('behind a load balancer that is trusted the client of "%s" is found, or none: %s', (told, outcome) => {
  const near = { name: 'near', matches: [{ sourceRanges: ['10.0.0.0/8'] }], pools: [{ name: 'site' }] };
  const trusting = { ...listen({ rules: [near] }), trustedSources: ['192.0.2.0/24'] };
  const asked = request('/', { source: '192.0.2.9', ...headers(['X-Forwarded-For', told]) });
  expect(matchRequest(trusting, asked).outcome).toBe(outcome);
});
