/**
 * Which peers a proxy is told of, and when: HAProxy learns them by a reload only. So one that came is waited for a moment, for others
 * come with it, and one that went stays named until another comes: nobody answers under its name, which does no harm.
 */
import { createSharingFinder, type Peer, type Peers } from '../haproxy/peers.ts';
import type { Topology } from '../topology/topology.ts';

export interface PeerKeeperOptions {
  readonly own: Peer;
  /** Those that are there, with or without `own`. */
  readonly live: () => readonly Peer[];
  /** The others that HAProxy was told of by an earlier process. */
  readonly told: readonly Peer[];
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

export interface PeerKeeper {
  /** The same object until it changes. `again`: when to ask again, in milliseconds. */
  wanted(topology: Topology): { readonly peers: Peers; readonly again: number };
}

/** How long one that came waits for others (ms). */
const GATHER = 1000;
/**
 * Milliseconds between two reloads because of peers. A HAProxy that starts asks the others for five seconds what they remember, and only
 * those who know it answer.
 */
const APART = 4000;

/** Starts from what HAProxy was told last. */
export function createPeerKeeper({ own, live, told, now }: PeerKeeperOptions): PeerKeeper {
  const sharesTables = createSharingFinder();
  let peers: Peers = { name: own.name, all: [own, ...told] };
  let needed = false;
  let missingSince: number | undefined;
  let changedAt = -Infinity;

  const tell = (others: readonly Peer[]) => {
    peers = { name: own.name, all: [own, ...others] };
    missingSince = undefined;
    changedAt = now();
  };

  return {
    wanted(topology) {
      const others = live().filter(({ name }) => name !== own.name);
      const wasNeeded = needed;
      needed = sharesTables(topology);
      if (!needed || others.every((peer) => isIn(peers.all, peer))) {
        missingSince = undefined;
        return { peers, again: Infinity };
      }
      missingSince ??= now();
      const due = wasNeeded ? Math.max(missingSince + GATHER, changedAt + APART) : -Infinity;
      if (now() >= due) tell(others);
      return { peers, again: missingSince === undefined ? Infinity : due - now() };
    },
  };
}

function isIn(peers: readonly Peer[], { name, address, port }: Peer): boolean {
  return peers.some((peer) => peer.name === name && peer.address === address && peer.port === port);
}
