/** How the load balancer speaks to a server below HTTP: TLS and the PROXY protocol. */
import type { EndpointTLS, PoolTLS } from '../api/kinds.gen.ts';
import { keyOf, type Key, type Resources, type WebPool } from '../api/resources.ts';
import { DEFAULTS } from './defaults.ts';
import { certificateRef, referencedSecrets, type CertificateFound, type Secrets } from './sites.ts';
import type { Server, ServerTLS, Transport } from './topology.ts';

/** How a server is spoken to, and what is wrong with it. */
export interface TransportResult {
  /** `none`: there is no way that is safe. Absent: bytes as they are. */
  readonly transport?: Transport | 'none';
  readonly problem?: TransportProblem;
}

/** One sentence. */
export interface TransportProblem {
  readonly message: string;
  readonly reason: 'InvalidCertificateRef' | 'NameMissing';
}

/** Keys of all Secrets that rules and pools name, some perhaps twice. */
export function namedSecrets({ rules, pools }: Pick<Resources, 'rules' | 'pools'>): readonly Key[] {
  return [...[...rules.values()].flatMap(referencedSecrets), ...[...pools.values()].flatMap(transportSecrets)];
}

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
  const { tls, problem } = asked === undefined ? {} : tlsOf(pool, { server, asked }, secrets);
  if (tls === undefined && problem !== undefined) return { transport: 'none', problem };
  const transport: Transport = { ...(tls && { tls }), ...(proxyProtocol !== 'Disabled' && { proxyProtocol }) };
  return { ...(Object.keys(transport).length > 0 && { transport }), ...(problem && { problem }) };
}

type Asked = PoolTLS & { readonly profile: ServerTLS['profile'] };

function tlsOf(
  pool: WebPool,
  { server, asked }: { readonly server: Server; readonly asked: Asked },
  secrets: Secrets,
): { readonly tls?: ServerTLS; readonly problem?: TransportProblem } {
  const { profile } = asked;
  const serverName = asked.serverName ?? (profile === 'Modern' ? server.hostname : undefined);
  if (profile === 'Modern' && serverName === undefined) {
    const message = 'has no name that its certificate could be compared with. Set tls.serverName.';
    return { problem: { message, reason: 'NameMissing' } };
  }
  const { ref: ca, problem: message } = authorityOf(pool, asked.caSecretName, secrets);
  const problem = message === undefined ? {} : { problem: { message, reason: 'InvalidCertificateRef' as const } };
  // Without the authority that was asked for nobody would be verified.
  if (ca === undefined && message !== undefined) return problem;
  return { tls: { profile, ...(ca && { ca }), ...(serverName !== undefined && { serverName }) }, ...problem };
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
): CertificateFound {
  if (name === undefined) return {};
  return certificateRef({ secret: keyOf({ namespace, name }), name }, secrets, 'authority');
}
