/** What every proxy has to have come to before an object counts as programmed, kept as objects and their slices change. */
import { createGroups } from '../api/groups.ts';
import { withChanges } from '../api/patched-map.ts';
import type { Key, Resources } from '../api/resources.ts';
import { labelledPool } from '../api/slice-labels.ts';
import { changedKeys, keepIdentity } from '../api/stable.ts';
import type { KubeObject } from '../cluster/object.ts';
import type { KubernetesSource } from '../source/kubernetes.ts';
import type { Requirement, Requirements } from '../status/awaited.ts';
import { objectId } from '../status/lookups.ts';

export interface RequirementsOptions {
  readonly newest: KubernetesSource['object'];
  /** The version that our last write of an object had. */
  readonly versionOf: (id: string) => string | undefined;
}

export interface RequirementsInput {
  readonly resources: Pick<Resources, 'pools' | 'rules' | 'held'>;
  /** Our objects in the cluster, by id. */
  readonly made: ReadonlyMap<string, KubeObject>;
  /** Ids of those that were written since the call before. */
  readonly written: Iterable<string>;
}

const KINDS = { WebPool: 'pools', RoutingRule: 'rules' } as const;

/** A function that makes anew the requirements of what changed. */
export function createRequirements(options: RequirementsOptions): (input: RequirementsInput) => Requirements {
  const slicesOf = createGroups(poolOf);
  let last: RequirementsInput['resources'] = { pools: new Map(), rules: new Map(), held: [] };
  let requirements: Requirements = new Map();
  return ({ resources, made, written }) => {
    const slices = slicesOf(made);
    const now = (kind: Requirement['kind'], key: Key): Requirement | undefined => {
      const found = options.newest(kind, key);
      if (found === undefined) return undefined;
      const { object, generationVersion: version } = found;
      const own = kind === 'WebPool' ? newestOf(slices.keysOf(key).map((id) => options.versionOf(id) ?? '')) : '';
      return { kind, key, generation: object.metadata.generation, version, slices: own };
    };
    const rewritten = [...written].flatMap((id) => {
      const object = made.get(id);
      return object === undefined ? [] : (poolOf(object) ?? []);
    });
    const changes = new Map<string, Requirement | undefined>();
    for (const [kind, map] of Object.entries(KINDS) as [Requirement['kind'], 'pools' | 'rules'][]) {
      const held = [...last.held, ...resources.held].flatMap((one) => (one.kind === kind ? [one.key] : []));
      const own = kind === 'WebPool' ? [...slices.changed, ...rewritten] : [];
      for (const key of [...changedKeys(last[map], resources[map]), ...held, ...own]) {
        const id = objectId(kind, key);
        changes.set(id, keepIdentity(requirements.get(id), now(kind, key)));
      }
    }
    last = resources;
    requirements = withChanges(requirements, changes);
    return requirements;
  };
}

/** The pool of a slice of ours. */
function poolOf({ kind, metadata }: KubeObject): Key | undefined {
  return kind === 'EndpointSlice' ? labelledPool(metadata) : undefined;
}

/** Versions are numbers of any length. */
function newestOf(versions: readonly string[]): string {
  return versions.reduce((a, b) => (b.length > a.length || (b.length === a.length && b > a) ? b : a), '');
}
