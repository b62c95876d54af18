/** A cluster as a source: one picture, kept change by change; statuses out; nothing concluded from what was not read. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mirroredPages, mirroredSecret } from '../../operator/cluster/mirrored-secret.ts';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import { createValidator } from '../../operator/api/validate.ts';
import { createClient } from '../../operator/kube/client.ts';
import { createTransport, type Transport } from '../../operator/kube/transport.ts';
import { createKubernetesSource, type KubernetesSource } from '../../operator/source/kubernetes.ts';
import type { StatusDocument } from '../../operator/status/document.ts';
import { startFakeApiServer, type FakeApiServer } from '../kube/fake-api-server.ts';
import { keepLog, until } from '../kube/wait.ts';
import { certificateFor } from '../support/certificates.ts';
import { CRDS } from '../support/crds.ts';
import { eventually } from '../support/wait.ts';

const validate = createValidator(compileSchemas(CRDS));
const TIMING = { backoff: { first: 5, longest: 50 }, healthy: 1000 };

let server: FakeApiServer;
let transport: Transport;
let source: KubernetesSource | undefined;
let wakes: number;

function open(options: Partial<Parameters<typeof createKubernetesSource>[0]> = {}): KubernetesSource {
  source = createKubernetesSource({
    client: createClient(transport),
    validate,
    log: keepLog(),
    namespaces: [],
    grants: true,
    secrets: 'WatchedNamespaces',
    statuses: true,
    timing: TIMING,
    ...options,
  });
  source.changes(() => (wakes += 1));
  return source;
}
const follow = async (options?: Parameters<typeof open>[0]) => {
  const opened = open(options);
  await opened.synced;
  return opened;
};
const meta = (name: string, more: object = {}) => ({ namespace: 'default', name, ...more });
const pool = (name: string, spec: object = { port: 80 }, more: object = {}) =>
  server.put('webpools', { kind: 'WebPool', apiVersion: 'webpool.dev/v1alpha1', metadata: meta(name, more), spec });
const rule = (name: string, rules: readonly object[]) =>
  server.put('routingrules', {
    kind: 'RoutingRule',
    apiVersion: 'webpool.dev/v1alpha1',
    metadata: meta(name),
    spec: { listener: { protocol: 'HTTP', port: 80 }, rules },
  });
const slice = (name: string, addresses: readonly string[]) =>
  server.put('endpointslices', {
    metadata: meta(name, { labels: { 'kubernetes.io/service-name': 'blog', other: 'x' } }),
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
const secret = (name: string, data: Record<string, string>, more: object = {}) =>
  server.put('secrets', {
    metadata: meta(name, more),
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  });
const document = (name: string, status: object): StatusDocument => ({
  kind: 'WebPool',
  key: `default/${name}`,
  metadata: { ...meta(name), generation: 1 },
  status,
});

type Picture = Awaited<ReturnType<KubernetesSource['read']>>;

/** Reads again and again until the picture is as wanted. */
const picture = (wanted: (seen: Picture) => boolean): Promise<Picture> =>
  eventually('a picture as wanted', async () => {
    const seen = await source?.read();
    return seen !== undefined && wanted(seen) ? seen : undefined;
  });

beforeEach(async () => {
  wakes = 0;
  server = await startFakeApiServer();
  transport = createTransport({ access: server.access, userAgent: 'test', firstRetry: 1 });
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  await transport.close();
  await server.close();
});

