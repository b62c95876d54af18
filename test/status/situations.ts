/** The situations in which other programs look at our objects, with the status that we write in each. */
import type { Kind } from '../../operator/api/resources.ts';
import type { DatabaseObserved, GrantObserved } from '../../operator/status/observed.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import type { Shown } from './readers.ts';
import {
  DOWN,
  GRANT,
  life,
  metadataOf,
  NOTHING,
  proxyOf,
  SITE,
  STARTING,
  statusOf,
  VM,
  type Written,
} from './world.ts';

/** A situation by its name, for every kind. */
export type Situation = 'OperatorDown' | 'Working' | 'Good' | 'Hopeless' | 'Broken' | 'Paused' | 'NewVersion';

interface Case {
  readonly situation: Situation;
  readonly kind: Kind;
  readonly object: Shown;
}

const WRITTEN: Written = {
  pools: { blog: VM },
  rules: { site: SITE },
  grants: { app: GRANT },
  secrets: ['admin', 'app'],
};
const NAMES: Readonly<Record<Kind, string>> = { WebPool: 'blog', RoutingRule: 'site', DatabaseGrant: 'app' };
const KINDS = Object.keys(NAMES) as Kind[];

function databases(topology: Topology, over: Partial<DatabaseObserved> = {}): ReadonlyMap<string, DatabaseObserved> {
  const accounts = (need: Topology['accounts'][number]): GrantObserved => ({
    accounts: need.hosts.map(({ host }) => ({ host, state: 'Ready' })),
  });
  return new Map(
    topology.accounts.map((need) => [
      need.server.id,
      { flavor: 'MariaDB', version: '10.11', grants: new Map([[need.grant, accounts(need)]]), ...over },
    ]),
  );
}

const well = (topology: Topology) => ({ proxy: proxyOf(topology), databases: databases(topology) });
const starting = (topology: Topology) => ({ proxy: proxyOf(topology, () => STARTING, { programmed: false }) });
const unreachable = { reason: 'ServerUnreachable', message: 'db01:3306 does not answer.' } as const;
/** Servers down, HAProxy silent, database away: each kind has its own misfortune. */
const broken = (topology: Topology) => ({
  proxy: {
    ...proxyOf(topology, () => DOWN),
    programmed: false,
    problem: { reason: 'ProxyUnreachable', message: 'no answer' } as const,
  },
  databases: databases(topology, { problem: unreachable }),
});

type Run = (kind: Kind) => Shown;

function after(
  kind: Kind,
  steps: readonly [number, Written, Parameters<ReturnType<typeof life>['at']>[2]][],
): NonNullable<Shown['status']> {
  const world = life();
  const rounds = steps.map((step) => world.at(...step));
  const last = rounds.at(-1);
  if (last === undefined) throw new Error('no round');
  return statusOf(last, kind, NAMES[kind]);
}

const refused = (kind: Kind): Written => ({
  generation: 1,
  held: [
    {
      kind,
      key: `default/${NAMES[kind]}`,
      metadata: metadataOf(NAMES[kind]),
      findings: [{ condition: 'Accepted', reason: 'InvalidSpec', message: 'wrong.' }],
      paused: false,
      fallback: false,
    },
  ],
});

const RUNS: Readonly<Record<Exclude<Situation, 'Paused'>, Run>> = {
  // What the API server fills in when an object is made.
  OperatorDown: () => ({ metadata: { generation: 1 }, status: { observedGeneration: -1 } }),
  Working: (kind) => ({ metadata: { generation: 1 }, status: after(kind, [[0, WRITTEN, starting]]) }),
  Good: (kind) => ({ metadata: { generation: 1 }, status: after(kind, [[0, WRITTEN, well]]) }),
  Hopeless: (kind) => ({
    metadata: { generation: 1 },
    status: after(kind, [[0, refused(kind), () => ({ proxy: NOTHING })]]),
  }),
  Broken: (kind) => ({
    metadata: { generation: 1 },
    status: after(kind, [
      [0, WRITTEN, well],
      [10, WRITTEN, broken],
      [700, WRITTEN, broken],
    ]),
  }),
  NewVersion: (kind) => ({ metadata: { generation: 2 }, status: after(kind, [[0, WRITTEN, well]]) }),
};

const paused: Case = {
  situation: 'Paused',
  kind: 'WebPool',
  object: {
    metadata: { generation: 2 },
    spec: { paused: true },
    status: after('WebPool', [
      [0, WRITTEN, well],
      [
        10,
        {
          ...WRITTEN,
          held: [
            {
              kind: 'WebPool',
              key: 'default/blog',
              metadata: metadataOf('blog', 2),
              findings: [],
              paused: true,
              fallback: true,
            },
          ],
        },
        well,
      ],
    ]),
  },
};

/** Every situation of every kind; only pools can be paused. */
export const CASES: readonly Case[] = [
  ...(Object.keys(RUNS) as (keyof typeof RUNS)[]).flatMap((situation) =>
    KINDS.map((kind) => ({ situation, kind, object: RUNS[situation](kind) })),
  ),
  paused,
];
