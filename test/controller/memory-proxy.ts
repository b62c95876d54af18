/** A HAProxy in memory that honours the driver's interface, and that can be made to fail. */
import type { ProxyDriver } from '../../operator/driver/proxy-driver.ts';
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
  /** The next calls of a method throw. */
  fail(method: Method, times?: number): void;
  /** HAProxy ends by itself. */
  crash(): void;
  /** Time passes: checks pass, connections end. */
  later(): void;
}

/** A HAProxy that does not run yet. */
export function createMemoryProxy(): MemoryProxy {
  const failing = new Map<Method, number>();
  const enter = (method: Method, what = '') => {
    proxy.calls.push(`${method}${what}`);
    const times = failing.get(method) ?? 0;
    failing.set(method, Math.max(0, times - 1));
    if (times > 0) throw new Error(`${method} fails as asked`);
  };
  const running = (): Simulated => {
    if (proxy.now === undefined) throw new Error('HAProxy is not reachable');
    return proxy.now;
  };

  const driver: ProxyDriver = {
    async ensure(config) {
      enter('ensure');
      if (proxy.now !== undefined) return { how: 'running' };
      const words = proxy.check(config.skeleton) || proxy.load(config.skeleton);
      if (words !== '') throw new Error(`haproxy ended with 1\n${words}`);
      proxy.image = config;
      proxy.now = restarted(proxy.last, config);
      return { how: 'started', skeleton: config.skeleton };
    },
    async read() {
      enter('read');
      return running().state;
    },
    async readServers(backends) {
      enter('readServers');
      const { epoch, backends: all } = running().state;
      return {
        epoch,
        backends: backends === undefined ? all : new Map([...all].filter(([name]) => backends.includes(name))),
      };
    },
    async readRoutes() {
      enter('readRoutes');
      const { epoch, routes } = running().state;
      return { epoch, routes };
    },
    async connections() {
      enter('connections');
      const { state, connections } = running();
      const all = [...state.backends].flatMap(([backend, servers]) =>
        [...servers.keys()].map((name) => `${backend}/${name}`),
      );
      return new Map(all.map((key) => [key, connections.get(key) ?? 0]));
    },
    async apply(changes) {
      enter('apply', ` ${changes.map(({ kind }) => kind).join(' ')}`);
      return changes.flatMap((change) => {
        const server =
          'server' in change ? (typeof change.server === 'string' ? change.server : change.server.name) : '';
        const outcome = simulate(running(), change);
        const words = proxy.refuse(change.kind, server) ?? outcome.refused;
        if (words !== undefined) return [{ change, words }];
        proxy.now = outcome.next;
        return [];
      });
    },
    async reload(config) {
      enter('reload');
      const words = proxy.check(config.skeleton);
      if (words !== '') return { done: false, words, mayPass: false };
      proxy.image = config;
      const refused = proxy.load(config.skeleton);
      if (refused !== '') return { done: false, words: refused, mayPass: true };
      proxy.now = restarted(running(), config);
      return { done: true };
    },
    async writeImage(config) {
      enter('writeImage');
      proxy.image = config;
    },
    async stop() {
      enter('stop');
      proxy.now = undefined;
    },
  };

  const proxy: MemoryProxy & { last: Simulated | undefined } = {
    driver,
    now: undefined,
    last: undefined,
    image: undefined,
    calls: [],
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