describe('the picture', () => {
  test('there is none before everything was listed', async () => {
    pool('blog');
    server.misbehave({ type: 'Answer', status: 403 }, ({ path }) => path.endsWith('/secrets'), 5);
    const opened = open();
    await expect(opened.read()).rejects.toMatchObject({ name: 'NotSyncedError' });
    await until(() => server.watchers === 5);
    await expect(opened.read()).rejects.toMatchObject({ name: 'NotSyncedError' });
    await opened.synced;
    const seen = await opened.read();
    expect([...seen.pools.keys()]).toEqual(['default/blog']);
    expect(seen.pictureComplete).toBe(true);
  });

  test('what did not change keeps its identity; the maps of other kinds too', async () => {
    pool('blog');
    pool('shop');
    slice('blog-1', ['10.0.0.1']);
    const opened = await follow();
    const before = await opened.read();
    expect(await opened.read()).toBe(before);
    pool('shop', { port: 81 });
    const after = await picture(({ pools }) => pools.get('default/shop')?.spec.port === 81);
    expect(after.pools.get('default/blog')).toBe(before.pools.get('default/blog'));
    expect(after.slices).toBe(before.slices);
    expect(after.rules).toBe(before.rules);
    expect(after.held).toBe(before.held);
  });

  test('neither status, nor foreign labels, nor managed fields are news', async () => {
    const made = pool('blog');
    const opened = await follow();
    const before = await opened.read();
    wakes = 0;
    const metadata = meta('blog', { uid: made.metadata.uid, labels: { a: 'b' }, managedFields: [{}] });
    server.put('webpools', { ...made, metadata, status: { usedBy: 1 } });
    await until(() => opened.object('WebPool', 'default/blog')?.status !== undefined);
    expect(wakes).toBe(0);
    expect(await opened.read()).toBe(before);
    expect(opened.object('WebPool', 'default/blog')?.status).toEqual({ usedBy: 1 });
  });

  test('an invalid edit leaves the last good version in force, also of a rule in part', async () => {
    pool('blog');
    const good = { name: 'all', pools: [{ name: 'blog' }] };
    rule('site', [good]);
    const opened = await follow();
    await opened.read();
    pool('blog', { port: 80, bogus: true });
    rule('site', [
      { name: 'bad', matches: [{ path: { type: 'Regex', value: '(' } }], pools: [{ name: 'blog' }] },
      good,
    ]);
    const seen = await picture(({ held, findings }) => held.length === 1 && findings.length === 1);
    expect(seen.pools.get('default/blog')?.spec).toEqual({ port: 80 });
    expect(seen.held[0]).toMatchObject({ kind: 'WebPool', fallback: true });
    expect(seen.rules.get('default/site')?.spec.rules).toEqual([good]);
    expect(seen.findings[0]).toMatchObject({ condition: 'PartiallyInvalid', rule: 'bad' });
    pool('blog', { port: 82 });
    expect((await picture(({ held }) => held.length === 0)).pools.get('default/blog')?.spec.port).toBe(82);
  });

  test('an object that was made anew does not fall back to what it was', async () => {
    pool('blog');
    const opened = await follow();
    await opened.read();
    server.remove('webpools', 'default/blog');
    pool('blog', { bogus: 1 });
    const seen = await picture(({ held }) => held.length === 1);
    expect(seen.pools.has('default/blog')).toBe(false);
    expect(seen.held[0]?.fallback).toBe(false);
  });

  test('what is being deleted counts as gone, also while it waits for a finalizer', async () => {
    pool('blog', { port: 80 }, { finalizers: ['webpool.dev/x'] });
    await follow();
    server.remove('webpools', 'default/blog');
    const seen = await picture(({ pools }) => pools.size === 0);
    expect(seen.held).toEqual([]);
    expect(source?.object('WebPool', 'default/blog')?.deleting).toBe(true);
  });

  test('a slice has what we read of it, and VMs their name', async () => {
    server.put('endpointslices', {
      metadata: meta('vm', { labels: { 'kubernetes.io/service-name': 'blog' } }),
      addressType: 'IPv4',
      ports: [{ name: 'p', port: 80, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['10.0.0.1'], hostname: 'web01', conditions: { ready: false }, zone: 'z', nodeName: 'n' },
      ],
    });
    const opened = await follow();
    expect((await opened.read()).slices.get('default/vm')).toEqual({
      metadata: { ...meta('vm'), generation: 1, labels: { 'kubernetes.io/service-name': 'blog' } },
      addressType: 'IPv4',
      ports: [{ name: 'p', port: 80 }],
      endpoints: [{ addresses: ['10.0.0.1'], hostname: 'web01', conditions: { ready: false }, zone: 'z' }],
    });
  });

  test('a slice that lost its last endpoint has none: Go writes an empty list as null', async () => {
    const made = slice('blog-1', ['10.0.0.1']);
    await follow();
    await picture(({ slices }) => slices.get('default/blog-1')?.endpoints.length === 1);
    server.put('endpointslices', {
      ...made,
      metadata: { ...made.metadata, resourceVersion: undefined },
      endpoints: null,
      ports: null,
    } as never);
    const seen = await picture(({ slices }) => slices.get('default/blog-1')?.endpoints.length === 0);
    expect(seen.slices.get('default/blog-1')?.ports).toEqual([]);
  });

  test('a Secret is known by what is in it, and its text only when it is asked for', async () => {
    const made = secret('db', { password: 'one' });
    const opened = await follow();
    const before = await opened.read();
    expect(JSON.stringify([...before.secrets])).not.toContain('one');
    expect(opened.secretValue('default/db', 'password')).toBe('one');
    expect(opened.secretValue('default/db', 'other')).toBeUndefined();
    server.put('secrets', { ...made, metadata: meta('db', { uid: made.metadata.uid, annotations: { a: 'b' } }) });
    secret('other', {});
    const between = await picture(({ secrets }) => secrets.size === 2);
    expect(between.secrets.get('default/db')).toBe(before.secrets.get('default/db'));
    secret('db', { password: 'two' }, { uid: made.metadata.uid });
    const after = await picture(({ secrets }) => secrets !== between.secrets);
    expect(after.secrets.get('default/db')?.version).not.toBe(before.secrets.get('default/db')?.version);
    expect(opened.secretValue('default/db', 'password')).toBe('two');
  });

  test('a Secret that changes is there also for whoever looks in that moment', async () => {
    secret('site', { 'tls.key': 'one' });
    const opened = await follow();
    const before = (await opened.read()).secrets.get('default/site')?.version;
    const seen: Promise<Picture>[] = [];
    opened.changes(() => seen.push(opened.read()));
    secret('site', { 'tls.key': 'two' });
    await picture(({ secrets }) => secrets.get('default/site')?.version !== before);
    const versions = (await Promise.all(seen)).map(({ secrets }) => secrets.get('default/site')?.version);
    expect(versions.length).toBeGreaterThan(0);
    expect(versions).not.toContain(undefined);
  });

  describe('of a Secret that was good before this process began', () => {
    const pair = certificateFor(['www.example.com']);
    const copyOf = (from: string) =>
      server.put('secrets', {
        metadata: {
          namespace: 'system',
          name: 'copy.default.tls',
          labels: { 'app.kubernetes.io/managed-by': 'webpool' },
          annotations: { 'webpool.dev/source': from },
        },
        data: {
          'tls.crt': Buffer.from(pair.certificate).toString('base64'),
          'tls.key': Buffer.from(pair.key).toString('base64'),
        },
      });
    const bad = { 'tls.crt': pair.certificate, 'tls.key': certificateFor(['other.example.com']).key };
    const certificate = async () => (await source?.read())?.secrets.get('default/tls')?.certificate;
    const inForce = { problem: expect.stringMatching(/belong/) as unknown, lastGood: { names: ['www.example.com'] } };

    test('what its copy holds stays in force', async () => {
      secret('tls', bad);
      copyOf('default/tls');
      const opened = await follow({ copiesMadeIn: 'system' });
      expect(await certificate()).toMatchObject(inForce);
      expect(opened.secretValue('default/tls', 'tls.key')).toBe(pair.key);
    });

    test('nothing is concluded before the copies are read', async () => {
      secret('tls', bad);
      copyOf('default/tls');
      server.misbehave({ type: 'Answer', status: 500 }, ({ path }) => path.endsWith('/system/secrets'), 5);
      await follow({ copiesMadeIn: 'system' });
      expect(await certificate()).toMatchObject(inForce);
    });

    test('the copy of another one is not taken for it', async () => {
      secret('tls', bad);
      copyOf('other/tls');
      await follow({ copiesMadeIn: 'system' });
      expect(await certificate()).toEqual({ problem: inForce.problem });
    });
  });

  test('an agent asks for no grants, and for Secrets of its own namespace alone', async () => {
    await follow({ grants: false, secrets: { copiesIn: 'system' } });
    const paths = new Set(server.requests.map(({ path }) => path));
    expect([...paths].toSorted()).toEqual([
      '/api/v1/namespaces/system/secrets',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/apis/webpool.dev/v1alpha1/routingrules',
      '/apis/webpool.dev/v1alpha1/webpools',
    ]);
  });

  test('to an agent a copy of a Secret is what it was copied from', async () => {
    const opened = await follow({ grants: false, secrets: { copiesIn: 'system' } });
    const copy = (source: string, text: string) =>
      server.put('secrets', {
        metadata: { namespace: 'system', name: 'copy.a', annotations: { 'webpool.dev/source': source } },
        data: { 'tls.crt': Buffer.from(text).toString('base64') },
      });
    copy('default/tls', 'one');
    const seen = await picture(({ secrets }) => secrets.has('default/tls'));
    expect(seen.secrets.get('default/tls')?.metadata).toMatchObject({ namespace: 'default', name: 'tls' });
    expect(opened.secretValue('default/tls', 'tls.crt')).toBe('one');
    copy('other/tls', 'one');
    await picture(({ secrets }) => secrets.has('other/tls') && !secrets.has('default/tls'));
    expect(opened.secretValue('default/tls', 'tls.crt')).toBeUndefined();
    server.remove('secrets', 'system/copy.a');
    await picture(({ secrets }) => secrets.size === 0);
  });

  test('a ConfigMap is known by its pages, and keeps its identity until one of them changes', async () => {
    const put = (data: object, more: object = {}) =>
      server.put('configmaps', { metadata: meta('pages', { uid: 'u', ...more }), data });
    put({ 'a.html': 'one', big: 'x'.repeat(20_000) });
    const opened = await follow();
    const before = (await opened.read()).configMaps.get('default/pages');
    expect([...(before?.pages ?? [])]).toEqual([
      ['a.html', { body: 'one' }],
      ['big', { problem: expect.stringContaining('20000 bytes') as unknown }],
    ]);
    put({ 'a.html': 'one', big: 'x'.repeat(20_000) }, { labels: { a: 'b' } });
    secret('mark', {});
    const between = await picture(({ secrets }) => secrets.size === 1);
    expect(between.configMaps.get('default/pages')).toBe(before);
    put({ 'a.html': 'two' });
    await picture(({ configMaps }) => configMaps.get('default/pages') !== before);
    server.remove('configmaps', 'default/pages');
    await picture(({ configMaps }) => configMaps.size === 0);
  });

  test('to an agent a copy of pages is the ConfigMap, and no Secret', async () => {
    const opened = await follow({ grants: false, secrets: { copiesIn: 'system' } });
    const copies = [
      mirroredSecret('system', { metadata: { ...meta('pages'), generation: 1 }, version: '1', keys: ['tls.crt'] }),
      mirroredPages('system', { configMap: 'default/pages', pages: [['a', 'soön']] }),
    ];
    for (const copy of copies) {
      const { namespace, name, annotations = {} } = copy.metadata;
      server.put('secrets', { metadata: { namespace, name, annotations }, data: 'data' in copy ? copy.data : {} });
    }
    const seen = await picture(({ configMaps, secrets }) => configMaps.size + secrets.size === 2);
    expect(seen.configMaps.get('default/pages')?.pages.get('a')).toEqual({ body: 'soön' });
    expect(seen.secrets.get('default/pages')?.keys).toEqual([]);
    expect(opened.secretValue('default/pages', 'a')).toBeUndefined();
    server.remove('secrets', 'system/page.default.pages');
    await picture(({ configMaps, secrets }) => configMaps.size === 0 && secrets.size === 1);
  });

  test('of several namespaces only these', async () => {
    pool('blog');
    server.put('webpools', { metadata: { namespace: 'a', name: 'blog' }, spec: { port: 1 } });
    server.put('webpools', { metadata: { namespace: 'b', name: 'blog' }, spec: { port: 2 } });
    const opened = await follow({ namespaces: ['a', 'b'] });
    expect([...(await opened.read()).pools.keys()].toSorted()).toEqual(['a/blog', 'b/blog']);
    expect([...opened.objects('WebPool').keys()].toSorted()).toEqual(['a/blog', 'b/blog']);
  });

  test('while the server is away the picture stays', async () => {
    pool('blog');
    const opened = await follow();
    const before = await opened.read();
    await until(() => server.watchers === 6);
    server.misbehave({ type: 'Answer', status: 503 }, () => true, 20);
    server.endWatches('Reset');
    await until(() => opened.freshness().every(({ failures }) => failures > 0));
    expect(await opened.read()).toBe(before);
    pool('shop');
    await picture(({ pools }) => pools.size === 2);
  });
});

