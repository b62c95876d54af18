/** What the fields of a RoutingRule ask of each other. */
import type { Respond, RoutingRuleSpec, Rule, RuleMatch } from './kinds.gen.ts';
import { AGENT_PORT, PEERS_PORT } from './agent-port.ts';
import { canonicalAddress, isHostname } from './address.ts';
import { rangeProblems } from './range-rules.ts';
import { filterProblems } from './filter-rules.ts';
import { readsHttp, type Protocol } from './layer.ts';
import { limitProblems } from './limit-rules.ts';
import { bodyProblems } from './body-rules.ts';
import { pathProblems } from './path-rules.ts';
import { problem, shown, type Problem } from './problem.ts';
import { regexProblems } from './regex-rules.ts';

/** Statuses whose answers have no body. */
const BODILESS = new Set([204, 205, 304]);

/** Everything wrong with a RoutingRule whose fields have the right form; `ruleIndex` where only one rule is concerned. */
export function routingRuleProblems(spec: RoutingRuleSpec): readonly Problem[] {
  const rules = spec.rules.flatMap((rule, ruleIndex) =>
    ruleProblems(rule, `spec.rules[${ruleIndex}]`, spec.listener.protocol).map((found) => ({ ...found, ruleIndex })),
  );
  return [...listenerProblems(spec), ...hostnameProblems(spec), ...rules];
}

/** TLS passes through a listener of that name as it comes. */
const WITHOUT_TLS: ReadonlySet<Protocol> = new Set<Protocol>(['HTTP', 'TCP', 'TLS']);

function listenerProblems({ listener }: RoutingRuleSpec): Problem[] {
  if (listener.port === AGENT_PORT || listener.port === PEERS_PORT)
    return [problem('spec.listener.port', `${listener.port} is one that proxies themselves use: choose another port`)];
  const { protocol, port, tls, proxyProtocol } = listener;
  const problems = [...rangeProblems(proxyProtocol?.trustedSources, 'spec.listener.proxyProtocol.trustedSources')];
  if (!readsHttp(protocol) && port === undefined) {
    problems.push(problem('spec.listener', `protocol ${protocol} needs the field port`));
  }
  if (protocol === 'HTTPS' && tls === undefined) {
    problems.push(problem('spec.listener', 'protocol HTTPS needs the field tls: the Secret of its certificate'));
  }
  if (WITHOUT_TLS.has(protocol) && tls !== undefined) {
    problems.push(problem('spec.listener.tls', `goes with protocol HTTPS only, not with ${protocol}: remove it`));
  }
  if (tls !== undefined && tls.alternateSecretName === tls.secretName) {
    problems.push(problem('spec.listener.tls.alternateSecretName', 'is the Secret of secretName: remove it'));
  }
  return [...problems, ...trustProblems(listener)];
}

function trustProblems({ protocol, trustedSources }: RoutingRuleSpec['listener']): readonly Problem[] {
  const path = 'spec.listener.trustedSources';
  if (readsHttp(protocol) || trustedSources === undefined) return rangeProblems(trustedSources, path);
  return [problem(path, 'needs an HTTP listener: only HTTP has X-Forwarded-For; remove it')];
}

function hostnameProblems({ listener, hostnames }: RoutingRuleSpec): readonly Problem[] {
  if (hostnames === undefined) return [];
  if (listener.protocol === 'TCP')
    return [problem('spec.hostnames', 'a TCP connection names no host: remove the field')];
  return hostnames.flatMap((host, index) => {
    const name = host.replace(/^\*\./, '');
    const known = isHostname(name) || (name === host && canonicalAddress(name) !== undefined);
    return known
      ? []
      : [problem(`spec.hostnames[${index}]`, `${shown(host)} is no host: labels have 1 to 63 characters`)];
  });
}

function ruleProblems(rule: Rule, path: string, protocol: Protocol): readonly Problem[] {
  const matches = (rule.matches ?? []).flatMap((match, index) => {
    const place = `${path}.matches[${index}]`;
    return readsHttp(protocol) ? httpMatchProblems(match, place) : tcpMatchProblems(match, place);
  });
  const ranges = (rule.matches ?? []).flatMap((match, index) =>
    rangeProblems(match.sourceRanges, `${path}.matches[${index}].sourceRanges`),
  );
  return [
    ...actionProblems(rule, path, protocol),
    ...filterProblems(rule, path, protocol),
    ...limitProblems(rule, path, protocol),
    ...matches,
    ...ranges,
  ];
}

function actionProblems(rule: Rule, path: string, protocol: Protocol): readonly Problem[] {
  const { pools, respond, filters } = rule;
  if (pools === undefined && respond === undefined && filters?.redirect === undefined) {
    return [
      problem(
        path,
        readsHttp(protocol)
          ? 'has neither pools nor respond nor filters.redirect: say what it does'
          : 'has no pools: say where the connections go',
      ),
    ];
  }
  if (respond === undefined) return [];
  if (!readsHttp(protocol))
    return [problem(`${path}.respond`, 'needs an HTTP listener: a TCP connection has no answer')];
  const both = pools === undefined ? [] : [problem(`${path}.respond`, 'stands beside pools: keep one of them')];
  return [...both, ...respondProblems(respond, `${path}.respond`)];
}

function respondProblems({ status, body }: Respond, path: string): Problem[] {
  if (body === undefined || !BODILESS.has(status)) return bodyProblems(body, `${path}.body`);
  return [problem(`${path}.body`, `an answer ${status} has no body: remove it or choose another status`)];
}

function tcpMatchProblems(match: RuleMatch, path: string): readonly Problem[] {
  const others = Object.keys(match).filter((field) => field !== 'sourceRanges');
  return others.map((field) =>
    problem(`${path}.${field}`, 'needs an HTTP listener: TCP rules match sourceRanges only'),
  );
}

function httpMatchProblems(match: RuleMatch, path: string): readonly Problem[] {
  const { headers = [], queryParams = [] } = match;
  return [
    ...(match.path === undefined ? [] : pathProblems(match.path, `${path}.path`)),
    ...valueProblems(headers, `${path}.headers`),
    ...valueProblems(queryParams, `${path}.queryParams`),
  ];
}

function valueProblems(
  matches: readonly { readonly type?: string; readonly value: string }[],
  path: string,
): readonly Problem[] {
  return matches.flatMap(({ type, value }, index) =>
    type === 'Regex' ? regexProblems(value, `${path}[${index}].value`) : [],
  );
}
