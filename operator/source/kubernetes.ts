/** A cluster as a source: copies of its objects that follow the API server in, statuses out. */
import { createHmac, randomBytes } from 'node:crypto';
import {
  keyOf,
  type ConfigMapInfo,
  type EndpointSlice,
  type Key,
  type Kind,
  type Resources,
} from '../api/resources.ts';
import { SERVICE_LABEL } from '../api/slice-labels.ts';
import type { Validate } from '../api/validate.ts';
import { hasCode } from '../kube/api-error.ts';
import type { Client } from '../kube/client.ts';
import { startReflector, type Reflector, type ReflectorTiming, type StoreChange } from '../kube/reflector.ts';
import { reached, type KubeObject, type ResourceType } from '../kube/resource.ts';
import { TYPES } from '../kube/types.ts';
import type { AnyStatus, StatusDocument } from '../status/document.ts';
import {
  readClusterConfigMap,
  readClusterObject,
  readClusterSecret,
  readClusterSlice,
  type ClusterObject,
  type ClusterSecret,
} from './cluster-objects.ts';
import { createCopiesMemory } from './copies-memory.ts';
import { createClusterPicture, type Dirty } from './cluster-picture.ts';
import { freshnessOf, lookUp, merged, type Freshness } from './copies.ts';
import { nameOf } from './items.ts';
import type { Log, Source } from './source.ts';

/** What is watched beside WebPools, RoutingRules and EndpointSlices. */
export interface KubernetesSourceOptions {
  readonly client: Client;
  readonly validate: Validate;
  readonly log: Log;
  /** Namespaces whose objects count; empty = all. */
  readonly namespaces: readonly string[];
  readonly grants: boolean;
  /**
   * Secrets and ConfigMaps themselves, or the copies that an operator puts into that namespace, all of them as Secrets: they count as what
   * they are copies of.
   */
  readonly secrets: { readonly copiesIn: string } | 'WatchedNamespaces';
  /** Where the process before this one put copies: what a Secret held that cannot be used any more is known to them alone. */
  readonly copiesMadeIn?: string;
  /** Whether statuses are kept: only who writes them asks for them. */
  readonly statuses: boolean;
  readonly timing?: ReflectorTiming;
}

/** Versions up to which everything is in a picture; a kind that is not watched is absent. */
export type Versions = Readonly<Partial<Record<Dirty['kind'], string>>>;

export interface PictureVersions {
  /** Of all namespaces together: those of the one that is furthest behind. */
  readonly all: Versions;
  /** By namespace, where several are followed one by one: the server tells a quiet one only once a minute how far it is. */
  readonly namespaces: ReadonlyMap<string, Versions>;
}

export interface KubernetesSource extends Source {
  /** Resolves once every copy is complete. Before that `read` rejects. */
  readonly synced: Promise<void>;
  /** The versions of the last picture, or newer ones when nothing that is in a picture changed since. */
  versions(): PictureVersions;
  /** The newest version of an object, also one that is being deleted. */
  object(kind: Kind, key: Key): ClusterObject | undefined;
  objects(kind: Kind): ReadonlyMap<Key, ClusterObject>;
  /** Objects, as `<kind>/<key>`, of which somebody else wrote the status since the last call. */
  takeRewritten(): ReadonlySet<string>;
  freshness(): readonly Freshness[];
  close(): Promise<void>;
}

/** Every namespace has one of these. */
const CONFIG_MAPS_OF_INTEREST = 'metadata.name!=kube-root-ca.crt';
/** Releases of Helm are Secrets of a megabyte each. */
const SECRETS_OF_INTEREST = 'type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token';

/** Owner of the statuses that we write. */
export const STATUS_OWNER = 'webpool-operator';
/** Statuses in flight. */
const PARALLEL = 8;

/** Before the first list of every kind there is no picture: nothing may be concluded from half of one. */
export class NotSyncedError extends Error {
  override readonly name = 'NotSyncedError';
}