describe('versions', () => {
  test('say how far the last picture is; a new one is not claimed before it was read', async () => {
    const first = pool('blog');
    const opened = await follow();
    await opened.read();
    expect(Number(opened.versions().all.WebPool)).toBeGreaterThanOrEqual(Number(first.metadata.resourceVersion));
    wakes = 0;
    const second = pool('blog', { port: 81 });
    await until(() => wakes > 0);
    expect(opened.versions().all.WebPool).not.toBe(second.metadata.resourceVersion);
    await opened.read();
    expect(opened.versions().all.WebPool).toBe(second.metadata.resourceVersion);
    expect(opened.object('WebPool', 'default/blog')?.generationVersion).toBe(second.metadata.resourceVersion);
  });

  test('are told for each namespace too: a quiet one does not make the others look late', async () => {
    const at = (namespace: string, port: number) =>
      server.put('webpools', { metadata: { namespace, name: 'blog' }, spec: { port } });
    at('a', 1);
    at('b', 1);
    const opened = await follow({ namespaces: ['a', 'b'] });
    await opened.read();
    wakes = 0;
    const { metadata } = at('a', 2);
    await until(() => wakes > 0);
    await opened.read();
    const { all, namespaces } = opened.versions();
    expect(namespaces.get('a')?.WebPool).toBe(metadata.resourceVersion);
    expect(Number(namespaces.get('b')?.WebPool)).toBeLessThan(Number(metadata.resourceVersion));
    expect(all.WebPool).toBe(namespaces.get('b')?.WebPool);
  });

  test('a write of status moves them without a new picture', async () => {
    const made = pool('blog');
    const opened = await follow();
    const before = await opened.read();
    const next = server.put('webpools', { ...made, metadata: meta('blog', { uid: made.metadata.uid }), status: {} });
    await until(() => opened.versions().all.WebPool === next.metadata.resourceVersion);
    expect(await opened.read()).toBe(before);
    expect(opened.object('WebPool', 'default/blog')?.generationVersion).toBe(made.metadata.resourceVersion);
  });
});

