/** The copy of a kind under everything that a server, a network and a clock can do to it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startReflector, type Reflector, type StoreChange } from '../../operator/kube/reflector.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { createTransport, type Transport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer, type Seen } from './fake-api-server.ts';
import { keepLog, until } from './wait.ts';

const TYPE = { group: 'example.com', version: 'v1', plural: 'things', kind: 'Thing' };

interface Thing {
  readonly name: string;
  readonly size: unknown;
}

let server: FakeApiServer;
let transport: Transport;
let reflector: Reflector<Thing> | undefined;
let changes: StoreChange<Thing>[];

const slim = ({ metadata, spec }: KubeObject, previous: Thing | undefined): Thing => {
  const { size } = spec as { size: unknown };
  return previous !== undefined && previous.size === size ? previous : { name: metadata.name, size };
};
const thing = (name: string, size: unknown) => ({ metadata: { namespace: 'default', name }, spec: { size } });
const put = (name: string, size: unknown) => server.put('things', thing(name, size));
const isList = ({ query, method }: Seen) => method === 'GET' && !query.has('watch');
const isWatch = ({ query }: Seen) => query.has('watch');
const lists = () => server.requests.filter(isList).length;
const watches = () => server.requests.filter(isWatch).length;
const sizes = () =>
  Object.fromEntries([...(reflector?.store ?? [])].map(([key, { size }]) => [key.split('/')[1], size]));

function start(timing: object = {}): Reflector<Thing> {
  const backoff = { first: 5, longest: 50 };
  reflector = startReflector<Thing>({
    transport,
    type: TYPE,
    slim,
    log: keepLog(),
    onChange: (change) => void changes.push(change),
    timing: { backoff, healthy: 1000, ...timing },
  });
  return reflector;
}
const follow = async (timing?: object) => {
  const started = start(timing);
  await until(() => server.watchers === 1);
  return started;
};

beforeEach(async () => {
  changes = [];
  server = await startFakeApiServer();
  transport = createTransport({ access: server.access, userAgent: 'test', firstRetry: 1 });
});
afterEach(async () => {
  await reflector?.stop();
  reflector = undefined;
  await transport.close();
  await server.close();
});

describe('in good weather', () => {
  test('lists in pages, then follows', async () => {
    for (let i = 0; i < 7; i++) put(`t${i}`, i);
    const { store } = await follow({ pageSize: 3 });
    expect(store.size).toBe(7);
    expect(lists()).toBe(3);
    put('t0', 'new');
    server.remove('things', 'default/t1');
    put('t9', 9);
    await until(() => store.size === 7 && store.has('default/t9'));
    expect(store.get('default/t0')?.size).toBe('new');
    expect(store.has('default/t1')).toBe(false);
    expect(lists()).toBe(3);
  });

  test('says nothing when nothing of interest changed, and keeps the very value', async () => {
    put('t', 1);
    const { store } = await follow();
    const before = store.get('default/t');
    changes.length = 0;
    server.put('things', { ...thing('t', 1), status: { seen: true } });
    put('u', 1);
    await until(() => store.has('default/u'));
    expect(store.get('default/t')).toBe(before);
    expect(changes.map(({ key }) => key)).toEqual(['default/u']);
  });

  test('asks for bookmarks and goes on from the last one', async () => {
    put('t', 1);
    await follow();
    expect(server.requests.findLast(isWatch)?.query.get('allowWatchBookmarks')).toBe('true');
    server.put('others', { metadata: { namespace: 'default', name: 'x' } });
    server.bookmark();
    await until(() => reflector?.version === server.version);
    server.endWatches();
    await until(() => watches() === 2 && server.watchers === 1);
    expect(server.requests.findLast(isWatch)?.query.get('resourceVersion')).toBe(server.version);
    expect(lists()).toBe(1);
  });

  test('an object that was made anew goes and comes', async () => {
    put('t', 1);
    await follow();
    changes.length = 0;
    server.endWatches();
    server.remove('things', 'default/t');
    put('t', 1);
    server.compact();
    await until(() => changes.length === 2);
    expect(changes.map(({ before, now }) => [before?.size, now?.size])).toEqual([
      [1, undefined],
      [undefined, 1],
    ]);
  });

  test('a namespace is all that is asked for', async () => {
    server.put('things', { ...thing('a', 1), metadata: { namespace: 'here', name: 'a' } });
    server.put('things', { ...thing('b', 1), metadata: { namespace: 'there', name: 'b' } });
    reflector = startReflector<Thing>({
      transport,
      type: TYPE,
      namespace: 'here',
      slim,
      log: keepLog(),
      onChange: (change) => void changes.push(change),
    });
    await until(() => reflector?.health.synced === true);
    expect([...reflector.store.keys()]).toEqual(['here/a']);
    expect(server.requests[0]?.path).toBe('/apis/example.com/v1/namespaces/here/things');
  });
});

describe('in bad weather', () => {
  test('410 on the watch: lists again and tells only what differs', async () => {
    put('t', 1);
    put('u', 1);
    await follow();
    changes.length = 0;
    server.endWatches();
    put('u', 2);
    server.remove('things', 'default/t');
    server.compact();
    await until(() => changes.length === 2);
    expect(sizes()).toEqual({ u: 2 });
    expect(changes.map(({ key }) => key)).toEqual(['default/u', 'default/t']);
  });

  test('410 in the stream: lists again', async () => {
    put('t', 1);
    await follow();
    server.write(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`);
    await until(() => lists() === 2);
    expect(sizes()).toEqual({ t: 1 });
  });

  test('410 in the middle of a list: begins again, in one page', async () => {
    for (let i = 0; i < 6; i++) put(`t${i}`, i);
    const gone = { kind: 'Status', code: 410, reason: 'Expired' };
    server.misbehave({ type: 'Answer', status: 410, body: gone }, ({ query }) => query.has('continue'));
    await follow({ pageSize: 2 });
    expect(reflector?.store.size).toBe(6);
    expect(server.requests.filter(isList).map(({ query }) => query.get('limit'))).toEqual(['2', '2', null]);
  });

  test('another ERROR in the stream: watches again from where it was', async () => {
    put('t', 1);
    await follow();
    server.write(
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 500, reason: 'InternalError' } })}\n`,
    );
    await until(() => watches() === 2);
    expect(lists()).toBe(1);
    expect(reflector?.health.errors).toBe(1);
  });

  test('an ERROR each time: the version is not trusted any more', async () => {
    put('t', 1);
    server.misbehave({ type: 'Answer', status: 500 }, isWatch, 3);
    start();
    await until(() => lists() === 2);
    await until(() => server.watchers === 1);
  });

  test.each([
    ['no JSON', '{"type":"ADDED","obj'],
    ['no event', '{"type":"FOO","object":{}}'],
    ['no identity', '{"type":"ADDED","object":{"metadata":{}}}'],
  ])('a broken line (%s) is never passed over: lists again', async (_, line) => {
    put('t', 1);
    await follow();
    server.write(`${line}\n`);
    await until(() => lists() === 2);
    expect(sizes()).toEqual({ t: 1 });
  });

  test('a line that comes in pieces, through a character', async () => {
    put('t', 1);
    await follow();
    const object = {
      ...thing('ü', '€'),
      metadata: { namespace: 'default', name: 'x', uid: 'u', resourceVersion: '9999' },
    };
    const bytes = Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    const at = bytes.indexOf(Buffer.from('€')) + 1;
    server.write(bytes.subarray(0, at));
    await new Promise((done) => setTimeout(done, 20));
    server.write(bytes.subarray(at));
    await until(() => reflector?.store.has('default/x') === true);
    expect(reflector?.store.get('default/x')?.size).toBe('€');
  });

  test('a watch without an answer, or without a byte after it, is dead', async () => {
    put('t', 1);
    server.misbehave({ type: 'Hang' }, isWatch);
    await follow({ idle: 50 });
    expect(watches()).toBe(2);
    await until(() => watches() >= 4);
    put('t', 2);
    await until(() => sizes()['t'] === 2);
  });

  test('RST, refusals, half-open: goes on for as long as it takes', async () => {
    put('t', 1);
    server.misbehave({ type: 'Answer', status: 503, headers: { 'retry-after': '0' } }, () => true, 9);
    server.misbehave({ type: 'Reset' }, () => true, 9);
    await follow();
    server.endWatches('Reset');
    put('t', 2);
    await until(() => sizes()['t'] === 2);
    expect(lists()).toBeGreaterThan(1);
  });

  test('a server that ends each watch at once makes no hot loop', async () => {
    put('t', 1);
    server.misbehave({ type: 'End' }, isWatch, 1_000_000);
    start({ backoff: { first: 20, longest: 1000, random: () => 0.5 } });
    await until(() => watches() >= 5);
    const times = watches();
    await new Promise((done) => setTimeout(done, 100));
    expect(watches() - times).toBeLessThanOrEqual(2);
  });

  test('a server that is back and refuses everybody for a moment is not avoided for long', async () => {
    put('t', 1);
    await follow({ backoff: { first: 20, longest: 600_000, random: () => 0.99 } });
    const before = watches();
    server.misbehave({ type: 'Reset' }, isWatch, 4);
    server.endWatches('Reset');
    await until(() => watches() >= before + 4);
    server.misbehave({ type: 'Answer', status: 403 }, isWatch);
    server.compact();
    const begun = performance.now();
    await until(() => server.watchers === 1);
    // Refused and told to list again: had the waits gone on growing, these two would have been 2 s and 7 s.
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  test('429 with Retry-After is waited for', async () => {
    put('t', 1);
    server.misbehave({ type: 'Answer', status: 429, headers: { 'retry-after': '1' } }, isWatch);
    const begun = performance.now();
    await follow();
    expect(performance.now() - begun).toBeGreaterThan(950);
  });

  test.each([
    ['no list', { kind: 'Thing' }],
    ['no version', { kind: 'ThingList', metadata: {}, items: [] }],
    ['no items', { kind: 'ThingList', metadata: { resourceVersion: '1' } }],
    ['objects without identity', { kind: 'ThingList', metadata: { resourceVersion: '1' }, items: [{ metadata: {} }] }],
    ['HTML of a proxy', '<html>'],
  ])('an answer that is %s deletes nothing', async (_, body) => {
    put('t', 1);
    await follow();
    changes.length = 0;
    server.misbehave({ type: 'Answer', status: 200, body }, isList, 3);
    server.compact();
    server.endWatches();
    await until(() => lists() >= 5 && server.watchers === 1);
    expect(changes).toEqual([]);
    expect(sizes()).toEqual({ t: 1 });
  });

  test('an empty list is asked for twice', async () => {
    put('t', 1);
    await follow();
    const empty = { kind: 'ThingList', metadata: { resourceVersion: '2000' }, items: [] };
    server.misbehave({ type: 'Answer', status: 200, body: empty }, isList);
    server.compact();
    server.endWatches();
    await until(() => lists() === 3);
    await until(() => server.watchers === 1);
    expect(sizes()).toEqual({ t: 1 });
    server.remove('things', 'default/t');
    await until(() => reflector?.store.size === 0);
  });

  test('what is really empty becomes so', async () => {
    put('t', 1);
    await follow();
    server.remove('things', 'default/t');
    server.compact();
    server.endWatches('Reset');
    await until(() => reflector?.store.size === 0);
  });

  test('404 of a kind that is not installed (yet) is no empty list', async () => {
    server.misbehave({ type: 'Answer', status: 404 }, isList, 3);
    put('t', 1);
    start();
    await until(() => lists() >= 2);
    expect(reflector?.health.synced).toBe(false);
    await until(() => reflector?.health.synced === true);
    expect(sizes()).toEqual({ t: 1 });
  });

  test('whoever listens badly stops nothing', async () => {
    put('t', 1);
    reflector = startReflector<Thing>({
      transport,
      type: TYPE,
      slim,
      log: keepLog(),
      onChange: () => {
        throw new Error('as asked');
      },
    });
    await until(() => server.watchers === 1);
    put('u', 2);
    await until(() => sizes()['u'] === 2);
  });

  test('stop ends it while it lists, waits and watches; nothing is told after it', async () => {
    put('t', 1);
    server.misbehave({ type: 'Hang' }, isList);
    const listing = start();
    await until(() => lists() === 1);
    await listing.stop();
    const watching = await follow();
    await watching.stop();
    changes.length = 0;
    put('t', 2);
    await until(() => server.watchers === 0);
    expect(changes).toEqual([]);
  });
});
