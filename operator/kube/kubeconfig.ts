/** Access to the API server by a kubeconfig, with all that one can hold: certificates, tokens, plugins. */
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import {
  AccessError,
  fingerprintOf,
  keepFor,
  type Access,
  type AccessSource,
  type ClusterName,
  type TlsMaterial,
} from './access.ts';

/** The kubeconfig of a cluster. Errors: AccessError when it has no such context, those of reading. */
export function loadKubeConfig({ kubeconfig, context }: ClusterName): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
  else config.loadFromDefault();
  if (context === undefined) return config;
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    throw new AccessError(`the kubeconfig has no context "${context}"; there are ${known.join(', ') || 'none'}`);
  }
  config.setCurrentContext(context);
  return config;
}

/** Access by a kubeconfig. In a cluster, token and CA are read from their files. */
export function kubeConfigAccess(config: KubeConfig, now?: () => number): AccessSource {
  return keepFor(() => read(config), now);
}

async function read(config: KubeConfig): Promise<Access> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new AccessError('no cluster: the kubeconfig has no current context');
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, servername, rejectUnauthorized } = options as TlsMaterial;
  const tls: TlsMaterial = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  };
  const server = cluster.server.replace(/\/+$/, '');
  return { server, headers: headersOf(options), tls, fingerprint: fingerprintOf(server, tls) };
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const found = Object.entries((headers ?? {}) as Record<string, unknown>).map(
    ([name, value]) => [name, String(value).trim()] as const,
  );
  const basic = typeof auth === 'string' ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  return { ...Object.fromEntries(found), ...basic };
}
