/** How the load balancer speaks to a server below HTTP: TLS and the PROXY protocol. */
import type { EndpointTLS, PoolTLS } from '../api/kinds.gen.ts';
import { keyOf, type Key, type WebPool } from '../api/resources.ts';
import { DEFAULTS } from './defaults.ts';
import { certificateRef, type Secrets } from './sites.ts';
import type { SecretRef, Server, ServerTLS, Transport } from './topology.ts';

/** The transport of a server (absent: bytes as they are), or one sentence why it has none that is safe. */
export type TransportResult =
  | { readonly transport?: Transport }
  | { readonly problem: string; readonly reason: 'InvalidCertificateRef' | 'NameMissing' };

/** Keys of the Secrets that the servers of a pool need. */
export function transportSecrets({ metadata: { namespace }, spec }: WebPool): readonly Key[] {
  const all = [spec.tls, ...(spec.externalEndpoints ?? []).map(({ tls }) => tls)];
  const names = new Set(all.flatMap((tls) => tls?.caSecretName ?? []));
  return [...names].map((name) => keyOf({ namespace, name }));
}

/** The transport of one server of a pool; `own` is what its endpoint says, field by field before the pool. */
export function transportOf(
  pool: WebPool,
  { server, own }: { readonly server: Server; readonly own: EndpointTLS | undefined },
  secrets: Secrets,
): TransportResult {
  const { proxyProtocol = DEFAULTS.WebPool.proxyProtocol } = pool.spec;
  const asked = askedTLS(pool, own);
  const tls = asked === undefined ? undefined : tlsOf(pool, { server, asked }, secrets);
  if (tls !== undefined && 'problem' in tls) return tls;
  const transport: Transport = { ...(tls && { tls }), ...(proxyProtocol !== 'Disabled' && { proxyProtocol }) };
  return Object.keys(transport).length === 0 ? {} : { transport };
}

type Asked = PoolTLS & { readonly profile: ServerTLS['profile'] };

function tlsOf(
  pool: WebPool,
  { server, asked }: { readonly server: Server; readonly asked: Asked },
  secrets: Secrets,
): ServerTLS | Extract<TransportResult, { readonly problem: string }> {
  const { profile } = asked;
  const serverName = asked.serverName ?? (profile === 'Modern' ? server.hostname : undefined);
  if (profile === 'Modern' && serverName === undefined) {
    const problem = 'has no name that its certificate could be compared with. Set tls.serverName.';
    return { problem, reason: 'NameMissing' };
  }
  const ca = authorityOf(pool, asked.caSecretName, secrets);
  if (ca !== undefined && 'problem' in ca) return { problem: ca.problem, reason: 'InvalidCertificateRef' };
  return { profile, ...(ca && { ca }), ...(serverName !== undefined && { serverName }) };
}

function askedTLS({ spec }: WebPool, own: EndpointTLS | undefined): Asked | undefined {
  if (spec.tls === undefined && own === undefined) return undefined;
  const asked = { ...DEFAULTS.WebPool.tls, ...spec.tls, ...own };
  if (asked.mode === 'Disabled') return undefined;
  if (own?.profile !== 'Legacy' || own.serverName !== undefined) return asked;
  // A pinned certificate is who the server is; the name of its neighbours says nothing about it.
  const { serverName: _, ...pinned } = asked;
  return pinned;
}

function authorityOf(
  { metadata: { namespace } }: WebPool,
  name: string | undefined,
  secrets: Secrets,
): SecretRef | { readonly problem: string } | undefined {
  if (name === undefined) return undefined;
  return certificateRef({ secret: keyOf({ namespace, name }), name }, secrets, 'authority');
}
