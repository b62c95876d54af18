import { afterEach, describe, expect, it } from 'vitest';
import type { Key, Resources } from '../../operator/api/resources.ts';
import { createDatabaseRail, type DatabaseRail, type ServerPlace } from '../../operator/controller/database-rail.ts';
import type { DatabaseRound, DatabaseRoundInput } from '../../operator/driver/mysql-server.ts';
import type { ProxyObserved } from '../../operator/status/observed.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { eventually } from '../support/wait.ts';
import { grant, metadata, NO_NAMES, pool, resources, secret } from '../topology/objects.ts';

const ADMIN_KEYS = ['username', 'password'];
const SECRETS = [secret('admin', ADMIN_KEYS), secret('other-admin', ADMIN_KEYS), secret('app', ['password'])];

/** A server that answers every round in the way it is told to, and remembers what it was asked. */
interface FakeServer {
  readonly place: ServerPlace;
  readonly asked: DatabaseRoundInput[];
  closed: boolean;
}

type Answer = (input: DatabaseRoundInput, place: ServerPlace) => Promise<DatabaseRound> | DatabaseRound;

const done = ({ needs }: DatabaseRoundInput): DatabaseRound => ({
  grants: new Map(
    needs.map(({ grant: key, hosts }) => [key, { accounts: hosts.map(({ host }) => ({ host, state: 'Ready' })) }]),
  ),
  settled: true,
  withheld: 0,
  statements: 0,
});

const never = (): Promise<DatabaseRound> => new Promise<never>(() => undefined);

let rail: DatabaseRail | undefined;

afterEach(async () => {
  // A server that never answers is left behind: nothing of it is real.
  await Promise.race([rail?.stop(), new Promise((resolve) => setTimeout(resolve, 50))]);
});

interface World {
  readonly rail: DatabaseRail;
  /** By id, the latest of that id. */
  readonly servers: Map<string, FakeServer>;
  readonly remembered: (readonly ServerPlace[])[];
  readonly rounds: string[];
  readonly show: (picture: Resources) => void;
}

interface WorldOptions {
  readonly answer?: Answer;
  readonly remembered?: readonly ServerPlace[];
  readonly proxy?: ProxyObserved | 'unknown';
  /** Instead, where it changes. */
  readonly proxyNow?: () => ProxyObserved | undefined;
  readonly secretValue?: (name: Key, key: string) => string | undefined;
  readonly allowed?: () => boolean;
  readonly departed?: () => ReadonlySet<string>;
}

function world(options: WorldOptions = {}): World {
  const { answer = done, remembered = [], proxy = { programmed: true, pools: new Map(), bind: '*' } } = options;
  const { secretValue = (name, key) => `${key} of ${name}` } = options;
  const servers = new Map<string, FakeServer>();
  const memories: (readonly ServerPlace[])[] = [];
  const rounds: string[] = [];
  const made = createDatabaseRail({
    open: (place) => {
      const server: FakeServer = { place, asked: [], closed: false };
      servers.set(place.id, server);
      return {
        id: place.id,
        round: async (input) => {
          server.asked.push(input);
          return answer(input, place);
        },
        close: async () => {
          server.closed = true;
        },
      };
    },
    secretValue,
    proxy: options.proxyNow ?? (() => (proxy === 'unknown' ? undefined : proxy)),
    onRound: (id) => rounds.push(id),
    onError: () => undefined,
    remembered,
    remember: (places) => memories.push(places),
    ...(options.allowed && { allowed: options.allowed }),
    ...(options.departed && { departed: options.departed }),
  });
  rail = made;
  const show = (picture: Resources): void => made.update(picture, buildTopology(picture, NO_NAMES));
  return { rail: made, servers, remembered: memories, rounds, show };
}

const on = (name: string, host: string, adminSecretName = 'admin') =>
  grant(name, { server: { host, adminSecretName }, hosts: ['10.0.0.1'] });

