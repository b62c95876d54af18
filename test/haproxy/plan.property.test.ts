import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProxyPlanner, planProxy } from '../../operator/haproxy/plan.ts';
import type { BackendConfig, Leaving, ProxyChange, ProxyConfig, ProxyState } from '../../operator/haproxy/proxy.ts';
import { backendsOf, later, restarted, serving, simulate, settled, type Simulated } from './simulate.ts';
import { configOf, drift, edit, objects } from './worlds.ts';

const RUNS = 250;

/** A HAProxy that was right for other objects, that somebody tampered with, and that has open connections. */
const world = fc
  .record({
    objects: edit,
    drifts: fc.array(fc.tuple(fc.nat(), drift), { maxLength: 4 }),
    busy: fc.array(fc.nat(), { maxLength: 3 }),
  })
  .map(({ objects: [before, after], drifts, busy }): { now: Simulated; config: ProxyConfig } => {
    let now: Simulated = settled(configOf(before));
    const all = [...now.state.backends].flatMap(([backend, servers]) =>
      [...servers.keys()].map((name) => ({ backend, name })),
    );
    const pick = (index: number) => all[index % all.length];
    for (const [index, drifted] of drifts) {
      const at = pick(index);
      const server = at && now.state.backends.get(at.backend)?.get(at.name);
      if (at === undefined || server === undefined) continue;
      const servers = new Map(now.state.backends.get(at.backend)).set(at.name, drifted(server));
      now = { ...now, state: { ...now.state, backends: new Map(now.state.backends).set(at.backend, servers) } };
    }
    const connections = new Map(
      busy.flatMap((index) => {
        const at = pick(index);
        return at === undefined ? [] : [[`${at.backend}/${at.name}`, 1] as const];
      }),
    );
    return { now: { ...now, connections }, config: configOf(after) };
  });

interface Run {
  readonly now: Simulated;
  /** The plans, one a step. */
  readonly plans: readonly (readonly ProxyChange[])[];
  readonly refused: readonly string[];
}

const MINUTE = 60_000;

function apply(now: Simulated, change: ProxyChange, config: ProxyConfig): ReturnType<typeof simulate> {
  return change.kind === 'reload' ? { next: restarted(now, config) } : simulate(now, change);
}

/** What the rail does: plan, apply, look again, with time between, until two plans in a row are empty. */
function converge(begin: Simulated, config: ProxyConfig, plan = planProxy): Run {
  let now = begin;
  let time = 0;
  let leaving = new Map<string, Leaving>();
  const plans: (readonly ProxyChange[])[] = [];
  const refused: string[] = [];
  for (let quiet = 0; quiet < 2 && plans.length < 30;) {
    leaving = leavingOf(now, config, { leaving, time });
    const changes = plan(now.state, config, { now: time, leaving, runningSkeleton: now.skeleton });
    plans.push(changes);
    for (const change of changes) {
      const outcome = apply(now, change, config);
      if (outcome.refused !== undefined) refused.push(`${change.kind}: ${outcome.refused}`);
      now = outcome.next;
    }
    quiet = changes.length === 0 ? quiet + 1 : 0;
    time += MINUTE;
    now = later(now);
  }
  return { now, plans, refused };
}

function leavingOf(now: Simulated, config: ProxyConfig, known: { leaving: Map<string, Leaving>; time: number }) {
  const found = new Map<string, Leaving>();
  const gone = [...now.state.backends].flatMap(([backend, servers]) =>
    [...servers.values()]
      .filter(({ name, admin }) => config.backends.get(backend)?.servers.has(name) === false && admin !== 'ready')
      .map(({ name }) => `${backend}/${name}`),
  );
  for (const key of gone) {
    const { since = known.time, idleSince = known.time } = known.leaving.get(key) ?? {};
    found.set(key, (now.connections.get(key) ?? 0) === 0 ? { since, idleSince } : { since });
  }
  return found;
}

