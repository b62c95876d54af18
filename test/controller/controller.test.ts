import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Resources } from '../../operator/api/resources.ts';
import { startController, type Controller } from '../../operator/controller/controller.ts';
import type { DatabaseRail } from '../../operator/controller/database-rail.ts';
import { createNameResolver, type NameResolver } from '../../operator/driver/names.ts';
import { createProxyRail, type ProxyRail } from '../../operator/controller/proxy-rail.ts';
import type { Source } from '../../operator/source/source.ts';
import type { DatabaseObserved } from '../../operator/status/observed.ts';
import type { StatusDocument } from '../../operator/status/document.ts';
import { SETTINGS } from '../haproxy/worlds.ts';
import { eventually } from '../support/wait.ts';
import { grant, pool, resources, rule, secret } from '../topology/objects.ts';
import { createMemoryProxy, type MemoryProxy } from './memory-proxy.ts';

const SECRETS = [secret('admin', ['username', 'password']), secret('app', ['password'])];

const endpoints = (...names: string[]) =>
  names.map((name, index) => ({ name, address: `192.0.2.${index + 1}`, port: 8000 }));
const site = (...names: string[]) =>
  resources({
    pools: [pool('site', { externalEndpoints: endpoints(...names) })],
    rules: [rule('site', { rules: [{ name: 'all', pools: [{ name: 'site' }] }] })],
  });
const withGrant = (...names: string[]): Resources => ({
  ...site(...names),
  grants: resources({ grants: [grant('app', { pools: [{ name: 'site' }] })] }).grants,
  secrets: resources({ secrets: SECRETS }).secrets,
});

/** A source whose picture a test sets; an Error is thrown. */
interface MemorySource extends Source {
  picture: Resources | Error;
  reads: number;
  change(picture: Resources | Error): void;
  readonly written: ReadonlyMap<string, StatusDocument>;
  failWrites: boolean;
  /** Called before statuses are written, and before the picture is read. */
  beforeWrite: (gap: () => Promise<void>) => Promise<void>;
  beforeRead: () => Promise<void>;
}

function memorySource(picture: Resources | Error): MemorySource {
  const written = new Map<string, StatusDocument>();
  let wake = () => {};
  const source: MemorySource = {
    picture,
    reads: 0,
    written,
    failWrites: false,
    beforeWrite: async () => undefined,
    beforeRead: async () => undefined,
    async read() {
      await source.beforeRead();
      source.reads += 1;
      if (source.picture instanceof Error) throw source.picture;
      return source.picture;
    },
    changes(listener) {
      wake = listener;
      return () => (wake = () => {});
    },
    change(next) {
      source.picture = next;
      wake();
    },
    secretValue: () => undefined,
    async writeStatus(changed, _all, { gap = async () => undefined }) {
      await source.beforeWrite(gap);
      if (source.failWrites) throw new Error('no space left');
      for (const document of changed) written.set(`${document.kind} ${document.metadata.name}`, document);
    },
    statusOf: () => undefined,
  };
  return source;
}

interface World {
  readonly source: MemorySource;
  readonly proxy: MemoryProxy;
  readonly controller: Controller;
  readonly rail: ProxyRail;
  readonly databases: Map<string, DatabaseObserved>;
  readonly errors: string[];
  readonly rounds: string[];
}

const worlds: World[] = [];

function start(
  picture: Resources | Error,
  more: { proxy?: MemoryProxy; databases?: Map<string, DatabaseObserved>; names?: NameResolver } = {},
): World {
  const source = memorySource(picture);
  const { proxy = createMemoryProxy(), databases = new Map<string, DatabaseObserved>() } = more;
  const errors: string[] = [];
  const rounds: string[] = [];
  const nothing = () => undefined;
  const rail = createProxyRail({
    driver: proxy.driver,
    settings: SETTINGS,
    bind: '*',
    events: { started: nothing, applied: nothing, refused: nothing, reloaded: nothing, configRefused: nothing },
  });
  const databaseRail: DatabaseRail = {
    update: nothing,
    left: () => [],
    wake: nothing,
    observed: databases,
    settled: true,
    stop: async () => undefined,
  };
  const controller = startController({
    source,
    proxy: rail,
    databases: databaseRail,
    resolver: more.names ?? { names: new Map(), want: nothing, recall: nothing, close: nothing },
    now: () => '2026-01-01T00:00:00Z',
    onRead: nothing,
    onRound: (work, result) => {
      if (work === 'make') rounds.push(result);
    },
    onError: (error, what) => errors.push(`${what}: ${(error as Error).message}`),
  });
  const world = { source, proxy, controller, rail, databases, errors, rounds };
  worlds.push(world);
  return world;
}

