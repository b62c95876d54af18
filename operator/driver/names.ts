/**
 * The addresses of the DNS names that resources mention. HAProxy gets numbers only: a name that does not resolve must never
 * keep it from starting.
 */
import { lookup } from 'node:dns/promises';
import { compareText } from '../api/stable.ts';
import type { Names } from '../topology/topology.ts';

export interface NameResolver {
  /** What is known now. The same object until an address changes; a name that resolved once keeps its last addresses. */
  readonly names: Names;
  /** Says which names are needed from now on; new ones are looked up at once. */
  want(hostnames: readonly string[]): void;
  /** What an earlier process knew of names of which nothing is known yet: it counts until they are found. */
  recall(names: Names): void;
  close(): void;
}

export interface NameResolverOptions {
  /** An address changed, or a name was found for the first time. */
  readonly onChange: () => void;
  /** Milliseconds between two looks at a name that is known. Default: 30 s. */
  readonly interval?: number;
  /** Milliseconds between two looks at one that never resolved: its server waits. Default: 2 s. */
  readonly unknownInterval?: number;
  /** Default: the system's resolver, with its hosts file. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
}

/** getaddrinfo blocks one of the four threads that files need too. */
const PARALLEL = 2;
const INTERVAL = 30_000;
const UNKNOWN_INTERVAL = 2000;

/** Looks names up again and again, a few at a time. */
export function createNameResolver(options: NameResolverOptions): NameResolver {
  const { onChange, interval = INTERVAL, unknownInterval = UNKNOWN_INTERVAL, resolve = resolveBySystem } = options;
  let names: Names = new Map();
  let wanted: readonly string[] = [];
  let closed = false;
  /** Names of which we know only what an earlier process knew. */
  const recalled = new Set<string>();
  const queue = new Set<string>();
  let working = 0;

  const learn = (hostname: string, addresses: readonly string[]) => {
    recalled.delete(hostname);
    const known = names.get(hostname);
    if (known !== undefined && known.join() === addresses.join()) return;
    // Names that nobody wants any more go with the next change: until then nobody has to look at `names` anew.
    const kept = new Set(wanted);
    names = new Map([...[...names].filter(([name]) => kept.has(name)), [hostname, addresses]]);
    onChange();
  };
  const work = async () => {
    working += 1;
    for (const hostname of queue) {
      queue.delete(hostname);
      const addresses = await resolve(hostname).catch(() => []);
      if (!closed && addresses.length > 0) learn(hostname, addresses.toSorted(compareText));
    }
    working -= 1;
  };
  const look = (hostnames: Iterable<string>) => {
    for (const hostname of hostnames) queue.add(hostname);
    // Each takes its first name before it waits.
    for (let free = PARALLEL - working; free > 0 && queue.size > 0; free--) void work();
  };

  const timers = [
    setInterval(() => look(wanted), interval),
    setInterval(
      () => look(wanted.filter((hostname) => !names.has(hostname) || recalled.has(hostname))),
      unknownInterval,
    ),
  ];
  for (const timer of timers) timer.unref();
  return {
    get names() {
      return names;
    },
    want(hostnames) {
      const known = new Set(wanted);
      wanted = hostnames;
      look(hostnames.filter((hostname) => !known.has(hostname)));
    },
    recall(earlier) {
      for (const name of earlier.keys()) if (!names.has(name)) recalled.add(name);
      names = new Map([...earlier, ...names]);
    },
    close() {
      closed = true;
      queue.clear();
      for (const timer of timers) clearInterval(timer);
    },
  };
}

async function resolveBySystem(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}
