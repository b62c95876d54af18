/**
 * HAProxies that serve the same and share what they remember of clients: rate limits and affinity. Who they are stands in the skeleton,
 * so another one costs a reload.
 */
import { changedKeys } from '../api/stable.ts';
import type { Listener, Pool, Topology } from '../topology/topology.ts';
import { socketAddress } from './names.ts';
import { quote } from './quote.ts';

/** One of them. Its address is canonical, and nothing that goes between them is encrypted. */
export interface Peer {
  /** Whoever connects has to know this name and one of its peers. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export interface Peers {
  /** Which of them this one is. */
  readonly name: string;
  readonly all: readonly Peer[];
}

const SECTION = 'peers webpool';
/** Alone there is a peer too: the worker that comes after a reload. */
export const ALONE: Peers = { name: 'local', all: [] };

/**
 * Their sections of the skeleton. The worker before comes in by the socket at once, the others a second later: who asks a worker that has
 * not learnt from the one before gets half of the answer, and does not ask again.
 */
export function peerSections({ name, all }: Peers): readonly (readonly string[])[] {
  const own = all.find((peer) => peer.name === name);
  const others = all.filter((peer) => peer !== own);
  return [
    [
      SECTION,
      'bind unix@peers.sock mode 600',
      `server ${quote('name', name)}`,
      ...others.map((peer) => `server ${quote('name', peer.name)} ${socketAddress(peer.address, peer.port)}`),
    ],
    ...(own === undefined ? [] : [doorLines(own)]),
  ];
}

function doorLines({ address, port }: Peer): readonly string[] {
  return [
    'listen webpool_peers',
    'mode tcp',
    'no log',
    `bind ${socketAddress(address, port)}`,
    // They say something to each other every three seconds.
    'timeout connect 1s',
    'timeout client 1m',
    'timeout server 1m',
    'tcp-request inspect-delay 1s',
    'tcp-request content accept if WAIT_END',
    'server own unix@peers.sock',
  ];
}

/** The other peers that a haproxy.cfg names. */
export function peersIn(skeleton: string): readonly Peer[] {
  const lines = skeleton.split('\n\n').find((text) => text.startsWith(`${SECTION}\n`)) ?? '';
  return [...lines.matchAll(/^ {2}server (\S+) \[?([^\]\s]+?)\]?:(\d+)$/gm)].map(
    ([, name = '', address = '', port]) => ({
      name,
      address,
      port: Number(port),
    }),
  );
}

const limiting = new WeakMap<readonly Listener[], boolean>();

/** A function that tells whether anything is remembered of clients that another proxy should know; it looks into pools that changed. */
export function createSharingFinder(): (topology: Pick<Topology, 'listeners' | 'pools'>) => boolean {
  const remembering = new Set<string>();
  let last: Topology['pools'] = new Map();
  return ({ listeners, pools }) => {
    for (const key of changedKeys(last, pools)) {
      const pool = pools.get(key);
      if (pool !== undefined && remembers(pool)) remembering.add(key);
      else remembering.delete(key);
    }
    last = pools;
    return remembering.size > 0 || isLimiting(listeners);
  };
}

function isLimiting(listeners: readonly Listener[]): boolean {
  const known = limiting.get(listeners);
  if (known !== undefined) return known;
  const found = listeners.some(({ routes }) => routes.some(({ handling }) => handling?.rateLimit !== undefined));
  limiting.set(listeners, found);
  return found;
}

function remembers({ options }: Pool): boolean {
  return options.affinity !== undefined && options.affinity.type !== 'Cookie';
}
