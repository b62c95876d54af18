/** How long an object may be on its way, and what is said when it is not there in time. Times in seconds. */
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../operator/api/finding.ts';
import type { ServerObserved } from '../../operator/status/observed.ts';
import { DOWN, life, NOTHING, proxyOf, SITE, statusOf, timeAt, UP, VM, type Life, type Written } from './world.ts';

type Step = readonly [second: number, state: ServerObserved, generation: number, says: string];

function saysOf(round: ReturnType<Life['at']>, kind: 'WebPool' | 'RoutingRule' = 'WebPool', name = 'blog'): string {
  const { conditions = [] } = statusOf(round, kind, name);
  const own = conditions.filter(({ type }) => ['Ready', 'Reconciling', 'Stalled'].includes(type));
  return own.map(({ type, status, reason }) => (type === 'Ready' ? status : `${type}/${reason}`)).join(' ');
}

const WAITING = 'False Reconciling/WaitingForEndpoints';
const RETRY = 'False Reconciling/ProgressingWithRetry';
const LATE = 'False Stalled/ProgressDeadlineExceeded';

describe('a WebPool', () => {
  const histories: readonly (readonly [string, readonly Step[]])[] = [
    ['new and well at once', [[0, UP, 1, 'True']]],
    [
      'new and well in time',
      [
        [0, DOWN, 1, WAITING],
        [599, DOWN, 1, WAITING],
        [599, UP, 1, 'True'],
      ],
    ],
    [
      'new and late',
      [
        [0, DOWN, 1, WAITING],
        [600, DOWN, 1, LATE],
        [9000, DOWN, 1, LATE],
        [9001, UP, 1, 'True'],
      ],
    ],
    [
      'late, then another version',
      [
        [0, DOWN, 1, WAITING],
        [700, DOWN, 1, LATE],
        [701, DOWN, 2, WAITING],
        [1300, DOWN, 2, WAITING],
        [1301, DOWN, 2, LATE],
      ],
    ],
    [
      'well, then broken outside: worked on for a while, never stalled',
      [
        [0, UP, 1, 'True'],
        [100, DOWN, 1, RETRY],
        [699, DOWN, 1, RETRY],
        [700, DOWN, 1, 'False'],
        [9000, DOWN, 1, 'False'],
        [9001, UP, 1, 'True'],
        [9100, DOWN, 1, RETRY],
      ],
    ],
    [
      'broken outside, then another version',
      [
        [0, UP, 1, 'True'],
        [100, DOWN, 1, RETRY],
        [800, DOWN, 1, 'False'],
        [900, DOWN, 2, WAITING],
        [1500, DOWN, 2, LATE],
      ],
    ],
    [
      'a new version of a good one has its own time',
      [
        [0, UP, 1, 'True'],
        [5000, DOWN, 2, WAITING],
        [5599, DOWN, 2, WAITING],
        [5600, DOWN, 2, LATE],
      ],
    ],
  ];
  test.each(histories)('%s', (_, steps) => {
    const { at } = life();
    const seen = steps.map(([second, state, generation]) =>
      saysOf(
        at(second, { pools: { blog: VM }, generation }, (topology) => ({ proxy: proxyOf(topology, () => state) })),
      ),
    );
    expect(seen).toEqual(steps.map(([, , , says]) => says));
  });

  test('waits for HAProxy as long as that is what is missing', () => {
    const round = life().at(0, { pools: { blog: VM } }, () => ({ proxy: NOTHING }));
    expect(saysOf(round)).toBe('False Reconciling/WaitingForProxies');
  });

  test('has no deadline while nobody works on it: the time that we did not run does not count', () => {
    const first = life();
    first.at(0, { pools: { blog: VM } }, (topology) => ({ proxy: proxyOf(topology, () => DOWN) }));
    const second = life(5000, first.statuses);
    const down = (at: number) =>
      saysOf(second.at(at, { pools: { blog: VM } }, (topology) => ({ proxy: proxyOf(topology, () => DOWN) })));
    expect([down(5001), down(5599), down(5600)]).toEqual([WAITING, WAITING, LATE]);
  });

  test('says when time alone will change it', () => {
    const { at } = life();
    const down = (second: number) =>
      at(second, { pools: { blog: VM } }, (topology) => ({ proxy: proxyOf(topology, () => DOWN) })).recheckAfterMs;
    expect([down(0), down(100), down(600)]).toEqual([600_000, 500_000, undefined]);
    expect(life().at(0, { pools: { blog: VM } }).recheckAfterMs).toBeUndefined();
  });
});

describe('a conflict gets a minute, for a renamed object meets its old self', () => {
  const conflict: Finding = {
    object: { kind: 'RoutingRule', key: 'default/site' },
    condition: 'Accepted',
    reason: 'Conflicted',
    message: 'taken',
  };
  const written = (findings: readonly Finding[], generation = 1): Written => ({
    pools: { blog: VM },
    rules: { site: SITE },
    findings,
    generation,
  });
  const says = (own: Life, second: number, findings: readonly Finding[]) =>
    saysOf(own.at(second, written(findings)), 'RoutingRule', 'site');

  test('then it is stalled', () => {
    const own = life();
    expect([0, 59, 60, 9000].map((second) => says(own, second, [conflict]))).toEqual([
      'False Reconciling/Progressing',
      'False Reconciling/Progressing',
      'False Stalled/Conflicted',
      'False Stalled/Conflicted',
    ]);
    expect(says(own, 9001, [])).toBe('True');
    expect(says(own, 9002, [conflict])).toBe('False Reconciling/Progressing');
  });

  test('the minute begins with the conflict, not with the object', () => {
    const own = life();
    expect(says(own, 0, [])).toBe('True');
    expect(own.at(500, written([conflict])).recheckAfterMs).toBe(60_000);
    expect([says(own, 559, [conflict]), says(own, 560, [conflict])]).toEqual([
      'False Reconciling/Progressing',
      'False Stalled/Conflicted',
    ]);
  });

  test('some of the matches lost: the same', () => {
    const own = life();
    const part: Finding = { ...conflict, condition: 'PartiallyInvalid', reason: 'MatchConflicted', rule: 'all' };
    expect([says(own, 0, [part]), says(own, 60, [part])]).toEqual([
      'False Reconciling/Progressing',
      'False Stalled/MatchConflicted',
    ]);
  });
});

test('what only a change of the object helps is stalled at once', () => {
  const finding: Finding = {
    object: { kind: 'RoutingRule', key: 'default/site' },
    condition: 'PartiallyInvalid',
    reason: 'InvalidRegex',
    message: 'no',
    rule: 'all',
  };
  const round = life().at(0, { pools: { blog: VM }, rules: { site: SITE }, findings: [finding] });
  expect(saysOf(round, 'RoutingRule', 'site')).toBe('False Stalled/InvalidRegex');
});

test('a status with a damaged time counts as very old, not as new', () => {
  const own = life();
  own.at(0, { pools: { blog: VM } }, (topology) => ({ proxy: proxyOf(topology, () => DOWN) }));
  const status = own.statuses.get('WebPool default/blog');
  const conditions = (status?.conditions ?? []).map((condition) => ({ ...condition, lastTransitionTime: 'yesterday' }));
  own.statuses.set('WebPool default/blog', { ...status, conditions });
  const round = own.at(601, { pools: { blog: VM } }, (topology) => ({ proxy: proxyOf(topology, () => DOWN) }));
  expect(saysOf(round)).toBe(LATE);
  expect(timeAt(0)).toBe('2026-01-01T00:00:00Z');
});
