import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Condition } from '../../operator/api/kinds.gen.ts';
import { createStatusBuilder, type StatusRound } from '../../operator/status/build.ts';
import type { AnyStatus, StatusDocument, StatusInput } from '../../operator/status/document.ts';
import type { Observed } from '../../operator/status/observed.ts';
import { REASONS, type ConditionType } from '../../operator/status/reasons.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import { verdictOf } from '../../operator/api/schema.ts';
import { CRDS } from '../support/crds.ts';
import { createKeep, createProcess, histories, jumpyHistories, type Step } from './histories.ts';
import { proxyOf, resourcesOf, statusOf, timeAt, told, VM } from './world.ts';

type Rounds = readonly {
  readonly round: StatusRound;
  readonly before: ReadonlyMap<string, AnyStatus>;
  readonly now: string;
}[];

/** All rounds of a history; `renew` is done to what each of them sees. */
function live(
  steps: readonly Step[],
  renew: (input: Omit<StatusInput, 'previous'>) => Omit<StatusInput, 'previous'>,
): Rounds {
  const build = createStatusBuilder();
  const look = createProcess(createKeep());
  const statuses = new Map<string, AnyStatus>();
  let second = 0;
  return steps.map((step) => {
    second += step.wait;
    const before = new Map(statuses);
    const round = build({ ...renew(look(step, second)), previous: (kind, key) => statuses.get(`${kind} ${key}`) });
    for (const { kind, key, status } of round.changed) statuses.set(`${kind} ${key}`, status);
    return { round, before, now: timeAt(second) };
  });
}

/** Equal in content, in nothing the same. */
function copyOf<T>(value: T): T {
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, copyOf(part)])) as T;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copyOf(part)])) as T;
}

const same = (input: Omit<StatusInput, 'previous'>) => input;

test('what is remembered from round to round changes no word', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      const quick = live(steps, same);
      const full = live(steps, copyOf);
      expect(quick.map(({ round }) => round)).toEqual(full.map(({ round }) => round));
      const own = live(steps, (input) => ({ ...input, rewritten: new Set() }));
      expect(own.map(({ round }) => round)).toEqual(full.map(({ round }) => round));
    }),
    { numRuns: 100 },
  );
});

test('what proxies get after the deadline is told, though nothing else changed', () => {
  const resources = resourcesOf({ pools: { blog: VM } });
  const topology = buildTopology(resources, new Map());
  const statuses = new Map<string, AnyStatus>();
  const build = createStatusBuilder();
  const proxy = proxyOf(topology);
  const at = (second: number, awaited: ReadonlyMap<string, string>) => {
    const round = build({
      resources,
      topology,
      observed: { proxy: { ...proxy, awaited }, databases: NO_DATABASES },
      previous: (kind, key) => statuses.get(`${kind} ${key}`),
      rewritten: new Set(),
      now: timeAt(second),
      startedAt: timeAt(0),
    });
    for (const { kind, key, status } of round.changed) statuses.set(`${kind} ${key}`, status);
    return told(statusOf(round, 'WebPool', 'blog'));
  };
  const awaited = new Map([['WebPool/default/blog', '1 of 2 proxies do not have it yet.']]);
  expect(at(0, awaited)).toContain('Programmed=Unknown/Pending');
  expect(at(700, awaited)).toContain('Stalled=True/ProgressDeadlineExceeded');
  expect(at(701, awaited)).toContain('Stalled=True/ProgressDeadlineExceeded');
  expect(at(702, new Map())).toContain('Programmed=True/Programmed');
});

const NO_DATABASES: Observed['databases'] = new Map();

test('a round in which nothing changed writes nothing', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      const last = steps.at(-1);
      if (last === undefined) return;
      const rounds = live([...steps, { ...last, wait: 0 }, { ...last, wait: 0 }], same);
      expect(rounds.at(-1)?.round.changed).toEqual([]);
      expect(rounds.at(-1)?.round.documents).toEqual(rounds.at(-2)?.round.documents);
    }),
    { numRuns: 60 },
  );
});

test('time changes a status when it said so, and not before', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      const last = steps.at(-1);
      const after = live(steps, same).at(-1)?.round.recheckAfterMs;
      if (last === undefined || after === undefined || after < 2000) return;
      const wait = after / 1000;
      const early = live([...steps, { ...last, wait: 0 }, { ...last, wait: wait - 1 }], same);
      expect(early.at(-1)?.round.changed).toEqual([]);
      const due = live([...steps, { ...last, wait: 0 }, { ...last, wait }], same);
      expect(due.at(-1)?.round.changed.length).toBeGreaterThan(0);
    }),
    { numRuns: 60 },
  );
});

/** Whoever reads the status: kubectl wait, Flux, Argo CD, people. */
function check(document: StatusDocument, before: AnyStatus | undefined, now: string): void {
  const { status, metadata } = document;
  const conditions = status.conditions ?? [];
  const is = (type: ConditionType) => conditions.find((condition) => condition.type === type)?.status;
  expect(conditions[0]?.type).toBe('Ready');
  expect(new Set(conditions.map(({ type }) => type)).size).toBe(conditions.length);
  expect(status.observedGeneration).toBe(metadata.generation);
  expect(is('Reconciling') === 'True' && is('Stalled') === 'True').toBe(false);
  if (is('Reconciling') === 'True' || is('Stalled') === 'True') expect(is('Ready')).toBe('False');
  expect(is('Ready')).not.toBe('Unknown');
  for (const condition of conditions) checkCondition(condition, { document, before, now });
}

interface Around {
  readonly document: StatusDocument;
  readonly before: AnyStatus | undefined;
  readonly now: string;
}

function checkCondition(condition: Condition, { document, before, now }: Around): void {
  const { type, status, reason, message, lastTransitionTime, observedGeneration } = condition;
  const known = REASONS[type as ConditionType];
  const repeats = type === 'Ready' || type === 'Stalled';
  const reasons = repeats ? Object.values(REASONS).flatMap((table) => Object.keys(table)) : Object.keys(known);
  expect(reasons).toContain(reason);
  expect(reason).toMatch(/^[A-Z][A-Za-z]*$/);
  expect(message).toMatch(/^[^\p{Cc}]+$/u);
  expect(message.length).toBeLessThanOrEqual(1024);
  expect(observedGeneration).toBe(document.metadata.generation);
  if (status === 'Unknown') expect(reason).toBe('Pending');
  const old = before?.conditions?.find((one) => one.type === type);
  expect(lastTransitionTime).toBe(old?.status === status ? old.lastTransitionTime : now);
}

const schemas = compileSchemas(
  CRDS.filter(({ spec }) => spec.names.kind !== 'ProxyReport').map((crd) => withStatusAsSpec(crd)),
);

/** The status checked by the very schema that the CRD has for it. */
function withStatusAsSpec(crd: (typeof CRDS)[number]): unknown {
  const [version] = crd.spec.versions;
  const status = version?.schema.openAPIV3Schema.properties?.['status'];
  const versions = [{ ...version, storage: true, schema: { openAPIV3Schema: { properties: { spec: status } } } }];
  return { ...crd, spec: { ...crd.spec, versions } };
}

test('every status is one that tools and people can read, and one that its CRD takes', () => {
  fc.assert(
    fc.property(jumpyHistories, (steps) => {
      for (const { round, before, now } of live(steps, same)) {
        for (const document of round.documents) {
          check(document, before.get(`${document.kind} ${document.key}`), now);
          expect(verdictOf(schemas(document.kind), { spec: document.status }).problems).toEqual([]);
        }
      }
    }),
    { numRuns: 100 },
  );
});
