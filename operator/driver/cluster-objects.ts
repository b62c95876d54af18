/** Our objects in the cluster: applied when they differ from what was applied last or when somebody else touched them; removed when they carry our mark and nobody wants them. */
import type { Key } from '../api/resources.ts';
import { objectId, type KubeObject } from '../cluster/object.ts';
import { hasCode } from '../kube/api-error.ts';
import type { AppliedObject, Client } from '../kube/client.ts';
import type { ResourceType } from '../kube/resource.ts';

export interface ClusterObjectsOptions {
  readonly client: Client;
  readonly secretText: (secret: Key, key: string) => string | undefined;
}

/** An object of ours that is there. */
export interface ExistingObject {
  readonly kind: KubeObject['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

export interface ObjectsResult {
  readonly applied: number;
  readonly removed: number;
  /** By `objectId`. */
  readonly failures: ReadonlyMap<string, unknown>;
}

export interface ClusterObjectsDriver {
  /** Brings the cluster to `wanted`, and removes those of `existing` that are not in it. One failure keeps nothing else back. */
  apply(wanted: readonly KubeObject[], existing: readonly ExistingObject[]): Promise<ObjectsResult>;
  /** The version that our last write of an object had. */
  versionOf(id: string): string | undefined;
  /** Somebody else changed it: it is applied again. */
  forget(id: string): void;
}

const TYPES: Readonly<Record<KubeObject['kind'], ResourceType>> = {
  Service: { group: '', version: 'v1', plural: 'services', kind: 'Service' },
  Secret: { group: '', version: 'v1', plural: 'secrets', kind: 'Secret' },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice' },
  Deployment: { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' },
  PodDisruptionBudget: { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget' },
};
const OWNER = { fieldManager: 'webpool-operator' };
/** Requests in flight. */
const PARALLEL = 8;

interface Applied {
  readonly object: KubeObject;
  readonly text: string;
  readonly version: string;
}

/** A driver that has applied nothing yet. */
export function createClusterObjectsDriver({ client, secretText }: ClusterObjectsOptions): ClusterObjectsDriver {
  const applied = new Map<string, Applied>();

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
  const applyOne = async (object: KubeObject): Promise<boolean> => {
    const id = objectId(object);
    const before = applied.get(id);
    if (before?.object === object) return false;
    const text = JSON.stringify(object);
    if (before?.text === text) {
      applied.set(id, { ...before, object });
      return false;
    }
    const answer = await client.apply(TYPES[object.kind], bodyOf(object), OWNER);
    applied.set(id, { object, text, version: answer.metadata.resourceVersion ?? '' });
    return true;
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

  const each = async <T>(list: readonly T[], idOf: (one: T) => string, work: (one: T) => Promise<boolean>) => {
    const failures = new Map<string, unknown>();
    let done = 0;
    const queue = list.values();
    const worker = async () => {
      for (const one of queue) {
        try {
          if (await work(one)) done += 1;
        } catch (error) {
          failures.set(idOf(one), error);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    return { done, failures };
  };

  return {
    async apply(wanted, existing) {
      const ids = new Set(wanted.map(objectId));
      const put = await each(wanted, objectId, applyOne);
      const surplus = existing.filter((one) => !ids.has(existingId(one)));
      const gone = await each(surplus, existingId, removeOne);
      for (const id of applied.keys()) if (!ids.has(id)) applied.delete(id);
      return { applied: put.done, removed: gone.done, failures: new Map([...put.failures, ...gone.failures]) };
    },
    versionOf: (id) => applied.get(id)?.version,
    forget: (id) => void applied.delete(id),
  };
}

function existingId({ kind, namespace, name }: ExistingObject): string {
  return objectId({ kind, metadata: { namespace, name, labels: {} } });
}
