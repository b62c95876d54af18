import type { PoolOptions } from '../topology/topology.ts';
import { quote } from './quote.ts';

type Balance = PoolOptions['balance'];

/**
 * The lines for each algorithm. Hashes are consistent: HAProxy refuses run-time servers with map-based ones, and a
 * consistent hash moves the fewest visitors when the set changes.
 */
const lines: Readonly<Record<Balance['algorithm'], (header: string) => readonly string[]>> = {
  RoundRobin: () => ['balance roundrobin'],
  LeastConnections: () => ['balance leastconn'],
  Random: () => ['balance random(2)'],
  First: () => ['balance first'],
  SourceIP: () => ['balance source', 'hash-type consistent'],
  URI: () => ['balance uri', 'hash-type consistent'],
  Header: (header) => [`balance hdr(${quote('name', header)})`, 'hash-type consistent'],
};

/** Backend lines that choose a server. In TCP mode an algorithm that reads HTTP falls back to the source address. */
export function balanceLines(mode: 'http' | 'tcp', balance: Balance): readonly string[] {
  const readsHttp = balance.algorithm === 'URI' || balance.algorithm === 'Header';
  return lines[mode === 'tcp' && readsHttp ? 'SourceIP' : balance.algorithm](balance.header ?? '');
}
