/** Whatever happens in whatever order: the conditions keep the rules of those who read them. */
import { array, assert, boolean, constantFrom, integer, property, record } from 'fast-check';
import { expect, test } from 'vitest';
import type { Condition } from '../../operator/api/kinds.gen.ts';
import type { Held, Kind } from '../../operator/api/resources.ts';
import type { AccountObserved, DatabaseObserved, Observed } from '../../operator/status/observed.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import { fluxProblems } from './readers.ts';
import {
  DOWN,
  GRANT,
  life,
  metadataOf,
  NOTHING,
  proxyOf,
  SITE,
  STARTING,
  timeAt,
  UP,
  VM,
  type Life,
  type Written,
} from './world.ts';

const NAMES = { WebPool: 'blog', RoutingRule: 'site', DatabaseGrant: 'app' } as const satisfies Record<Kind, string>;

/** One moment: what is written, what is seen, and how long after the last one. */
const moments = array(
  record({
    wait: constantFrom(0, 1, 59, 61, 599, 601, 5000),
    newVersion: boolean(),
    forget: integer({ min: 0, max: 9 }).map((number) => number === 0),
    servers: constantFrom('Up', 'Down', 'Starting', 'None', 'Unread'),
    proxy: constantFrom('Programmed', 'Working', 'Unreachable', 'Rejected', 'NoProxies', 'Unread'),
    held: constantFrom<Held['kind'] | 'Paused' | 'Nobody'>(
      'WebPool',
      'RoutingRule',
      'DatabaseGrant',
      'Paused',
      'Nobody',
    ),
    fallback: boolean(),
    reason: constantFrom('InvalidSpec', 'Conflicted', 'PortUnavailable'),
    rule: constantFrom('blog', 'missing'),
    database: constantFrom('Absent', 'Unreachable', 'Ready', 'Pending', 'Failed', 'Conflicting', 'Held', 'Drift'),
    minReady: constantFrom(0, 1, 2),
  }),
  { minLength: 1, maxLength: 12 },
);
type Moment = typeof moments extends { generate(...args: never): { value: readonly (infer T)[] } } ? T : never;

function heldOf({ held, fallback, reason }: Moment, generation: number): readonly Held[] {
  if (held === 'Nobody') return [];
  const kind = held === 'Paused' ? 'WebPool' : held;
  const name = NAMES[kind];
  const findings = held === 'Paused' ? [] : [{ condition: 'Accepted', reason, message: 'wrong.' } as const];
  return [
    {
      kind,
      key: `default/${name}`,
      metadata: metadataOf(name, generation),
      findings,
      paused: held === 'Paused',
      fallback,
    },
  ];
}

function writtenAt(moment: Moment, generation: number): Written {
  const endpoints = moment.servers === 'None' ? { externalEndpoints: [] } : {};
  const gone = (kind: Kind) =>
    !moment.fallback && (moment.held === kind || (moment.held === 'Paused' && kind === 'WebPool'));
  return {
    generation,
    pools: gone('WebPool') ? {} : { blog: { ...VM, ...endpoints, minReady: moment.minReady } },
    rules: gone('RoutingRule') ? {} : { site: { ...SITE, rules: [{ name: 'all', pools: [{ name: moment.rule }] }] } },
    grants: gone('DatabaseGrant') ? {} : { app: GRANT },
    secrets: ['admin', 'app'],
    held: heldOf(moment, generation),
  };
}

const SEEN = { Up: UP, Down: DOWN, Starting: STARTING, None: UP, Unread: undefined } as const;
const PROBLEMS = { Unreachable: 'ProxyUnreachable', Rejected: 'ConfigRejected', NoProxies: 'NoProxies' } as const;

function observedAt({ proxy, servers, database }: Moment, topology: Topology): Observed {
  const databases = databasesAt(database, topology);
  if (proxy === 'Unread') return { proxy: NOTHING, databases };
  const seen = proxyOf(topology, () => SEEN[servers], { programmed: proxy === 'Programmed' });
  if (proxy === 'Programmed' || proxy === 'Working') return { proxy: seen, databases };
  return { proxy: { ...seen, problem: { reason: PROBLEMS[proxy], message: 'its words.' } }, databases };
}

function databasesAt(state: Moment['database'], { accounts }: Topology): ReadonlyMap<string, DatabaseObserved> {
  if (state === 'Absent') return new Map();
  const problem = { reason: 'ServerUnreachable', message: 'does not answer.' } as const;
  const drift = { condition: 'Synced', reason: 'DriftDetected', message: 'changed by hand.' } as const;
  const found: AccountObserved['state'] = state === 'Unreachable' || state === 'Drift' ? 'Ready' : state;
  return new Map(
    accounts.map(({ server, grant, hosts }) => {
      const own = {
        accounts: hosts.map(({ host }) => ({ host, state: found })),
        ...(state === 'Drift' && { problem: drift }),
      };
      return [server.id, { grants: new Map([[grant, own]]), ...(state === 'Unreachable' && { problem }) }];
    }),
  );
}

/** A transition is told exactly when there was one, with the time at which it was seen. */
function movedProblems(before: readonly Condition[], after: readonly Condition[], now: string): readonly string[] {
  return after.flatMap(({ type, status, lastTransitionTime }) => {
    const last = before.find((condition) => condition.type === type);
    const expected = last?.status === status ? last.lastTransitionTime : now;
    return lastTransitionTime === expected ? [] : [`${type}: ${lastTransitionTime}, not ${expected}`];
  });
}

test('the rules of Flux hold and lastTransitionTime moves only with the status, after any events', () => {
  assert(
    property(moments, (events) => {
      const statuses: Life['statuses'] = new Map();
      let world = life(0, statuses);
      let [second, generation] = [0, 1];
      for (const moment of events) {
        second += moment.wait;
        if (moment.newVersion) generation += 1;
        // A new process knows what was written, and nothing else.
        if (moment.forget) world = life(second, statuses);
        const before = new Map(statuses);
        const { documents } = world.at(second, writtenAt(moment, generation), (topology) =>
          observedAt(moment, topology),
        );
        for (const { kind, key, metadata, status } of documents) {
          expect([kind, fluxProblems({ metadata, status })]).toEqual([kind, []]);
          const last = before.get(`${kind} ${key}`)?.conditions ?? [];
          expect(movedProblems(last, status.conditions ?? [], timeAt(second))).toEqual([]);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('and they can be broken', () => {
  const condition = (type: string, status: Condition['status']): Condition => ({
    type,
    status,
    reason: 'Any',
    message: '',
    lastTransitionTime: timeAt(0),
    observedGeneration: 1,
  });
  const broken = (...conditions: readonly Condition[]) =>
    fluxProblems({ metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } }).length > 0;
  expect([
    broken(condition('Ready', 'True')),
    broken(),
    broken(condition('Ready', 'Unknown')),
    broken(condition('Ready', 'True'), condition('Reconciling', 'True')),
    broken(condition('Ready', 'False'), condition('Reconciling', 'True'), condition('Stalled', 'True')),
    broken(condition('Ready', 'True'), { ...condition('Accepted', 'True'), observedGeneration: 0 }),
    broken(condition('Ready', 'False'), condition('Stalled', 'False')),
  ]).toEqual([false, true, true, true, true, true, true]);
});
