import { describe, expect, it, test } from 'vitest';
import { configOf, pool, rule } from './worlds.ts';

const POOLS = [pool('a'), pool('b'), pool('c', { protocol: 'TCP' })];
const to = (...names: string[]) => ({ pools: names.map((name) => ({ name })) });

/** The routing map of these rules without the names of texts: `?` and `~` stand for what they lead to. */
function routesOf(rules: readonly object[], spec: object = {}): Readonly<Record<string, string>> {
  const named = rules.map((one, index) => ({ name: `n${index}`, ...one }));
  const { routes } = configOf([...POOLS, rule('r', { ...spec, rules: named })]);
  const text = (id: string) => nameless(routes.get(`${id}.1`) ?? '');
  const entries = [...routes].filter(([key]) => !/^[?~]/.test(key));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value.startsWith('?') ? `? ${text(value)}` : nameless(value)]),
  );
}

/** Without the names of rules, which only the log reads. */
function nameless(text: string): string {
  return text.replaceAll(/@default\/r\/n\d+$|n=default\/r\/n\d+&/g, '');
}

it('says by whose rule', () => {
  const { routes } = configOf([...POOLS, rule('r', { rules: [{ name: 'all', ...to('a') }] })]);
  expect(routes.get('80|*/')).toBe('http_default_a@default/r/all');
});

describe('a path', () => {
  test.each<[string, readonly object[], Readonly<Record<string, string>>]>([
    ['none: everything', [to('a')], { '80|*/': 'http_default_a' }],
    [
      'Prefix',
      [{ matches: [{ path: { type: 'Prefix', value: '/x/' } }], ...to('a') }],
      { '80|*/x/': 'http_default_a' },
    ],
    ['Exact', [{ matches: [{ path: { type: 'Exact', value: '/x' } }], ...to('a') }], { '80|*/x/?': 'http_default_a' }],
    [
      'Exact of a folder',
      [{ matches: [{ path: { type: 'Exact', value: '/x/' } }], ...to('a') }],
      { '80|*/x//?': 'http_default_a' },
    ],
    [
      'Exact of the root',
      [{ matches: [{ path: { type: 'Exact', value: '/' } }], ...to('a') }],
      { '80|*//?': 'http_default_a' },
    ],
    [
      'a condition on a longer prefix falls back on the shorter one',
      [{ matches: [{ path: { type: 'Prefix', value: '/x' }, method: 'GET' }], ...to('a') }, to('b')],
      { '80|*/x/': '? m=GET&b=http_default_a|b=http_default_b', '80|*/': 'http_default_b' },
    ],
    [
      'what comes behind a match without condition is left out',
      [{ matches: [{ path: { type: 'Prefix', value: '/x' } }], ...to('a') }, to('b')],
      { '80|*/x/': 'http_default_a', '80|*/': 'http_default_b' },
    ],
  ])('%s', (...[, rules, routes]) => {
    expect(routesOf(rules)).toEqual(routes);
  });
});

test.each<[string, object, string]>([
  ['extensions', { extensions: ['PHP', 'html'] }, 'e=html,php'],
  ['content types', { contentTypes: ['Text/*', 'image/svg+xml'] }, 'c=image%2Fsvg%2Bxml,text%2F%2A'],
  ['a method', { method: 'POST' }, 'm=POST'],
  ['a header', { headers: [{ name: 'X-A', value: 'a&b|c:d' }] }, 'h=E:x-a:a%26b%7Cc%3Ad'],
  ['a parameter', { queryParams: [{ name: 'a[]', value: '100%' }] }, 'q=E:a%5B%5D:100%25'],
  [
    'client ranges',
    { sourceRanges: ['10.1.2.3/8', '2001:DB8::/32', '192.0.2.1'] },
    's=10.0.0.0/8,192.0.2.1/32,2001:db8::/32',
  ],
])('the condition %s', (...[, match, field]) => {
  expect(routesOf([{ matches: [match], ...to('a') }])).toEqual({ '80|*/': `? ${field}&b=http_default_a` });
});

test.each<[string, object, string]>([
  ['a pool that is missing', to('gone'), '? b=!'],
  ['a pool that speaks TCP', to('c'), '? b=!'],
  ['a pool without weight', { pools: [{ name: 'a', weight: 0 }] }, '? b=!'],
  [
    'one pool that is left',
    {
      pools: [
        { name: 'a', weight: 5 },
        { name: 'b', weight: 0 },
      ],
    },
    '? b=http_default_a',
  ],
  [
    'pools with weights',
    {
      pools: [
        { name: 'a', weight: 5 },
        { name: 'gone', weight: 1 },
      ],
    },
    '? w=http_default_a:5,!:1',
  ],
  ['an answer', { respond: { status: 418, body: 'a:b&c|d\né' } }, '? r=418:text%2Fplain:a%3Ab%26c%7Cd%0A%C3%A9'],
])('the action %s', (...[, action, value]) => {
  expect(routesOf([action])).toEqual({ '80|*/': value });
});

describe('hosts', () => {
  it('have routes of their own; wildcards are announced', () => {
    expect(routesOf([to('a')], { hostnames: ['A.x', '*.b.x'] })).toEqual({
      '80|a.x/': 'http_default_a',
      '80|*.b.x/': 'http_default_a',
      '80||wildcards': '1',
    });
  });
});

describe('Layer 4', () => {
  it('is one entry a port', () => {
    const listener = { protocol: 'TCP', port: 25 };
    expect(routesOf([to('c')], { listener })).toEqual({ 'tcp|25': 'tcp_default_c' });
    expect(routesOf([{ matches: [{ sourceRanges: ['10.0.0.0/8'] }], ...to('c') }, to('a')], { listener })).toEqual({
      'tcp|25': '? s=10.0.0.0/8&b=tcp_default_c|b=tcp_default_a',
    });
  });
});

describe('long texts', () => {
  const body = 'x'.repeat(4096);
  const rules = Array.from({ length: 12 }, (_, index) => ({
    name: `n${index}`,
    matches: [{ headers: [{ name: 'x-a', value: `${index}` }] }],
    respond: { status: 200, body },
  }));
  const { routes } = configOf([rule('r', { rules })]);
  const parts = [...routes].filter(([key]) => /^\?[0-9a-f]{16}\.\d+$/.test(key));

  it('are cut into parts that fit a map line', () => {
    expect(parts.length).toBeGreaterThan(5);
    expect(Math.max(...parts.map(([, value]) => value.length))).toBeLessThanOrEqual(8000);
    const whole = parts
      .toSorted(([a], [b]) => Number(a.split('.')[1]) - Number(b.split('.')[1]))
      .map(([, value]) => value)
      .join('');
    expect(whole.split('|').map((entry) => entry.slice(0, 9))).toEqual(
      rules.map((_, index) => `h=E:x-a:${index}`.slice(0, 9)),
    );
  });

  it('keep their name as long as they say the same', () => {
    const again = configOf([
      ...POOLS,
      rule('r', { rules }),
      rule('other', { rules: [{ name: 'a', ...to('a') }], hostnames: ['b.x'] }),
    ]).routes;
    expect(again.get('80|*/')).toBe(routes.get('80|*/'));
  });
});
