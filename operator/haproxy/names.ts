import { createHash } from 'node:crypto';
import type { Protocol } from '../api/layer.ts';
import type { Key } from '../api/resources.ts';

/** The first 16 hexadecimal digits of the SHA-256 of `text`: a name for content, not a secret. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const LONGEST_NAME = 63;

/**
 * Name of the backend of a pool in one mode, for example `http_default_blog`. Kubernetes names have no underscore, so
 * two pools never share a name; long names end in a digest.
 */
export function backendName(mode: 'http' | 'tcp', poolKey: string): string {
  return bounded(`${mode}_${poolKey.replace('/', '_')}`);
}

function bounded(name: string): string {
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 17)}_${digest(name)}`;
}

/** File of a certificate with its key, for example `certificate_default_site.pem`. */
export function certificateFile(secret: Key): string {
  return `${bounded(`certificate_${secret.replace('/', '_')}`)}.pem`;
}

/** File of the certificates of an authority, for example `authority_default_clients.pem`. */
export function authorityFile(secret: Key): string {
  return `${bounded(`authority_${secret.replace('/', '_')}`)}.pem`;
}

/** Whether a file is one of `certificateFile`. */
export function isCertificateFile(name: string): boolean {
  return /^certificate_.*\.pem$/.test(name);
}

/** Whether a file is one of `certificateFile` or `authorityFile`. */
export function isSecretFile(name: string): boolean {
  return /^(certificate|authority)_.*\.pem$/.test(name);
}

/** Name of the frontend of a listener, for example `http_80`. */
export function frontendName(protocol: Protocol, port: number): string {
  return `${protocol.toLowerCase()}_${port}`;
}

const BACKUP = '_backup';

/**
 * Name of a server in its backend: another tier, transport or check is another server, because HAProxy cannot change them at
 * run time. `made` says all that transport and check are made of; empty for what the pool says.
 */
export function serverName(id: string, tier: 'Primary' | 'Backup', made: string): string {
  return `${id}${tier === 'Backup' ? BACKUP : ''}${made === '' ? '' : `_by-${digest(made)}`}`;
}

const NOT_ID = /(?:_backup)?(?:_by-[0-9a-f]{16})?$/;

/** The id of the server that has this name in its backend. */
export function serverId(name: string): string {
  return name.replace(NOT_ID, '');
}

/** `address:port` as haproxy.cfg and the runtime commands take it; IPv6 in brackets. */
export function socketAddress(address: string, port: number | string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
