import { describe, expect, test } from 'vitest';
import type { Held } from '../../operator/api/resources.ts';
import type { ServerObserved } from '../../operator/status/observed.ts';
import {
  DOWN,
  life,
  messageOf,
  metadataOf,
  NOTHING,
  proxyOf,
  STARTING,
  statusOf,
  timeAt,
  told,
  UP,
  VM,
} from './world.ts';

const WELL =
  'Ready=True/Ready Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Available=True/Available';

function poolAt(second: number, state: (id: string) => ServerObserved | undefined, over = {}): string {
  const round = life().at(second, { pools: { blog: { ...VM, ...over } } }, (topology) => ({
    proxy: proxyOf(topology, state),
  }));
  return told(statusOf(round, 'WebPool', 'blog'));
}

describe('a WebPool tells how it is', () => {
  const head = 'Ready=False/';
  const valid = 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed';
  const waits = 'Reconciling=True/WaitingForEndpoints';

  test.each([
    ['all servers up', poolAt(0, () => UP), WELL],
    ['checked by nobody', poolAt(0, () => ({ ...UP, health: 'Unchecked' })), WELL],
    ['one of two is enough', poolAt(0, (id) => (id.startsWith('web01') ? UP : DOWN)), WELL],
    ['none up', poolAt(0, () => DOWN), `${head}NoReadyEndpoints ${valid} Available=False/NoReadyEndpoints ${waits}`],
    [
      'all starting',
      poolAt(0, () => STARTING),
      `${head}NoReadyEndpoints ${valid} Available=False/NoReadyEndpoints ${waits}`,
    ],
    [
      'fewer than minReady',
      poolAt(0, (id) => (id.startsWith('web01') ? UP : DOWN), { minReady: 2 }),
      `${head}BelowMinimum ${valid} Available=False/BelowMinimum ${waits}`,
    ],
    [
      'no servers at all',
      poolAt(0, () => UP, { externalEndpoints: [] }),
      `${head}NoEndpoints ${valid} Available=False/NoEndpoints ${waits}`,
    ],
    [
      'empty and allowed to be',
      poolAt(0, () => UP, { externalEndpoints: [], minReady: 0 }),
      WELL.replace(/Available$/, 'AllowedEmpty'),
    ],
    ['not empty and allowed to be', poolAt(0, () => UP, { minReady: 0 }), WELL],
  ])('%s', (_, is, should) => {
    expect(is).toBe(should);
  });

  test('nothing was read back yet', () => {
    const round = life().at(0, { pools: { blog: VM } }, () => ({ proxy: NOTHING }));
    expect(told(statusOf(round, 'WebPool', 'blog'))).toBe(
      'Ready=False/Pending Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=Unknown/Pending ' +
        'Available=Unknown/Pending Reconciling=True/WaitingForProxies',
    );
  });

  test("HAProxy's own words reach the message in one printable line", () => {
    const problem = {
      reason: 'ConfigRejected' as const,
      message: '[ALERT] line 7:\n\u001b[31munknown keyword\u001b[0m',
    };
    const round = life().at(0, { pools: { blog: VM } }, () => ({ proxy: { ...NOTHING, problem } }));
    const status = statusOf(round, 'WebPool', 'blog');
    expect(told(status)).toContain('Programmed=False/ConfigRejected');
    expect(messageOf(status, 'Ready')).toBe('[ALERT] line 7: / \\u{1b}[31munknown keyword\\u{1b}[0m');
  });
});

describe('the servers of a pool are counted', () => {
  const counts = (states: readonly (ServerObserved | undefined)[], over: readonly object[] = []) => {
    const externalEndpoints = states.map((_, i) => ({ name: `web${i}`, address: `192.0.2.${i}`, ...over[i] }));
    const round = life().at(0, { pools: { blog: { port: 80, externalEndpoints } } }, (topology) => ({
      proxy: proxyOf(topology, (id) => states[Number(id[3])]),
    }));
    return statusOf(round, 'WebPool', 'blog').endpoints;
  };
  const drained: ServerObserved = { admin: 'drain', health: 'Up', leaving: false };

  test.each([
    [
      'up, down, starting',
      counts([UP, DOWN, STARTING]),
      { total: 3, ready: 1, draining: 0, unhealthy: 1, summary: '1/3' },
    ],
    ['drained by hand', counts([UP, drained]), { total: 2, ready: 1, draining: 1, unhealthy: 0, summary: '1/2' }],
    [
      'Drain and weight 0',
      counts([UP, UP], [{ state: 'Drain' }, { weight: 0 }]),
      { total: 2, ready: 0, draining: 2, unhealthy: 0, summary: '0/2' },
    ],
    [
      'Maintenance',
      counts([UP, UP], [{ state: 'Maintenance' }]),
      { total: 2, ready: 1, draining: 0, unhealthy: 0, summary: '1/2' },
    ],
    ['not in HAProxy yet', counts([UP, undefined]), { total: 2, ready: 1, draining: 0, unhealthy: 0, summary: '1/2' }],
  ])('%s', (_, is, should) => {
    expect(is).toEqual(should);
  });

  test('a server that left is draining, but no longer one of the pool', () => {
    const round = life().at(0, { pools: { blog: VM } }, (topology) => {
      const proxy = proxyOf(topology);
      const servers = new Map([
        ...(proxy.pools.get('default/blog') ?? []),
        ['web00_192.0.2.9:80', { ...UP, leaving: true }],
      ]);
      return { proxy: { ...proxy, pools: new Map([['default/blog', servers]]) } };
    });
    expect(statusOf(round, 'WebPool', 'blog').endpoints).toEqual({
      total: 2,
      ready: 2,
      draining: 1,
      unhealthy: 0,
      summary: '2/2',
    });
  });

  test('failing servers come first, at most sixteen, each with its check', () => {
    const externalEndpoints = Array.from({ length: 20 }, (_, i) => ({ name: `web${i}`, address: `192.0.2.${i}` }));
    const healthCheck = { type: 'HTTP' as const, path: '/health' };
    const round = life().at(0, { pools: { blog: { port: 80, externalEndpoints, healthCheck } } }, (topology) => ({
      proxy: proxyOf(topology, (id) => (id.startsWith('web19_') ? DOWN : STARTING)),
    }));
    const { unhealthyEndpoints = [] } = statusOf(round, 'WebPool', 'blog');
    expect(unhealthyEndpoints).toHaveLength(16);
    expect(unhealthyEndpoints[0]).toEqual({
      name: 'web19_192.0.2.19:80',
      reason: 'HealthCheckFailed',
      message:
        'Its health check fails: GET http://192.0.2.19:80/health every 10 s, expecting 200-399. It serves again after 2 passed checks.',
    });
  });
});

