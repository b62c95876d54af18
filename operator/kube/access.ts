/** How to reach the API server and as whom: from a kubeconfig or from the files of a Pod, read again as they change. */
import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** The API server and our identity at one moment. */
export interface Access {
  /** With a path where the server is behind one; no slash at the end. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Equal exactly for the same server and TLS material: connections of another one must not be used again. */
  readonly fingerprint: string;
}

export interface TlsMaterial {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Where access comes from. */
export interface AccessSource {
  /** `fresh` after the server refused the last one. Errors: what the files or the exec plugin say. */
  current(fresh?: boolean): Promise<Access>;
}

/** No cluster is configured, or the one that is cannot be used. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

/** Milliseconds: files and plugins are asked again after this, so a rotated token or CA is in use within a few seconds. */
const KEPT = 10_000;

/** Which cluster is meant. */
export interface ClusterName {
  /** Path; default: `$KUBECONFIG`, then the Pod's own identity, then `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** Default: the current one. */
  readonly context?: string;
}

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
export function kubeConfigAccess(config: KubeConfig, now: () => number = () => performance.now()): AccessSource {
  let last: { readonly at: number; readonly access: Promise<Access> } | undefined;
  return {
    current(fresh = false) {
      const at = now();
      if (last === undefined || fresh || at - last.at > KEPT) {
        const access = read(config);
        // A failure is not kept.
        access.catch(() => (last = undefined));
        last = { at, access };
      }
      return last.access;
    },
  };
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

function fingerprintOf(server: string, tls: TlsMaterial): string {
  const hash = createHash('sha256').update(server);
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername, String(tls.rejectUnauthorized)]) {
    hash.update('\0').update(part ?? '');
  }
  return hash.digest('hex');
}
