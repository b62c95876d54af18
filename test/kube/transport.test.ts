/** Requests: connections, identity, what is tried again and what is not. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { podAccess, type AccessSource } from '../../operator/kube/access.ts';
import { kubeConfigAccess } from '../../operator/kube/kubeconfig.ts';
import { ApiError } from '../../operator/kube/api-error.ts';
import { createClient } from '../../operator/kube/client.ts';
import { pathOf, reached } from '../../operator/kube/resource.ts';
import { createTransport, type Exchange, type Transport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer } from './fake-api-server.ts';

const TYPE = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret' };
const PLACE = { namespace: 'default', name: 's' };

let server: FakeApiServer;
let transport: Transport;
let exchanges: Exchange[];

const open = (access: AccessSource = server.access) =>
  createTransport({ access, userAgent: 'webpool/1 (test)', firstRetry: 1, onExchange: (one) => exchanges.push(one) });
const get = () => transport.request({ method: 'GET', path: pathOf(TYPE, PLACE) });
const create = () =>
  createClient(transport).create(TYPE, { metadata: { namespace: 'default', name: `n${server.requests.length}` } });

beforeEach(async () => {
  exchanges = [];
  server = await startFakeApiServer();
  server.put('secrets', { metadata: { namespace: 'default', name: 's' } });
  transport = open();
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

test('requests one after the other share their connections', async () => {
  for (let i = 0; i < 20; i++) await get();
  expect(server.connections).toBeLessThanOrEqual(2);
  expect(server.requests[0]?.headers['user-agent']).toBe('webpool/1 (test)');
  expect(exchanges[0]).toMatchObject({ method: 'GET', code: '200' });
});

describe('what is tried again', () => {
  const answer = (status: number, headers: Record<string, string> = {}) =>
    ({ type: 'Answer', status, headers }) as const;

  test.each([500, 502, 503, 504, 429])('reading after %d', async (status) => {
    server.misbehave(answer(status), () => true, 2);
    await get();
    expect(server.requests).toHaveLength(3);
  });

  test('reading after a reset', async () => {
    server.misbehave({ type: 'Reset' }, () => true, 2);
    await get();
    expect(server.requests).toHaveLength(3);
  });

  test('not for ever', async () => {
    server.misbehave(answer(503), () => true, 100);
    await expect(get()).rejects.toMatchObject({ name: 'ApiError', code: 503 });
    expect(server.requests).toHaveLength(4);
  });

  test('a write after 429, as late as the server asks', async () => {
    server.misbehave(answer(429, { 'retry-after': '1' }), () => true);
    const begun = performance.now();
    await create();
    expect(performance.now() - begun).toBeGreaterThan(950);
    expect(server.requests).toHaveLength(2);
  });

  test.each([500, 502, 503, 504])('no write after %d: it may have been carried out', async (status) => {
    server.misbehave(answer(status), () => true);
    await expect(create()).rejects.toMatchObject({ code: status });
    expect(server.requests).toHaveLength(1);
  });

  test('no write after a reset', async () => {
    server.misbehave({ type: 'Reset' }, () => true);
    await expect(create()).rejects.toThrow();
    expect(server.requests).toHaveLength(1);
  });

  test('a write to a server that was not there', async () => {
    const { url } = server;
    await server.close();
    await expect(create()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(exchanges.length).toBe(4);
    expect(exchanges[0]).toMatchObject({ method: 'POST', code: 'ECONNREFUSED', host: new URL(url).host });
  });

  test('nothing on the lane of the Lease', async () => {
    server.misbehave(answer(429), () => true);
    const request = { method: 'GET', path: pathOf(TYPE, PLACE), lane: 'Lease' } as const;
    await expect(transport.request(request)).rejects.toMatchObject({ code: 429 });
  });
});

test('a request that hangs ends in time', async () => {
  server.misbehave({ type: 'Hang' }, () => true, 10);
  const begun = performance.now();
  await expect(transport.request({ method: 'GET', path: pathOf(TYPE, PLACE), timeout: 100 })).rejects.toThrow();
  expect(performance.now() - begun).toBeLessThan(5000);
});

test('a refusal says who said what', async () => {
  const error: unknown = await createClient(transport)
    .get(TYPE, { ...PLACE, name: 'x' })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: 404, reason: 'NotFound' });
  expect((error as Error).message).toBe('GET /api/v1/namespaces/default/secrets/x: 404 NotFound: default/x not found');
});

test('an answer that is no JSON is no object', async () => {
  server.misbehave({ type: 'Answer', status: 200, body: '<html>' }, () => true);
  await expect(get()).rejects.toMatchObject({ name: 'MalformedAnswerError' });
});

test('other TLS material makes other connections; the same material keeps them', async () => {
  let fingerprint = 'a';
  const current = async () => ({ server: server.url, headers: {}, tls: {}, fingerprint });
  await transport.close();
  transport = open({ current });
  for (let i = 0; i < 5; i++) await get();
  const before = server.connections;
  expect(before).toBeLessThanOrEqual(2);
  fingerprint = 'b';
  await get();
  expect(server.connections).toBe(before + 1);
});

describe('identity', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'webpool-access-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** As a Pod has it: the token in a file that is replaced from time to time. */
  const inCluster = async (now: () => number) => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'first\n');
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'c', server: server.url, skipTLSVerify: true },
      { name: 'u', authProvider: { name: 'tokenFile', config: { tokenFile } } },
    );
    return { tokenFile, access: kubeConfigAccess(config, now) };
  };

  test('the token of the Pod goes with each request', async () => {
    const { access } = await inCluster(() => 0);
    await transport.close();
    transport = open(access);
    await get();
    expect(server.requests[0]?.headers.authorization).toBe('Bearer first');
  });

  test('a certificate that changed makes another fingerprint, in a few seconds', async () => {
    const caFile = join(folder, 'ca.crt');
    await writeFile(caFile, 'one');
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'c', server: server.url, caFile, skipTLSVerify: true },
      { name: 'u', token: 't' },
    );
    let now = 0;
    const access = kubeConfigAccess(config, () => now);
    const before = await access.current();
    await writeFile(caFile, 'two');
    now = 5000;
    expect((await access.current()).fingerprint).toBe(before.fingerprint);
    now = 11_000;
    expect((await access.current()).fingerprint).not.toBe(before.fingerprint);
  });

  test('the files of a Pod: who it is, and another certificate or token in a few seconds', async () => {
    const write = (name: string, text: string) => writeFile(join(folder, name), text);
    await write('token', 'first\n');
    await write('ca.crt', 'one');
    let now = 0;
    const access = podAccess({ server: 'https://192.0.2.1:443', folder }, () => now);
    const before = await access.current();
    expect(before).toMatchObject({ headers: { Authorization: 'Bearer first' }, tls: { ca: 'one' } });
    await write('token', 'second\n');
    await write('ca.crt', 'two');
    now = 5000;
    expect(await access.current()).toBe(before);
    now = 11_000;
    const after = await access.current();
    expect(after.headers).toEqual({ Authorization: 'Bearer second' });
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  test('files of a Pod that cannot be read are tried again', async () => {
    const access = podAccess({ server: 'https://192.0.2.1:443', folder }, () => 0);
    await expect(access.current()).rejects.toThrow('ENOENT');
    await writeFile(join(folder, 'token'), 'there');
    await writeFile(join(folder, 'ca.crt'), 'one');
    expect((await access.current()).headers).toEqual({ Authorization: 'Bearer there' });
  });

  test('a token that is refused is read again, once', async () => {
    let token = 'old';
    const source: AccessSource = {
      current: async (fresh = false) => {
        if (fresh) token = 'new';
        return { server: server.url, headers: { authorization: token }, tls: {}, fingerprint: '' };
      },
    };
    await transport.close();
    transport = open(source);
    server.misbehave({ type: 'Answer', status: 401 }, ({ headers }) => headers.authorization === 'old', 100);
    await create();
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['old', 'new']);
  });

  test('no cluster is said so', async () => {
    await expect(kubeConfigAccess(new KubeConfig()).current()).rejects.toMatchObject({ name: 'AccessError' });
  });
});

test.each([
  ['12', '12', true],
  ['13', '12', true],
  ['9', '12', false],
  ['112', '12', true],
  ['', '12', false],
  ['abc', '12', false],
])('version %s has reached %s: %s', (a, b, expected) => {
  expect(reached(a, b)).toBe(expected);
});

test('every part of a path is escaped', () => {
  expect(pathOf(TYPE, { namespace: 'a/b', name: '..?x' })).toBe('/api/v1/namespaces/a%2Fb/secrets/..%3Fx');
});
