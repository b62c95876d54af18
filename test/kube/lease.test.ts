/** One leader: taking, keeping, losing, giving away, and never believing another machine's clock. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startElection, type Election } from '../../operator/kube/lease.ts';
import { createTransport, type Transport } from '../../operator/kube/transport.ts';
import { startFakeApiServer, type FakeApiServer } from './fake-api-server.ts';
import { keepLog, until } from './wait.ts';

const TIMES = { duration: 1000, renewDeadline: 600, retry: 50 };
const KEY = 'system/webpool';

let server: FakeApiServer;
let transport: Transport;
let elections: Election[];
let told: string[];

function stand(identity: string, times = TIMES): Election {
  const election = startElection({
    transport,
    namespace: 'system',
    name: 'webpool',
    identity,
    times,
    log: keepLog(),
    onLeading: () => told.push(`${identity} leads`),
    onLost: () => told.push(`${identity} lost`),
  });
  elections.push(election);
  return election;
}
const spec = () => server.get('leases', KEY)?.['spec'] as Record<string, string>;

beforeEach(async () => {
  elections = [];
  told = [];
  server = await startFakeApiServer();
  transport = createTransport({ access: server.access, userAgent: 'test' });
});
afterEach(async () => {
  await Promise.all(elections.map((election) => election.stop()));
  await transport.close();
  await server.close();
});

test('the first takes it, the second waits and sees who leads', async () => {
  const a = stand('a');
  await until(() => a.leading);
  const b = stand('b');
  await until(() => b.leader === 'a');
  expect(b.leading).toBe(false);
  expect(spec()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 1, leaseTransitions: 0 });
  expect(spec()['renewTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('it is renewed under its version, and acquireTime stays', async () => {
  const a = stand('a');
  await until(() => a.leading);
  const { acquireTime, renewTime } = spec();
  await until(() => spec()['renewTime'] !== renewTime);
  expect(spec()['acquireTime']).toBe(acquireTime);
});

test('whoever ends in good order gives it away at once', async () => {
  const a = stand('a');
  await until(() => a.leading);
  const b = stand('b');
  await until(() => b.leader === 'a');
  await a.stop();
  expect(a.leading).toBe(false);
  await until(() => b.leading, 900);
  expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  expect(told).toEqual(['a leads', 'b leads']);
});

test('of a leader that died it is taken after it was unchanged for its duration, whatever its clock said', async () => {
  const renewTime = '2099-01-01T00:00:00.000000Z';
  server.put('leases', {
    metadata: { namespace: 'system', name: 'webpool' },
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime },
  });
  const begun = performance.now();
  const b = stand('b');
  await until(() => b.leading);
  expect(performance.now() - begun).toBeGreaterThan(1000);
});

test('one that is renewed with a clock of the past is not taken', async () => {
  const put = (n: number) =>
    server.put('leases', {
      metadata: { namespace: 'system', name: 'webpool' },
      spec: { holderIdentity: 'slow clock', leaseDurationSeconds: 1, renewTime: `2001-01-01T00:00:0${n}.000000Z` },
    });
  put(0);
  const b = stand('b');
  for (let n = 1; n <= 6; n++) {
    await new Promise((done) => setTimeout(done, 300));
    put(n);
  }
  expect(b.leading).toBe(false);
});

test('a leader that cannot renew stops leading by its own clock, and says so once', async () => {
  const a = stand('a');
  await until(() => a.leading);
  server.misbehave({ type: 'Hang' }, () => true, 1000);
  await until(() => !a.leading);
  await until(() => told.length === 2);
  expect(told).toEqual(['a leads', 'a lost']);
});

/** A minute in which a leader that cannot renew may still act. */
const PATIENT = { duration: 90_000, renewDeadline: 60_000, retry: 50 };

test('a leader that sees it in the hands of another stops at once', async () => {
  const a = stand('a', PATIENT);
  await until(() => a.leading);
  const spec = { holderIdentity: 'b', leaseDurationSeconds: 90, renewTime: '2026-01-01T00:00:00.000000Z' };
  server.put('leases', { metadata: { namespace: 'system', name: 'webpool' }, spec });
  await until(() => !a.leading);
  await until(() => told.length === 2);
  expect(told).toEqual(['a leads', 'a lost']);
});

test('one that somebody removed is made anew, and there is one leader', async () => {
  const a = stand('a', PATIENT);
  await until(() => a.leading);
  const b = stand('b', PATIENT);
  await until(() => b.leader === 'a');
  server.remove('leases', KEY);
  const holder = () => (server.get('leases', KEY) === undefined ? undefined : spec()['holderIdentity']);
  await until(() => holder() !== undefined && (holder() === 'a' ? !b.leading : b.leading && !a.leading));
});

test('a failure now and then is not the end', async () => {
  const a = stand('a');
  await until(() => a.leading);
  server.misbehave({ type: 'Answer', status: 500 }, () => true, 3);
  const seen = server.requests.length;
  await until(() => server.requests.length > seen + 6);
  expect(a.leading).toBe(true);
});

test('of many that stand at once, one leads', async () => {
  const all = Array.from({ length: 8 }, (_, i) => stand(`p${i}`));
  await until(() => all.some(({ leading }) => leading));
  await until(() => all.every(({ leader }) => leader === spec()['holderIdentity']));
  expect(all.filter(({ leading }) => leading)).toHaveLength(1);
  expect(told).toHaveLength(1);
});