beforeEach(() => {
  worlds.length = 0;
});
afterEach(async () => {
  await Promise.all(worlds.map(({ controller }) => controller.stop()));
  // No driver has to bear two calls at a time.
  expect(worlds.flatMap(({ proxy }) => proxy.overlaps)).toEqual([]);
});

const serversOf = ({ proxy }: World) =>
  Object.fromEntries(
    [...(proxy.now?.state.backends.get('http_default_site') ?? [])].map(([id, { admin }]) => [id.split('_')[0], admin]),
  );
/** Lets checks pass until these servers are as told. */
const servers = (world: World, wanted: Readonly<Record<string, string>>) =>
  eventually(JSON.stringify(wanted), () => {
    world.proxy.later();
    return JSON.stringify(serversOf(world)) === JSON.stringify(wanted);
  });
const conditionOf = ({ source }: World, name: string, type: string) =>
  (
    source.written.get(name)?.status as { conditions?: { type: string; status: string; reason: string }[] } | undefined
  )?.conditions?.find((one) => one.type === type);

describe('the controller', () => {
  it('makes a picture true and says so', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    await eventually('a status', () => conditionOf(world, 'WebPool site', 'Ready')?.status === 'True');
    expect(world.controller.failures).toBe(0);
    expect(world.errors).toEqual([]);
    await eventually('rest', () => world.controller.settled);
  });

  it('follows a change', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    world.source.change(site('a', 'b'));
    await servers(world, { a: 'ready', b: 'ready' });
  });

  it('writes the last status and the image when it stops', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    world.source.change(site('a', 'b'));
    await servers(world, { a: 'ready', b: 'ready' });
    await world.controller.stop();
    expect(world.proxy.image?.backends.get('http_default_site')?.servers.size).toBe(2);
    expect(world.proxy.now).toBeDefined();
    const { length } = world.rounds;
    world.source.change(site());
    world.controller.wake();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(world.rounds).toHaveLength(length);
  });
});

describe('a change that comes while statuses are written', () => {
  it('is made before more of them is', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    await eventually('rest', () => world.controller.settled);
    const gaps: unknown[] = [];
    world.source.beforeRead = () => new Promise((resolve) => setTimeout(resolve, 5));
    world.source.beforeWrite = async (gap) => {
      world.source.beforeWrite = async () => undefined;
      world.source.change(site('a', 'b'));
      await gap();
      gaps.push(serversOf(world));
    };
    world.controller.wake();
    await eventually('a gap', () => gaps.length > 0);
    expect(gaps).toEqual([expect.objectContaining({ a: 'ready', b: expect.anything() })]);
  });

  it('does not keep them from being written, however long it takes', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    await eventually('rest', () => world.controller.settled);
    const release: (() => void)[] = [];
    const gaps: number[] = [];
    world.source.beforeRead = () => new Promise((resolve) => release.push(resolve));
    world.source.beforeWrite = async (gap) => {
      world.source.beforeWrite = async () => undefined;
      world.source.change(site('a', 'b'));
      await gap();
      gaps.push(release.length);
    };
    world.controller.wake();
    await eventually('a gap', () => gaps.length > 0);
    // The round still waits for its picture.
    expect(gaps).toEqual([1]);
    world.source.beforeRead = async () => undefined;
    for (const go of release) go();
    await servers(world, { a: 'ready', b: 'ready' });
  });
});

describe('a source that cannot be read', () => {
  it('leaves the last picture in force, and is read again', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    world.source.change(new Error('permission denied'));
    await eventually('the error', () => world.errors.includes('source: permission denied'));
    expect(serversOf(world)).toEqual({ a: 'ready' });
    // HAProxy is looked after all the same.
    world.proxy.crash();
    world.rail.forget();
    world.controller.wake();
    await servers(world, { a: 'ready' });
    // Nobody tells that it can be read again.
    world.source.picture = site('a', 'b');
    await servers(world, { a: 'ready', b: 'ready' });
  });

  it('at the beginning is tried until it can be, and nothing is touched meanwhile', async () => {
    const world = start(new Error('not mounted yet'));
    await eventually('a second look', () => world.controller.failures >= 2);
    expect(world.proxy.calls).toEqual([]);
    expect(world.controller.snapshot).toBeUndefined();
    world.source.picture = site('a');
    await servers(world, { a: 'ready' });
    expect(world.controller.failures).toBe(0);
  });
});

