import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createProxyRail, type ProxyRail } from '../../operator/controller/proxy-rail.ts';
import type { Topology } from '../../operator/topology/topology.ts';
import { configOf, pool, rule, SETTINGS, topologyOf } from '../haproxy/worlds.ts';
import { createMemoryProxy, type MemoryProxy } from './memory-proxy.ts';

const endpoints = (...names: string[]) =>
  names.map((name, index) => ({ name, address: `192.0.2.${index + 1}`, port: 8000 + index }));
const site = (names: readonly string[], spec: object = {}) => [
  pool('site', { externalEndpoints: endpoints(...names), drainTimeout: '0s', ...spec }),
  rule('site', { rules: [{ name: 'all', pools: [{ name: 'site' }] }] }),
];
const ONE = topologyOf(site(['a']));
const TWO = topologyOf(site(['a', 'b']));
/** Another skeleton, which a test may refuse. */
const SLOW = topologyOf(site(['a', 'b'], { slowStart: '10s' }));
const isSlow = (skeleton: string) => skeleton.includes('slowstart');
const WORDS = '[ALERT] config : no good';

let proxy: MemoryProxy;
let rail: ProxyRail;
let told: string[];
/** Times that the rail asked for a round. */
let woken: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  proxy = createMemoryProxy();
  [told, woken] = [[], 0];
  rail = createProxyRail({
    driver: proxy.driver,
    settings: SETTINGS,
    bind: '127.0.0.1',
    wake: () => (woken += 1),
    events: {
      started: (how) => told.push(how),
      applied: (changes) => told.push(...changes.map(({ kind }) => kind)),
      refused: ({ change, words }) => told.push(`refused ${change.kind}: ${words}`),
      reloaded: (reason) => told.push(`reloaded ${reason}`),
      configRefused: (words) => told.push(`config refused ${words}`),
    },
  });
  return () => vi.useRealTimers();
});

/** Rounds until nothing waits any more, with checks that pass in between. */
async function settle(topology: Topology, rounds = 8): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const again = await rail.round(topology);
    vi.advanceTimersByTime(Math.max(again, 1100));
    proxy.later();
  }
}

const servers = () =>
  Object.fromEntries([...(rail.observed.pools.get('default/site') ?? [])].map(([id, { admin }]) => [id, admin]));

describe('a rail', () => {
  it('gives way to a newer topology before it looks at what left, but not for ever', async () => {
    await settle(TWO);
    await rail.round(ONE);
    vi.advanceTimersByTime(300);
    const round = async (overtaken: boolean) => {
      proxy.calls.length = 0;
      await rail.round(ONE, { overtaken: () => overtaken });
      return proxy.calls.filter((call) => call === 'connections').length;
    };
    expect(await round(true)).toBe(0);
    expect(await round(false)).toBeGreaterThan(0);
    vi.advanceTimersByTime(900);
    expect(await round(true)).toBe(0);
    vi.advanceTimersByTime(1100);
    expect(await round(true)).toBeGreaterThan(0);
  });

  it('takes the first step of a topology also when the next one waits', async () => {
    await settle(ONE);
    await rail.round(ONE);
    await rail.round(TWO, { overtaken: () => true });
    expect(Object.keys(servers())).toHaveLength(2);
    expect(rail.programmed).toBe(false);
    await rail.round(TWO);
    expect(rail.programmed).toBe(true);
  });

  it('brings a HAProxy up and lets a server serve after its check', async () => {
    await rail.round(ONE);
    expect(rail.observed).toMatchObject({ programmed: true });
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'drain' });
    await settle(ONE);
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'ready' });
    expect(told).toEqual(['started', 'add-server', 'set-state']);
  });

  it('asks nothing of HAProxy that it need not', async () => {
    await settle(TWO);
    told.length = 0;
    proxy.calls.length = 0;
    await settle(TWO, 20);
    expect(told).toEqual([]);
    expect(proxy.calls.filter((call) => /apply|reload/.test(call))).toEqual([]);
  });

  it('lets a reload wait while it would lose what HAProxy remembers, and nothing else', async () => {
    await settle(TWO);
    [proxy.forgetful, told.length] = [true, 0];
    const heavy = topologyOf(site(['a', 'b', 'c'], { slowStart: '10s' }));
    await rail.round(heavy);
    expect(told).toEqual(['add-server']);
    expect(rail.observed.programmed).toBe(false);
    proxy.forgetful = false;
    await settle(heavy, 2);
    expect(told).toContain('reloaded pool-options');
  });

  it('does not let a reload wait for ever', async () => {
    await settle(TWO);
    [proxy.forgetful, told.length] = [true, 0];
    await settle(SLOW, 10);
    expect(told).toEqual([]);
    await settle(SLOW, 3);
    expect(told).toEqual(['reloaded pool-options']);
  });

  it('takes a server out by drain, maintenance and deletion', async () => {
    await settle(TWO);
    told.length = 0;
    await settle(ONE);
    expect(told.filter((word) => word !== 'shutdown-sessions')).toEqual(['set-state', 'set-state', 'delete-server']);
    expect(Object.keys(servers())).toEqual(['a_192.0.2.1:8000']);
  });

  it('reloads once for another structure and keeps what is serving', async () => {
    await settle(TWO);
    told.length = 0;
    await settle(SLOW);
    expect(told).toEqual(['reloaded pool-options']);
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'ready', 'b_192.0.2.2:8001': 'ready' });
  });

  it('corrects what somebody changed by the socket', async () => {
    await settle(ONE);
    await proxy.driver.apply([
      { kind: 'set-weight', backend: 'http_default_site', server: 'a_192.0.2.1:8000', weight: 3 },
    ]);
    await settle(ONE);
    expect(proxy.now?.state.backends.get('http_default_site')?.get('a_192.0.2.1:8000')).toMatchObject({ weight: 100 });
  });

  it('writes the recovery image after a change, and on flush', async () => {
    await settle(ONE);
    await rail.round(TWO);
    vi.advanceTimersByTime(300);
    await rail.flush();
    expect(proxy.image?.backends.get('http_default_site')?.servers.size).toBe(2);
  });
});

