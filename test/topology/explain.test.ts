import { describe, expect, it, test } from 'vitest';
import { buildTopology } from '../../operator/topology/build.ts';
import { explain, type Arrival, type Explanation, type Health } from '../../operator/topology/explain.ts';
import { NO_NAMES, pool, resources, rule } from './objects.ts';

const prefix = (value: string) => [{ path: { type: 'Prefix' as const, value } }];

const TOPOLOGY = buildTopology(
  resources({
    pools: [
      pool('blog', {
        externalEndpoints: [
          { name: 'web01', address: '192.0.2.1' },
          { name: 'web02', address: '2001:db8::2', weight: 0 },
          { name: 'web03', address: '192.0.2.3', state: 'Drain' },
          { name: 'web04', address: '192.0.2.4', state: 'Maintenance' },
          { name: 'web05', address: '192.0.2.5', tier: 'Backup' },
        ],
      }),
      pool('spare', { externalEndpoints: [{ name: 'web06', address: '192.0.2.6', tier: 'Backup' }] }),
      pool('near', {
        trafficDistribution: 'PreferSameZone',
        externalEndpoints: [
          { name: 'web08', address: '192.0.2.8', zone: 'a' },
          { name: 'web09', address: '192.0.2.9', zone: 'b' },
          { name: 'web10', address: '192.0.2.10' },
        ],
      }),
      pool('gone', { externalEndpoints: [{ name: 'web07', address: '192.0.2.7', state: 'Maintenance' }] }),
    ],
    rules: [
      rule('site', {
        hostnames: ['www.x'],
        rules: [
          {
            name: 'canary',
            matches: [{ ...prefix('/blog')[0], headers: [{ name: 'X-Canary', value: '1' }] }],
            pools: [{ name: 'spare' }],
          },
          { name: 'blog', matches: prefix('/blog'), pools: [{ name: 'blog', weight: 3 }, { name: 'missing' }] },
          { name: 'office', matches: prefix('/office'), access: { allow: ['10.0.0.0/8'] }, pools: [{ name: 'gone' }] },
          {
            name: 'old',
            matches: prefix('/weblog'),
            filters: { redirect: { path: { type: 'ReplacePrefix', value: '/blog' } } },
          },
          {
            name: 'rest',
            timeouts: { request: '10s' },
            rateLimit: { requests: 5, per: '1s' },
            limits: { requestBody: '1Ki' },
            pools: [{ name: 'spare' }],
          },
        ],
      }),
      rule('near', { hostnames: ['near.x'], rules: [{ name: 'all', pools: [{ name: 'near' }] }] }),
      rule('other', { hostnames: ['other.x'], rules: [{ name: 'all', pools: [{ name: 'blog' }] }] }),
      rule('relay', { listener: { protocol: 'TCP', port: 25 }, rules: [{ name: 'all', pools: [{ name: 'blog' }] }] }),
    ],
  }),
  NO_NAMES,
);

const arrival = (target: string): Arrival => {
  return { protocol: 'HTTP', port: 80, method: 'GET', host: 'www.x', headers: [], target };
};
const ask = (target: string, more: Partial<Arrival> = {}): Explanation =>
  explain(TOPOLOGY, { ...arrival(target), ...more });