describe('one loop a server', () => {
  it('a server that never answers delays no other, nor whoever asks', async () => {
    const { rail, show } = world({ answer: (input, { host }) => (host === 'dead' ? never() : done(input)) });
    show(resources({ grants: [on('a', 'dead'), on('b', 'alive')], secrets: SECRETS }));
    await eventually('the other server', () => rail.observed.has('alive:3306 as default/admin'));
    expect([...rail.observed.keys()]).toEqual(['alive:3306 as default/admin']);
    expect(rail.settled).toBe(false);
  });

  it('begins no round while it may not write, whoever wakes it', async () => {
    let may = true;
    const { rail, show, servers } = world({ allowed: () => may });
    show(resources({ grants: [on('a', 'db')], secrets: SECRETS }));
    await eventually('a round', () => rail.settled);
    const asked = servers.get('db:3306 as default/admin')?.asked ?? [];
    const { length } = asked;
    may = false;
    rail.wake();
    show(resources({ grants: [on('a', 'db'), on('b', 'db')], secrets: SECRETS }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toHaveLength(length);
    may = true;
    rail.wake();
    await eventually('another round', () => asked.length > length);
  });

  it('is settled once every server is, or has a problem that waiting does not solve', async () => {
    const problem = { reason: 'ServerUnreachable', message: 'no way' } as const;
    const broken: DatabaseRound = { problem, grants: new Map(), settled: false, withheld: 0, statements: 0 };
    const { rail, show } = world({ answer: (input, { host }) => (host === 'dead' ? broken : done(input)) });
    show(resources({ grants: [on('a', 'dead'), on('b', 'alive')], secrets: SECRETS }));
    await eventually('both servers', () => rail.settled);
    expect(rail.observed.get('dead:3306 as default/admin')?.problem).toEqual(problem);
  });

  it('tells that a problem is over, also when the accounts are what they were', async () => {
    const problem = { reason: 'ServerUnreachable', message: 'no way' } as const;
    let answers = 0;
    const { rail, show, rounds } = world({
      // As they were last seen: an outage of ours takes nobody's away.
      answer: (input) => ((answers += 1) === 2 ? { ...done(input), problem, settled: false } : done(input)),
    });
    const picture = (host: string) =>
      resources({
        grants: [grant('a', { server: { host: 'db', adminSecretName: 'admin' }, hosts: [host] })],
        secrets: SECRETS,
      });
    show(picture('10.0.0.1'));
    await eventually('the first round', () => rounds.length === 1);
    show(picture('10.0.0.1'));
    await eventually('the problem', () => rail.observed.get('db:3306 as default/admin')?.problem !== undefined);
    await eventually('its end', () => rail.observed.get('db:3306 as default/admin')?.problem === undefined);
    expect(rounds).toHaveLength(3);
  });

  it('tells the very same of a server that is as it was', async () => {
    let state: 'Ready' | 'Failed' = 'Ready';
    const { rail, servers, show } = world({
      answer: (input) => ({
        ...done(input),
        grants: new Map(input.needs.map(({ grant: key }) => [key, { accounts: [{ host: '10.0.0.1', state }] }])),
      }),
    });
    const id = 'db:3306 as default/admin';
    const rounds = (count: number) =>
      eventually(`${count} rounds`, () => servers.get(id)?.asked.length === count && rail.settled);
    show(resources({ grants: [on('a', 'db')], secrets: SECRETS }));
    await rounds(1);
    await eventually('what it saw', () => rail.observed.has(id));
    const first = rail.observed;
    rail.wake();
    await rounds(2);
    rail.wake();
    // Rounds of one server follow one another: the second is over.
    await rounds(3);
    expect(rail.observed).toBe(first);
    state = 'Failed';
    rail.wake();
    await eventually('the news', () => rail.observed.get(id)?.grants.get('default/a')?.accounts[0]?.state === 'Failed');
  });

  it('looks again where time ran out, and after a picture that differs', async () => {
    let settled = false;
    const { rail, servers, show } = world({ answer: (input) => ({ ...done(input), settled }) });
    const picture = resources({ grants: [on('a', 'db')], secrets: SECRETS });
    show(picture);
    const asked = () => servers.get('db:3306 as default/admin')?.asked ?? [];
    await eventually('the second round', () => asked().length >= 2);
    expect(rail.settled).toBe(false);
    settled = true;
    await eventually('the last round', () => rail.settled);
    const before = asked().length;
    show({
      ...picture,
      grants: new Map([
        ['default/a', grant('a', { server: { host: 'db', adminSecretName: 'admin' }, hosts: ['10.0.0.2'] })],
      ]),
    });
    await eventually('a round for the new picture', () => asked().length > before);
    expect(asked().at(-1)?.needs[0]?.hosts).toEqual([{ host: '10.0.0.2', servers: [] }]);
  });
});

describe('logins', () => {
  it('differ: grants with different admin Secrets are kept apart, and none is elsewhere', async () => {
    const { rail, servers, show } = world();
    show(resources({ grants: [on('a', 'db'), on('b', 'db', 'other-admin'), on('c', 'far')], secrets: SECRETS }));
    await eventually('all three', () => rail.observed.size === 3);
    const own = servers.get('db:3306 as default/admin')?.asked[0];
    expect(own?.admin).toEqual({ username: 'username of default/admin', password: 'password of default/admin' });
    expect(own?.needs.map(({ grant: key }) => key)).toEqual(['default/a']);
    expect(own?.elsewhere).toEqual(new Set(['default/c']));
    expect(own?.presentGrants).toEqual(new Set(['default/a', 'default/b', 'default/c']));
    const other = servers.get('db:3306 as default/other-admin')?.asked[0];
    expect(other?.admin?.username).toBe('username of default/other-admin');
  });

  it('have the authority of the server, or do not happen', async () => {
    const tls = { mode: 'Required', caSecretName: 'ca', serverName: 'db.example.com' } as const;
    const secured = grant('a', { server: { host: 'db', adminSecretName: 'admin', tls }, hosts: ['10.0.0.1'] });
    const picture = resources({ grants: [secured], secrets: [...SECRETS, secret('ca', ['ca.crt'])] });
    const { rail, servers, show } = world();
    show(picture);
    await eventually('a round', () => rail.observed.size === 1);
    const [asked] = servers.get('db:3306 as default/admin')?.asked ?? [];
    expect(asked?.tls).toEqual({ mode: 'Required', ca: 'ca.crt of default/ca', serverName: 'db.example.com' });

    const without = world({ secretValue: (name, key) => (name === 'default/ca' ? undefined : key) });
    without.show(picture);
    await eventually('a round', () => without.rail.observed.size === 1);
    expect(without.servers.get('db:3306 as default/admin')?.asked[0]?.admin).toBe(undefined);
  });

  it('follow what the grant says now', async () => {
    const { rail, servers, show } = world();
    const server = { host: 'db', adminSecretName: 'admin' };
    show(resources({ grants: [grant('a', { server, hosts: ['10.0.0.1'] })], secrets: SECRETS }));
    await eventually('a round', () => rail.observed.size === 1);
    const changed = grant('a', { server: { ...server, tls: { mode: 'Disabled' } }, hosts: ['10.0.0.1'] });
    show(resources({ grants: [changed], secrets: SECRETS }));
    const asked = servers.get('db:3306 as default/admin')?.asked;
    expect(
      (await eventually('the new login', () => asked?.find(({ tls }) => tls?.mode === 'Disabled'))).needs,
    ).toHaveLength(1);
  });
});

describe('a server that nobody names any more', () => {
  const place: ServerPlace = {
    id: 'old:3306 as default/admin',
    host: 'old',
    port: 3306,
    adminSecret: 'default/admin',
    tls: { mode: 'Preferred' },
  };

  it('is remembered until its accounts are gone, then let go', async () => {
    let left = 2;
    const leaving = { accounts: [{ host: '10.0.0.1', state: 'Leaving' as const }] };
    const { rail, servers, remembered, show } = world({
      remembered: [place],
      answer: (input) => {
        left -= 1;
        return left > 0
          ? { ...done(input), grants: new Map([['default/gone', leaving]]), settled: false }
          : done(input);
      },
    });
    show(resources({ secrets: SECRETS }));
    const server = servers.get(place.id);
    expect(server?.closed).toBe(false);
    await eventually('the end', () => server?.closed);
    expect(server?.asked).toHaveLength(2);
    expect(rail.observed.size).toBe(0);
    expect(rail.settled).toBe(true);
    expect(remembered).toEqual([[]]);
  });

  it('is not forgotten while an account of ours has to stay there', async () => {
    let withheld = 1;
    const { rail, servers, remembered, show } = world({
      remembered: [place],
      answer: (input) => ({ ...done(input), withheld }),
    });
    show(resources({ secrets: SECRETS }, { pictureComplete: false }));
    await eventually('a round', () => rail.observed.size === 1);
    expect([servers.get(place.id)?.closed, remembered]).toEqual([false, []]);
    withheld = 0;
    show(resources({ secrets: SECRETS }));
    await eventually('the end', () => servers.get(place.id)?.closed);
    expect(remembered).toEqual([[]]);
  });

  it('is clean once a round has ended that was made without the grant, however many pictures came meanwhile', async () => {
    const rounds: (() => void)[] = [];
    const { rail, show } = world({
      answer: async (input) => {
        await new Promise<void>((resolve) => void rounds.push(resolve));
        return done(input);
      },
    });
    const id = 'db:3306 as default/admin';
    const both = [on('a', 'db'), on('b', 'db')];
    const picture = (grants: typeof both, version: string) =>
      resources({ grants, secrets: [...SECRETS, secret('else', ['key'], version)] });
    const without = (version: string) => show(picture([on('b', 'db')], version));
    const isClean = () => ['default/a', 'default/b'].map((key) => rail.left(key, id).length === 0);
    const end = async (number: number) => {
      (await eventually('a round', () => rounds[number]))();
      await eventually('the next one', () => rounds[number + 1]);
    };
    show(picture(both, '1'));
    await eventually('a round', () => rounds[0]);
    expect(isClean()).toEqual([false, false]);
    without('2');
    await end(0);
    expect(isClean()).toEqual([false, false]);
    without('3');
    await end(1);
    without('4');
    expect(isClean()).toEqual([true, false]);
    show(picture(both, '4'));
    await end(2);
    without('5');
    // The round that runs may make an account.
    expect(isClean()).toEqual([false, false]);
  });

  it('is not clean by a round that could not take away anything', async () => {
    let proxy: ProxyObserved | undefined;
    const { rail, servers, show } = world({
      proxyNow: () => proxy,
      answer: (input) => ({ ...done(input), withheld: 1 }),
    });
    const id = 'db:3306 as default/admin';
    show(resources({ grants: [on('b', 'db')], secrets: SECRETS }));
    await eventually('a round', () => rail.observed.size === 1);
    expect(rail.left('default/a', id)).toEqual([id]);
    proxy = { programmed: true, pools: new Map(), bind: '*' };
    rail.wake();
    await eventually('another round', () => servers.get(id)?.asked.at(-1)?.pictureComplete);
    await eventually('its end', () => rail.left('default/a', id).length === 0);
  });

  describe('by a grant that has moved and is deleted then', () => {
    const [OLD, NEW] = ['old:3306 as default/admin', 'new:3306 as default/admin'];
    const problem = { reason: 'ServerUnreachable', message: 'no way' } as const;
    /** As one that cannot be asked answers: the accounts count as they were last seen. */
    const unreachable: Answer = (input) => ({ ...done(input), problem, settled: false });
    let isAway: boolean;
    /** A rail with two servers, of which the old one may be away; `answer` while it is not. */
    const moving = (answer: Answer = done) => {
      const made = world({
        answer: (input, place) => (isAway && place.host === 'old' ? unreachable : answer)(input, place),
      });
      const show = (...grants: readonly ReturnType<typeof on>[]) => made.show(resources({ grants, secrets: SECRETS }));
      const isSeen = (id: string) => eventually(`a round on ${id}`, () => made.rail.observed.has(id));
      const isGone = (...left: readonly string[]) =>
        eventually(`left on ${left.join()}`, () => made.rail.left('default/a', NEW).join() === left.join());
      const fails = () => eventually('the problem', () => made.rail.observed.get(OLD)?.problem !== undefined);
      return { ...made, show, isSeen, isGone, fails };
    };

    it('is waited for while it is away', async () => {
      isAway = false;
      const { show, isSeen, isGone, fails } = moving();
      show(on('a', 'old'));
      await isSeen(OLD);
      isAway = true;
      show(on('a', 'new'));
      await isSeen(NEW);
      await fails();
      show();
      await isGone(OLD);
      isAway = false;
      await isGone();
    });

    it('is waited for while a round runs there that may make accounts', async () => {
      isAway = false;
      const ends: (() => void)[] = [];
      const { show, isSeen, isGone } = moving(async (input, { host }) => {
        if (host === 'old') await new Promise<void>((resolve) => void ends.push(resolve));
        return done(input);
      });
      show(on('a', 'old'));
      await eventually('the round', () => ends[0]);
      show(on('a', 'new'));
      await isSeen(NEW);
      show();
      await isGone(OLD);
      ends[0]?.();
      (await eventually('a round without it', () => ends[1]))();
      await isGone();
    });

    it('is not waited for once a round has seen that none is left', async () => {
      isAway = false;
      const { show, isSeen, isGone, fails, servers } = moving();
      show(on('a', 'old'), on('b', 'old'));
      await isSeen(OLD);
      show(on('a', 'new'), on('b', 'old'));
      await isSeen(NEW);
      await eventually('a round without it', () => servers.get(OLD)?.asked.at(-1)?.elsewhere?.has('default/a'));
      await eventually('its end', () => rail?.settled);
      isAway = true;
      rail?.wake();
      await fails();
      show(on('b', 'old'));
      await isGone();
    });

    it('is not waited for where it never was: a name that was wrong keeps nobody', async () => {
      isAway = true;
      const { show, isSeen, isGone, fails } = moving();
      show(on('a', 'old'));
      await fails();
      show(on('a', 'new'));
      await isSeen(NEW);
      show();
      await isGone();
    });
  });

  it('is written down before its first account is made', () => {
    const { remembered, show } = world({ answer: never });
    show(resources({ grants: [on('a', 'db')], secrets: SECRETS }));
    expect(remembered.map((places) => places.map(({ id }) => id))).toEqual([['db:3306 as default/admin']]);
    show(resources({ grants: [on('a', 'db'), on('b', 'db')], secrets: SECRETS }));
    expect(remembered).toHaveLength(1);
  });
});

describe('removals', () => {
  const blog = pool('blog', { externalEndpoints: [{ name: 'web01', address: '10.0.0.1' }] });
  const wanted = grant('a', { server: { host: 'db', adminSecretName: 'admin' }, pools: [{ name: 'blog' }] });

  it('wait for servers that the proxy still has', async () => {
    const server = { admin: 'drain', health: 'Up', leaving: true } as const;
    const proxy: ProxyObserved = {
      programmed: true,
      bind: '*',
      pools: new Map([['default/blog', new Map([['web09_10.0.0.9:80', server]])]]),
    };
    const { rail, servers, show } = world({ proxy });
    show(resources({ pools: [blog], grants: [wanted], secrets: SECRETS }));
    await eventually('a round', () => rail.observed.size === 1);
    const [asked] = servers.get('db:3306 as default/admin')?.asked ?? [];
    expect(asked?.keepHosts).toEqual(new Map([['default/a', new Set(['10.0.0.9'])]]));
  });

  it('of servers of which nobody knows yet have to wait; those that were seen to go need not', async () => {
    const named = (...addresses: readonly string[]) =>
      pool('blog', { externalEndpoints: addresses.map((address, i) => ({ name: `web0${i}`, address })) });
    const { rail, servers, show } = world();
    const asked = () => {
      const incomplete = servers.get('db:3306 as default/admin')?.asked.at(-1)?.incomplete?.get('default/a');
      return incomplete === undefined ? 'complete' : [...incomplete].join(' ');
    };
    const seen = (hosts: string) => eventually(hosts, () => asked() === hosts);
    show(resources({ pools: [named('10.0.0.1', 'web09.example.com')], grants: [wanted], secrets: SECRETS }));
    await eventually('a round', () => rail.observed.size === 1);
    await seen('10.0.0.1');
    show(resources({ pools: [named('10.0.0.2', 'web09.example.com')], grants: [wanted], secrets: SECRETS }));
    await seen('10.0.0.1 10.0.0.2');
    show(resources({ pools: [named('10.0.0.2')], grants: [wanted], secrets: SECRETS }));
    await seen('complete');
    show(resources({ pools: [named('10.0.0.3', 'web09.example.com')], grants: [wanted], secrets: SECRETS }));
    await seen('10.0.0.2 10.0.0.3');
  });

  it('wait for a pool whose newest version is refused and whose last good one nobody knows any more', async () => {
    const { rail, servers, show } = world();
    const held = {
      kind: 'WebPool',
      key: 'default/blog',
      metadata: blog.metadata,
      findings: [],
      paused: false,
      fallback: false,
    } as const;
    show({ ...resources({ grants: [wanted], secrets: SECRETS }), held: [held] });
    await eventually('a round', () => rail.observed.size === 1);
    const [asked] = servers.get('db:3306 as default/admin')?.asked ?? [];
    expect(asked?.incomplete).toEqual(new Map([['default/a', new Set()]]));
  });

  it('are allowed in number by the annotation, and not by anything else in it', async () => {
    const annotated = (value: string) => ({
      ...wanted,
      metadata: metadata('a', { annotations: { 'webpool.dev/allow-removal': value } }),
    });
    for (const [value, allowed] of [
      ['12', 12],
      ['-1', undefined],
      ['all', undefined],
      ['', undefined],
    ] as const) {
      const { rail, servers, show } = world();
      show(resources({ pools: [blog], grants: [annotated(value)], secrets: SECRETS }));
      await eventually('a round', () => rail.observed.size === 1);
      const [asked] = servers.get('db:3306 as default/admin')?.asked ?? [];
      expect([value, asked?.allowRemoval.get('default/a')]).toEqual([value, allowed]);
    }
  });

  it('of Pods that were seen to go are known as such, and are no leave for those of others', async () => {
    const { servers, show } = world({ departed: () => new Set(['10.0.0.7', '10.0.0.8']) });
    show(resources({ pools: [blog], grants: [wanted], secrets: SECRETS }));
    const asked = await eventually('a round', () => servers.get('db:3306 as default/admin')?.asked.at(-1));
    expect([asked.departed, asked.allowRemoval]).toEqual([new Set(['10.0.0.7', '10.0.0.8']), new Map()]);
  });

  it('come soon after the proxy is known', async () => {
    let proxy: ProxyObserved | undefined;
    const { servers, show } = world({ proxyNow: () => proxy });
    show(resources({ grants: [on('a', 'db')], secrets: SECRETS }));
    const asked = () => servers.get('db:3306 as default/admin')?.asked ?? [];
    await eventually('a round', () => asked().length > 0);
    proxy = { programmed: true, pools: new Map(), bind: '*' };
    await eventually('a round that may remove', () => asked().at(-1)?.pictureComplete);
  });

  it('come soon, too, when the proxy becomes known while a database answers', async () => {
    let proxy: ProxyObserved | undefined;
    const answer: WorldOptions['answer'] = async (input) => {
      proxy = { programmed: true, pools: new Map(), bind: '*' };
      return done(input);
    };
    const { servers, show } = world({ proxyNow: () => proxy, answer });
    const begun = performance.now();
    show(resources({ grants: [on('a', 'db')], secrets: SECRETS }));
    const asked = () => servers.get('db:3306 as default/admin')?.asked ?? [];
    await eventually('a round that may remove', () => asked().at(-1)?.pictureComplete);
    expect(asked()[0]?.pictureComplete).toBe(false);
    // Not at the next look at a server that is well, half a minute later.
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it('are refused while something could not be read, or nobody knows what the proxy has', async () => {
    const picture = { grants: [on('a', 'db')], secrets: SECRETS };
    for (const [proxy, pictureComplete] of [
      ['unknown', true],
      [undefined, false],
    ] as const) {
      const { rail, servers, show } = world({ ...(proxy && { proxy }) });
      show(resources(picture, { pictureComplete }));
      await eventually('a round', () => rail.observed.size === 1);
      expect(servers.get('db:3306 as default/admin')?.asked[0]?.pictureComplete).toBe(false);
    }
  });
});
