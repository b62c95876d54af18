import { describe, expect, it } from 'vitest';
import type { Rule } from '../../operator/api/kinds.gen.ts';
import type { RoutingRule, WebPool } from '../../operator/api/resources.ts';
import { createRoutingBuilder } from '../../operator/topology/routing.ts';
import { byKey, pool, rule } from './objects.ts';

function route(rules: readonly RoutingRule[], pools: readonly WebPool[] = [pool('site')]) {
  const protocols = [...byKey(pools)].map(([key, { spec }]) => [key, spec.protocol ?? 'HTTP'] as const);
  return createRoutingBuilder()(byKey(rules), new Map(protocols), new Map());
}

const toSite = { pools: [{ name: 'site' }] };
const blog: Rule = { name: 'blog', matches: [{ path: { type: 'Prefix', value: '/blog' } }], ...toSite };
const rest: Rule = { name: 'rest', ...toSite };
const TCP = { protocol: 'TCP', port: 80 } as const;
const told = ({ findings }: ReturnType<typeof route>) =>
  findings.map(({ object, condition, reason, rule: name }) => [object?.key, condition, reason, name]);

describe('the form of a route', () => {
  it('is normal: host, path, names and lists', () => {
    const matches: Rule['matches'] = [
      { path: { type: 'Exact', value: '/%7ea/%c3%a4' }, extensions: ['PHP', 'html', 'php'] },
      {
        path: { type: 'Prefix', value: '/b/' },
        contentTypes: ['Text/*', 'image/PNG'],
        headers: [
          { name: 'X-B', value: 'V', type: 'Regex' },
          { name: 'x-a', value: '1' },
        ],
        queryParams: [{ name: 'Q', value: 'v' }],
        sourceRanges: ['2001:DB8::1', '10.1.2.3/8'],
      },
    ];
    const [listener] = route([
      rule('r', { hostnames: ['WWW.Example.com.'], rules: [{ name: 'a', matches, ...toSite }] }),
    ]).listeners;
    const common = {
      host: 'www.example.com',
      rule: { key: 'default/r', name: 'a' },
      action: { type: 'Pools', pools: [{ key: 'default/site', weight: 1, usable: true }] },
    };
    expect(listener).toEqual({
      protocol: 'HTTP',
      port: 80,
      routes: [
        { ...common, path: { type: 'Exact', value: '/~a/%C3%A4' }, conditions: { extensions: ['html', 'php'] } },
        {
          ...common,
          path: { type: 'Prefix', value: '/b' },
          conditions: {
            contentTypes: ['image/png', 'text/*'],
            headers: [
              { name: 'x-a', type: 'Exact', value: '1' },
              { name: 'x-b', type: 'Regex', value: 'V' },
            ],
            queryParams: [{ name: 'Q', type: 'Exact', value: 'v' }],
            sourceRanges: ['10.0.0.0/8', '2001:db8::1/128'],
          },
        },
      ],
    });
  });

  it('has no path when the prefix is /, so a rule for everything does not hide file types', () => {
    const everything: Rule = { name: 'all', matches: [{ path: { type: 'Prefix', value: '/' } }], ...toSite };
    const media: Rule = { name: 'media', matches: [{ extensions: ['jpg'] }], ...toSite };
    const [listener] = route([rule('r', { rules: [everything, media] })]).listeners;
    expect(listener?.routes.map((entry) => [entry.rule.name, entry.path])).toEqual([
      ['media', undefined],
      ['all', undefined],
    ]);
  });

  it('answers by itself where the rule says so, with its defaults', () => {
    const [listener] = route([rule('r', { rules: [{ name: 'a', respond: { status: 410 } }] })]).listeners;
    expect(listener?.routes[0]?.action).toEqual({ type: 'Respond', status: 410, contentType: 'text/plain', body: '' });
  });

  it('is one for each host and match', () => {
    const [listener] = route([rule('r', { hostnames: ['a.x', '*.x', 'A.x'], rules: [blog, rest] })]).listeners;
    expect(listener?.routes.map(({ host, path }) => `${host}${path?.value ?? ''}`)).toEqual([
      'a.x/blog',
      'a.x',
      '*.x/blog',
      '*.x',
    ]);
  });
});

describe('pools that rules name', () => {
  const rules = [{ name: 'a', pools: [{ name: 'site', weight: 3 }, { name: 'none' }, { name: 'bytes', weight: 0 }] }];
  const pools = [pool('site'), pool('bytes', { protocol: 'TCP' })];

  it('keep their share when they are missing or speak another protocol', () => {
    const routing = route([rule('r', { rules })], pools);
    expect(routing.listeners[0]?.routes[0]?.action).toEqual({
      type: 'Pools',
      pools: [
        { key: 'default/site', weight: 3, usable: true },
        { key: 'default/none', weight: 1, usable: false },
        { key: 'default/bytes', weight: 0, usable: false },
      ],
    });
    expect(told(routing)).toEqual([
      ['default/r', 'ResolvedRefs', 'BackendNotFound', 'a'],
      ['default/r', 'ResolvedRefs', 'UnsupportedProtocol', 'a'],
    ]);
  });

  it('may speak HTTP behind a TCP listener', () => {
    const routing = route([rule('r', { listener: TCP, rules })], pools);
    expect(told(routing)).toEqual([['default/r', 'ResolvedRefs', 'BackendNotFound', 'a']]);
  });
});