describe('trouble elsewhere', () => {
  it('with HAProxy counts as failed rounds and is in the status', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    world.proxy.fail('readServers', 3);
    world.proxy.fail('read', 3);
    world.controller.wake();
    await eventually('a failed round', () => world.rounds.includes('error'));
    await eventually('the pool to say so', () => conditionOf(world, 'WebPool site', 'Ready')?.status !== 'True');
    await eventually('a good round', () => world.controller.failures === 0 && world.rail.observed.programmed);
    await eventually('the pool to be well', () => conditionOf(world, 'WebPool site', 'Ready')?.status === 'True');
  });

  it('with the status does not keep servers from joining', async () => {
    const world = start(site('a'));
    world.source.failWrites = true;
    await servers(world, { a: 'ready' });
    world.source.change(site('a', 'b'));
    await servers(world, { a: 'ready', b: 'ready' });
    expect(world.errors).toContain('tell: no space left');
    world.source.failWrites = false;
    await eventually('the status', () => conditionOf(world, 'WebPool site', 'Ready')?.status === 'True');
  });
});

describe('servers with accounts', () => {
  it('join when their account is there', async () => {
    const world = start(withGrant('a'));
    const id = await eventually(
      'the account to be asked for',
      () => world.controller.snapshot?.topology.accounts[0]?.server.id,
    );
    const accounts = (state: 'Pending' | 'Ready'): DatabaseObserved => ({
      grants: new Map([['default/app', { accounts: [{ host: '192.0.2.1', state }] }]]),
    });
    world.databases.set(id, accounts('Pending'));
    world.controller.wake();
    await eventually('a round', () => world.rounds.length > 2);
    expect(serversOf(world)).toEqual({});
    world.databases.set(id, accounts('Ready'));
    world.controller.wake();
    await servers(world, { a: 'ready' });
  });

  it('are left alone by a second start that knows nothing of their accounts yet', async () => {
    const first = start(withGrant('a', 'b'));
    // Nobody hears of the database: after a second they join all the same.
    await servers(first, { a: 'ready', b: 'ready' });
    await first.controller.stop();
    first.proxy.calls.length = 0;
    const second = start(withGrant('a', 'b'), { proxy: first.proxy.heir() });
    await eventually('rest', () => second.controller.settled);
    expect(serversOf(second)).toEqual({ a: 'ready', b: 'ready' });
    expect(first.proxy.calls.filter((call) => call.includes('set-state'))).toEqual([]);
  });

  it('are left alone when HAProxy did not answer once', async () => {
    const world = start(site('a'));
    await servers(world, { a: 'ready' });
    world.proxy.calls.length = 0;
    world.proxy.fail('readServers');
    world.proxy.fail('apply');
    world.source.change(withGrant('a', 'b'));
    await servers(world, { a: 'ready', b: 'ready' });
    expect(world.proxy.calls.filter((call) => call.includes('set-state set-state'))).toEqual([]);
    expect(world.proxy.everDrained).not.toContain('a_192.0.2.1:8000');
  });
});

describe('servers with names', () => {
  const named = resources({
    pools: [pool('site', { externalEndpoints: [{ name: 'a', address: 'a.example.com' }] })],
    rules: [rule('site', { rules: [{ name: 'all', pools: [{ name: 'site' }] }] })],
  });
  const resolvers: NameResolver[] = [];
  const names = (resolve: () => Promise<readonly string[]>) => {
    const made = createNameResolver({ onChange: () => worlds.at(-1)?.controller.wake(), resolve });
    resolvers.push(made);
    return made;
  };
  afterEach(() => {
    for (const one of resolvers.splice(0)) one.close();
  });

  it('are left alone by a second start that finds no name server', async () => {
    const first = start(named, { names: names(async () => ['192.0.2.1']) });
    await servers(first, { a: 'ready' });
    await first.controller.stop();
    const silent = names(() => Promise.reject(new Error('no name server answers')));
    const second = start(named, { proxy: first.proxy.heir(), names: silent });
    await eventually('rest', () => second.controller.settled);
    expect(serversOf(second)).toEqual({ a: 'ready' });
    expect(second.proxy.everDrained).toEqual([]);
  });
});
