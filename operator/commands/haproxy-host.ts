/** What this host gives a HAProxy: addresses to listen on, descriptors, its lines in our log. */
import { readFileSync } from 'node:fs';
import { accessLogLine } from '../haproxy/access-log.ts';
import type { Room } from '../haproxy/room.ts';
import type { Logger } from '../telemetry/log.ts';

const MOST_CONNECTIONS = 10_000;
const FEWEST_CONNECTIONS = 500;
/** Descriptors that are not client connections: checks of ten thousand servers, listeners, sockets. */
const OTHER_DESCRIPTORS = 11_000;

/** Of these, HAProxy itself has them open for listeners, its command line, its log. */
const OWN_DESCRIPTORS = 1000;

/** The room for HAProxy under the limits of this process, as /proc tells them. `wanted`: connections, when they are given. */
export function descriptors(wanted?: number, limits: string = read('/proc/self/limits')): Room {
  const found = Number(/^Max open files +\S+ +(\S+)/m.exec(limits)?.[1]);
  const hard = Number.isNaN(found) ? Infinity : found;
  const maxConnections = wanted ?? clamp((hard - OTHER_DESCRIPTORS) / 2, FEWEST_CONNECTIONS, MOST_CONNECTIONS);
  const most = OTHER_DESCRIPTORS - OWN_DESCRIPTORS;
  return { maxConnections, otherDescriptors: clamp(hard - 2 * maxConnections - OWN_DESCRIPTORS, 0, most) };
}

function clamp(value: number, low: number, high: number): number {
  return Math.floor(Math.max(low, Math.min(high, value)));
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

/** Puts a line of HAProxy's log into ours, one of its access log as it is; what our own commands caused is not news. */
export function logHaproxyLine(log: Logger, line: string): void {
  const access = accessLogLine(line);
  if (access !== undefined) return void process.stdout.write(`${access}\n`);
  if (/\[ALERT\]| has no server available!$/.test(line)) log.error({ line }, 'haproxy alert');
  else if (/^Server \S+ is (UP|DOWN)(?!\/)/.test(line)) log.info({ line }, 'haproxy saw a server change');
  else log.debug({ line }, 'haproxy said');
}
