import type { Key } from '../api/resources.ts';
import type { AccountNeed } from '../topology/topology.ts';

/** Remembers which hosts grants wanted, as long as not every server of theirs is known. */
export interface KnownHosts {
  learn(needs: readonly AccountNeed[]): void;
  /**
   * Grants whose servers are not all known, with the hosts that this process has seen them want. What is not among those may be a server
   * that is there and of which only nobody knows yet: after a start, for example, one whose name does not resolve.
   */
  incomplete(): ReadonlyMap<Key, ReadonlySet<string>>;
}

/** Knows nothing yet. */
export function createKnownHosts(): KnownHosts {
  let known: ReadonlyMap<Key, ReadonlySet<string>> = new Map();
  let incomplete: readonly Key[] = [];
  return {
    learn(needs) {
      known = new Map(
        needs.map(({ grant, hosts, incomplete: lacks }) => {
          const before = lacks === true ? (known.get(grant) ?? []) : [];
          return [grant, new Set([...before, ...hosts.map(({ host }) => host)])];
        }),
      );
      incomplete = needs.filter(({ incomplete: lacks }) => lacks === true).map(({ grant }) => grant);
    },
    incomplete: () => new Map(incomplete.map((grant) => [grant, known.get(grant) ?? new Set()])),
  };
}