describe('a version that is not in force', () => {
  const refusal = {
    condition: 'Accepted',
    reason: 'InvalidSpec',
    path: 'spec.port',
    message: 'must be at most 65535.',
  } as const;
  const held = (over: Partial<Held>): Held => ({
    kind: 'WebPool',
    key: 'default/blog',
    metadata: metadataOf('blog', 2),
    findings: [refusal],
    paused: false,
    fallback: false,
    ...over,
  });

  test('refused, and none before it', () => {
    const round = life().at(0, { held: [held({})] });
    const status = statusOf(round, 'WebPool', 'blog');
    expect(told(status)).toBe(
      'Ready=False/InvalidSpec Accepted=False/InvalidSpec ResolvedRefs=Unknown/Pending Programmed=False/Invalid ' +
        'Available=Unknown/Pending Stalled=True/InvalidSpec',
    );
    expect(messageOf(status, 'Ready')).toBe('spec.port: must be at most 65535.');
    expect(status.observedGeneration).toBe(2);
  });

  test('refused, the one before it serves on', () => {
    const round = life().at(0, { pools: { blog: VM }, held: [held({ fallback: true })] });
    const status = statusOf(round, 'WebPool', 'blog');
    expect(told(status)).toContain('Programmed=False/Invalid Available=True/Available');
    expect(messageOf(status, 'Accepted')).toBe(
      'Fall Back to generation 1, which still serves: spec.port: must be at most 65535.',
    );
    expect(status.endpoints?.summary).toBe('2/2');
    expect(round.documents[0]?.metadata.generation).toBe(2);
  });

  test('paused: it stays as it is', () => {
    const round = life().at(0, { pools: { blog: VM }, held: [held({ findings: [], paused: true, fallback: true })] });
    const status = statusOf(round, 'WebPool', 'blog');
    expect(told(status)).toBe(WELL);
    expect(messageOf(status, 'Ready')).toBe('Paused: changes wait until spec.paused is false. 2 of 2 servers ready.');
  });

  test('paused before it was ever in force', () => {
    const round = life().at(0, { held: [held({ findings: [], paused: true })] });
    expect(told(statusOf(round, 'WebPool', 'blog'))).toMatch(/^Ready=False\/Paused Accepted=Unknown\/Pending [^S]*$/);
  });
});

describe('what was programmed stays so while another object is', () => {
  const pools = { blog: VM };
  const busy = { programmed: false };
  const states: readonly (readonly [string, object, string])[] = [
    ['being applied', busy, 'True/Programmed'],
    ['refused', { ...busy, problem: { reason: 'ConfigRejected', message: 'no' } }, 'True/Programmed'],
    ['not written', { ...busy, problem: { reason: 'FilesNotWritten', message: 'no' } }, 'True/Programmed'],
    ['HAProxy hangs', { ...busy, problem: { reason: 'ProxyUnreachable', message: 'no' } }, 'False/ProxyUnreachable'],
    ['HAProxy is gone', { ...busy, pools: new Map() }, 'Unknown/Pending'],
  ];
  test.each(states)('%s', (_, over, should) => {
    const { at } = life();
    at(0, { pools });
    const round = at(1, { pools }, (topology) => ({ proxy: proxyOf(topology, () => UP, over) }));
    expect(told(statusOf(round, 'WebPool', 'blog'))).toContain(`Programmed=${should}`);
    const edited = at(2, { pools, generation: 2 }, (topology) => ({ proxy: proxyOf(topology, () => UP, over) }));
    expect(told(statusOf(edited, 'WebPool', 'blog'))).not.toContain('Programmed=True');
  });
});

test('lastTransitionTime is that of the status, not of the reason', () => {
  const { at } = life();
  const pools = { blog: VM };
  const since = (round: ReturnType<typeof at>) =>
    statusOf(round, 'WebPool', 'blog').conditions?.find(({ type }) => type === 'Available')?.lastTransitionTime;
  expect(since(at(0, { pools }))).toBe(timeAt(0));
  expect(since(at(5, { pools }, (topology) => ({ proxy: proxyOf(topology, () => DOWN) })))).toBe(timeAt(5));
  expect(since(at(9, { pools: { blog: { ...VM, externalEndpoints: [] } } }))).toBe(timeAt(5));
});
