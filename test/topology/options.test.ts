/** The same objects as an agent, an operator and a program of its own understand them. */
import { expect, test } from 'vitest';
import type { EndpointSlice, SliceEndpoint } from '../../operator/api/resources.ts';
import { createTopologyBuilder, STANDALONE } from '../../operator/topology/build.ts';
import type { TopologyOptions } from '../../operator/topology/topology.ts';
import { pool, resources, slice } from './objects.ts';

const AGENT: TopologyOptions = { external: 'Slices', pods: 'Serving' };
const OPERATOR: TopologyOptions = { external: 'Names', pods: 'All' };
const MODES = { AGENT, OPERATOR, STANDALONE } as const;

const NAMES = new Map([['web02.example.com', ['10.0.0.2', '10.0.1.2']]]);
const SITE = pool('site', {
  port: 80,
  externalEndpoints: [
    {
      name: 'web01',
      address: '10.0.0.1',
      weight: 7,
      state: 'Drain',
      tier: 'Backup',
      maxConnections: 3,
      healthCheck: { interval: '5s', fall: 1 },
    },
    { name: 'web02', address: 'web02.example.com', port: 81 },
    { name: 'web03', address: 'web03.example.com' },
  ],
});

/** As the operator writes it. */
function machines(
  name: string,
  endpoints: readonly SliceEndpoint[],
  addressType: 'IPv4' | 'IPv6' = 'IPv4',
): EndpointSlice {
  const made = slice(name, { pool: 'site', addressType }, endpoints);
  const labels = {
    ...made.metadata.labels,
    'endpointslice.kubernetes.io/managed-by': 'webpool.dev',
    'webpool.dev/pool': 'site',
  };
  return { ...made, metadata: { ...made.metadata, labels } };
}
const machine = (hostname: string, address: string, ready = true): SliceEndpoint => ({
  addresses: [address],
  hostname,
  conditions: { ready, serving: ready },
});
const pod = (name: string, address: string, conditions: SliceEndpoint['conditions'] = {}): SliceEndpoint => ({
  addresses: [address],
  conditions,
  targetRef: { kind: 'Pod', name },
});

function ids(options: TopologyOptions, slices: readonly EndpointSlice[]) {
  const topology = createTopologyBuilder(options)(resources({ pools: [SITE], slices }), NAMES);
  return {
    ids: topology.pools.get('default/site')?.servers.map(({ id }) => id),
    servers: topology.pools.get('default/site')?.servers,
    findings: topology.findings.map(({ reason }) => reason),
    hostnames: topology.hostnames,
  };
}

test('an agent takes addresses of machines from slices alone: whoever is in none waits, and nothing is wrong', () => {
  expect(ids(AGENT, [])).toMatchObject({ ids: [], findings: [], hostnames: [] });
  const seen = ids(AGENT, [
    machines('site-1', [machine('web02', '10.0.9.9')]),
    machines('site-2', [machine('web01', '10.0.0.1')]),
  ]);
  expect(seen.ids).toEqual(['web01_10.0.0.1:80', 'web02_10.0.9.9:81']);
  expect(seen.findings).toEqual([]);
});

test('all else about a machine stands in its pool', () => {
  const { servers } = ids(AGENT, [machines('site-1', [machine('web01', '10.0.0.1'), machine('web02', '10.0.0.2')])]);
  expect(servers).toMatchObject([
    {
      weight: 7,
      state: 'Drain',
      tier: 'Backup',
      maxConnections: 3,
      origin: 'External',
      port: 80,
      healthCheck: { interval: 5000, fall: 1 },
    },
    { weight: 100, state: 'Active', tier: 'Primary', origin: 'External', port: 81, hostname: 'web02.example.com' },
  ]);
});

test('ready of a machine is what proxies said: they do not listen to themselves', () => {
  expect(ids(AGENT, [machines('site-1', [machine('web01', '10.0.0.1', false)])]).ids).toEqual(['web01_10.0.0.1:80']);
});

test('a machine with several addresses, of both families, is several servers', () => {
  const seen = ids(AGENT, [
    machines('site-1', [machine('web01', '10.0.0.1'), machine('web01', '10.0.1.1')]),
    machines('site-2', [machine('web01', '2001:DB8:0::1')], 'IPv6'),
  ]);
  expect(seen.ids).toEqual(['web01_10.0.0.1:80', 'web01_10.0.1.1:80', 'web01_2001:db8::1:80']);
});

test('a machine that its pool does not name (any more) is no server', () => {
  expect(ids(AGENT, [machines('site-1', [machine('web09', '10.0.0.9'), { addresses: ['10.0.0.8'] }])]).ids).toEqual([]);
});

test.each(['OPERATOR', 'STANDALONE'] as const)('%s looks names up; what it wrote itself is no news to it', (mode) => {
  const seen = ids(MODES[mode], [machines('site-1', [machine('web01', '10.9.9.9')])]);
  expect(seen.ids).toEqual(['web01_10.0.0.1:80', 'web02_10.0.0.2:81', 'web02_10.0.1.2:81']);
  expect(seen.findings).toEqual(['HostnameUnresolvable']);
  expect(seen.hostnames).toEqual(['web02.example.com', 'web03.example.com']);
});

test('an operator sees every Pod with an address, also one that starts or ends; a proxy those that serve', () => {
  const pods = slice('site-x', { pool: 'site' }, [
    pod('a', '10.1.0.1'),
    pod('b', '10.1.0.2', { ready: false }),
    pod('c', '10.1.0.3', { ready: false, serving: true, terminating: true }),
  ]);
  const podIds = (options: TopologyOptions) => ids(options, [pods]).ids?.filter((id) => !id.startsWith('web'));
  expect(podIds(OPERATOR)).toEqual(['a_10.1.0.1:8080', 'b_10.1.0.2:8080', 'c_10.1.0.3:8080']);
  expect(podIds(AGENT)).toEqual(['a_10.1.0.1:8080']);
});

test.each(['AGENT', 'OPERATOR'] as const)('%s leaves out what says that it is ours and is not, and tells', (mode) => {
  const { metadata, ...rest } = machines('site-1', [machine('web01', '10.6.6.6'), pod('x', '10.6.6.7')]);
  const { 'webpool.dev/pool': _, ...labels } = metadata.labels as Record<string, string>;
  const claims = { ...rest, metadata: { ...metadata, labels } };
  const other = { ...rest, metadata: { ...metadata, labels: { ...labels, 'webpool.dev/pool': 'other' } } };
  for (const stray of [claims, other]) {
    const good = machines('site-2', [machine('web02', '10.0.0.2')]);
    const seen = ids(MODES[mode], [stray, good]);
    expect(seen.ids?.filter((id) => id.includes('10.6.'))).toEqual([]);
    expect(seen.ids).toContain('web02_10.0.0.2:81');
    expect(seen.findings).toContain('EndpointIgnored');
  }
});

test('what is remembered changes nothing: a slice that comes, changes and goes', () => {
  const build = createTopologyBuilder(AGENT);
  const steps = [
    [],
    [machines('site-1', [machine('web01', '10.0.0.1')])],
    [machines('site-1', [machine('web01', '10.0.0.3')])],
    [],
  ];
  for (const slices of steps) {
    const input = resources({ pools: [SITE], slices });
    expect(build(input, NAMES)).toEqual(createTopologyBuilder(AGENT)(input, NAMES));
  }
});