/** Begins to follow the cluster. */
export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { client, validate, namespaces, log } = options;
  const kinds: readonly Kind[] = options.grants
    ? ['WebPool', 'RoutingRule', 'DatabaseGrant']
    : ['WebPool', 'RoutingRule'];
  const secretKey = randomBytes(32);
  const { promise: synced, resolve: allSynced } = Promise.withResolvers<void>();
  const dirty = new Map<string, Dirty>();
  const written = new Map<string, Written>();
  let rewritten = new Set<string>();
  /** Of one who does not write statuses it is no concern who does. */
  let writes = false;
  let lastVersions: PictureVersions = { all: {}, namespaces: new Map() };
  let wake = () => {};

  const note = (kind: Dirty['kind'], key: Key) => {
    dirty.set(nameOf(kind, key), { kind, key });
    wake();
  };

  const follow = <T>(type: ResourceType, { namespaces: rooms, ...what }: Followed<T>): readonly Reflector<T>[] =>
    (rooms.length === 0 ? [undefined] : rooms).map((namespace) =>
      startReflector<T>({
        ...what,
        transport: client.transport,
        type,
        log,
        onSynced: checkSynced,
        ...(namespace !== undefined && { namespace }),
        ...(options.timing !== undefined && { timing: options.timing }),
      }),
    );

  const onObject = (kind: Kind) => (change: StoreChange<ClusterObject>) => {
    const { key, before, now } = change;
    if (now === undefined) {
      picture.forget(kind, key);
      written.delete(`${kind}/${key}`);
    }
    if (!sameObject(before, now)) note(kind, key);
    if (now !== undefined && now.status !== before?.status) onStatus(`${kind}/${key}`, now.version);
  };

  /** A status that somebody else wrote has to be put right; nothing else about the object is new. */
  const onStatus = (id: string, version: string) => {
    const mine = written.get(id);
    if (mine !== undefined) {
      // What comes while we write is looked at when the server has answered; what came before is no more.
      if (mine.version === undefined || !reached(version, mine.version)) return;
      written.delete(id);
      if (version === mine.version) return;
    }
    if (!writes) return;
    rewritten.add(id);
    wake();
  };

  const own = new Map(
    kinds.map((kind) => [
      kind,
      follow<ClusterObject>(TYPES[kind], {
        namespaces,
        slim: readClusterObject({
          kind,
          validate,
          expected: (key) => written.get(`${kind}/${key}`)?.status,
          statuses: options.statuses,
        }),
        onChange: onObject(kind),
      }),
    ]),
  );
  const slices = follow<EndpointSlice>(TYPES.EndpointSlice, {
    namespaces,
    labelSelector: SERVICE_LABEL,
    slim: orPrevious(readClusterSlice),
    onChange: ({ key }) => note('EndpointSlice', key),
  });
  const copies = options.secrets !== 'WatchedNamespaces';
  /** Each Secret of the picture, and each ConfigMap that is a copy → the key of the object which it is read from. */
  const secretObjects = new Map<string, Key>();
  const onSecret = ({ key, before, now }: StoreChange<ClusterSecret>) => {
    const [old, next] = [before && standsFor(before), now && standsFor(now)];
    if (old !== undefined && secretObjects.get(nameOf(...old)) === key) secretObjects.delete(nameOf(...old));
    if (next !== undefined) secretObjects.set(nameOf(...next), key);
    // Whoever hears of it may look at once, so only when all of it is so.
    for (const one of [old, next]) if (one !== undefined) note(...one);
  };
  const memory = createCopiesMemory(client.transport, options.copiesMadeIn);
  const secrets = follow<ClusterSecret>(TYPES.Secret, {
    prepare: (signal) => memory.recall(signal),
    namespaces: options.secrets === 'WatchedNamespaces' ? namespaces : [options.secrets.copiesIn],
    fieldSelector: SECRETS_OF_INTEREST,
    slim: orPrevious(
      readClusterSecret({
        copies,
        versionOf: (contents) => createHmac('sha256', secretKey).update(contents).digest('hex'),
        remembered: (named) => memory.textsOf(named),
      }),
    ),
    onChange: onSecret,
  });
  const configMaps = copies
    ? []
    : follow<ConfigMapInfo>(TYPES.ConfigMap, {
        namespaces,
        fieldSelector: CONFIG_MAPS_OF_INTEREST,
        slim: orPrevious(readClusterConfigMap),
        onChange: ({ key }) => note('ConfigMap', key),
      });
  const groups: readonly (readonly [Dirty['kind'], readonly Reflector<unknown>[]])[] = [
    ...own,
    ['EndpointSlice', slices],
    ['Secret', secrets],
    ...(copies ? [] : [['ConfigMap', configMaps] as const]),
  ];

  /** An object that cannot be read stays what it was; one that never could is as good as absent. */
  function orPrevious<T>(read: (json: KubeObject, previous: T | undefined) => T) {
    return (json: KubeObject, previous: T | undefined): T => {
      try {
        return read(json, previous);
      } catch (error) {
        log.warn({ err: error }, 'an object of the cluster cannot be read: the last good version stays');
        return previous as T;
      }
    };
  }

  const isSynced = () => groups.every(([, reflectors]) => reflectors.every(({ health }) => health.synced));
  function checkSynced(): void {
    // The last reflector may say so while the list of reflectors is still being made.
    queueMicrotask(() => {
      if (!isSynced()) return;
      memory.forget();
      allSynced();
      wake();
    });
  }

  const object = (kind: Kind, key: Key) => lookUp(own.get(kind) ?? [], key);
  const readFrom = (kind: 'Secret' | 'ConfigMap', named: Key) =>
    lookUp(secrets, secretObjects.get(nameOf(kind, named)) ?? '');
  const secret = (named: Key) => readFrom('Secret', named);
  const picture = createClusterPicture({
    object,
    slice: (key) => lookUp(slices, key),
    secret,
    configMap: (key) => (copies ? readFrom('ConfigMap', key)?.configMap : lookUp(configMaps, key)),
  });

  const currentVersions = (): PictureVersions => {
    const versionsOf = (copies: (all: readonly Reflector<unknown>[]) => readonly Reflector<unknown>[]): Versions =>
      Object.fromEntries(groups.map(([kind, all]) => [kind, lowest(copies(all).map(({ version }) => version))]));
    const single = namespaces.length < 2 ? [] : namespaces;
    // Copies of one namespace alone, like those of certificates, count for all.
    const own = (index: number) => (all: readonly Reflector<unknown>[]) =>
      all.length === namespaces.length ? all.slice(index, index + 1) : all;
    return {
      all: versionsOf((all) => all),
      namespaces: new Map(single.map((namespace, index) => [namespace, versionsOf(own(index))])),
    };
  };

  /** What we wrote counts until the copy has come so far. */
  function statusOf(kind: Kind, key: Key): AnyStatus | undefined {
    const mine = written.get(`${kind}/${key}`);
    return mine?.version === undefined ? object(kind, key)?.status : mine.status;
  }

  const writeOne = async ({ kind, key, metadata, status }: StatusDocument) => {
    const { namespace, name } = metadata;
    const id = `${kind}/${key}`;
    written.set(id, { status });
    try {
      const answer = await client.apply(
        TYPES[kind],
        { metadata: { namespace, name }, status },
        { fieldManager: STATUS_OWNER, subresource: 'status' },
      );
      onWritten({ kind, key, status, version: answer.metadata.resourceVersion ?? '' });
    } catch (error) {
      written.delete(id);
      // Deleted meanwhile: there is nobody left to tell.
      if (!hasCode(error, 404)) throw error;
    }
  };

  const onWritten = ({
    kind,
    key,
    status,
    version,
  }: Pick<StatusDocument, 'kind' | 'key' | 'status'> & Required<Written>) => {
    const id = `${kind}/${key}`;
    const found = object(kind, key)?.version;
    if (found !== undefined && !reached(found, version)) written.set(id, { status, version });
    else {
      written.delete(id);
      // Whether what came after it is a status of somebody else is not known.
      if (found !== undefined && found !== version) onStatus(id, found);
    }
  };

  return {
    synced,
    read(): Promise<Resources> {
      if (!isSynced()) return Promise.reject(new NotSyncedError('not everything was listed yet'));
      lastVersions = currentVersions();
      const changed = [...dirty.values()];
      dirty.clear();
      return Promise.resolve(picture.update(changed, true));
    },
    changes(onChange) {
      wake = onChange;
      return () => {
        wake = () => {};
      };
    },
    versions: () => (dirty.size === 0 ? currentVersions() : lastVersions),
    secretValue: (named, key) => secret(named)?.values.get(key),
    async writeStatus(changed) {
      writes = true;
      const failures: unknown[] = [];
      const queue = changed.values();
      const work = async () => {
        for (const document of queue) await writeOne(document).catch((error: unknown) => failures.push(error));
      };
      await Promise.all(Array.from({ length: PARALLEL }, work));
      if (failures.length > 0) throw new AggregateError(failures, `${failures.length} statuses were not written`);
    },
    statusOf,
    object,
    objects: (kind) => merged(own.get(kind) ?? []),
    takeRewritten() {
      const taken = rewritten;
      rewritten = new Set();
      return taken;
    },
    freshness: () => groups.flatMap(([, reflectors]) => reflectors.map(freshnessOf)),
    async close() {
      await Promise.all(groups.flatMap(([, reflectors]) => reflectors.map((reflector) => reflector.stop())));
    },
  };
}

/** A status of ours that the copy does not show yet. */
interface Written {
  readonly status: AnyStatus;
  /** Absent: the server has not answered. */
  readonly version?: string;
}

interface Followed<T> {
  readonly prepare?: (signal: AbortSignal) => Promise<void>;
  readonly namespaces: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly slim: (json: KubeObject, previous: T | undefined) => T;
  readonly onChange: (change: StoreChange<T>) => void;
}

/** As what a Secret counts. */
function standsFor({ configMap, info }: ClusterSecret): readonly [Dirty['kind'], Key] {
  return [configMap === undefined ? 'Secret' : 'ConfigMap', keyOf(info.metadata)];
}

function sameObject(a: ClusterObject | undefined, b: ClusterObject | undefined): boolean {
  return a?.object === b?.object && a?.problems === b?.problems && a?.deleting === b?.deleting;
}

/** Of copies of several namespaces the one that lags most says how far all are. */
function lowest(versions: readonly string[]): string {
  return versions.reduce((low, version) => (reached(version, low) ? low : version));
}