describe('what two rules ask for', () => {
  it('stays with the first; the other loses a part', () => {
    const routing = route([rule('a', { rules: [blog] }), rule('b', { rules: [blog, rest] })]);
    expect(routing.listeners[0]?.routes.map((entry) => entry.rule.key)).toEqual(['default/a', 'default/b']);
    expect(told(routing)).toEqual([['default/b', 'PartiallyInvalid', 'MatchConflicted', 'blog']]);
    expect(routing.findings[0]).toMatchObject({
      path: 'spec.rules[0].matches[0]',
      message: expect.stringContaining('RoutingRule "a"'),
    });
  });

  it('goes by priority; whoever loses all is Conflicted', () => {
    const routing = route([rule('a', { rules: [blog] }), rule('b', { priority: 1, rules: [blog, rest] })]);
    expect(told(routing)).toEqual([['default/a', 'Accepted', 'Conflicted', undefined]]);
  });

  it('is compared in normal form, host by host', () => {
    const spelled: Rule = { ...blog, matches: [{ path: { type: 'Prefix', value: '/%62log/' } }] };
    const routing = route([
      rule('a', { hostnames: ['a.x'], rules: [blog] }),
      rule('b', { hostnames: ['A.x', 'b.x'], rules: [spelled] }),
      rule('c', { hostnames: ['b.x'], rules: [spelled] }),
    ]);
    expect(told(routing)).toEqual([
      ['default/b', 'PartiallyInvalid', 'MatchConflicted', 'blog'],
      ['default/c', 'Accepted', 'Conflicted', undefined],
    ]);
  });

  it('is told within one object too', () => {
    const routing = route([rule('a', { rules: [blog, { ...blog, name: 'again' }] })]);
    expect(told(routing)).toEqual([['default/a', 'PartiallyInvalid', 'MatchConflicted', 'again']]);
    expect(routing.findings[0]?.message).toContain('rule "blog" of this object');
  });

  it('names no object of another namespace', () => {
    const routing = route([rule('hidden', { rules: [rest] }, { namespace: 'a' }), rule('b', { rules: [rest] })]);
    expect(routing.findings.find(({ reason }) => reason === 'Conflicted')?.message).toContain('another namespace');
    expect(JSON.stringify(routing.findings.filter(({ reason }) => reason === 'Conflicted'))).not.toContain('hidden');
  });
});

describe('a port', () => {
  const http = rule('web', { rules: [rest] });

  it.each([
    [
      'HTTP',
      [http, rule('z', { listener: TCP, rules: [rest] })],
      [['default/z', 'Accepted', 'PortUnavailable', undefined]],
    ],
    [
      'TCP',
      [http, rule('z', { listener: TCP, priority: 1, rules: [rest] })],
      [['default/web', 'Accepted', 'PortUnavailable', undefined]],
    ],
    [
      'TCP',
      [rule('a', { listener: TCP, rules: [rest] }), rule('b', { listener: TCP, rules: [rest] })],
      [['default/b', 'Accepted', 'Conflicted', undefined]],
    ],
  ] as const)('is %s when the first by precedence says so', (protocol, rules, findings) => {
    const routing = route(rules);
    expect(routing.listeners.map((listener) => [listener.protocol, listener.routes.length])).toEqual([[protocol, 1]]);
    expect(told(routing)).toEqual(findings);
  });

  it('makes a listener, in the order of ports', () => {
    const listener = (port: number) => ({ protocol: 'HTTP', port }) as const;
    const rules = [8080, 443, 80].map((port) => rule(`r${port}`, { listener: listener(port), rules: [rest] }));
    expect(route(rules).listeners.map(({ port }) => port)).toEqual([80, 443, 8080]);
  });
});

describe('whom a port believes about clients', () => {
  const asking = (name: string, trustedSources: readonly string[] | undefined, priority = 0) =>
    rule(name, {
      listener: { protocol: 'HTTP', ...(trustedSources && { trustedSources }) },
      hostnames: [`${name}.x`],
      priority,
      rules: [{ name: 'all', respond: { status: 200 } }],
    });

  it('is said by the first by precedence that says it, in one spelling', () => {
    const { listeners, findings } = route([
      asking('a', undefined),
      asking('b', ['10.0.0.7/8', '2001:DB8::/32']),
      asking('c', ['2001:db8::/32', '10.0.0.0/8', '10.0.0.0/8']),
      asking('d', ['192.0.2.1']),
    ]);
    expect(listeners[0]?.trustedSources).toEqual(['10.0.0.0/8', '2001:db8::/32']);
    expect(findings.map(({ object, condition, path }) => [object?.key, condition, path])).toEqual([
      ['default/d', 'PartiallyInvalid', 'spec.listener.trustedSources'],
    ]);
    expect(findings[0]?.message).toContain('RoutingRule "b"');
  });

  it('goes by priority before names', () => {
    const { listeners } = route([asking('a', ['10.0.0.0/8']), asking('b', ['192.0.2.1'], 1)]);
    expect(listeners[0]?.trustedSources).toEqual(['192.0.2.1/32']);
  });

  it('is nobody where nothing is said', () => {
    expect(route([asking('a', undefined)]).listeners[0]).not.toHaveProperty('trustedSources');
  });
});
