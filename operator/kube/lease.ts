/**
 * One leader among several processes, by a coordination.k8s.io Lease.
 * Clocks of other machines are never believed: a Lease has expired when *we* have seen it unchanged for as long as it lasts, and we have
 * lost it when we could not renew it in time by our own monotonic clock.
 */
import { hasCode } from './api-error.ts';
import { waitFor } from './backoff.ts';
import type { Log } from './log.ts';
import { microTime } from './micro-time.ts';
import { pathOf, type KubeObject } from './resource.ts';
import { TYPES } from './types.ts';
import type { Transport } from './transport.ts';

/** Milliseconds. Source: client-go's leader election, as controller-runtime sets it. */
export interface LeaseTimes {
  readonly duration: number;
  readonly renewDeadline: number;
  readonly retry: number;
}

const TIMES: LeaseTimes = { duration: 15_000, renewDeadline: 10_000, retry: 2000 };
const JITTER = 1.2;

export interface ElectionOptions {
  readonly transport: Transport;
  readonly namespace: string;
  readonly name: string;
  /** Of this process, unique. */
  readonly identity: string;
  readonly times?: LeaseTimes;
  readonly onLeading: () => void;
  /** It was lost: whatever only a leader may do has to end at once. */
  readonly onLost: () => void;
  readonly log: Log;
}

export interface Election {
  /** We may act as the leader at this moment. */
  readonly leading: boolean;
  /** Who leads, as far as we know. */
  readonly leader: string | undefined;
  /** Ends; gives the Lease away so that the next leader need not wait. */
  stop(): Promise<void>;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** The Lease as it was last seen, and since when it has been so. */
interface Seen {
  readonly lease: KubeObject & { readonly spec?: LeaseSpec };
  readonly at: number;
}

/** Starts to stand for election, until it is stopped or was elected and lost. */
export function startElection(options: ElectionOptions): Election {
  const { transport, namespace, name, identity, times = TIMES, log } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const place = { namespace, name };
  let seen: Seen | undefined;
  let renewedAt: number | undefined;
  let over = false;

  const request = async (method: 'GET' | 'POST' | 'PUT', body?: unknown): Promise<void> => {
    const path = pathOf(TYPES.Lease, method === 'POST' ? { namespace } : place);
    const timeout = times.renewDeadline / 2;
    const lease = (await transport.request({ method, path, body, timeout, lane: 'Lease' })) as Seen['lease'];
    const changed = seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion;
    seen = changed || seen === undefined ? { lease, at: performance.now() } : { lease, at: seen.at };
  };

  const look = async () => {
    try {
      await request('GET');
    } catch (error) {
      if (!hasCode(error, 404)) throw error;
      seen = undefined;
    }
  };

  const isOthers = (): boolean => {
    const { holderIdentity = '' } = seen?.lease.spec ?? {};
    return holderIdentity !== '' && holderIdentity !== identity;
  };

  const isFree = (): boolean => {
    if (seen === undefined || !isOthers()) return true;
    const { leaseDurationSeconds = times.duration / 1000 } = seen.lease.spec ?? {};
    return performance.now() - seen.at > leaseDurationSeconds * 1000;
  };

  /** Takes or keeps the Lease; the version makes sure that nobody else did meanwhile. */
  const take = async () => {
    const begun = performance.now();
    const now = microTime(new Date());
    const old = seen?.lease.spec;
    const mine = old?.holderIdentity === identity;
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(times.duration / 1000)),
      acquireTime: mine && old.acquireTime !== undefined ? old.acquireTime : now,
      renewTime: now,
      leaseTransitions: (old?.leaseTransitions ?? 0) + (mine || old === undefined ? 0 : 1),
    };
    await write(spec);
    // The Lease counts from before the request was sent: nobody may think that we have it longer than they would let us.
    renewedAt = begun;
  };

  const write = async (spec: LeaseSpec) => {
    const kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    if (seen === undefined) await request('POST', { ...kind, metadata: place, spec });
    else await request('PUT', { ...seen.lease, ...kind, spec });
  };

  const holds = () => !over && renewedAt !== undefined && performance.now() - renewedAt < times.renewDeadline;

  const attempt = async () => {
    try {
      if (renewedAt === undefined || seen === undefined) await look();
      if (isFree()) await take();
    } catch (error) {
      if (signal.aborted) return;
      // Somebody else wrote or removed it, or the answer to our own write was lost: look before the next try.
      if (hasCode(error, 409) || hasCode(error, 404)) await look().catch(() => undefined);
      log.warn({ lease: name, err: error }, 'lease not taken or renewed: trying again');
    }
    // Removed by somebody, it is free to whoever is first: time that is left of ours counts no more.
    if (isOthers()) renewedAt = undefined;
  };

  const stand = async () => {
    while (!signal.aborted && !holds()) {
      await attempt();
      if (!holds()) await waitFor(times.retry * (1 + Math.random() * (JITTER - 1)), signal);
    }
  };

  const lead = async () => {
    while (!signal.aborted && holds()) {
      await waitFor(times.retry, signal);
      if (!signal.aborted) await attemptInTime();
    }
  };

  /** A request that hangs must not make us overlook that time is up. */
  const attemptInTime = async () => {
    const limit = new AbortController();
    const left = times.renewDeadline - (performance.now() - (renewedAt ?? 0));
    await Promise.race([attempt(), waitFor(Math.max(0, left), limit.signal)]);
    limit.abort();
  };

  const release = async () => {
    if (!holds() || seen?.lease.spec?.holderIdentity !== identity) return;
    const now = microTime(new Date());
    await write({ ...seen.lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now }).catch(
      (error: unknown) => log.warn({ err: error }, 'lease not released: the next leader waits for it to expire'),
    );
    over = true;
  };

  const run = async () => {
    await stand();
    if (signal.aborted) return release();
    log.info({ lease: name, identity }, 'leading');
    options.onLeading();
    await lead();
    if (signal.aborted) return release();
    // The answer to a request that hangs may still come: it must not make us leader again.
    over = true;
    options.onLost();
  };
  const done = run();

  return {
    get leading() {
      return !signal.aborted && holds();
    },
    get leader() {
      return seen?.lease.spec?.holderIdentity;
    },
    async stop() {
      controller.abort();
      await done;
    },
  };
}
