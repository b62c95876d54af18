/** Redirects that lead back to themselves: found where it is sure, and no other redirect is taken for one. */
import { describe, expect, it, test } from 'vitest';
import type { Redirect, Rule, RuleMatch } from '../../operator/api/kinds.gen.ts';
import type { RoutingRule } from '../../operator/api/resources.ts';
import { createRoutingBuilder } from '../../operator/topology/routing.ts';
import { byKey, pool, rule } from './objects.ts';

function route(...rules: readonly RoutingRule[]) {
  return createRoutingBuilder()(byKey(rules), new Map([[`default/${pool('site').metadata.name}`, 'HTTP']]), new Map());
}

const told = (...rules: readonly RoutingRule[]) =>
  route(...rules).findings.map(({ object, condition, reason, rule: name }) => [object?.key, name, condition, reason]);
const prefix = (value: string): RuleMatch => ({ path: { type: 'Prefix', value } });
const exact = (value: string): RuleMatch => ({ path: { type: 'Exact', value } });
const full = (value: string): Redirect => ({ path: { type: 'ReplaceFullPath', value } });
const replaced = (value: string): Redirect => ({ path: { type: 'ReplacePrefix', value } });
const sends = (redirect: Redirect, ...matches: readonly RuleMatch[]): Rule => ({
  name: 'go',
  ...(matches.length > 0 && { matches: [...matches] }),
  filters: { redirect },
});
const rest: Rule = { name: 'rest', pools: [{ name: 'site' }] };

describe('a redirect that leads to what it matches again', () => {
  test.each<[string, Rule, string[]?]>([
    ['everything to one page', sends(full('/index.html'))],
    ['a prefix to below itself', sends(replaced('/blog/new'), prefix('/blog'))],
    ['a path to itself', sends(full('/a'), exact('/a'))],
    ['a path to itself in another spelling', sends(full('/%61'), exact('/a'))],
    ['http to http', sends({ scheme: 'http' })],
    ['a host to itself', sends({ hostname: 'A.x' }), ['a.x']],
    ['hosts below a name to one of them', sends({ hostname: 'c.b.x' }), ['*.b.x']],
    ['a file type to a page of that type', sends(full('/new.php'), { extensions: ['php'] })],
    ['those who send a header, again', sends(full('/beta'), { headers: [{ name: 'X-Beta', value: '1' }] })],
    ['a parameter, which stays', sends(full('/p'), { queryParams: [{ name: 'a b', value: '%&' }] })],
    ['clients of a network', sends(full('/intern'), { sourceRanges: ['10.0.0.0/8'] })],
    ['clients that may', { ...sends(full('/in')), access: { allow: ['10.0.0.0/8'] } }],
    ['a form by 307', sends({ ...full('/form'), statusCode: 307 }, { method: 'POST' })],
  ])('%s', (_, looping, hostnames) => {
    const spec = { ...(hostnames && { hostnames }), rules: [looping, { ...rest, matches: [exact('/else')] }] };
    expect(told(rule('r', spec))).toEqual([['default/r', 'go', 'PartiallyInvalid', 'RedirectLoop']]);
    const [listener] = route(rule('r', spec)).listeners;
    expect(new Set(listener?.routes.map(({ rule: { name } }) => name))).toEqual(new Set(['rest']));
  });

  it('is said in words that name the way', () => {
    const [finding] = route(
      rule('r', { hostnames: ['a.x'], rules: [sends(replaced('/blog/new'), prefix('/blog')), rest] }),
    ).findings;
    expect(finding).toMatchObject({ path: 'spec.rules[0].filters.redirect' });
    expect(finding?.message).toBe(
      'Rule "go" would send visitors round in a circle: http://a.x/blog leads to http://a.x/blog/new and so on. Change the redirect, or give the place to which it leads a rule of its own.',
    );
  });

  it('is told by the same findings as long as no route changes', () => {
    const build = createRoutingBuilder();
    const rules = byKey([rule('r', { rules: [sends(full('/a'), exact('/a')), rest] })]);
    const pools = new Map([['default/site', 'HTTP' as const]]);
    const first = build(rules, pools, new Map());
    expect(first.findings).toHaveLength(1);
    expect(build(rules, pools, new Map())).toBe(first);
  });

  it('leaves the other matches of its rule in force', () => {
    const { findings, listeners } = route(
      rule('r', { rules: [sends(full('/new'), prefix('/old'), prefix('/new'), exact('/other')), rest] }),
    );
    expect(findings).toHaveLength(1);
    expect(listeners[0]?.routes.map(({ path }) => path?.value)).toEqual(['/other', '/old', undefined]);
  });

  it('leaves the other hosts of its rule in force, which then get there', () => {
    const { findings, listeners } = route(
      rule('r', {
        hostnames: ['a.x', '*.b.x'],
        rules: [sends({ hostname: 'a.x' }), { ...rest, matches: [exact('/')] }],
      }),
    );
    expect(findings.map(({ reason }) => reason)).toEqual(['RedirectLoop']);
    expect(listeners[0]?.routes.filter(({ action }) => action.type === 'Redirect').map(({ host }) => host)).toEqual([
      '*.b.x',
    ]);
  });

  it('that is all of an object is what the object is refused for', () => {
    expect(told(rule('r', { rules: [sends(full('/a'))] }))).toEqual([['default/r', 'go', 'Accepted', 'RedirectLoop']]);
  });
});

