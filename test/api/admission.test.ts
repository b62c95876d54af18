import { describe, expect, test } from 'vitest';
import { admit } from '../../operator/api/admission.ts';
import type { Problem } from '../../operator/api/problem.ts';
import { keyOf, type KindOf, type Metadata } from '../../operator/api/resources.ts';

const WRONG: Problem = { path: 'spec.port', reason: 'InvalidSpec', message: 'is wrong', file: 'a.yaml', line: 7 };

function metadata(generation: number): Metadata {
  return { namespace: 'default', name: 'blog', generation };
}

function pool(generation: number, spec: object = {}): KindOf {
  return { kind: 'WebPool', metadata: metadata(generation), spec };
}

function rules(generation: number, names: readonly string[]): Extract<KindOf, { kind: 'RoutingRule' }> {
  const spec = { listener: { protocol: 'HTTP' as const }, rules: names.map((name) => ({ name, pools: [{ name }] })) };
  return { kind: 'RoutingRule', metadata: metadata(generation), spec };
}

describe('of a WebPool or a DatabaseGrant', () => {
  test('a good version is in force', () => {
    expect(admit({ object: pool(2), problems: [] }, pool(1))).toEqual({ inForce: pool(2), findings: [] });
  });

  test.each([
    ['none', undefined],
    ['the version before it', pool(1)],
  ])('a bad version is not; %s is', (_, previous) => {
    const admission = admit({ object: pool(2), problems: [WRONG] }, previous);
    expect(admission.inForce).toBe(previous);
    expect(admission.held).toEqual({
      kind: 'WebPool',
      key: 'default/blog',
      metadata: metadata(2),
      findings: [
        {
          object: { kind: 'WebPool', key: 'default/blog' },
          condition: 'Accepted',
          reason: 'InvalidSpec',
          path: 'spec.port',
          message: 'is wrong',
          file: 'a.yaml',
          line: 7,
        },
      ],
      paused: false,
      fallback: previous !== undefined,
    });
    expect(admission.findings).toEqual([]);
  });

  test('the version before it stays the same object', () => {
    const previous = pool(1);
    expect(admit({ object: pool(2), problems: [WRONG] }, previous).inForce).toBe(previous);
  });
});

describe('a paused WebPool', () => {
  test.each([
    ['never in force', undefined, false],
    ['in force before', pool(1), true],
  ])('%s', (_, previous, fallback) => {
    const { inForce, held, findings } = admit({ object: pool(2, { paused: true }), problems: [] }, previous);
    expect(inForce).toBe(previous);
    expect(held).toMatchObject({ paused: true, fallback, findings: [], metadata: { generation: 2 } });
    expect(findings).toEqual([]);
  });

  test('and wrong says both', () => {
    const { held } = admit({ object: pool(2, { paused: true }), problems: [WRONG] }, pool(1));
    expect(held).toMatchObject({ paused: true, fallback: true, findings: [{ reason: 'InvalidSpec' }] });
  });

  test('goes on with the newest version when a restart forgot the one in force', () => {
    const candidate = { object: pool(2, { paused: true }), problems: [], servedBefore: true };
    expect(admit(candidate, undefined)).toMatchObject({
      inForce: candidate.object,
      held: { paused: true, fallback: true },
    });
    expect(admit({ ...candidate, problems: [WRONG] }, undefined).inForce).toBeUndefined();
  });

  test('paused: false is not paused', () => {
    expect(admit({ object: pool(2, { paused: false }), problems: [] }, undefined).held).toBeUndefined();
  });

  test.each([null, 'text', undefined, { paused: 'true' }])('a spec that is %j is no pause', (spec) => {
    const object = { ...pool(1), spec } as unknown as KindOf;
    expect(admit({ object, problems: [WRONG] }, undefined).held?.paused).toBe(false);
  });
});

describe('a RoutingRule', () => {
  const at = (ruleIndex: number, reason: Problem['reason'] = 'InvalidSpec'): Problem => ({
    ...WRONG,
    path: `spec.rules[${ruleIndex}].matches[0]`,
    reason,
    ruleIndex,
  });

  test('serves without its bad rules and says which', () => {
    const object = rules(2, ['a', 'b', 'c']);
    const { inForce, held, findings } = admit({ object, problems: [at(1)] }, rules(1, ['old']));
    expect(inForce).toEqual({ ...object, spec: rules(2, ['a', 'c']).spec });
    expect(held).toBeUndefined();
    expect(findings).toEqual([
      {
        object: { kind: 'RoutingRule', key: keyOf(object.metadata) },
        condition: 'PartiallyInvalid',
        reason: 'UnsupportedValue',
        rule: 'b',
        path: 'spec.rules[1].matches[0]',
        message: 'is wrong',
        file: 'a.yaml',
        line: 7,
      },
    ]);
  });

  test('tells of each problem, and of a regular expression as such', () => {
    const { findings } = admit(
      { object: rules(1, ['a', 'b', 'c']), problems: [at(2, 'InvalidRegex'), at(0), at(0)] },
      undefined,
    );
    expect(findings.map(({ rule, reason }) => [rule, reason])).toEqual([
      ['c', 'InvalidRegex'],
      ['a', 'UnsupportedValue'],
      ['a', 'UnsupportedValue'],
    ]);
  });

  test.each([
    ['every rule is bad', ['a', 'b'], [at(0), at(1)]],
    ['the only rule is bad', ['a'], [at(0)]],
    ['something beside the rules is bad', ['a', 'b'], [at(0), WRONG]],
  ])('falls back as a whole where %s', (_, names, problems) => {
    const previous = rules(1, ['old']);
    const { inForce, held, findings } = admit({ object: rules(2, names), problems }, previous);
    expect(inForce).toBe(previous);
    expect(held?.findings).toHaveLength(problems.length);
    expect(held?.findings.every(({ condition }) => condition === 'Accepted')).toBe(true);
    expect(findings).toEqual([]);
  });
});
