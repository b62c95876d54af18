/** Until when the certificates that a RoutingRule names are good, and what is said about it. */
import type { Finding } from '../api/finding.ts';
import type { RoutingRuleSpec } from '../api/kinds.gen.ts';
import { certificateInForce, keyOf, type Key, type Resources, type RoutingRule } from '../api/resources.ts';
import { hostsOf } from '../topology/matches.ts';
import { some } from './text.ts';
import { secondsOf } from './time.ts';
import { negative, type History, type Verdict } from './verdict.ts';

/** The end of a certificate. */
export interface CertificateEnd {
  readonly secret: Key;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** From when on the message asks for a new one (seconds before the end). */
const SOON = 14 * 86_400;

/** The ends of the usable certificates and authorities that a RoutingRule names. */
export function certificateEnds({ metadata, spec }: RoutingRule, secrets: Resources['secrets']): CertificateEnd[] {
  const { namespace } = metadata;
  return namesOf(spec).flatMap(([name, holds]) => {
    const secret = keyOf({ namespace, name });
    const good = certificateInForce(secrets.get(secret)?.[holds]);
    return good === undefined ? [] : [{ secret, notAfter: good.notAfter }];
  });
}

/** Hosts of a RoutingRule for which a certificate that it names is not, with the name of its Secret. */
export function uncoveredHosts({ metadata, spec }: RoutingRule, secrets: Resources['secrets']): readonly string[] {
  const { namespace } = metadata;
  return namesOf(spec).flatMap(([name, holds]) => {
    const good = certificateInForce(secrets.get(keyOf({ namespace, name }))?.[holds]);
    if (holds !== 'certificate' || good === undefined) return [];
    const names = new Set(good.names.map((one) => one.toLowerCase()));
    const hosts = hostsOf(spec).filter(
      (host) => host !== undefined && !names.has(host) && !names.has(wildcardOf(host)),
    );
    return hosts.map((host) => `${host} (Secret "${name}")`);
  });
}

/** `*.example.com` for `www.example.com`: a wildcard of a certificate stands for one label. */
function wildcardOf(host: string): string {
  return host.replace(/^[^.]*/, '*');
}

/** Told, and no reason not to be ready: whoever is in front of us may not ask for the name. */
export function mismatchOf(uncovered: readonly string[]): readonly Verdict[] {
  if (uncovered.length === 0) return [];
  const message = `The certificate is not for ${some(uncovered)}: whoever verifies it refuses that host. Have it issued with that name too.`;
  return [{ type: 'CertificateMismatch', status: 'True', reason: 'CertificateMismatch', message }];
}

/** What a RoutingRule is told of Secrets that HAProxy refused. */
export function refusedCertificates(
  { metadata, spec }: RoutingRule,
  refused: ReadonlyMap<Key, string> = new Map(),
): readonly Finding[] {
  const { namespace } = metadata;
  return namesOf(spec).flatMap(([name]): readonly Finding[] => {
    const words = refused.get(keyOf({ namespace, name }));
    if (words === undefined) return [];
    const message = `HAProxy refuses what Secret "${name}" holds: ${words} What it had before stays in force.`;
    const object = { kind: 'RoutingRule', key: keyOf(metadata) } as const;
    return [{ object, condition: 'ResolvedRefs', reason: 'InvalidCertificateRef', path: 'spec.listener.tls', message }];
  });
}

function namesOf({ listener: { tls } }: RoutingRuleSpec): readonly (readonly [string, 'certificate' | 'authority'])[] {
  if (tls === undefined) return [];
  const { secretName, alternateSecretName, clientCASecretName } = tls;
  return [
    [secretName, 'certificate'],
    ...(alternateSecretName === undefined ? [] : [[alternateSecretName, 'certificate'] as const]),
    ...(clientCASecretName === undefined ? [] : [[clientCASecretName, 'authority'] as const]),
  ];
}

/** ResolvedRefs with what time does to certificates. An expired one still serves: who ignores it is better off so. */
export function withExpiry(
  resolved: Verdict,
  ends: readonly CertificateEnd[],
  { seconds }: History,
): { readonly resolved: Verdict; readonly recheckAt?: number } {
  const [first] = ends.toSorted((a, b) => secondsOf(a.notAfter) - secondsOf(b.notAfter));
  if (first === undefined || resolved.status !== 'True') return { resolved };
  const { secret, notAfter } = first;
  const end = secondsOf(notAfter);
  if (seconds >= end) {
    const message = `The certificate of Secret ${secret} ended on ${notAfter}, so clients refuse it. Renew it: the new one is taken at once.`;
    return { resolved: negative('ResolvedRefs', 'InvalidCertificateRef', message) };
  }
  if (seconds >= end - SOON) {
    const message = `${resolved.message} The certificate of Secret ${secret} ends soon, on ${notAfter}: renew it.`;
    return { resolved: { ...resolved, message }, recheckAt: end };
  }
  const message = `${resolved.message} The first certificate to end is that of Secret ${secret}, on ${notAfter}.`;
  return { resolved: { ...resolved, message }, recheckAt: end - SOON };
}
