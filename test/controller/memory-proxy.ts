/** A HAProxy in memory that honours the driver's interface, and that can be made to fail. */
import type {
  Loadable,
  ProxyDriver,
  RefusedChange,
  ReloadResult,
  RuntimeChange,
} from '../../operator/driver/proxy-driver.ts';
import type { ProxyConfig } from '../../operator/haproxy/proxy.ts';
import { later, restarted, simulate, type Simulated } from '../haproxy/simulate.ts';

type Method = keyof ProxyDriver;

export interface MemoryProxy {
  readonly driver: ProxyDriver;
  /** Undefined while nothing runs. */
  now: Simulated | undefined;
  /** The recovery image as it was last written. */
  image: ProxyConfig | undefined;
  /** Methods that were called, with the kinds of the changes of `apply`. */
  readonly calls: string[];
  /** HAProxy's words about a skeleton; empty when it is good. */
  check: (skeleton: string) => string;
  /** Words with which a configuration that passed the check does not load all the same. */
  load: (skeleton: string) => string;
  /** HAProxy's words about a change; undefined when it is carried out. */
  refuse: (kind: string, server: string) => string | undefined;
  /** A reload now would lose what it remembers of clients. */
  forgetful: boolean;
  /** Milliseconds that a method takes. */
  readonly takes: Map<Method, number>;
  /** Methods that were called while another one ran, which no driver has to bear. */
  readonly overlaps: string[];
  /** The next calls of a method throw. */
  fail(method: Method, times?: number): void;
  /** Servers that once served and then were told to drain or to rest. */
  readonly everDrained: readonly string[];
  /** A second driver of the same HAProxy: the first call of `ensure` takes it over. */
  heir(): MemoryProxy;
  /** The worker of the last reload, of which nobody heard any more, serves after all. */
  loadLate(): void;
  /** HAProxy ends by itself. */
  crash(): void;
  /** Time passes: checks pass, connections end. */
  later(): void;
}

/** A reload runs beside everything else but another one and what writes its files. */
function mayOverlap(method: Method, other: Method): boolean {
  const both = [method, other];
  return both.includes('reload') && method !== other && !both.includes('writeImage');
}

/** A HAProxy that does not run yet. */
export function createMemoryProxy(): MemoryProxy {
  const failing = new Map<Method, number>();
  let found = false;
  let lastReload: Loadable | undefined;
  const inside = new Set<Method>();
  /** Runs one method: alone or beside a reload, as slow and as faulty as asked. */
  const run = async <T>(method: Method, work: () => T, what = ''): Promise<T> => {
    for (const other of inside) if (!mayOverlap(method, other)) proxy.overlaps.push(`${method} during ${other}`);
    inside.add(method);
    try {
      const time = proxy.takes.get(method) ?? 0;
      if (time > 0) {
        await new Promise((resolve) => {
          setTimeout(resolve, time);
        });
      }
      enter(method, what);
      return work();
    } finally {
      inside.delete(method);
    }
  };
  const enter = (method: Method, what: string) => {
    proxy.calls.push(`${method}${what}`);
    const times = failing.get(method) ?? 0;
    failing.set(method, Math.max(0, times - 1));
    if (times > 0) throw new Error(`${method} fails as asked`);
  };
  const running = (): Simulated => {
    if (proxy.now === undefined) throw new Error('HAProxy is not reachable');
    return proxy.now;
  };

  const ensure = (config: ProxyConfig): Awaited<ReturnType<ProxyDriver['ensure']>> => {
    if (proxy.now !== undefined && found) return { how: 'running' };
    if (proxy.now !== undefined) {
      found = true;
      return { how: 'took-over', skeleton: proxy.now.skeleton };
    }
    found = true;
    const words = proxy.check(config.skeleton) || proxy.load(config.skeleton);
    if (words !== '') throw new Error(`haproxy ended with 1\n${words}`);
    proxy.image = config;
    proxy.now = restarted(proxy.last, config);
    return { how: 'started', skeleton: config.skeleton };
  };
  const readServers = (backends?: readonly string[]) => {
    const { pid, epoch, checksum, version, backends: all } = running().state;
    const asked = backends === undefined ? all : new Map([...all].filter(([name]) => backends.includes(name)));
    return { pid, epoch, checksum, version, backends: asked };
  };
  const connections = () => {
    const { state, connections: open } = running();
    const all = [...state.backends].flatMap(([backend, servers]) =>
      [...servers.keys()].map((name) => `${backend}/${name}`),
    );
    return new Map(all.map((key) => [key, open.get(key) ?? 0]));
  };
  const noteDrained = ({ backend, server }: { readonly backend: string; readonly server: string }) => {
    if (running().state.backends.get(backend)?.get(server)?.admin === 'ready') proxy.everDrained.push(server);
  };
  const applyOne = (change: RuntimeChange): readonly RefusedChange[] => {
    const server = 'server' in change ? change.server : '';
    const outcome = simulate(running(), change);
    const words = proxy.refuse(change.kind, typeof server === 'string' ? server : server.name) ?? outcome.refused;
    if (words !== undefined) return [{ change, words }];
    if (change.kind === 'set-state' && change.state !== 'ready') noteDrained(change);
    proxy.now = outcome.next;
    return [];
  };
  /** The new worker is what the files said, however long it takes to begin. */
  const reload = ({ config, state }: Loadable): ReloadResult => {
    const words = proxy.check(config.skeleton);
    if (words !== '') return { done: false, reason: 'ConfigRejected', words, mayPass: false };
    proxy.image = config;
    const refused = proxy.load(config.skeleton);
    if (refused !== '') return { done: false, reason: 'ConfigRejected', words: refused, mayPass: true };
    proxy.now = restarted({ state }, config);
    return { done: true };
  };

  const driver: ProxyDriver = {
    ensure: (config) => run('ensure', () => ensure(config)),
    read: () => run('read', () => running().state),
    readServers: (backends) => run('readServers', () => readServers(backends)),
    readRouting: () =>
      run('readRouting', () => {
        const { epoch, routes, secretFiles, certificateLists } = running().state;
        return { epoch, routes, secretFiles, certificateLists };
      }),
    connections: () => run('connections', connections),
    apply: (changes) => run('apply', () => changes.flatMap(applyOne), ` ${changes.map(({ kind }) => kind).join(' ')}`),
    wouldForget: () => run('wouldForget', () => proxy.forgetful),
    reload: (newest) => {
      const files = newest();
      lastReload = files;
      return run('reload', () => reload(files));
    },
    writeImage: (config) => run('writeImage', () => void (proxy.image = config)),
    stop: () => run('stop', () => void (proxy.now = undefined)),
  };

  const proxy: MemoryProxy & { last: Simulated | undefined; everDrained: string[] } = {
    driver,
    now: undefined,
    last: undefined,
    image: undefined,
    calls: [],
    forgetful: false,
    takes: new Map(),
    overlaps: [],
    everDrained: [],
    heir() {
      found = false;
      return proxy;
    },
    loadLate() {
      if (lastReload !== undefined) proxy.now = restarted(lastReload, lastReload.config);
    },
    check: () => '',
    load: () => '',
    refuse: () => undefined,
    fail: (method, times = 1) => void failing.set(method, times),
    crash() {
      proxy.last = proxy.now;
      proxy.now = undefined;
    },
    later() {
      if (proxy.now !== undefined) proxy.now = later(proxy.now);
    },
  };
  return proxy;
}
