/** When it is looked whether other programs hold the ports of listeners: before they are opened, and while one is held. */
import { keepMap } from '../api/stable.ts';
import type { TakenPorts } from '../driver/ports.ts';
import { withoutPorts } from '../topology/taken-ports.ts';
import type { Listener, Topology } from '../topology/topology.ts';

export interface PortWatch {
  /** What is left of a topology; the same object for the same ports. `uneasy`: HAProxy did not do as asked. */
  open(topology: Topology, uneasy: boolean): Promise<Topology>;
  /** When it has to be looked again (ms). */
  readonly again: number;
}

/** Milliseconds between two looks at ports that did not change. */
const LOOK = 1000;

const NONE: TakenPorts = new Map();

/** A watch that has not looked yet. `inspect` tells which of some ports are taken. */
export function createPortWatch(inspect: (ports: ReadonlySet<number>) => Promise<TakenPorts>): PortWatch {
  let taken = NONE;
  let seen: readonly Listener[] = [];
  let checked: ReadonlySet<number> = new Set();
  let lookedAt = -Infinity;
  let last: { readonly from: Topology; readonly without: TakenPorts; readonly topology: Topology } | undefined;

  const look = async (listeners: readonly Listener[], uneasy: boolean) => {
    const now = performance.now();
    const again = (uneasy || taken.size > 0) && now >= lookedAt + LOOK;
    if (listeners === seen && !again) return;
    const ports = new Set(listeners.map(({ port }) => port));
    if (again || [...ports].some((port) => !checked.has(port))) {
      taken = keepMap(taken, await inspect(ports));
      lookedAt = now;
    }
    [seen, checked] = [listeners, ports];
  };

  return {
    async open(topology, uneasy) {
      await look(topology.listeners, uneasy);
      if (last?.from !== topology || last.without !== taken) {
        last = { from: topology, without: taken, topology: withoutPorts(topology, taken) };
      }
      return last.topology;
    },
    get again() {
      return taken.size === 0 ? Infinity : LOOK;
    },
  };
}
