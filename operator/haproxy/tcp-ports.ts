/**
 * TCP ports that are open from the start: which of them serve, and for which rule, stands in the routing map, so a new one is no reload.
 * A port that no rule has closes every connection at once.
 */
import type { Listener } from '../topology/topology.ts';
import { accessLogLines, type AccessLogSettings } from './access-log.ts';
import { bindLine, ROUTES_FILE, tcpRouteLines } from './frontend.ts';

/** Who opens which port. */
export interface Sharing {
  /** Listeners with a frontend of their own. */
  readonly own: readonly Listener[];
  /** Ports of the frontend that they share, ascending. */
  readonly shared: readonly number[];
}

/** Listeners whose every setting the routing map can say share one frontend; a port of any other one is its own. */
export function shareOut(listeners: readonly Listener[], ports: readonly number[] = []): Sharing {
  if (ports.length === 0) return { own: listeners, shared: [] };
  const open = new Set(ports);
  const own = listeners.filter((listener) => !(open.has(listener.port) && isPlain(listener)));
  const taken = new Set(own.map(({ port }) => port));
  return { own, shared: ports.filter((port) => !taken.has(port)) };
}

/** Who may say the client's address by the PROXY protocol stands in a frontend, and so does everything of Layer 7 and TLS. */
function isPlain({ protocol, proxyFrom }: Listener): boolean {
  return protocol === 'TCP' && proxyFrom === undefined;
}

/** The frontend of shared ports; none without any. */
export function sharedFrontend(
  ports: readonly number[],
  bind: readonly string[],
  settings: AccessLogSettings,
): readonly (readonly string[])[] {
  if (ports.length === 0) return [];
  const known = `var(sess.key),map_str(${ROUTES_FILE})`;
  return [
    [
      'frontend tcp_ports',
      ...bind.flatMap((address) => runsOf(ports).map((run) => bindLine(address, run))),
      ...accessLogLines('tcp', settings, 'tcp_%fp'),
      'tcp-request connection set-var-fmt(sess.key) tcp|%[dst_port]',
      `tcp-request connection reject unless { ${known} -m found }`,
      ...tcpRouteLines(known),
    ],
  ];
}

/** Ascending ports as HAProxy writes them: `20000-20004`, `20006`. */
function runsOf(ports: readonly number[]): readonly string[] {
  const runs: [number, number][] = [];
  for (const port of ports) {
    const last = runs.at(-1);
    if (last?.[1] === port - 1) last[1] = port;
    else runs.push([port, port]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
}