describe('the recovery image', () => {
  it('is not written while HAProxy is asked for something else', async () => {
    await settle(ONE);
    await rail.round(TWO);
    proxy.takes.set('reload', 1000).set('apply', 500);
    const round = rail.round(SLOW);
    await vi.advanceTimersByTimeAsync(3000);
    await round;
    await vi.advanceTimersByTimeAsync(1000);
    expect(proxy.overlaps).toEqual([]);
    expect(proxy.image?.checksum).toBe(proxy.now?.state.checksum);
  });

  it('is written for another server, not for another state of one', async () => {
    const written = () => proxy.calls.filter((call) => call === 'writeImage').length;
    await settle(TWO);
    await rail.flush();
    const before = written();
    const { now } = proxy;
    if (now === undefined) throw new Error('nothing runs');
    const backends = new Map(
      [...now.state.backends].map(([name, all]) => {
        const down = [...all].map(([server, is]) => [server, { ...is, health: 'Down' as const }] as const);
        return [name, new Map(down)] as const;
      }),
    );
    proxy.now = { ...now, state: { ...now.state, backends } };
    for (let round = 0; round < 3; round++) {
      await rail.round(TWO);
      vi.advanceTimersByTime(1100);
    }
    await rail.flush();
    expect(rail.observed.pools.get('default/site')?.get('a_192.0.2.1:8000')?.health).toBe('Down');
    expect(written()).toBe(before);
    await rail.round(ONE);
    await rail.flush();
    expect(written()).toBe(before + 1);
  });

  it('of before a reload is not written after it', async () => {
    await settle(ONE);
    await rail.round(TWO);
    await rail.round(SLOW);
    proxy.fail('readRouting');
    await expect(rail.round(SLOW)).rejects.toThrow('readRouting fails');
    await vi.advanceTimersByTimeAsync(1000);
    expect(isSlow(proxy.image?.skeleton ?? '')).toBe(true);
  });
});

