/** What the limits of a rule ask of each other. */
import type { RateLimit, Rule } from './kinds.gen.ts';
import { parseDuration } from './duration.ts';
import { durationProblems } from './duration-rules.ts';
import { readsHttp, type Protocol } from './layer.ts';
import { problem, type Problem } from './problem.ts';
import { rangeProblems } from './range-rules.ts';

/** How long a client may take to regain all of its requests (ms): the proxies remember it no longer. */
const LONGEST_REST = 3_600_000;

/** Everything wrong with `access`, `rateLimit`, `limits` and `timeouts`. */
export function limitProblems(rule: Rule, path: string, protocol: Protocol): readonly Problem[] {
  const { access, rateLimit, timeouts, respond, filters } = rule;
  const ranges = [
    ...rangeProblems(access?.allow, `${path}.access.allow`),
    ...rangeProblems(access?.deny, `${path}.access.deny`),
  ];
  if (!readsHttp(protocol)) {
    const fields = (['rateLimit', 'limits', 'timeouts'] as const).filter((field) => rule[field] !== undefined);
    return [
      ...ranges,
      ...fields.map((field) => problem(`${path}.${field}`, 'needs an HTTP listener: a TCP connection has no requests')),
    ];
  }
  const answers = respond !== undefined || filters?.redirect !== undefined;
  return [
    ...ranges,
    ...durationProblems(timeouts?.request, `${path}.timeouts.request`, ['0s', '24h']),
    ...(timeouts !== undefined && answers
      ? [problem(`${path}.timeouts`, 'stands beside respond or redirect: no server is waited for, so remove it')]
      : []),
    ...(rateLimit === undefined ? [] : rateLimitProblems(rateLimit, `${path}.rateLimit`)),
  ];
}

function rateLimitProblems({ requests, per, burst = requests, key }: RateLimit, path: string): readonly Problem[] {
  const rest = requests > 0 && burst > requests ? (burst * (parseDuration(per) ?? 0)) / requests : 0;
  return [
    ...durationProblems(per, `${path}.per`, ['1s', '1h']),
    ...keyProblems(key, `${path}.key`),
    ...(rest > LONGEST_REST
      ? [problem(`${path}.burst`, 'takes more than 1h to be regained at this rate: lower it, or raise requests')]
      : []),
  ];
}

function keyProblems(key: RateLimit['key'], path: string): readonly Problem[] {
  const named = key?.name !== undefined;
  if (key?.type === 'Header' && !named) return [problem(path, 'type Header needs the field name')];
  if (key?.type !== 'SourceIP' || !named) return [];
  return [problem(`${path}.name`, 'is for type Header: remove it or change the type')];
}
