/** Lives of a few objects, step by step, in every state that the outside can bring them into. */
import * as fc from 'fast-check';
import type { Finding } from '../../operator/api/finding.ts';
import type { Held, Resources, WebPool } from '../../operator/api/resources.ts';
import type { AnyStatus, StatusInput } from '../../operator/status/document.ts';
import type { AccountObserved, Observed, ServerObserved } from '../../operator/status/observed.ts';
import { createTopologyBuilder } from '../../operator/topology/build.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import { DOWN, GRANT, metadataOf, resourcesOf, STARTING, timeAt, UP } from './world.ts';

/** What changes from one round to the next. */
export interface Step {
  readonly wait: number;
  readonly pools: Readonly<Record<string, { readonly servers: number; readonly minReady: number }>>;
  readonly rulePools: readonly string[];
  readonly secrets: readonly string[];
  readonly finding: 'None' | 'Conflicted' | 'InvalidRegex' | 'MatchConflicted';
  readonly held: 'None' | 'Refused' | 'RefusedWithFallback' | 'Paused' | 'PausedNew';
  readonly servers: readonly (ServerObserved | undefined)[];
  /** Objects that not every proxy has. */
  readonly awaited: readonly string[];
  readonly proxy: 'Programmed' | 'Busy' | 'ConfigRejected' | 'ProxyUnreachable' | 'Gone';
  readonly accounts: readonly AccountObserved['state'][];
  readonly database: 'Unasked' | 'Well' | 'ServerUnreachable';
}

const NAMES = ['blog', 'shop'];

const step: fc.Arbitrary<Step> = fc.record({
  wait: fc.constantFrom(0, 1, 5, 59, 60, 61, 300, 599, 600, 601),
  pools: fc.dictionary(
    fc.constantFrom(...NAMES),
    fc.record({ servers: fc.nat({ max: 3 }), minReady: fc.nat({ max: 2 }) }),
    { noNullPrototype: true },
  ),
  rulePools: fc.subarray(NAMES, { minLength: 1 }),
  secrets: fc.constantFrom(['admin', 'app'], ['admin', 'app'], ['admin']),
  finding: fc.constantFrom('None', 'None', 'None', 'Conflicted', 'InvalidRegex', 'MatchConflicted'),
  held: fc.constantFrom('None', 'None', 'None', 'Refused', 'RefusedWithFallback', 'Paused', 'PausedNew'),
  servers: fc.array(
    fc.constantFrom(UP, UP, DOWN, STARTING, { ...UP, leaving: true }, { ...UP, admin: 'drain' as const }, undefined),
    { minLength: 3, maxLength: 3 },
  ),
  awaited: fc.subarray(['WebPool/default/blog', 'WebPool/default/shop', 'RoutingRule/default/site']),
  proxy: fc.constantFrom('Programmed', 'Programmed', 'Busy', 'ConfigRejected', 'ProxyUnreachable', 'Gone'),
  accounts: fc.array(fc.constantFrom('Ready', 'Ready', 'Pending', 'Conflicting', 'Leaving', 'Failed', 'Held'), {
    maxLength: 3,
  }),
  database: fc.constantFrom('Unasked', 'Well', 'Well', 'ServerUnreachable'),
});

/** Histories in which most steps repeat most of the one before. */
export const histories: fc.Arbitrary<readonly Step[]> = fc
  .array(fc.tuple(step, fc.subarray(Object.keys(FIRST()) as (keyof Step)[])), { minLength: 1, maxLength: 12 })
  .map((changes) => {
    let last = FIRST();
    return changes.map(([next, keep]) => {
      const kept = Object.fromEntries(keep.filter((key) => key !== 'wait').map((key) => [key, last[key]]));
      last = { ...next, ...kept };
      return last;
    });
  });

/** The same with a clock that jumps, forwards and back. */
export const jumpyHistories: fc.Arbitrary<readonly Step[]> = fc
  .tuple(histories, fc.array(fc.constantFrom(0, -1, -60, -3600, 86_400), { minLength: 12, maxLength: 12 }))
  .map(([steps, jumps]) => steps.map((step, index) => ({ ...step, wait: step.wait + (jumps[index] ?? 0) })));

function FIRST(): Step {
  return {
    wait: 0,
    pools: { blog: { servers: 2, minReady: 1 } },
    rulePools: ['blog'],
    secrets: ['admin', 'app'],
    finding: 'None',
    held: 'None',
    servers: [UP, UP, UP],
    awaited: [],
    proxy: 'Programmed',
    accounts: ['Ready', 'Ready'],
    database: 'Well',
  };
}

/** The same object for the same content, as a source and the rails give it. */
export type Keep = <T>(value: T) => T;

export function createKeep(): Keep {
  const known = new Map<string, unknown>();
  return (value) => {
    const text = JSON.stringify(value, (_, part: unknown) => (part instanceof Map ? { map: [...part] } : part));
    if (!known.has(text)) known.set(text, value);
    return known.get(text) as typeof value;
  };
}