describe('explain', () => {
  it('says which rule decides, why not those before and which would come later', () => {
    const found = ask('/blog/1');
    expect(found).toMatchObject({
      listener: 'HTTP port 80',
      outcome: { type: 'Forward', host: 'www.x', target: '/blog/1' },
      rule: { object: 'default/site', name: 'blog', match: 'host www.x, path Prefix /blog' },
    });
    expect(found.passed.map(({ name, why }) => [name, why])).toContainEqual([
      'canary',
      'The header x-canary is missing.',
    ]);
    expect(found.passed.map(({ object }) => object)).not.toContain('default/other');
    expect(found.later.map(({ name }) => name)).toEqual(['rest']);
  });

  it('says which servers may get it and why not the others', () => {
    const [blog, missing] = ask('/blog').pools;
    expect(
      blog?.servers.map(({ name, address, candidate, note }) => [name, address, candidate, note?.split(':')[0]]),
    ).toEqual([
      ['web01', '192.0.2.1:80', true, undefined],
      ['web02', '[2001:db8::2]:80', false, 'weight 0'],
      ['web03', '192.0.2.3:80', false, 'drains'],
      ['web04', '192.0.2.4:80', false, 'in maintenance'],
      ['web05', '192.0.2.5:80', false, 'backup'],
    ]);
    expect([blog?.share, blog?.problem]).toEqual([75, undefined]);
    expect([missing?.share, missing?.problem]).toEqual([25, expect.stringContaining('answered 500')]);
  });

  it('lets backups in where no primary server is', () => {
    expect(ask('/').pools.flatMap(({ servers }) => servers.map(({ candidate }) => candidate))).toEqual([true]);
  });

  it('says of servers that fail why they get none, and lets backups in', () => {
    const fails = (...names: readonly string[]) => {
      const health: Health = (_, { endpoint }) => (names.includes(endpoint) ? 'Its health check fails.' : undefined);
      const { pools } = explain(TOPOLOGY, arrival('/blog'), { health });
      return pools[0]?.servers.filter(({ candidate }) => candidate).map(({ name }) => name);
    };
    expect([fails(), fails('web01'), fails('web01', 'web05')]).toEqual([['web01'], ['web05'], []]);
  });

  test.each<[string | undefined, readonly string[], readonly string[]]>([
    ['a', [], ['web08', 'web10']],
    ['b', [], ['web09', 'web10']],
    ['c', [], ['web10']],
    [undefined, [], ['web08', 'web09', 'web10']],
    ['a', ['web08'], ['web10']],
    ['a', ['web08', 'web10'], ['web09']],
    ['a', ['web08', 'web09', 'web10'], []],
  ])('to a load balancer of zone %s, while %j fail, %j are candidates', (...[zone, failing, candidates]) => {
    const health: Health = (_, { endpoint }) => (failing.includes(endpoint) ? 'Its health check fails.' : undefined);
    const circumstances = { health, ...(zone !== undefined && { zone }) };
    const { pools } = explain(TOPOLOGY, { ...arrival('/'), host: 'near.x' }, circumstances);
    const servers = pools[0]?.servers ?? [];
    expect(servers.filter(({ candidate }) => candidate).map(({ name }) => name)).toEqual(candidates);
    const waiting = servers.filter(({ candidate, name }) => !candidate && !failing.includes(name));
    for (const { note } of waiting) expect(note).toMatch(/^other zone \([ab]\): waits until/);
  });

  it('says that nobody takes new requests', () => {
    expect(ask('/office', { source: '10.1.1.1' }).pools[0]?.problem).toContain('answered 503');
  });

  test.each<[string, Partial<Arrival>, Explanation['outcome']]>([
    ['/office', { source: '192.0.2.9' }, { type: 'Answer', status: 403, reason: 'access-denied' }],
    ['/office', {}, { type: 'Answer', status: 403, reason: 'access-denied' }],
    ['/weblog/a?b', {}, { type: 'Answer', status: 302, reason: 'redirect', location: 'http://www.x/blog/a?b' }],
    ['/', { host: 'nobody.x' }, { type: 'Answer', status: 404, reason: 'no-matching-rule' }],
    ['/a%2fb', {}, { type: 'Answer', status: 400, reason: 'bad-path' }],
    ['/', { host: 'www.x,other.x' }, { type: 'Answer', status: 400, reason: 'bad-host' }],
  ])('%s %j', (target, more, outcome) => {
    expect(ask(target, more).outcome).toEqual(outcome);
  });

  it('says what happens on the way', () => {
    expect(ask('/').handling).toEqual([
      'Each client may send 5 requests in 1000 ms, 5 at once.',
      'The body of a request may have 1024 bytes, and has to say how many.',
      'An answer that has not begun after 10000 ms becomes 504.',
    ]);
  });

  it('knows connections', () => {
    expect(ask('', { protocol: 'TCP', port: 25 })).toMatchObject({
      outcome: { type: 'Forward' },
      rule: { name: 'all' },
    });
  });

  it('says who listens where nobody does', () => {
    expect(ask('/', { port: 81 })).toMatchObject({ listeners: ['TCP port 25', 'HTTP port 80'] });
    expect(ask('/', { port: 25 }).listener).toBeUndefined();
  });
});