describe('a reload', () => {
  /** Milliseconds. */
  const LONG = 1000;

  beforeEach(async () => {
    await settle(TWO);
    proxy.takes.set('reload', LONG);
    await rail.round(SLOW);
    told.length = 0;
  });

  const over = async () => {
    await vi.advanceTimersByTimeAsync(LONG);
    expect(woken).toBe(1);
  };

  it('does not keep a server waiting: the worker that serves has it at once, the new one before anything is read', async () => {
    const changed = topologyOf(site(['a', 'c'], { slowStart: '10s', drainTimeout: '60s' }));
    const [joins, leaves] = ['c_192.0.2.2:8001', 'b_192.0.2.2:8001'];
    await rail.round(changed);
    expect(told).toEqual(['add-server', 'set-state']);
    expect(servers()).toMatchObject({ [joins]: 'drain', [leaves]: 'drain' });
    expect(rail.observed).toMatchObject({ programmed: false });
    expect(rail.loadingSince).toBeDefined();
    await over();
    proxy.calls.length = 0;
    await rail.round(changed);
    expect(proxy.calls.slice(0, 3)).toEqual(['readServers', 'ensure', 'apply add-server set-state']);
    expect(told).toContain('reloaded pool-options');
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'ready', [joins]: 'drain', [leaves]: 'drain' });
    expect(proxy.overlaps).toEqual([]);
  });

  it('is one at a time, and another one when something else is wanted by then', async () => {
    const other = topologyOf(site(['a', 'b'], { slowStart: '20s' }));
    await rail.round(other);
    await rail.round(other);
    await over();
    await rail.round(other);
    expect(told).toEqual(['reloaded pool-options']);
    await vi.advanceTimersByTimeAsync(LONG);
    await rail.round(other);
    expect(told).toEqual(['reloaded pool-options', 'reloaded pool-options']);
    expect(rail.observed).toMatchObject({ programmed: true });
    expect(proxy.overlaps).toEqual([]);
  });

  it('that fails is trouble once, and tried again', async () => {
    proxy.fail('reload');
    await over();
    await expect(rail.round(SLOW)).rejects.toThrow('reload fails');
    await rail.round(SLOW);
    await vi.advanceTimersByTimeAsync(LONG);
    await rail.round(SLOW);
    expect(told).toEqual(['reloaded pool-options']);
  });

  it.each([
    ['an error', () => proxy.fail('reload')],
    ['a refusal', () => (proxy.load = () => 'HAProxy did not load it in time')],
  ])('that ends with %s and serves all the same is taken for what it is', async (_, trouble) => {
    const wanted = topologyOf([...site(['a', 'b']), pool('new', { externalEndpoints: endpoints('n') })]);
    await over();
    await settle(TWO);
    await vi.advanceTimersByTimeAsync(LONG);
    await settle(TWO);
    trouble();
    await rail.round(wanted);
    await vi.advanceTimersByTimeAsync(LONG);
    await rail.round(wanted).catch(() => undefined);
    proxy.load = () => '';
    proxy.loadLate();
    await settle(wanted, 4);
    expect(rail.observed.pools.get('default/new')).toMatchObject(new Map([['n_192.0.2.1:8000', { admin: 'ready' }]]));
    expect(rail.observed).toMatchObject({ programmed: true });
  });

  it('is over before an end', async () => {
    const stopped = rail.stop(0);
    await vi.advanceTimersByTimeAsync(LONG - 1);
    expect(proxy.now).toBeDefined();
    await vi.advanceTimersByTimeAsync(1);
    await stopped;
    expect(proxy.now).toBeUndefined();
  });
});

describe('a refused configuration', () => {
  beforeEach(async () => {
    await settle(ONE);
    proxy.check = (skeleton) => (isSlow(skeleton) ? WORDS : '');
  });

  it('is told with its words and not tried again', async () => {
    await settle(SLOW);
    expect(told.filter((word) => word.startsWith('config'))).toEqual([`config refused ${WORDS}`]);
    expect(rail.observed).toMatchObject({ programmed: false, problem: { reason: 'ConfigRejected', message: WORDS } });
  });

  it('leaves everything else in force: servers still join', async () => {
    await settle(SLOW);
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'ready', 'b_192.0.2.2:8001': 'ready' });
  });

  it('never becomes the recovery image', async () => {
    await settle(SLOW);
    await rail.flush();
    expect(isSlow(proxy.image?.skeleton ?? '')).toBe(false);
    expect(proxy.image?.checksum).toBe(proxy.now?.state.checksum);
    expect(proxy.image?.backends.get('http_default_site')?.servers.size).toBe(2);
  });

  it('does not keep a HAProxy that crashed from coming back', async () => {
    await settle(SLOW);
    proxy.crash();
    rail.forget();
    await settle(SLOW);
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'ready', 'b_192.0.2.2:8001': 'ready' });
    expect(rail.observed.problem).toMatchObject({ reason: 'ConfigRejected' });
  });

  it('is forgotten when the objects are good again', async () => {
    await settle(SLOW);
    await settle(TWO);
    expect(rail.observed).toMatchObject({ programmed: true });
    expect(rail.observed.problem).toBeUndefined();
    proxy.check = () => '';
    await settle(SLOW);
    expect(rail.observed).toMatchObject({ programmed: true });
  });
});