describe('statuses', () => {
  test('are applied to the subresource, and count before the copy has them', async () => {
    pool('blog');
    const opened = await follow();
    const blog = document('blog', { usedBy: 2 });
    await opened.writeStatus([blog], [], { errors: [] });
    expect(opened.statusOf('WebPool', 'default/blog')).toEqual({ usedBy: 2 });
    const request = server.requests.find(({ method }) => method === 'PATCH');
    expect(request?.path).toBe('/apis/webpool.dev/v1alpha1/namespaces/default/webpools/blog/status');
    expect(request?.query.get('fieldManager')).toBe('webpool-operator');
    expect(request?.body).toMatchObject({ metadata: meta('blog'), status: { usedBy: 2 } });
  });

  test('one that cannot be written keeps no other back, and is an error in the end; a deleted object is none', async () => {
    pool('blog');
    pool('shop');
    const opened = await follow();
    const answers = (status: number, name: string) =>
      server.misbehave({ type: 'Answer', status }, ({ method, path }) => method === 'PATCH' && path.includes(name));
    answers(500, 'blog');
    answers(404, 'gone');
    const all = ['gone', 'blog', 'shop'].map((name) => document(name, { usedBy: 1 }));
    await expect(opened.writeStatus(all, all, { errors: [] })).rejects.toThrow('1 statuses');
    expect(server.get('webpools', 'default/shop')?.['status']).toEqual({ usedBy: 1 });
  });

  test('one that somebody else wrote wakes us; our own does not', async () => {
    const made = pool('blog');
    const opened = await follow();
    await opened.read();
    wakes = 0;
    const blog = document('blog', { usedBy: 2 });
    await opened.writeStatus([blog], [blog], { errors: [] });
    await until(() => opened.object('WebPool', 'default/blog')?.status !== undefined);
    expect(wakes).toBe(0);
    server.put('webpools', { ...made, metadata: meta('blog', { uid: made.metadata.uid }), status: { usedBy: 7 } });
    await until(() => wakes > 0);
    expect(opened.statusOf('WebPool', 'default/blog')).toEqual({ usedBy: 7 });
  });
});
