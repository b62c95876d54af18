/** TLS of HTTPS listeners: what a RoutingRule asks for, and which one keeps a host that several ask for. */
import type { Finding } from '../api/finding.ts';
import { certificateInForce, keyOf, type Key, type Resources, type RoutingRule } from '../api/resources.ts';
import { nameFor } from './conflicts.ts';
import { DEFAULTS } from './defaults.ts';
import { hostsOf } from './matches.ts';
import { compareObjects } from './precedence.ts';
import type { RuleRoutes } from './rule-routes.ts';
import { compareText } from '../api/stable.ts';
import type { SecretRef, Site, SiteTLS } from './topology.ts';

export type Secrets = Resources['secrets'];

/** The TLS that one RoutingRule asks for its hosts. */
export interface SiteClaim {
  readonly hosts: readonly (string | undefined)[];
  readonly tls: SiteTLS;
  /** Equal for two claims exactly when their TLS is. */
  readonly identity: string;
}

/** A claim, or why there is none. Neither without HTTPS. */
export interface ClaimResult {
  readonly claim?: SiteClaim;
  readonly findings: readonly Finding[];
}

interface Reference {
  readonly field: 'secretName' | 'alternateSecretName' | 'clientCASecretName';
  readonly name: string;
  readonly kind: 'certificate' | 'authority';
}

/** Keys of the Secrets that the listener of a RoutingRule names. */
export function referencedSecrets({ metadata: { namespace }, spec }: RoutingRule): readonly Key[] {
  return referencesOf(spec.listener).map(({ name }) => keyOf({ namespace, name }));
}

/** What a RoutingRule asks for its hosts; one certificate that was never good, and it asks for nothing. */
export function siteClaim(source: RoutingRule, secrets: Secrets): ClaimResult {
  const { listener } = source.spec;
  if (listener.protocol !== 'HTTPS' || listener.tls === undefined) return { findings: [] };
  const { namespace } = source.metadata;
  const refs = new Map<Reference['field'], SecretRef>();
  const findings: Finding[] = [];
  for (const reference of referencesOf(listener)) {
    const secret = keyOf({ namespace, name: reference.name });
    const { ref, problem } = certificateRef({ secret, name: reference.name }, secrets, reference.kind);
    if (problem !== undefined) findings.push(invalidCertificate(source, reference.field, withWay(problem, ref)));
    if (ref !== undefined) refs.set(reference.field, ref);
  }
  if (refs.size < referencesOf(listener).length) return { findings };
  const clientCA = refs.get('clientCASecretName');
  const tls: SiteTLS = {
    certificates: [refs.get('secretName'), refs.get('alternateSecretName')].filter((ref) => ref !== undefined),
    minVersion: listener.tls.minVersion ?? DEFAULTS.RoutingRule.listener.tls.minVersion,
    ...(clientCA && { clientCA }),
  };
  return { claim: { hosts: hostsOf(source.spec), tls, identity: JSON.stringify(tls) }, findings };
}

function referencesOf({ tls }: RoutingRule['spec']['listener']): readonly Reference[] {
  if (tls === undefined) return [];
  const fields = [
    ['secretName', 'certificate'],
    ['alternateSecretName', 'certificate'],
    ['clientCASecretName', 'authority'],
  ] as const;
  return fields.flatMap(([field, kind]): Reference[] => {
    const name = tls[field];
    return name === undefined ? [] : [{ field, name, kind }];
  });
}

const KEYS = { certificate: 'tls.crt and tls.key', authority: 'ca.crt' } as const;

/** What a reference to a certificate comes to. */
export interface CertificateFound {
  /** The newest that can be used. */
  readonly ref?: SecretRef;
  /** Why what stands there now cannot be: one sentence. */
  readonly problem?: string;
}

/** The certificate or authority in a Secret. */
export function certificateRef(
  { secret, name }: { readonly secret: Key; readonly name: string },
  secrets: Secrets,
  kind: Reference['kind'],
): CertificateFound {
  const info = secrets.get(secret);
  if (info === undefined) return { problem: `Secret "${name}" does not exist.` };
  const found = info[kind];
  if (found === undefined) return { problem: `Secret "${name}" lacks ${KEYS[kind]}.` };
  const good = certificateInForce(found);
  return {
    ...(good && { ref: { secret, version: good.fingerprint } }),
    ...('problem' in found && { problem: `Secret "${name}": ${found.problem}` }),
  };
}

function withWay(problem: string, inForce: SecretRef | undefined): string {
  return inForce === undefined
    ? `${problem} Until it is right, the hosts of this object are not served here.`
    : `${problem} Until it is right, what it held before stays in force.`;
}

function invalidCertificate(source: RoutingRule, field: Reference['field'], message: string): Finding {
  return {
    object: { kind: 'RoutingRule', key: keyOf(source.metadata) },
    condition: 'ResolvedRefs',
    reason: 'InvalidCertificateRef',
    path: `spec.listener.tls.${field}`,
    message,
  };
}

/** The hosts of one port with their TLS, the routes that are left, and what those are told who asked in vain. */
export interface SiteDecision {
  /** Undefined when nobody asks for TLS. */
  readonly sites?: readonly Site[];
  readonly owners: readonly RuleRoutes[];
  readonly findings: readonly Finding[];
}

/** The first by precedence decides the TLS of a host; whoever asks for another one is not served there. */
export function decideSites(owners: readonly RuleRoutes[]): SiteDecision {
  if (owners.every(({ protocol }) => protocol !== 'HTTPS')) return { owners, findings: [] };
  const holders = new Map<string | undefined, { readonly rules: RuleRoutes; readonly claim: SiteClaim }>();
  for (const rules of [...owners].sort((a, b) => compareObjects(a.object, b.object))) {
    const { claim } = rules;
    for (const host of claim?.hosts ?? []) {
      if (claim !== undefined && !holders.has(host)) holders.set(host, { rules, claim });
    }
  }
  const sites = [...holders]
    .map(([host, { claim }]): Site => ({ ...(host !== undefined && { host }), tls: claim.tls }))
    .sort((a, b) => compareText(a.host ?? '', b.host ?? ''));
  const findings: Finding[] = [];
  const kept = owners.map((rules) => {
    const lost = (rules.claim?.hosts ?? []).filter(
      (host) => holders.get(host)?.claim.identity !== rules.claim?.identity,
    );
    if (lost.length === 0) return rules;
    const holder = holders.get(lost[0])?.rules;
    findings.push(lostHosts(rules, lost, holder ?? rules));
    return { ...rules, candidates: rules.candidates.filter(({ route }) => !lost.includes(route.host)) };
  });
  return { sites, owners: kept, findings };
}

function lostHosts({ object, claim }: RuleRoutes, lost: readonly (string | undefined)[], holder: RuleRoutes): Finding {
  const hosts = lost.map((host) => host ?? 'every other host').join(', ');
  const other = nameFor(object.key, holder.object.key);
  const message = `${other} has ${hosts} with other TLS settings (certificate, minVersion or client authority), and a host has one. Use the same, or set a higher priority to take it over.`;
  const place = { object: { kind: 'RoutingRule', key: object.key }, path: 'spec.listener.tls', message } as const;
  return lost.length === claim?.hosts.length
    ? { ...place, condition: 'Accepted', reason: 'Conflicted' }
    : { ...place, condition: 'PartiallyInvalid', reason: 'MatchConflicted' };
}
