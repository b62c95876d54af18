/** Which objects the proxies do not have yet. In: what each object asks of them, their reports. Out: words about those that are waited for. */
import type { ProgrammedVersions, ProxyReportSpec } from '../api/kinds.gen.ts';
import type { Key, Kind } from '../api/resources.ts';
import { changedKeys, keepMap } from '../api/stable.ts';

/** What a proxy has to have come to before it has an object. */
export interface Requirement {
  readonly kind: Exclude<Kind, 'DatabaseGrant'>;
  readonly key: Key;
  readonly generation: number;
  /** In which this generation was first seen. */
  readonly version: string;
  /** Of the slices that belong to a pool and that we wrote; empty when there are none. */
  readonly slices: string;
}

/** By `objectId`. */
export type Requirements = ReadonlyMap<string, Requirement>;

/** Whether a version is another one or newer. */
export type Reached = (version: string, wanted: string) => boolean;

type Told = Pick<ProxyReportSpec, 'programmed' | 'refused'>;

const VERSIONS = { WebPool: 'webPools', RoutingRule: 'routingRules' } as const satisfies Record<
  Requirement['kind'],
  keyof ProgrammedVersions
>;

/**
 * A function that tells which objects not every proxy has, and what is waited for. As long as the proxies get on, it looks only at what was
 * waited for and at what is asked anew.
 * Shape: by `objectId`; the same map as before when it says the same.
 */
export function createAwaited(
  reached: Reached,
): (requirements: Requirements, reports: readonly Told[]) => ReadonlyMap<string, string> {
  let awaited: ReadonlyMap<string, string> = new Map();
  let asked: Requirements = new Map();
  let told: readonly Told[] = [];
  return (requirements, reports) => {
    const keeps = reports.length === told.length && reports.every((now, index) => hasAllOf(now, told[index], reached));
    const ids = keeps ? new Set([...changedKeys(asked, requirements), ...awaited.keys()]) : requirements.keys();
    [asked, told] = [requirements, reports];
    const next = new Map<string, string>();
    for (const id of ids) {
      const requirement = requirements.get(id);
      const words = requirement === undefined ? undefined : waitsFor(requirement, reports, reached);
      if (words !== undefined) next.set(id, words);
    }
    awaited = keepMap(awaited, next);
    return awaited;
  };
}

/** Whether every object that a proxy with the report `before` has is there now too. */
function hasAllOf(now: Told, before: Told | undefined, reached: Reached): boolean {
  if (now === before) return true;
  if (before === undefined || now.refused !== before.refused) return false;
  const { namespaces: places = {}, ...all } = now.programmed;
  const { namespaces: placesBefore = {}, ...allBefore } = before.programmed;
  const names = Object.keys(placesBefore);
  if (names.length !== Object.keys(places).length) return false;
  return (
    isFurther(all, allBefore, reached) && names.every((name) => isFurther(places[name], placesBefore[name], reached))
  );
}

const KINDS = ['webPools', 'routingRules', 'endpointSlices'] as const;
type Versions = Pick<ProgrammedVersions, (typeof KINDS)[number]>;

function isFurther(now: Versions | undefined, before: Versions = {}, reached: Reached): boolean {
  return now !== undefined && KINDS.every((kind) => reached(now[kind] ?? '', before[kind] ?? ''));
}

/** Words about the proxies that do not have it; undefined when all do. */
function waitsFor(
  { kind, key, generation, version, slices }: Requirement,
  reports: readonly Told[],
  reached: Reached,
): string | undefined {
  const missing = reports.filter(({ programmed, refused = [] }) => {
    const there = programmed.namespaces?.[key.slice(0, key.indexOf('/'))] ?? programmed;
    const has = reached(there[VERSIONS[kind]] ?? '', version);
    const hasSlices = slices === '' || reached(there.endpointSlices ?? '', slices);
    const refuses = refused.some((one) => one.kind === kind && one.key === key && one.generation === generation);
    return !has || !hasSlices || refuses;
  });
  if (missing.length === 0) return undefined;
  const [refusal] = missing.flatMap(({ refused = [] }) =>
    refused.filter((one) => one.kind === kind && one.key === key),
  );
  const why = refusal === undefined ? '' : ` ${refusal.message}`;
  return `${missing.length} of ${reports.length} proxies do not have it yet.${why}`;
}
