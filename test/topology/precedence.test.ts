import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Rule, RuleMatch } from '../../operator/api/kinds.gen.ts';
import type { Metadata } from '../../operator/api/resources.ts';
import { compareCandidates, type Candidate } from '../../operator/topology/precedence.ts';
import { ruleRoutes } from '../../operator/topology/rule-routes.ts';
import { rule } from './objects.ts';

interface Written extends Partial<Metadata> {
  readonly host?: string;
  readonly priority?: number;
  readonly rules?: readonly Rule[];
}

function candidates(name: string, matches: readonly RuleMatch[], written: Written = {}): readonly Candidate[] {
  const { host, priority = 0, rules = [{ name: 'a', matches }], ...metadata } = written;
  const hostnames = host === undefined ? {} : { hostnames: [host] };
  return ruleRoutes(rule(name, { ...hostnames, priority, rules }, metadata), new Map(), new Map()).candidates;
}

function candidate(match: RuleMatch, written: Written = {}): Candidate {
  const [first] = candidates(written.name ?? 'a', [match], written);
  if (first === undefined) throw new Error('a match gives a candidate');
  return first;
}

const prefix = (value: string): RuleMatch => ({ path: { type: 'Prefix', value } });
const exact = (value: string): RuleMatch => ({ path: { type: 'Exact', value } });
const regex = (value: string): RuleMatch => ({ path: { type: 'Regex', value } });
const headers = (...names: string[]): RuleMatch => ({ headers: names.map((name) => ({ name, value: '1' })) });
const query = (...names: string[]): RuleMatch => ({ queryParams: names.map((name) => ({ name, value: '1' })) });

/** One row a comparator: the first candidate wins although all that comes later in the order speaks for the second. */
const ROWS: readonly (readonly [string, Candidate, Candidate])[] = [
  [
    'exact host before wildcard',
    candidate({}, { host: 'a.b' }),
    candidate(exact('/x'), { host: '*.long.example.com' }),
  ],
  ['longer exact host', candidate({}, { host: 'long.example.com' }), candidate(exact('/x'), { host: 'a.b' })],
  ['wildcard before every host', candidate({}, { host: '*.b' }), candidate(exact('/x'))],
  ['longer wildcard', candidate({}, { host: '*.a.b' }), candidate(exact('/x'), { host: '*.b' })],
  ['exact path before regex', candidate(exact('/x')), candidate({ ...regex('/very/long.*'), extensions: ['php'] })],
  ['longer regex', candidate(regex('/ab.*')), candidate({ ...regex('/a.*'), extensions: ['php'] })],
  ['regex before prefix', candidate(regex('/.*')), candidate({ ...prefix('/very/long'), extensions: ['php'] })],
  ['longer prefix', candidate(prefix('/ab')), candidate({ ...prefix('/a'), extensions: ['php'] })],
  ['prefix before no path', candidate(prefix('/a')), candidate({ extensions: ['php'] })],
  ['extension', candidate({ extensions: ['php'] }), candidate({ method: 'GET', ...headers('a', 'b') })],
  ['method', candidate({ method: 'GET' }), candidate({ ...headers('a', 'b'), contentTypes: ['text/html'] })],
  ['more headers', candidate(headers('a', 'b')), candidate({ ...headers('a'), ...query('a', 'b') })],
  ['a content type is a header', candidate({ contentTypes: ['text/*'] }), candidate(query('a', 'b'))],
  ['more query parameters', candidate(query('a')), candidate({ sourceRanges: ['10.0.0.0/8'] }, { priority: 9 })],
  ['source range', candidate({ sourceRanges: ['10.0.0.0/8'] }), candidate({}, { priority: 9 })],
  [
    'higher priority',
    candidate({}, { priority: 1, creationTimestamp: '2026-02-01T00:00:00Z', name: 'b' }),
    candidate({}, { creationTimestamp: '2026-01-01T00:00:00Z', name: 'a' }),
  ],
  [
    'older',
    candidate({}, { creationTimestamp: '2026-01-01T00:00:00Z', name: 'b' }),
    candidate({}, { creationTimestamp: '2026-01-01T00:00:01Z', name: 'a' }),
  ],
  ['namespace', candidate({}, { namespace: 'a', name: 'z' }), candidate({}, { namespace: 'b', name: 'a' })],
  ['name', candidate({}, { name: 'a' }), candidate({}, { name: 'b' })],
];

describe('precedence', () => {
  test.each(ROWS)('%s', (_, winner, loser) => {
    expect(compareCandidates(winner, loser)).toBeLessThan(0);
    expect(compareCandidates(loser, winner)).toBeGreaterThan(0);
  });

  it('ends with the order in which rules and then matches are written', () => {
    const rules = [
      { name: 'z', matches: [headers('z'), headers('a')] },
      { name: 'a', matches: [headers('b')] },
    ];
    const written = candidates('a', [], { rules });
    expect([...written].reverse().sort(compareCandidates)).toEqual(written);
  });

  it('is one order, whatever the order in which candidates come', () => {
    const match = fc.record(
      {
        path: fc.record({
          type: fc.constantFrom('Exact', 'Prefix', 'Regex'),
          value: fc.constantFrom('/', '/a', '/b', '/aa'),
        }),
        extensions: fc.constant(['php']),
        method: fc.constantFrom('GET', 'PUT'),
        headers: fc.constantFrom(headers('a').headers, headers('a', 'b').headers),
        sourceRanges: fc.constant(['10.0.0.0/8']),
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<RuleMatch>;
    const written = fc.record(
      {
        host: fc.constantFrom('a.b', 'b.b', '*.b', '*.c.b'),
        priority: fc.constantFrom(0, 1),
        creationTimestamp: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
      },
      { requiredKeys: [] },
    );
    const object = fc.tuple(fc.array(match, { minLength: 1, maxLength: 3 }), written);
    const shuffled = fc
      .array(object, { maxLength: 8 })
      .map((list) => list.flatMap(([matches, options], index) => candidates(`o${index}`, matches, options)))
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect([...other].sort(compareCandidates)).toEqual([...list].sort(compareCandidates));
      }),
      { numRuns: 500 },
    );
  });
});
