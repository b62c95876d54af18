import { AGENT_PORT, PEERS_PORT } from './agent-port.ts';

/** Each is a socket for each address that listeners bind to, open from the start. */
const MOST_PORTS = 256;
const LAST_PORT = 65_535;

/** What `portRange` takes, for whoever has to say so. */
export const PORT_RANGE_FORM = `must be a range of at most ${MOST_PORTS} ports such as 20000-20031, without ${AGENT_PORT} and ${PEERS_PORT}`;

/** The ports of `first-last`, ascending; undefined when the text is no such range. */
export function portRange(text: string): readonly number[] | undefined {
  const [, from = '', to = ''] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === '' || first < 1 || last > LAST_PORT || last < first || last - first >= MOST_PORTS) return undefined;
  const ports = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return ports.includes(AGENT_PORT) || ports.includes(PEERS_PORT) ? undefined : ports;
}