describe('a redirect is none', () => {
  test.each<[string, Rule, { readonly other?: Rule; readonly hostnames?: string[] }?]>([
    [
      'to a page with a rule of its own',
      sends(full('/index.html')),
      { other: { ...rest, matches: [exact('/index.html')] } },
    ],
    ['of a prefix to elsewhere', sends(replaced('/news'), prefix('/blog'))],
    ['of a prefix to above itself', sends(replaced('/'), prefix('/blog'))],
    ['to https where nobody listens', sends({ scheme: 'https' })],
    ['to another port', sends({ port: 8080 })],
    ['to another host that somebody else may serve', sends({ hostname: 'new.example.com' })],
    ['to a host that is not one of these', sends({ hostname: 'new.x' }), { hostnames: ['a.x', '*.b.x'] }],
    ['after a form', sends({ ...full('/form'), statusCode: 303 }, { ...exact('/form'), method: 'POST' })],
    ['after a form, by 302', sends({ ...full('/form'), statusCode: 302 }, { ...exact('/form'), method: 'POST' })],
    ['of nobody', { ...sends(full('/a')), access: { deny: ['0.0.0.0/0', '::/0'], allow: ['10.0.0.0/8'] } }],
    ['that nobody can tell', sends(full('/ab'), { path: { type: 'Regex', value: '/a.*' } })],
  ])('%s', (...[, redirect, { other = { ...rest, matches: [exact('/else')] }, hostnames } = {}]) => {
    expect(told(rule('r', { ...(hostnames && { hostnames }), rules: [redirect, other] }))).toEqual([]);
  });

  test('by a cookie, which another host does not get', () => {
    const by = (name: string, host: string, to: string) =>
      rule(name, {
        hostnames: [host],
        rules: [sends({ hostname: to }, { headers: [{ name: 'Cookie', value: 'a=1' }] })],
      });
    expect(told(by('a', 'a.x', 'b.x'), by('b', 'b.x', 'a.x'))).toEqual([]);
  });
});

describe('redirects that lead to one another', () => {
  const there = (name: string, to: string, spec: Partial<RoutingRule['spec']> = {}) =>
    rule(name, {
      ...spec,
      rules: [sends(full(to), exact(`/${name}`)), { ...rest, matches: [exact(`/rest-${name}`)] }],
    });

  it('lose the one that comes last by precedence, and the other serves', () => {
    expect(told(there('a', '/b'), there('b', '/a'))).toEqual([['default/b', 'go', 'PartiallyInvalid', 'RedirectLoop']]);
    expect(told(there('a', '/b'), there('b', '/a', { priority: 1 }))).toEqual([
      ['default/a', 'go', 'PartiallyInvalid', 'RedirectLoop'],
    ]);
  });

  it('of one object lose the later rule', () => {
    const [finding, ...more] = route(
      rule('r', {
        rules: [sends(full('/b'), exact('/a')), { ...sends(full('/a'), exact('/b')), name: 'back' }, rest],
      }),
    ).findings;
    expect([finding?.rule, more]).toEqual(['back', []]);
    expect(finding?.message).toContain('by rule "go" of this object as well');
  });

  it('through three and over two ports', () => {
    const listener = (port: number) => ({ listener: { protocol: 'HTTP', port } as const });
    const to = (path: string, port: number): Redirect => ({ ...full(path), port });
    const hop = (name: string, port: number, redirect: Redirect) =>
      rule(name, {
        ...listener(port),
        rules: [sends(redirect, exact(`/${name}`)), { ...rest, matches: [exact(`/rest-${name}`)] }],
      });
    expect(told(hop('a', 80, to('/b', 81)), hop('b', 81, to('/c', 80)), hop('c', 80, to('/a', 80)))).toEqual([
      ['default/c', 'go', 'PartiallyInvalid', 'RedirectLoop'],
    ]);
  });

  it('do not count against one that only leads to them', () => {
    expect(told(there('a', '/z'), there('z', '/z'))).toEqual([['default/z', 'go', 'PartiallyInvalid', 'RedirectLoop']]);
  });

  it('of another namespace are not named', () => {
    const foreign = rule('z', { rules: [sends(full('/a'), exact('/b'))] }, { namespace: 'other' });
    const [finding] = route(there('a', '/b'), foreign).findings;
    expect(finding?.object?.key).toBe('other/z');
    expect(finding?.message).toContain('by a RoutingRule of another namespace as well');
  });
});

it('what goes back to what was before is the very same', () => {
  const build = createRoutingBuilder();
  const protocols = new Map([['default/site', 'HTTP' as const]]);
  const good = byKey([rule('r', { rules: [sends(full('/new'), exact('/old')), rest] })]);
  const bad = byKey([
    ...good.values(),
    rule('s', {
      listener: { protocol: 'HTTP', port: 81 },
      rules: [sends(full('/a')), { ...rest, matches: [exact('/')] }],
    }),
  ]);
  const first = build(good, protocols, new Map());
  const second = build(bad, protocols, new Map());
  expect(second.listeners[0]).toBe(first.listeners[0]);
  const again = build(new Map(bad), protocols, new Map());
  expect(again.listeners[1]).toBe(second.listeners[1]);
});
