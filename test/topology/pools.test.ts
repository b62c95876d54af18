import { describe, expect, it, test } from 'vitest';
import type { ExternalEndpoint, WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import type { EndpointSlice, SliceEndpoint } from '../../operator/api/resources.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { poolOptions } from '../../operator/topology/pool-options.ts';
import { namesByServers } from '../../operator/topology/servers.ts';
import type { Names } from '../../operator/topology/topology.ts';
import { NO_NAMES, pool, resources, slice } from './objects.ts';

function build(spec: WebPoolSpec, slices: readonly EndpointSlice[] = [], names: Names = NO_NAMES) {
  const topology = buildTopology(resources({ pools: [pool('site', spec)], slices }), names);
  const servers = topology.pools.get('default/site')?.servers ?? [];
  return {
    ...topology,
    servers,
    ids: servers.map(({ id }) => id),
    reasons: topology.findings.map(({ reason }) => reason),
  };
}

const vm = (address: string, more: Partial<ExternalEndpoint> = {}): ExternalEndpoint => ({
  name: 'web01',
  address,
  ...more,
});
const pod = (name: string, address: string, conditions: SliceEndpoint['conditions'] = {}): SliceEndpoint => ({
  addresses: [address],
  conditions,
  targetRef: { kind: 'Pod', name },
});
const podsOf = (...endpoints: SliceEndpoint[]) => [slice('site-1', { pool: 'site' }, endpoints)];

describe('options', () => {
  it('are all filled in', () => {
    expect(poolOptions({}, undefined)).toEqual({
      balance: { algorithm: 'RoundRobin' },
      healthCheck: {
        type: 'TCP',
        path: '/',
        method: 'GET',
        host: 'localhost',
        headers: [],
        expect: { status: [[200, 399]] },
        interval: 10_000,
        timeout: 2_000,
        rise: 2,
        fall: 3,
      },
      slowStart: 0,
      drainTimeout: 60_000,
      queueTimeout: 5_000,
      timeouts: { connect: 1_000, server: 60_000, tunnel: 3_600_000 },
      retries: { attempts: 3, when: ['ConnectFailure'] },
    });
  });

  test.each<[WebPoolSpec, object]>([
    [{ balance: { algorithm: 'Header', header: 'X-A' } }, { balance: { algorithm: 'Header', header: 'X-A' } }],
    [{ balance: { algorithm: 'First', header: 'X-A' } }, { balance: { algorithm: 'First' } }],
    [{ healthCheck: { path: '/up' } }, { healthCheck: { type: 'HTTP', path: '/up' } }],
    [{ healthCheck: { type: 'TCP', path: '/up' } }, { healthCheck: { type: 'TCP' } }],
    [
      { healthCheck: { path: '/', interval: '1m30s', expect: { status: ['204', '300-308'], body: 'ok' } } },
      {
        healthCheck: {
          interval: 90_000,
          expect: {
            status: [
              [204, 204],
              [300, 308],
            ],
            body: 'ok',
          },
        },
      },
    ],
    [
      { healthCheck: { path: '/', expect: { body: 'ok' } } },
      { healthCheck: { expect: { status: [[200, 399]], body: 'ok' } } },
    ],
    [{ sessionAffinity: { type: 'Cookie' } }, { affinity: { type: 'Cookie', cookieName: 'WEBPOOL', maxAge: 0 } }],
    [{ sessionAffinity: { type: 'SourceIP' } }, { affinity: { type: 'SourceIP', maxAge: 1_800_000 } }],
    [{ retries: { attempts: 0 } }, { retries: { attempts: 0, when: ['ConnectFailure'] } }],
  ])('%j', (spec, options) => {
    expect(poolOptions(spec, undefined)).toMatchObject(options);
  });
});

describe('an external endpoint', () => {
  it('is a server with the defaults of pool and kind', () => {
    expect(build({ port: 80, maxConnections: 7, externalEndpoints: [vm('2001:DB8:0::1')] }).servers).toEqual([
      {
        id: 'web01_2001:db8::1:80',
        endpoint: 'web01',
        address: '2001:db8::1',
        port: 80,
        weight: 100,
        state: 'Active',
        tier: 'Primary',
        maxConnections: 7,
        origin: 'External',
      },
    ]);
  });

  it('says its own port, weight, state, tier, zone and limit', () => {
    const own = { port: 81, weight: 0, state: 'Drain', tier: 'Backup', zone: 'a', maxConnections: 3 } as const;
    expect(build({ port: 80, maxConnections: 7, externalEndpoints: [vm('10.0.0.1', own)] }).servers).toMatchObject([
      own,
    ]);
  });

  it('given by name is one server for each address of the name', () => {
    const names = new Map([['web01.example.com', ['10.0.0.9', '10.0.0.10', '10.0.0.9']]]);
    const built = build({ externalEndpoints: [vm('Web01.Example.com.')] }, [], names);
    expect(built.ids).toEqual(['web01_10.0.0.10:80', 'web01_10.0.0.9:80']);
    expect(built.servers[0]?.hostname).toBe('web01.example.com');
    expect(built.hostnames).toEqual(['web01.example.com']);
  });

  it('without address waits while the others serve', () => {
    const built = build({ externalEndpoints: [vm('gone.example.com'), vm('10.0.0.2', { name: 'web02' })] });
    expect(built.ids).toEqual(['web02_10.0.0.2:80']);
    expect(built.findings).toMatchObject([
      { condition: 'ResolvedRefs', reason: 'HostnameUnresolvable', path: 'spec.externalEndpoints[0].address' },
    ]);
  });

  it('that shares address and port with another is told so', () => {
    const names = new Map([['also.example.com', ['10.0.0.1']]]);
    const built = build({ externalEndpoints: [vm('10.0.0.1'), vm('also.example.com', { name: 'web02' })] }, [], names);
    expect(built.ids).toEqual(['web01_10.0.0.1:80']);
    expect(built.reasons).toEqual(['DuplicateEndpoint']);
  });
});

describe('Pods', () => {
  it('serve by the port of their slice, each once', () => {
    const slices = [
      ...podsOf(pod('a', '10.0.0.1')),
      slice('site-2', { pool: 'site', ports: [] }, [pod('b', '10.0.0.2')]),
    ];
    const moved = slice('site-3', { pool: 'site' }, [pod('a', '10.0.0.1')]);
    const other = slice('other-1', { pool: 'other' }, [pod('c', '10.0.0.3')]);
    const built = build({}, [...slices, moved, other]);
    expect(built.ids).toEqual(['a_10.0.0.1:8080', 'b_10.0.0.2:80']);
    expect(built.servers[0]).toMatchObject({ origin: 'Pod', weight: 100, state: 'Active', tier: 'Primary' });
    expect(built.findings).toEqual([]);
  });

  const serving = { ready: false, serving: true, terminating: true };
  const leaving = [pod('a', '10.0.0.1', serving)];
  it('have the weight of the pool', () => {
    const weights = (spec: WebPoolSpec) =>
      build(spec, podsOf(pod('a', '10.0.0.1'))).servers.map(({ weight }) => weight);
    expect([weights({}), weights({ podWeight: 7 })]).toEqual([[100], [7]]);
  });

  it('serve by the port of that name, whichever number each gives it', () => {
    const ports = (http: number) => [
      { name: 'metrics', port: 9000 },
      { name: 'http', port: http },
    ];
    const slices = [
      slice('site-1', { pool: 'site', ports: ports(8080) }, [pod('a', '10.0.0.1')]),
      slice('site-2', { pool: 'site', ports: ports(8081) }, [pod('b', '10.0.0.2')]),
      slice('site-3', { pool: 'site', ports: [] }, [pod('c', '10.0.0.3')]),
    ];
    const { ids, findings } = build({ port: 80, portName: 'http' }, slices);
    expect(ids).toEqual(['a_10.0.0.1:8080', 'b_10.0.0.2:8081']);
    expect(findings.map(({ reason, message }) => [reason, message])).toEqual([
      ['EndpointIgnored', expect.stringMatching(/^Endpoint "c" .* has no port named "http"/)],
    ]);
  });

  test.each<[string, readonly SliceEndpoint[], string[]]>([
    ['nil ready is ready', [pod('a', '10.0.0.1')], ['a_10.0.0.1:8080']],
    ['not ready waits', [pod('a', '10.0.0.1', { ready: false })], []],
    [
      'ready but terminating leaves',
      [pod('a', '10.0.0.1', { ready: true, terminating: true }), pod('b', '10.0.0.2')],
      ['b_10.0.0.2:8080'],
    ],
    ['terminating serves as the last resort', leaving, ['a_10.0.0.1:8080']],
    ['terminating and no longer serving is gone', [pod('a', '10.0.0.1', { ...serving, serving: false })], []],
  ])('%s', (_, endpoints, ids) => {
    expect(build({}, podsOf(...endpoints)).ids).toEqual(ids);
  });

  it('that terminate are no last resort while an external endpoint takes visitors', () => {
    const external = (state: 'Active' | 'Drain') => ({ externalEndpoints: [vm('10.0.0.9', { state })] });
    expect(build(external('Active'), podsOf(...leaving)).ids).toEqual(['web01_10.0.0.9:80']);
    expect(build(external('Drain'), podsOf(...leaving)).ids).toEqual(['a_10.0.0.1:8080', 'web01_10.0.0.9:80']);
  });

  it('keep an address that an external endpoint names too', () => {
    const built = build({ externalEndpoints: [vm('10.0.0.1', { port: 8080 })] }, podsOf(pod('a', '10.0.0.1')));
    expect(built.ids).toEqual(['a_10.0.0.1:8080']);
    expect(built.findings).toMatchObject([
      { condition: 'PartiallyInvalid', reason: 'DuplicateEndpoint', path: 'spec.externalEndpoints[0]' },
    ]);
  });

  test.each<[string, EndpointSlice]>([
    ['names instead of addresses', slice('site-1', { pool: 'site', addressType: 'FQDN' }, [pod('a', 'a.example.com')])],
    ['what is no address', slice('site-1', { pool: 'site' }, [pod('a', '10.0.0')])],
  ])('are ignored with a finding: %s', (_, bad) => {
    const built = build({}, [bad]);
    expect(built.ids).toEqual([]);
    expect(built.reasons).toEqual(['EndpointIgnored']);
  });
});

it('one address may serve several pools', () => {
  const endpoints = { externalEndpoints: [vm('10.0.0.1')] };
  const { pools, findings } = buildTopology(
    resources({ pools: [pool('b', endpoints), pool('a', endpoints)] }),
    NO_NAMES,
  );
  expect([...pools].map(([key, { servers }]) => [key, servers.length])).toEqual([
    ['default/a', 1],
    ['default/b', 1],
  ]);
  expect(findings).toEqual([]);
});

describe('names by the servers of an earlier process', () => {
  const site = pool('site', {
    externalEndpoints: [
      { name: 'a', address: 'web.example.com' },
      { name: 'b', address: 'WEB.example.com.', port: 8080 },
      { name: 'c', address: 'never.example.com' },
      { name: 'd', address: '192.0.2.9' },
    ],
  });
  const ids = ['a_192.0.2.5:80', 'a_2001:db8::5:80', 'b_192.0.2.4:8080', 'd_192.0.2.9:80', 'aa_192.0.2.1:80'];

  it('have the addresses of the endpoints that are given by them', () => {
    const names = namesByServers(new Map([['default/site', site]]), () => ids);
    expect([...names]).toEqual([['web.example.com', ['192.0.2.4', '192.0.2.5', '2001:db8::5']]]);
  });

  it('are unknown where no server was made', () => {
    expect(namesByServers(new Map([['default/site', site]]), () => undefined).size).toBe(0);
  });
});
