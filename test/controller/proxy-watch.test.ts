/** What is looked at next: everything in turn, a short part at a time, and what moves more often. */
import { describe, expect, test } from 'vitest';
import { createMovingFinder, createPatrol } from '../../operator/controller/proxy-watch.ts';
import type {
  BackendConfig,
  ProxyConfig,
  ProxyState,
  ServerConfig,
  ServerState,
} from '../../operator/haproxy/proxy.ts';

const wantedServer = (name: string, admin: ServerConfig['admin'] = 'ready'): ServerConfig => ({
  name,
  address: '192.0.2.1',
  port: 80,
  weight: 1,
  maxConnections: 0,
  admin,
  backup: false,
  probeFirst: true,
  fixed: '',
});
const runningServer = (name: string, admin: ServerState['admin']): ServerState => ({
  name,
  address: '192.0.2.1',
  port: 80,
  weight: 1,
  admin,
  health: 'Up',
});
const byName = <T extends { readonly name: string }>(list: readonly T[]) => new Map(list.map((one) => [one.name, one]));
const backend = (name: string, servers: readonly ServerConfig[]): BackendConfig => ({
  name,
  pool: `default/${name}`,
  keywords: '',
  drainTimeout: 0,
  servers: byName(servers),
});
const config = (...backends: BackendConfig[]) => ({ backends: byName(backends) }) as unknown as ProxyConfig;
const state = (backends: Readonly<Record<string, readonly ServerState[]>>) =>
  ({
    backends: new Map(Object.entries(backends).map(([name, servers]) => [name, byName(servers)])),
  }) as unknown as ProxyState;

describe('what moves', () => {
  test('a wanted server that does not serve yet joins; one that nobody wants and that takes no visitors leaves', () => {
    const wanted = config(
      backend('a', [wantedServer('s1'), wantedServer('s2'), wantedServer('s3', 'drain')]),
      backend('b', []),
    );
    const known = state({
      a: [
        runningServer('s1', 'ready'),
        runningServer('s2', 'drain'),
        runningServer('s3', 'drain'),
        runningServer('old', 'drain'),
      ],
      b: [runningServer('still', 'ready')],
      other: [runningServer('x', 'drain')],
    });
    expect(createMovingFinder()(known, wanted)).toEqual({ failing: [], joining: ['a'], leaving: new Set(['a/old']) });
  });

  test('what is remembered changes nothing', () => {
    const find = createMovingFinder();
    const a = backend('a', [wantedServer('s1')]);
    const steps: [ProxyConfig, ProxyState][] = [
      [config(a), state({ a: [runningServer('s1', 'drain')] })],
      [config(a), state({ a: [runningServer('s1', 'ready')] })],
      [config(backend('a', [])), state({ a: [runningServer('s1', 'drain')] })],
      [config(a), state({})],
    ];
    for (const [wanted, known] of steps) {
      expect(find(known, wanted)).toEqual(createMovingFinder()(known, wanted));
      expect(find(known, wanted)).toBe(find(known, wanted));
    }
  });
});

describe('the patrol', () => {
  const large = config(...Array.from({ length: 120 }, (_, i) => backend(`b${i}`, [])));

  test('comes to every backend, in parts, and begins again', () => {
    const patrol = createPatrol();
    const parts = Array.from({ length: 4 }, () => patrol.next(large));
    expect(parts.map(({ length }) => length)).toEqual([50, 50, 20, 50]);
    expect(new Set(parts.slice(0, 3).flat()).size).toBe(120);
    expect(parts[3]).toEqual(parts[0]);
  });

  test('goes round in a second where looking is cheap, takes a four-hundredth of the time at most, and does not wait longer than five seconds', () => {
    const patrol = createPatrol();
    expect(patrol.dueIn(0, 1)).toBe(-Infinity);
    patrol.done(1000, 1);
    expect(patrol.dueIn(1000, 1)).toBe(1000);
    expect(patrol.dueIn(1000, 100)).toBe(500);
    expect(patrol.dueIn(1500, 100)).toBe(0);
    patrol.done(1000, 10);
    expect(patrol.dueIn(1000, 100)).toBe(4000);
    patrol.done(1000, 200);
    expect(patrol.dueIn(1000, 100)).toBe(5000);
  });
});