/** A process: what it sees at each step, with its statuses. */
export function createProcess(keep: Keep): (steps: Step, second: number) => Omit<StatusInput, 'previous'> {
  const topologyOf = createTopologyBuilder();
  const generations = new Map<string, { readonly text: string; readonly generation: number }>();
  const generationOf = (id: string, content: unknown): number => {
    const text = JSON.stringify(content);
    const before = generations.get(id);
    const generation = before === undefined ? 1 : before.generation + (before.text === text ? 0 : 1);
    generations.set(id, { text, generation });
    return generation;
  };
  return (now, second) => {
    const resources = resourcesAt(now, keep, generationOf);
    const topology = topologyOf(resources, new Map());
    return {
      resources,
      topology,
      observed: observedAt(now, topology, keep),
      now: timeAt(second),
      startedAt: timeAt(0),
    };
  };
}

function resourcesAt(now: Step, keep: Keep, generationOf: (id: string, content: unknown) => number): Resources {
  const pools = Object.entries(now.pools).map(([name, { servers, minReady }]) => {
    const externalEndpoints = Array.from({ length: servers }, (_, i) => ({
      name: `web${i}`,
      address: `192.0.2.${i + 1}`,
    }));
    const spec = { port: 80, minReady, externalEndpoints };
    return [
      `default/${name}`,
      keep({ kind: 'WebPool' as const, metadata: metadataOf(name, generationOf(name, spec)), spec }),
    ] as const;
  });
  const spec = {
    listener: { protocol: 'HTTP' as const },
    rules: [{ name: 'all', pools: now.rulePools.map((name) => ({ name })) }],
  };
  const rule = keep({ kind: 'RoutingRule' as const, metadata: metadataOf('site', generationOf('site', spec)), spec });
  const held = heldAt(now, keep);
  const inForce = new Map<string, WebPool>(pools);
  if (held !== undefined && !held.fallback) inForce.delete(held.key);
  return {
    ...resourcesOf({ secrets: now.secrets }),
    secrets: keep(resourcesOf({ secrets: now.secrets }).secrets),
    pools: keep(inForce),
    rules: keep(new Map([['default/site', rule]])),
    grants: keep(resourcesOf({ grants: { db: GRANT } }).grants),
    held: keep(held === undefined ? [] : [held]),
    findings: keep(findingsAt(now)),
  };
}

function heldAt({ held, pools }: Step, keep: Keep): Held | undefined {
  const hasOld = pools['blog'] !== undefined;
  if (held === 'None' || (held !== 'Refused' && held !== 'PausedNew' && !hasOld)) return undefined;
  const object = { kind: 'WebPool', key: 'default/blog' } as const;
  const refusal: Finding = { object, condition: 'Accepted', reason: 'InvalidSpec', message: 'is wrong' };
  const paused = held.startsWith('Paused');
  const fallback = held === 'RefusedWithFallback' || held === 'Paused';
  return keep({ ...object, metadata: metadataOf('blog', 1000), findings: paused ? [] : [refusal], paused, fallback });
}

function findingsAt({ finding }: Step): readonly Finding[] {
  const object = { kind: 'RoutingRule', key: 'default/site' } as const;
  switch (finding) {
    case 'None':
      return [];
    case 'Conflicted':
      return [{ object, condition: 'Accepted', reason: finding, message: 'taken' }];
    case 'InvalidRegex':
    case 'MatchConflicted':
      return [{ object, condition: 'PartiallyInvalid', reason: finding, message: 'is wrong', rule: 'all' }];
    default:
      return finding satisfies never;
  }
}

function observedAt(now: Step, topology: Topology, keep: Keep): Observed {
  const pools = [...topology.pools.values()].map((pool) => {
    const seen = pool.servers.flatMap(({ id }, index) =>
      now.servers[index] === undefined ? [] : [[id, now.servers[index]] as const],
    );
    return [pool.key, keep(new Map(seen))] as const;
  });
  const problem =
    now.proxy === 'ConfigRejected' || now.proxy === 'ProxyUnreachable'
      ? { problem: { reason: now.proxy, message: 'no' } }
      : {};
  const proxy = {
    programmed: now.proxy === 'Programmed',
    pools: new Map(now.proxy === 'Gone' ? [] : pools),
    bind: '*',
    awaited: new Map(now.awaited.map((id) => [id, '1 of 2 proxies do not have it yet.'])),
    ...problem,
  };
  const accounts = keep(now.accounts.map((state, index) => ({ host: `192.0.2.${index + 1}`, state })));
  const trouble = now.database === 'ServerUnreachable' ? { problem: { reason: now.database, message: 'no' } } : {};
  const database = { grants: new Map([['default/db', keep({ accounts })]]), ...trouble };
  const id = topology.accounts[0]?.server.id ?? 'db01:3306 as default/admin';
  return { proxy, databases: new Map(now.database === 'Unasked' ? [] : [[id, database]]) };
}

/** What was written last, by object. */
export type Statuses = Map<string, AnyStatus>;
