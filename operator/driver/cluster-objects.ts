/** Our objects in the cluster: applied when they differ from what was applied last or when somebody else touched them; removed when they carry our mark and nobody wants them. */
import type { Key } from '../api/resources.ts';
import { changedKeys, compareText, keepIdentity } from '../api/stable.ts';
import { objectId, type KubeObject } from '../cluster/object.ts';
import type { ExistingObject } from '../cluster/surplus.ts';
import { hasCode } from '../kube/api-error.ts';
import type { AppliedObject, Client } from '../kube/client.ts';
import { TYPES } from '../kube/types.ts';

export interface ClusterObjectsOptions {
  readonly client: Client;
  readonly secretText: (secret: Key, key: string) => string | undefined;
}

export interface ObjectsResult {
  /** What was sent, by `objectId`. */
  readonly applied: ReadonlySet<string>;
  readonly removed: number;
  /** By `objectId`. */
  readonly failures: ReadonlyMap<string, unknown>;
}

export interface ClusterObjectsDriver {
  /**
   * Brings the cluster to `wanted` (by `objectId`), and removes those of `surplus` that are not in it. One failure keeps nothing else back. Only what differs from the
   * call before is looked at, and what failed or was touched since.
   */
  apply(wanted: ReadonlyMap<string, KubeObject>, surplus: readonly ExistingObject[]): Promise<ObjectsResult>;
  /** The version that our last write of an object had. */
  versionOf(id: string): string | undefined;
  /** Somebody else changed it: it is applied again. `version`: the one that was seen, for it may turn out to be ours. */
  forget(id: string, version?: string): void;
}

const OWNER = { fieldManager: 'webpool-operator' };
/** Requests in flight. */
const PARALLEL = 8;

interface Applied {
  /** Undefined: it is not so any more. */
  readonly object: KubeObject | undefined;
  readonly version: string;
}

/** A driver that has applied nothing yet. */
export function createClusterObjectsDriver({ client, secretText }: ClusterObjectsOptions): ClusterObjectsDriver {
  const applied = new Map<string, Applied>();
  /** Ids of what has to be looked at. */
  const due = new Set<string>();
  /** What was seen of those that are being applied; the answer that says which version is ours may come later. */
  const seen = new Map<string, string | undefined>();
  let last: ReadonlyMap<string, KubeObject> = new Map();

  const bodyOf = (object: KubeObject): AppliedObject => {
    if (!('copy' in object)) return object as unknown as AppliedObject;
    const { copy, ...rest } = object;
    const texts = copy.keys.flatMap((key) => {
      const text = secretText(copy.from, key);
      return text === undefined ? [] : [[key, Buffer.from(text).toString('base64')] as const];
    });
    return { ...rest, data: Object.fromEntries(texts) } as unknown as AppliedObject;
  };

  /** True when something was sent. */
  const applyOne = async ([id, object]: readonly [string, KubeObject]): Promise<boolean> => {
    due.delete(id);
    seen.delete(id);
    const before = applied.get(id);
    if (before?.object !== undefined && keepIdentity(before.object, object) === before.object) return false;
    try {
      const answer = await client.apply(TYPES[object.kind], bodyOf(object), OWNER);
      const version = answer.metadata.resourceVersion ?? '';
      const isLast = !seen.has(id) || seen.get(id) === version;
      applied.set(id, { object: isLast ? object : undefined, version });
      return true;
    } catch (error) {
      due.add(id);
      throw error;
    }
  };

  const removeOne = async ({ kind, namespace, name, uid }: ExistingObject): Promise<boolean> => {
    try {
      await client.delete(TYPES[kind], { namespace, name }, uid);
    } catch (error) {
      // It has gone, or another one has its name by now.
      if (!hasCode(error, 404) && !hasCode(error, 409)) throw error;
    }
    return true;
  };

  /** Ids of those of which `work` says so, and of those that failed. */
  const each = async <T>(list: readonly T[], idOf: (one: T) => string, work: (one: T) => Promise<boolean>) => {
    const failures = new Map<string, unknown>();
    const done = new Set<string>();
    const queue = list.values();
    const worker = async () => {
      for (const one of queue) {
        try {
          if (await work(one)) done.add(idOf(one));
        } catch (error) {
          failures.set(idOf(one), error);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    return { done, failures };
  };

  return {
    async apply(wanted, surplus) {
      for (const id of changedKeys(last, wanted)) {
        if (wanted.has(id)) due.add(id);
        else {
          due.delete(id);
          applied.delete(id);
        }
      }
      last = wanted;
      const all = [...due].sort(compareText).flatMap((id) => {
        const object = wanted.get(id);
        return object === undefined ? [] : [[id, object] as const];
      });
      const put = await each(all, ([id]) => id, applyOne);
      const strays = surplus.filter((one) => !wanted.has(existingId(one)));
      const gone = await each(strays, existingId, removeOne);
      return { applied: put.done, removed: gone.done.size, failures: new Map([...put.failures, ...gone.failures]) };
    },
    versionOf: (id) => applied.get(id)?.version,
    forget(id, version) {
      applied.delete(id);
      if (!last.has(id)) return;
      seen.set(id, version);
      due.add(id);
    },
  };
}

function existingId({ kind, namespace, name }: ExistingObject): string {
  return objectId({ kind, metadata: { namespace, name, labels: {} } });
}
