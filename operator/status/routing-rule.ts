import type { Finding } from '../api/finding.ts';
import type { Address, RoutingRuleSpec, RoutingRuleStatus, RuleState } from '../api/kinds.gen.ts';
import type { Key } from '../api/resources.ts';
import { listenerPort } from '../topology/listener.ts';
import { mismatchOf, withExpiry, type CertificateEnd } from './certificates.ts';
import { settle, type Judged } from './conditions.ts';
import type { ProxyObserved } from './observed.ts';
import { admissionOf, programmedOf, type Subject } from './subject.ts';
import { joined, oneLine, sentence, sentences, some } from './text.ts';
import { negative, pending, positive, type History, type Verdict } from './verdict.ts';

/** What the status of a RoutingRule is made of. */
export interface RoutingRuleFacts {
  readonly subject: Subject;
  /** As it is in force; undefined when no version is. */
  readonly spec: RoutingRuleSpec | undefined;
  /** Names of the rules that have a route, in any order. */
  readonly routed: readonly string[];
  readonly proxy: ProxyObserved;
  /** Pools of the rule that are there and have no ready server. */
  readonly unavailable: readonly Key[];
  readonly certificates: readonly CertificateEnd[];
  /** Hosts that a certificate is not for. */
  readonly uncovered: readonly string[];
}

/** The status of a RoutingRule: Ready = Accepted, ResolvedRefs, Programmed and not PartiallyInvalid. */
export function routingRuleStatus(facts: RoutingRuleFacts, history: History): Judged<RoutingRuleStatus> {
  const { subject, spec } = facts;
  const admission = admissionOf(subject);
  const { resolved, recheckAt: expiry } = withExpiry(admission.resolved, facts.certificates, history);
  const programmed = programmedOf(admission, facts.proxy, history);
  const settled = settle(
    {
      required: [admission.accepted, resolved, programmed, ...partsOf(facts)],
      informative: [...backendsOf(facts, programmed), ...mismatchOf(facts.uncovered)],
      well: 'Serving.',
      waiting: ([first]) => (first?.type === 'Programmed' ? 'WaitingForProxies' : 'Progressing'),
    },
    history,
  );
  const { conditions } = settled;
  const conflictsWith = countConflicts(subject.findings);
  const addresses = programmed.status === 'True' && spec !== undefined ? addressesOf(facts.proxy, spec) : [];
  const backends = spec === undefined ? '' : poolNames(spec).join(', ');
  const status: RoutingRuleStatus = {
    observedGeneration: history.generation,
    conditions,
    ...(spec !== undefined && { hostnames: oneLine((spec.hostnames ?? ['*']).join(', ')) }),
    ...(backends !== '' && { backends: oneLine(backends) }),
    ...(addresses.length > 0 && { addresses }),
    rules: ruleStates(facts, programmed),
    ...(conflictsWith > 0 && { conflictsWith }),
  };
  const recheckAt = Math.min(settled.recheckAt ?? Infinity, expiry ?? Infinity);
  return recheckAt === Infinity ? { status } : { status, recheckAt };
}

/** Names of the pools that a rule sends to, each once, in order. */
export function poolNames(spec: RoutingRuleSpec): readonly string[] {
  const names = new Set<string>();
  for (const rule of spec.rules) for (const pool of rule.pools ?? []) names.add(pool.name);
  return [...names];
}

function partsOf({ subject, routed }: RoutingRuleFacts): Verdict[] {
  const parts = subject.findings.filter((finding) => finding.condition === 'PartiallyInvalid');
  const [first] = parts;
  if (first === undefined) return [];
  const message = joined(parts.map((part) => `${droppedPart(part, routed)}: ${sentence(part)}`));
  return [{ type: 'PartiallyInvalid', status: 'True', reason: first.reason, message }];
}

/** Gateway API wants the message to begin with "Dropped Rule". */
function droppedPart({ rule }: Finding, routed: readonly string[]): string {
  if (rule === undefined) return 'Dropped Rule';
  return routed.includes(rule) ? `Dropped Rule ${rule} (in part)` : `Dropped Rule ${rule}`;
}

/** Informative only: a rule without servers is still right, it answers 503. */
function backendsOf({ spec, unavailable, proxy }: RoutingRuleFacts, programmed: Verdict): Verdict[] {
  if (spec === undefined || poolNames(spec).length === 0) return [];
  if (programmed.status !== 'True' || proxy.pools.size === 0) {
    return [pending('BackendsAvailable', 'Not known until HAProxy was read back.')];
  }
  if (unavailable.length === 0) return [positive('BackendsAvailable', 'Every pool has a ready server.')];
  const pools = some(unavailable);
  const message = `No server is ready in ${pools}; its share is answered 503. The status of the pool says why.`;
  return [negative('BackendsAvailable', 'NoAvailableBackends', message)];
}

function ruleStates({ subject, spec, routed }: RoutingRuleFacts, programmed: Verdict): RuleState[] {
  const names = new Set(spec?.rules.map((rule) => rule.name));
  for (const { rule } of subject.findings) if (rule !== undefined) names.add(rule);
  return [...names].slice(0, 16).map((name) => {
    const own = subject.findings.filter((finding) => finding.rule === name);
    const state = { name: oneLine(name, 63), programmed: programmed.status === 'True' && routed.includes(name) };
    return own.length === 0 ? state : { ...state, message: sentences(own) };
  });
}

function addressesOf({ bind, portAt }: ProxyObserved, spec: RoutingRuleSpec): Address[] {
  const port = listenerPort(spec.listener);
  const reached = portAt === undefined ? port : portAt.get(port);
  if (reached === undefined) return [];
  const hosts = bind.split(',').map((host) => host.trim());
  return hosts.slice(0, 16).map((host) => addressOf(host === '*' ? '0.0.0.0' : host, reached));
}

function addressOf(value: string, port: number): Address {
  return { type: /^[\d.]+$|:/.test(value) ? 'IPAddress' : 'Hostname', value: oneLine(value, 253), ports: [port] };
}

function countConflicts(findings: readonly Finding[]): number {
  return findings.filter(({ reason }) => reason === 'Conflicted' || reason === 'MatchConflicted').length;
}
