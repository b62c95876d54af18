/** What this host gives a HAProxy: addresses to listen on, descriptors, its lines in our log. */
import { readFileSync } from 'node:fs';
import type { Logger } from '../telemetry/log.ts';

const MOST_CONNECTIONS = 10_000;
const FEWEST_CONNECTIONS = 500;
/** Descriptors that are not client connections: checks of ten thousand servers, listeners, sockets. */
const OTHER_DESCRIPTORS = 11_000;

/** Connections that HAProxy may accept so that its descriptors (two a connection) suffice. */
export function maxConnections(limits: string = read('/proc/self/limits')): number {
  const hard = Number(/^Max open files +\S+ +(\S+)/m.exec(limits)?.[1] ?? Infinity);
  const fit = Math.floor((hard - OTHER_DESCRIPTORS) / 2);
  return Math.max(FEWEST_CONNECTIONS, Math.min(MOST_CONNECTIONS, Number.isFinite(fit) ? fit : MOST_CONNECTIONS));
}

/** All addresses of this host, as far as it speaks their family. */
export function allAddresses(): readonly string[] {
  return read('/proc/net/if_inet6') === '' ? ['0.0.0.0'] : ['0.0.0.0', '::'];
}

/** The text of a file, or nothing where there is none. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Puts a line of HAProxy's log into ours; what our own commands caused is not news. */
export function logHaproxyLine(log: Logger, line: string): void {
  if (line.includes('[ALERT]')) log.error({ line }, 'haproxy alert');
  else if (/^Server \S+ is (UP|DOWN)(?!\/)/.test(line)) log.info({ line }, 'haproxy saw a server change');
  else log.debug({ line }, 'haproxy said');
}