describe('a configuration that passes the check and does not load', () => {
  it('is tried again after a while, and until then the last one stays', async () => {
    await settle(ONE);
    proxy.load = (skeleton) => (isSlow(skeleton) ? 'cannot bind' : '');
    await settle(SLOW, 5);
    expect(rail.observed.problem).toEqual({ reason: 'ConfigRejected', message: 'cannot bind' });
    expect(proxy.calls.filter((call) => call === 'reload')).toHaveLength(1);
    await rail.flush();
    expect(isSlow(proxy.image?.skeleton ?? '')).toBe(false);
    proxy.load = () => '';
    await settle(SLOW, 40);
    expect(told).toContain('reloaded pool-options');
    expect(rail.observed).toMatchObject({ programmed: true });
  });
});

describe('a configuration that could not be loaded', () => {
  it('is tried again when that is due, and not at each look', async () => {
    await settle(ONE);
    proxy.load = (skeleton) => (isSlow(skeleton) ? 'cannot bind' : '');
    const begun = performance.now();
    while (performance.now() - begun < 100_000)
      await vi.advanceTimersByTimeAsync(Math.max(100, await rail.round(SLOW)));
    expect(rail.observed.problem?.reason).toBe('ConfigRejected');
    expect(proxy.calls.filter((call) => call === 'reload')).toHaveLength(4);
  });
});

describe('a refused change', () => {
  it('is told, waits, and is tried again', async () => {
    await settle(ONE);
    proxy.refuse = (kind) => (kind === 'add-server' ? 'no room' : undefined);
    const again = await rail.round(TWO);
    expect(again).toBeGreaterThanOrEqual(1000);
    expect(told).toContain('refused add-server: no room');
    expect(rail.observed).toMatchObject({ programmed: false });
    proxy.refuse = () => undefined;
    await settle(TWO);
    expect(servers()).toMatchObject({ 'b_192.0.2.2:8001': 'ready' });
  });

  it('does not hold up a reload, nor the other servers', async () => {
    await settle(topologyOf(site(['a', 'b', 'c'])));
    proxy.refuse = (kind, server) =>
      kind === 'delete-server' && server.startsWith('c_') ? 'still has connections' : undefined;
    await settle(TWO);
    expect(told.some((word) => word.startsWith('refused delete-server'))).toBe(true);
    proxy.calls.length = 0;
    await settle(topologyOf(site(['a', 'b', 'd', 'e'], { slowStart: '10s' })), 2);
    expect(told).toContain('reloaded pool-options');
    expect(servers()).toMatchObject({ 'e_192.0.2.4:8003': 'ready' });
  });
});

describe('trouble with HAProxy', () => {
  it('is ProxyUnreachable until it answers again', async () => {
    await settle(ONE);
    proxy.fail('readServers', 1);
    vi.advanceTimersByTime(5000);
    await expect(rail.round(ONE)).rejects.toThrow('readServers fails');
    expect(rail.observed).toMatchObject({ programmed: false, problem: { reason: 'ProxyUnreachable' } });
    expect(rail.known).toBe(false);
    await settle(ONE);
    expect(rail.observed).toMatchObject({ programmed: true });
  });

  it('in the middle of a change ends in the right state all the same', async () => {
    await settle(ONE);
    proxy.fail('apply');
    await expect(rail.round(TWO)).rejects.toThrow('apply fails');
    await settle(TWO);
    expect(servers()).toEqual({ 'a_192.0.2.1:8000': 'ready', 'b_192.0.2.2:8001': 'ready' });
  });

  it('after a crash brings back the same servers and states', async () => {
    await settle(TWO);
    const before = servers();
    proxy.crash();
    rail.forget();
    told.length = 0;
    await rail.round(TWO);
    expect(told).toEqual(['started']);
    expect(servers()).toEqual(before);
  });

  it('says that HAProxy is not there when it does not start', async () => {
    proxy.check = () => WORDS;
    await expect(rail.round(ONE)).rejects.toThrow(WORDS);
    expect(rail.observed.problem).toMatchObject({ reason: 'ProxyUnreachable' });
    proxy.check = () => '';
    await settle(ONE);
    expect(rail.observed).toMatchObject({ programmed: true });
  });

  it('notices a worker that is another one', async () => {
    await settle(ONE);
    const config = configOf(site(['a']));
    const state = await proxy.driver.read();
    await proxy.driver.reload(() => ({ config, state }));
    await proxy.driver.apply([{ kind: 'replace-routes', routes: new Map() }]);
    await settle(ONE);
    expect(proxy.now?.state.routes).toEqual(config.routes);
  });
});
