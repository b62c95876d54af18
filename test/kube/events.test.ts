/** Events: one, then a series; limits; and nobody who waits. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '../../operator/kube/client.ts';
import { createRecorder, type Recorder } from '../../operator/kube/events.ts';
import { createTransport, type Transport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer } from './fake-api-server.ts';
import { keepLog } from './wait.ts';

const POOL = { apiVersion: 'webpool.dev/v1alpha1', kind: 'WebPool', namespace: 'default', name: 'blog', uid: 'u1' };
const WORDS = { type: 'Warning', reason: 'EndpointsUnavailable', action: 'Check', note: 'Nobody serves.' } as const;

let server: FakeApiServer;
let transport: Transport;
let recorder: Recorder;
let time: number;

const count = () => (server.all('events')[0]?.['series'] as { count: number } | undefined)?.count;

beforeEach(async () => {
  server = await startFakeApiServer();
  transport = createTransport({ access: server.access, userAgent: 'test', firstRetry: 1 });
  time = Date.UTC(2026, 0, 1);
  recorder = createRecorder({
    client: createClient(transport),
    controller: 'webpool.dev/operator',
    instance: 'pod-1',
    log: keepLog(),
    now: () => new Date(time),
  });
});
afterEach(async () => {
  await recorder.stop();
  await transport.close();
  await server.close();
});

test('an event as the API wants it', async () => {
  recorder.record(POOL, WORDS);
  await recorder.flush();
  expect(server.all('events')).toMatchObject([
    {
      ...WORDS,
      regarding: POOL,
      reportingController: 'webpool.dev/operator',
      eventTime: '2026-01-01T00:00:00.000000Z',
    },
  ]);
});

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

test.each(['-', '.'])(
  'an event about a name that is too long and would be cut after "%s" has a good one',
  async (end) => {
    recorder.record({ ...POOL, name: `${'a'.repeat(199)}${end}${'b'.repeat(50)}` }, WORDS);
    await recorder.flush();
    expect(server.all('events')[0]?.metadata.name).toMatch(SUBDOMAIN);
  },
);

test('a clock that is put back silences nobody', async () => {
  recorder.record(POOL, WORDS);
  time -= 24 * 3_600_000;
  recorder.record(POOL, { ...WORDS, reason: 'Other' });
  await recorder.flush();
  expect(server.all('events')).toHaveLength(2);
});

test('repetitions are a series of the first, written twice and not each time', async () => {
  for (let i = 0; i < 50; i++) recorder.record(POOL, WORDS);
  await recorder.flush();
  expect(server.all('events')).toHaveLength(1);
  expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH']);
  time += 361_000;
  await recorder.flush();
  expect(server.requests).toHaveLength(2);
  expect(count()).toBe(50);
});

test('a series that goes on is told every half hour, and its end after silence', async () => {
  recorder.record(POOL, WORDS);
  await recorder.flush();
  recorder.record(POOL, WORDS);
  await recorder.flush();
  for (let minute = 0; minute < 31; minute++) {
    time += 60_000;
    recorder.record(POOL, WORDS);
    await recorder.flush();
  }
  expect(count()).toBe(32);
  expect(server.requests).toHaveLength(3);
  recorder.record(POOL, WORDS);
  time += 360_000;
  await recorder.flush();
  expect(count()).toBe(34);
  recorder.record(POOL, WORDS);
  await recorder.flush();
  expect(server.all('events')).toHaveLength(2);
});

test('an object with too much to say is cut short; others are not', async () => {
  for (let i = 0; i < 100; i++) recorder.record(POOL, { ...WORDS, note: `${i}` });
  recorder.record({ ...POOL, name: 'other' }, WORDS);
  await recorder.flush();
  expect(server.all('events')).toHaveLength(26);
  expect(recorder.dropped).toBe(75);
  time += 300_000;
  recorder.record(POOL, { ...WORDS, note: 'later' });
  await recorder.flush();
  expect(server.all('events')).toHaveLength(27);
});

test('the queue is bounded', async () => {
  server.misbehave({ type: 'Hang' }, () => true, 1);
  for (let i = 0; i < 2000; i++) recorder.record({ ...POOL, name: `p${i}` }, WORDS);
  expect(recorder.dropped).toBe(1500);
  await transport.close();
});

test('one for which there was no room is new when it happens again', async () => {
  for (let i = 0; i < 600; i++) recorder.record({ ...POOL, name: `p${i}` }, WORDS);
  await recorder.flush();
  expect([server.all('events').length, recorder.dropped]).toEqual([500, 100]);
  recorder.record({ ...POOL, name: 'p599' }, WORDS);
  await recorder.flush();
  expect(server.all('events').at(-1)).toMatchObject({ regarding: { name: 'p599' } });
});

test('an event that is forgotten by the server is written anew; a refusal is nobody’s trouble', async () => {
  recorder.record(POOL, WORDS);
  await recorder.flush();
  for (const { metadata } of server.all('events')) server.remove('events', `default/${metadata.name}`);
  recorder.record(POOL, WORDS);
  await recorder.flush();
  expect(server.all('events')).toHaveLength(1);
  server.misbehave({ type: 'Answer', status: 403 }, () => true);
  recorder.record(POOL, { ...WORDS, note: 'refused' });
  recorder.record(POOL, { ...WORDS, note: 'taken' });
  await recorder.flush();
  expect(server.all('events').map(({ note }) => note)).toEqual(['Nobody serves.', 'taken']);
});

test('a note is cut at a character', async () => {
  recorder.record(POOL, { ...WORDS, note: 'ü'.repeat(600) });
  await recorder.flush();
  const note = String(server.all('events')[0]?.['note']);
  expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
  expect(note).toMatch(/^ü+…$/);
});
