/** How to reach the API server and as whom: from a kubeconfig or from the files of a Pod, read again as they change. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** Where a kubelet puts the identity of a Pod. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Access to that cluster. Errors: AccessError when there is no such context, those of reading. */
export async function openAccess(cluster: ClusterName): Promise<AccessSource> {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  const isNamed = [cluster.kubeconfig, cluster.context, KUBECONFIG].some((name) => name !== undefined);
  if (!isNamed && host !== undefined) {
    return podAccess({ server: serverAt(host, port), folder: SERVICE_ACCOUNT });
  }
  // A Pod has no use for the 50 MB that reading the package takes.
  const { kubeConfigAccess, loadKubeConfig } = await import('./kubeconfig.ts');
  return kubeConfigAccess(loadKubeConfig(cluster));
}

function serverAt(host: string, port: string): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export interface PodIdentity {
  readonly server: string;
  /** With `token` and `ca.crt`. */
  readonly folder: string;
}

/** The identity of a Pod. Errors: of reading the files. */
export function podAccess({ server, folder }: PodIdentity, now?: () => number): AccessSource {
  return keepFor(async () => {
    const [token, ca] = await Promise.all([
      readFile(join(folder, 'token'), 'utf8'),
      readFile(join(folder, 'ca.crt'), 'utf8'),
    ]);
    const tls = { ca };
    const headers = { Authorization: `Bearer ${token.trim()}` };
    return { server, headers, tls, fingerprint: fingerprintOf(server, tls) };
  }, now);
}

/** Reads again when what was read is old, or when it is asked to. */
export function keepFor(read: () => Promise<Access>, now: () => number = () => performance.now()): AccessSource {
  let last: { readonly at: number; readonly access: Promise<Access> } | undefined;
  return {
    current(fresh = false) {
      const at = now();
      if (last === undefined || fresh || at - last.at > KEPT) {
        const access = read();
        // A failure is not kept.
        access.catch(() => (last = undefined));
        last = { at, access };
      }
      return last.access;
    },
  };
}

/** Of a server and its TLS material. */
export function fingerprintOf(server: string, tls: TlsMaterial): string {
  const hash = createHash('sha256').update(server);
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername, String(tls.rejectUnauthorized)]) {
    hash.update('\0').update(part ?? '');
  }
  return hash.digest('hex');
}
