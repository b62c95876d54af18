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
  /** Milliseconds, never less than before. Default: those of this process. */
  readonly now?: () => number;
}

/** getaddrinfo blocks one of the four threads that files need too, and libuv gives it no more than two of them. */
const PARALLEL = 2;
const INTERVAL = 30_000;
const UNKNOWN_INTERVAL = 2000;
/** Milliseconds after which an answer, whatever it says, came late. */
const PATIENCE = 1000;

/** Looks names up again and again, a few at a time. */
export function createNameResolver(options: NameResolverOptions): NameResolver {
  const { onChange, interval = INTERVAL, unknownInterval = UNKNOWN_INTERVAL } = options;
  const { resolve = resolveBySystem, now = () => performance.now() } = options;
  let names: Names = new Map();
  let wanted: readonly string[] = [];
  let closed = false;
  /** Names of which we know only what an earlier process knew. */
  const recalled = new Set<string>();
  const queue = new Set<string>();
  const asked = new Set<string>();
  /** Names whose last answer came late: their DNS servers are silent, perhaps. */
  const late = new Set<string>();

  const learn = (hostname: string, addresses: readonly string[]) => {
    recalled.delete(hostname);
    const known = names.get(hostname);
    if (known !== undefined && known.join() === addresses.join()) return;
    // Names that nobody wants any more go with the next change: until then nobody has to look at `names` anew.
    const kept = new Set(wanted);
    names = new Map([...[...names].filter(([name]) => kept.has(name)), [hostname, addresses]]);
    onChange();
  };
  /** One that was late last time waits until no other is asked for: so the others always have a thread, if there are others. */
  const next = (): string | undefined => {
    for (const hostname of queue) if (!late.has(hostname)) return hostname;
    const [first] = queue;
    return asked.size === 0 || wanted.every((hostname) => late.has(hostname)) ? first : undefined;
  };
  const work = async () => {
    for (let hostname = next(); hostname !== undefined; hostname = next()) {
      queue.delete(hostname);
      asked.add(hostname);
      const begun = now();
      const addresses = await resolve(hostname).catch(() => []);
      asked.delete(hostname);
      if (now() - begun > PATIENCE) late.add(hostname);
      else late.delete(hostname);
      if (!closed && addresses.length > 0) learn(hostname, addresses.toSorted(compareText));
    }
  };
  const look = (hostnames: readonly string[]) => {
    for (const hostname of hostnames) if (!asked.has(hostname)) queue.add(hostname);
    // Each takes its first name before it waits.
    for (let free = PARALLEL - asked.size; free > 0 && queue.size > 0; free--) void work();
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
      const still = new Set(hostnames);
      for (const hostname of late) if (!still.has(hostname)) late.delete(hostname);
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
