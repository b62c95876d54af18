/** The options of a pool with every default filled in. */
import type { EndpointHealthCheck, HealthCheck, SessionAffinity, WebPoolSpec } from '../api/kinds.gen.ts';
import { parseDuration } from '../api/duration.ts';
import type { HealthCheckOptions, PoolOptions, ServerCheck } from './topology.ts';
import { DEFAULTS } from './defaults.ts';

const { WebPool: DEFAULT } = DEFAULTS;

/** What holds for every server of the pool alike. */
export function poolOptions(spec: WebPoolSpec, page: PoolOptions['maintenancePage']): PoolOptions {
  return {
    balance: balance(spec),
    ...(spec.trafficDistribution === 'PreferSameZone' && { prefersZone: true as const }),
    healthCheck: healthCheck(spec.healthCheck ?? {}),
    ...(spec.passiveHealth && { passiveHealth: { ...DEFAULT.passiveHealth, ...spec.passiveHealth } }),
    slowStart: duration(spec.slowStart, DEFAULT.slowStart),
    drainTimeout: duration(spec.drainTimeout, DEFAULT.drainTimeout),
    queueTimeout: duration(spec.queueTimeout, DEFAULT.queueTimeout),
    timeouts: timeouts(spec),
    retries: { ...DEFAULT.retries, ...spec.retries },
    ...(spec.compression && { compression: spec.compression }),
    ...(spec.sessionAffinity && { affinity: affinity(spec.sessionAffinity) }),
    ...(page && { maintenancePage: page }),
  };
}

function duration(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : (parseDuration(text) ?? fallback);
}

function timeouts({ timeouts = {} }: WebPoolSpec): PoolOptions['timeouts'] {
  return {
    connect: duration(timeouts.connect, DEFAULT.timeouts.connect),
    server: duration(timeouts.server, DEFAULT.timeouts.server),
    tunnel: duration(timeouts.tunnel, DEFAULT.timeouts.tunnel),
  };
}

function balance({ balance = DEFAULT.balance }: WebPoolSpec): PoolOptions['balance'] {
  const header = 'header' in balance && balance.algorithm === 'Header' ? balance.header : undefined;
  return { algorithm: balance.algorithm, ...(header !== undefined && { header }) };
}

function healthCheck(check: HealthCheck): HealthCheckOptions {
  const { interval, timeout, expect = {}, ...written } = check;
  const { expect: expectDefault, ...defaults } = DEFAULT.healthCheck;
  return {
    type: check.path === undefined ? 'TCP' : 'HTTP',
    headers: [],
    ...defaults,
    ...written,
    expect: { ...expect, status: (expect.status ?? expectDefault.status).map(statusRange) },
    interval: duration(interval, defaults.interval),
    timeout: duration(timeout, defaults.timeout),
  };
}

/** What one server's check has of its own; nothing is filled in. */
export function serverCheck({ interval, ...written }: EndpointHealthCheck): ServerCheck {
  return {
    ...written,
    ...(interval !== undefined && { interval: duration(interval, DEFAULT.healthCheck.interval) }),
  };
}

/** `200-299` or `204` as an inclusive range. */
function statusRange(text: string): readonly [number, number] {
  const [first = text, last = first] = text.split('-');
  return [Number(first), Number(last)];
}

function affinity({ type, cookieName, header = '', maxAge }: SessionAffinity): NonNullable<PoolOptions['affinity']> {
  const age = duration(maxAge, DEFAULT.sessionAffinity.maxAge[type]);
  if (type === 'SourceIP') return { type, maxAge: age };
  if (type === 'Header') return { type, header, maxAge: age };
  return { type, cookieName: cookieName ?? DEFAULT.sessionAffinity.cookieName, maxAge: age };
}
