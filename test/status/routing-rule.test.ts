import { describe, expect, test } from 'vitest';
import type { Finding } from '../../operator/api/finding.ts';
import type { RoutingRuleSpec } from '../../operator/api/kinds.gen.ts';
import {
  DOWN,
  life,
  messageOf,
  metadataOf,
  NOTHING,
  proxyOf,
  SITE,
  statusOf,
  told,
  UP,
  VM,
  type Written,
} from './world.ts';

const VALID = 'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed';
const WELL = `Ready=True/Ready ${VALID} BackendsAvailable=True/BackendsAvailable`;
const OBJECT = { kind: 'RoutingRule', key: 'default/site' } as const;

function siteOf(written: Written, state = UP, over = {}) {
  const round = life().at(0, written, (topology) => ({ proxy: proxyOf(topology, () => state, over) }));
  return statusOf(round, 'RoutingRule', 'site');
}

function rule(...rules: RoutingRuleSpec['rules']): RoutingRuleSpec {
  return { listener: { protocol: 'HTTP', port: 8080 }, rules };
}

describe('a RoutingRule tells how it is', () => {
  test.each([
    ['all well', { pools: { blog: VM }, rules: { site: SITE } }, UP, WELL],
    [
      'no server: informative only, for it answers 503 as it should',
      { pools: { blog: VM }, rules: { site: SITE } },
      DOWN,
      `Ready=True/Ready ${VALID} BackendsAvailable=False/NoAvailableBackends`,
    ],
    [
      'a pool is missing',
      { rules: { site: SITE } },
      UP,
      'Ready=False/BackendNotFound Accepted=True/Accepted ResolvedRefs=False/BackendNotFound Programmed=True/Programmed BackendsAvailable=Unknown/Pending Reconciling=True/Progressing',
    ],
    [
      'an answer of its own needs no backend',
      { rules: { site: rule({ name: 'a', respond: { status: 404 } }) } },
      UP,
      `Ready=True/Ready ${VALID}`,
    ],
  ] as const)('%s', (...[, written, state, conditions]) => {
    expect(told(siteOf(written, state))).toBe(conditions);
  });

  test('names its pools once, in order, and its rules', () => {
    const site = rule(
      { name: 'a', pools: [{ name: 'shop' }, { name: 'blog' }] },
      { name: 'b', matches: [{ path: { type: 'Prefix', value: '/b' } }], pools: [{ name: 'blog' }] },
    );
    const status = siteOf({ pools: { blog: VM, shop: VM }, rules: { site } });
    expect(status.backends).toBe('shop, blog');
    expect(status.rules).toEqual([
      { name: 'a', programmed: true },
      { name: 'b', programmed: true },
    ]);
  });

  test.each([
    ['127.0.0.1', [{ type: 'IPAddress', value: '127.0.0.1', ports: [8080] }]],
    ['*', [{ type: 'IPAddress', value: '0.0.0.0', ports: [8080] }]],
    [
      '192.0.2.1,::1',
      [
        { type: 'IPAddress', value: '192.0.2.1', ports: [8080] },
        { type: 'IPAddress', value: '::1', ports: [8080] },
      ],
    ],
    ['lb.example.com', [{ type: 'Hostname', value: 'lb.example.com', ports: [8080] }]],
  ])('where it can be reached when bound to %s', (bind, addresses) => {
    const written = { rules: { site: rule({ name: 'a', respond: { status: 404 } }) } };
    expect(siteOf(written, UP, { bind }).addresses).toEqual(addresses);
  });

  test('nowhere before it is programmed', () => {
    const round = life().at(0, { pools: { blog: VM }, rules: { site: SITE } }, () => ({ proxy: NOTHING }));
    const status = statusOf(round, 'RoutingRule', 'site');
    expect([status.addresses, status.rules]).toEqual([undefined, [{ name: 'all', programmed: false }]]);
    expect(told(status)).toContain(
      'Programmed=Unknown/Pending BackendsAvailable=Unknown/Pending Reconciling=True/WaitingForProxies',
    );
  });
});

describe('rules that were dropped', () => {
  const finding = (rule: string | undefined, message: string, more: Partial<Finding> = {}): Finding =>
    ({
      object: OBJECT,
      condition: 'PartiallyInvalid',
      reason: 'UnsupportedValue',
      message,
      ...(rule !== undefined && { rule }),
      ...more,
    }) as Finding;
  const site = rule({ name: 'good', pools: [{ name: 'blog' }] });
  const says = (...findings: readonly Finding[]) => siteOf({ pools: { blog: VM }, rules: { site }, findings });

  test('are named first, as Gateway API asks, with their place', () => {
    const status = says(finding('bad', 'is wrong', { path: 'spec.rules[1].matches[0]' }), finding(undefined, 'odd'));
    expect(messageOf(status, 'PartiallyInvalid')).toBe(
      'Dropped Rule bad: spec.rules[1].matches[0]: is wrong; Dropped Rule: odd',
    );
    expect(told(status)).toBe(
      `Ready=False/UnsupportedValue ${VALID} PartiallyInvalid=True/UnsupportedValue BackendsAvailable=True/BackendsAvailable Stalled=True/UnsupportedValue`,
    );
    expect(status.rules).toEqual([
      { name: 'good', programmed: true },
      { name: 'bad', programmed: false, message: 'spec.rules[1].matches[0]: is wrong' },
    ]);
  });

  test('in part still serve with the rest', () => {
    expect(messageOf(says(finding('good', 'one match lost')), 'PartiallyInvalid')).toBe(
      'Dropped Rule good (in part): one match lost',
    );
  });

  test('are counted where another object holds the match', () => {
    const conflicts = says(finding('a', 'x', { reason: 'MatchConflicted' }), finding('b', 'y'));
    expect(conflicts.conflictsWith).toBe(1);
    expect(says().conflictsWith).toBeUndefined();
  });

  test('by the hundred fit into a message', () => {
    const many = Array.from({ length: 500 }, (_, index) =>
      finding(`r${index}`, 'is wrong in a way that takes some words to say'),
    );
    const message = messageOf(says(...many), 'PartiallyInvalid');
    expect(message.length).toBeLessThanOrEqual(1024);
    expect(message).toMatch(/ \(and \d+ more\)$/);
    expect(says(...many).rules).toHaveLength(16);
  });
});

test('a refused version: the old one serves on, and it says both', () => {
  const findings: Finding[] = [{ object: OBJECT, condition: 'Accepted', reason: 'InvalidRegex', message: 'no' }];
  const held = [{ ...OBJECT, metadata: metadataOf('site', 3), findings, paused: false, fallback: true }];
  const status = siteOf({ pools: { blog: VM }, rules: { site: SITE }, held });
  expect(messageOf(status, 'Accepted')).toBe('Fall Back to generation 1, which still serves: no');
  expect(told(status)).toMatch(/^Ready=False\/InvalidRegex Accepted=False\/InvalidRegex .*Stalled=True\/InvalidRegex$/);
  expect(status.observedGeneration).toBe(3);
});
