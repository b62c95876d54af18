/** A running instance as a whole, in the state that a test describes. */
import { buildTopology } from '../../operator/topology/build.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import { buildStatuses } from '../../operator/status/build.ts';
import { instanceStatus, type InstanceStatus } from '../../operator/status/instance.ts';
import type { Observed } from '../../operator/status/observed.ts';
import { GRANT, proxyOf, resourcesOf, SITE, timeAt, VM, type Written } from './world.ts';

export const EVERYTHING: Written = {
  pools: { blog: VM },
  rules: { site: SITE },
  grants: { db: GRANT },
  secrets: ['admin', 'app'],
};

export const READY_ACCOUNTS = [
  { host: '192.0.2.1', state: 'Ready' },
  { host: '192.0.2.2', state: 'Ready' },
] as const;

/** A database server that holds these accounts. */
export function database(accounts: readonly object[] = READY_ACCOUNTS, over: object = {}): Observed['databases'] {
  return new Map([
    [
      'db01:3306 as default/admin',
      { flavor: 'MariaDB', version: '10.11.6', grants: new Map([['default/db', { accounts }]]), ...over },
    ],
  ]) as Observed['databases'];
}

/** All is as it should be, but for `observe`. */
export function instance(
  written: Written = EVERYTHING,
  observe: (topology: Topology) => Partial<Observed> = () => ({}),
  unnamed: InstanceStatus['errors'] = [],
): InstanceStatus {
  const errors = unnamed.map(
    (message) => ({ condition: 'Accepted', reason: 'InvalidSpec', message, file: 'a.yaml', line: 3 }) as const,
  );
  const resources = { ...resourcesOf(written), unnamed: errors };
  const topology = buildTopology(resources, new Map());
  const observed = { proxy: proxyOf(topology), databases: database(), ...observe(topology) };
  const times = { now: timeAt(0), startedAt: timeAt(0) };
  const documents = buildStatuses({ resources, topology, observed, previous: () => undefined, ...times });
  const info = { version: '0.1.0', pid: 7, startedAt: timeAt(0), folder: '/etc/webpool' };
  return instanceStatus({ info, documents, resources, topology, observed });
}
