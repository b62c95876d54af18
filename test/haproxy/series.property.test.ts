/** What is remembered from one round to the next changes no meaning, and what did not change keeps its identity. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createProxyObserver } from '../../operator/controller/observe-proxy.ts';
import { buildProxyConfig, createProxyConfigBuilder } from '../../operator/haproxy/config.ts';
import { createTopologyBuilder } from '../../operator/topology/build.ts';
import { admitted } from '../support/admit.ts';
import { settled } from './simulate.ts';
import { objects, pool, rule, SETTINGS } from './worlds.ts';

it('is that of a computation from nothing, whatever came before', () => {
  fc.assert(
    fc.property(fc.array(objects, { minLength: 2, maxLength: 5 }), (series) => {
      const topologyOf = createTopologyBuilder();
      const configOf = createProxyConfigBuilder(SETTINGS);
      const observe = createProxyObserver();
      for (const written of series) {
        const topology = topologyOf(admitted(written), new Map());
        const config = configOf(topology);
        expect(config).toEqual(buildProxyConfig(topology, SETTINGS));
        const knowledge = { config, state: settled(config).state, settled: true, problem: undefined, bind: '*' };
        expect(observe(knowledge)).toEqual(createProxyObserver()(knowledge));
      }
    }),
    { numRuns: 200 },
  );
});

it('a zone that becomes known changes servers and no more, and is nothing to a pool without preference', () => {
  const externalEndpoints = [
    { name: 'a', address: '192.0.2.1', zone: 'a' },
    { name: 'b', address: '192.0.2.2', zone: 'b' },
    { name: 'c', address: '192.0.2.3' },
  ];
  const topology = createTopologyBuilder()(
    admitted([
      pool('near', { trafficDistribution: 'PreferSameZone', externalEndpoints }),
      pool('anywhere', { externalEndpoints }),
      rule('all', { rules: [{ name: 'all', pools: [{ name: 'near' }] }] }),
    ]),
    new Map(),
  );
  const configOf = createProxyConfigBuilder(SETTINGS);
  const backups = (zone?: string) => {
    const config = configOf(topology, { zone });
    expect(config).toEqual(buildProxyConfig(topology, { ...SETTINGS, zone }));
    expect(config.skeleton).toBe(configOf(topology).skeleton);
    return [...config.backends.values()].flatMap(({ pool: key, servers }) =>
      [...servers.values()].filter(({ backup }) => backup).map(({ name }) => `${key} ${name}`),
    );
  };
  expect(backups()).toEqual([]);
  expect(backups('a')).toEqual(['default/near b_192.0.2.2:80_backup']);
  expect(backups('b')).toEqual(['default/near a_192.0.2.1:80_backup']);
  expect(backups('c')).toEqual(['default/near a_192.0.2.1:80_backup', 'default/near b_192.0.2.2:80_backup']);
  expect(backups()).toEqual([]);
});

it('a change of one pool leaves the others the very same', () => {
  const world = (weight: number) => [
    pool('p', { externalEndpoints: [{ name: 'a', address: '192.0.2.1', weight }] }),
    pool('q', { externalEndpoints: [{ name: 'b', address: '192.0.2.2' }] }),
    rule('all', { rules: [{ name: 'all', pools: [{ name: 'p' }] }] }),
  ];
  const topologyOf = createTopologyBuilder();
  const configOf = createProxyConfigBuilder(SETTINGS);
  const before = configOf(topologyOf(admitted(world(1)), new Map()));
  const after = configOf(topologyOf(admitted(world(2)), new Map()));
  const [, q] = [...before.backends.keys()];
  expect(after.backends.get(q ?? '')).toBe(before.backends.get(q ?? ''));
  expect(after.skeleton).toBe(before.skeleton);
  expect(after.routes).toBe(before.routes);
  expect(configOf(topologyOf(admitted(world(2)), new Map()))).toBe(after);
});
