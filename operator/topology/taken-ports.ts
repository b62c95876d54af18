import type { Finding } from '../api/finding.ts';
import type { Listener, Topology } from './topology.ts';

/** The topology without the listeners whose port another program holds (port → who), each told to its RoutingRules. */
export function withoutPorts(topology: Topology, taken: ReadonlyMap<number, string>): Topology {
  const lost = topology.listeners.filter(({ port }) => taken.has(port));
  if (lost.length === 0) return topology;
  const listeners = topology.listeners.filter((listener) => !lost.includes(listener));
  return { ...topology, listeners, findings: [...topology.findings, ...lost.flatMap((one) => lossOf(one, taken))] };
}

function lossOf({ port, routes }: Listener, taken: ReadonlyMap<number, string>): readonly Finding[] {
  const message = `Port ${port} is held by ${taken.get(port) ?? 'another program'} on this host. It is opened as soon as it is free; or choose another port.`;
  return [...new Set(routes.map(({ rule }) => rule.key))].map((key) => ({
    object: { kind: 'RoutingRule', key },
    condition: 'Accepted',
    reason: 'PortUnavailable',
    path: 'spec.listener.port',
    message,
  }));
}