/** What a HAProxy should have come to. */
function summary({ now, config }: { now: Simulated; config: ProxyConfig }) {
  const servers = (
    map: ReadonlyMap<string, ReadonlyMap<string, { name: string; weight: number; address: string; port: number }>>,
  ) =>
    [...map]
      .flatMap(([backend, list]) =>
        [...list.values()].map(({ name, weight, address, port }) => `${backend}/${name} ${weight} ${address} ${port}`),
      )
      .sort();
  return {
    is: {
      checksum: now.state.checksum,
      routes: Object.fromEntries(now.state.routes),
      servers: servers(now.state.backends),
    },
    shouldBe: {
      checksum: config.checksum,
      routes: Object.fromEntries(config.routes),
      servers: servers(new Map([...config.backends].map(([name, backend]) => [name, backend.servers]))),
    },
  };
}

/** The health of those external servers of a backend that had no visitors before and have them after. */
function newlyServing(backend: BackendConfig, before: ProxyState, after: ProxyState): readonly unknown[] {
  const served = new Set(serving(backend, before));
  return serving(backend, after)
    .filter((name) => !served.has(name) && backend.servers.get(name)?.probeFirst === true)
    .map((name) => before.backends.get(backend.name)?.get(name)?.health);
}

describe('planProxy', () => {
  it('brings any HAProxy to what it should be and then has nothing to do', () => {
    fc.assert(
      fc.property(world, ({ now: begin, config }) => {
        const { now, plans, refused } = converge(begin, config);
        const { is, shouldBe } = summary({ now, config });
        expect(is).toEqual(shouldBe);
        expect(plans.at(-1)).toEqual([]);
        expect(refused).toEqual([]);
        for (const backend of config.backends.values()) {
          for (const want of backend.servers.values()) {
            const has = now.state.backends.get(backend.name)?.get(want.name);
            const held = want.admin === 'ready' && want.probeFirst && has?.health === 'Down';
            expect([want.name, has?.admin]).toEqual([want.name, held && has?.admin === 'drain' ? 'drain' : want.admin]);
            expect(has?.maxConnections).toBe(want.maxConnections);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('reloads once at most, last, and only when the skeleton differs', () => {
    fc.assert(
      fc.property(world, ({ now, config }) => {
        const { plans } = converge(now, config);
        const kinds = plans.flat().map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === 'reload')).toHaveLength(now.state.checksum === config.checksum ? 0 : 1);
        for (const plan of plans) expect(plan.slice(0, -1).filter(({ kind }) => kind === 'reload')).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('names in its routes only backends that are there', () => {
    fc.assert(
      fc.property(world, ({ now, config }) => {
        let at = now;
        for (const change of planProxy(now.state, config, {
          now: 0,
          leaving: new Map(),
          runningSkeleton: now.skeleton,
        })) {
          at = apply(at, change, config).next;
          if (change.kind !== 'replace-routes') continue;
          const there = backendsOf(at.skeleton);
          const named = [...change.routes.values()]
            .filter((value) => /^(http|tcp)_/.test(value))
            .map((value) => value.split('@')[0] ?? '');
          expect(named.filter((value) => !there.has(value.split('@')[0] ?? ''))).toEqual([]);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('gives an external server no visitor before its check has passed', () => {
    fc.assert(
      fc.property(world, ({ now, config }) => {
        let at: Simulated = now;
        for (const change of planProxy(now.state, config, {
          now: 0,
          leaving: new Map(),
          runningSkeleton: now.skeleton,
        })) {
          const before = at.state;
          at = apply(at, change, config).next;
          const unproven = [...config.backends.values()].flatMap((backend) =>
            newlyServing(backend, before, at.state).filter((health) => health !== 'Up'),
          );
          expect([change.kind, ...unproven]).toEqual([change.kind]);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('means the same when it remembers', () => {
    fc.assert(
      fc.property(world, objects, ({ now, config }, next) => {
        const planner = createProxyPlanner();
        const first = converge(now, config, planner);
        expect(first.plans).toEqual(converge(now, config).plans);
        const other = configOf(next);
        expect(converge(first.now, other, planner).plans).toEqual(converge(first.now, other).plans);
      }),
      { numRuns: RUNS / 2 },
    );
  });
});
