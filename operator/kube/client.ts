/** The verbs that we use, on plain JSON objects. */
import { apiVersionOf, pathOf, type KubeObject, type ObjectMeta, type Place, type ResourceType } from './resource.ts';
import type { Transport } from './transport.ts';

/** Options of a server-side apply. */
export interface ApplyOptions {
  /** Who owns the fields. */
  readonly fieldManager: string;
  readonly subresource?: string;
}

/** An object to apply: only the fields that we own. */
export interface AppliedObject {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace'> & Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export type PatchKind = 'Merge' | 'Json';

export interface Patch {
  readonly kind: PatchKind;
  readonly body: unknown;
  /** What the server sends back. Default: the whole object. */
  readonly answer?: 'Metadata';
}

export interface Client {
  readonly transport: Transport;
  get(type: ResourceType, place: Place): Promise<KubeObject>;
  create(type: ResourceType, object: AppliedObject): Promise<KubeObject>;
  /** Server-side apply with force: the fields given are ours, whoever had them. */
  apply(type: ResourceType, object: AppliedObject, options: ApplyOptions): Promise<KubeObject>;
  patch(type: ResourceType, place: Place, patch: Patch): Promise<KubeObject>;
  /** Deletes that very object: one that was made anew under its name stays. */
  delete(type: ResourceType, place: Place, uid?: string): Promise<void>;
}

const PATCH_TYPES: Readonly<Record<PatchKind, string>> = {
  Merge: 'application/merge-patch+json',
  Json: 'application/json-patch+json',
};

/** A client over that transport. */
export function createClient(transport: Transport): Client {
  // Only objects have the verbs below, so their answers are objects.
  const request = (wanted: Parameters<Transport['request']>[0]) => transport.request(wanted) as Promise<KubeObject>;
  return {
    transport,
    get: (type, place) => request({ method: 'GET', path: pathOf(type, place) }),
    create: (type, object) => {
      const { namespace } = object.metadata;
      const path = pathOf(type, namespace === undefined ? {} : { namespace });
      return request({ method: 'POST', path, body: withType(type, object) });
    },
    apply: (type, object, { fieldManager, subresource }) => {
      const { namespace, name } = object.metadata;
      const place = {
        name,
        ...(namespace !== undefined && { namespace }),
        ...(subresource !== undefined && { subresource }),
      };
      return request({
        method: 'PATCH',
        path: pathOf(type, place),
        query: { fieldManager, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: withType(type, object),
      });
    },
    patch: (type, place, { kind, ...patch }) =>
      request({ method: 'PATCH', path: pathOf(type, place), contentType: PATCH_TYPES[kind], ...patch }),
    async delete(type, place, uid) {
      const body = uid === undefined ? {} : { preconditions: { uid } };
      await request({
        method: 'DELETE',
        path: pathOf(type, place),
        body: { kind: 'DeleteOptions', apiVersion: 'v1', ...body },
      });
    },
  };
}

/**
 * The same client, whose writes are refused while `allowed` does not hold. Whoever was frozen in the midst of its work, until another had
 * taken over, must not go on with what it knew then.
 */
export function guardedClient(client: Client, allowed: () => boolean): Client {
  const whenAllowed = async <T>(write: () => Promise<T>): Promise<T> => {
    if (!allowed()) throw new Error('this process does not lead any more: nothing is written');
    return write();
  };
  return {
    ...client,
    create: (...given) => whenAllowed(() => client.create(...given)),
    apply: (...given) => whenAllowed(() => client.apply(...given)),
    patch: (...given) => whenAllowed(() => client.patch(...given)),
    delete: (...given) => whenAllowed(() => client.delete(...given)),
  };
}

function withType(type: ResourceType, object: AppliedObject): unknown {
  return { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
}
