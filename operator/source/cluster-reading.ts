/** A cluster read once, for a person who asks: with their rights, so what they may not see is told instead of refused. */
import { createHash } from 'node:crypto';
import type { ProxyReportSpec } from '../api/kinds.gen.ts';
import { namesIn, type Key, type Kind, type Resources } from '../api/resources.ts';
import { SERVICE_LABEL } from '../api/slice-labels.ts';
import type { Validate } from '../api/validate.ts';
import { hasCode } from '../kube/api-error.ts';
import type { Client } from '../kube/client.ts';
import { listAll, type Selection } from '../kube/list.ts';
import { keyOfMeta, type KubeObject } from '../kube/resource.ts';
import { TYPES } from '../kube/types.ts';
import { readClusterObject, readClusterSecret, readClusterSlice, type ClusterSecret } from './cluster-objects.ts';
import { createClusterPicture, type Dirty } from './cluster-picture.ts';

export interface ClusterReadingOptions {
  readonly client: Client;
  readonly validate: Validate;
  /** Namespaces whose objects count; empty = all. */
  readonly namespaces: readonly string[];
  /** The Secrets that objects name. */
  readonly secretsOf: (resources: Pick<Resources, 'pools' | 'rules'>) => readonly Key[];
}

/** What was there at that moment. */
export interface ClusterReading {
  readonly resources: Resources;
  /** By name of the proxy Pod. */
  readonly reports: ReadonlyMap<string, ProxyReportSpec>;
  /** Kinds of which something may not be read. A Secret that may not be is taken for a good certificate. */
  readonly hidden: ReadonlySet<'Secret' | 'ProxyReport'>;
}

const PAGE = 500;
const KINDS = ['WebPool', 'RoutingRule'] as const satisfies readonly Kind[];

/** Reads WebPools, RoutingRules, their EndpointSlices and Secrets, and ProxyReports. Errors: those of the API server. */
export async function readClusterOnce(options: ClusterReadingOptions): Promise<ClusterReading> {
  const { client, validate, namespaces, secretsOf } = options;
  const hidden = new Set<'Secret' | 'ProxyReport'>();

  const list = async (selection: Omit<Selection, 'namespace'>, rooms: readonly string[]) => {
    const found: KubeObject[] = [];
    const { signal } = new AbortController();
    const common = { ...selection, transport: client.transport, pageSize: PAGE, signal };
    for (const room of rooms.length === 0 ? [{}] : rooms.map((namespace) => ({ namespace }))) {
      await listAll({ ...common, ...room, each: (one) => found.push(one) });
    }
    return found;
  };
  const objectsOf = async (kind: (typeof KINDS)[number]) => {
    const read = readClusterObject({ kind, validate });
    return byKey(await list({ type: TYPES[kind] }, namespaces), (json) => read(json, undefined));
  };
  /** Proxies are in a namespace of their own, which a person may not know of. */
  const listReports = async () => {
    try {
      return await list({ type: TYPES.ProxyReport }, []);
    } catch (error) {
      if (!hasCode(error, 403)) throw error;
      hidden.add('ProxyReport');
      return [];
    }
  };

  const [pools, rules] = await Promise.all([objectsOf('WebPool'), objectsOf('RoutingRule')]);
  const own = { WebPool: pools, RoutingRule: rules, DatabaseGrant: new Map<Key, never>() };
  const slices = byKey(await list({ type: TYPES.EndpointSlice, labelSelector: SERVICE_LABEL }, namespaces), (json) =>
    readClusterSlice(json, undefined),
  );
  const secrets = new Map<Key, ClusterSecret>();
  const picture = createClusterPicture({
    object: (kind, key) => own[kind].get(key),
    slice: (key) => slices.get(key),
    secret: (key) => secrets.get(key),
    configMap: () => undefined,
  });
  const all = (kind: Dirty['kind'], map: ReadonlyMap<Key, unknown>) => [...map.keys()].map((key) => ({ kind, key }));
  const objects = [...KINDS.flatMap((kind) => all(kind, own[kind])), ...all('EndpointSlice', slices)];
  for (const key of new Set(secretsOf(picture.update(objects, true)))) {
    const secret = await readSecretOf(client, key);
    if (secret === 'Hidden') hidden.add('Secret');
    if (secret !== undefined) secrets.set(key, secret === 'Hidden' ? assumedSecret(key) : secret);
  }
  const resources = picture.update(all('Secret', secrets), true);
  const reports = (await listReports()).map((json) => [json.metadata.name, json['spec'] as ProxyReportSpec] as const);
  return { resources, reports: new Map(reports), hidden };
}

function byKey<T>(objects: readonly KubeObject[], read: (json: KubeObject) => T): ReadonlyMap<Key, T> {
  return new Map(objects.map((json) => [keyOfMeta(json.metadata), read(json)]));
}

const readOneSecret = readClusterSecret({
  copies: false,
  versionOf: (contents) => createHash('sha256').update(contents).digest('hex'),
});

/** undefined: there is none. */
async function readSecretOf(client: Client, key: Key): Promise<ClusterSecret | 'Hidden' | undefined> {
  const { namespace, name } = namesIn(key);
  try {
    return readOneSecret(await client.get(TYPES.Secret, { namespace, name }), undefined);
  } catch (error) {
    if (hasCode(error, 404)) return undefined;
    if (hasCode(error, 403)) return 'Hidden';
    throw error;
  }
}

function assumedSecret(key: Key): ClusterSecret {
  const { namespace, name } = namesIn(key);
  const metadata = { namespace, name, generation: 1 };
  const certificate = { fingerprint: key, notAfter: '9999-12-31T23:59:59Z', names: [] };
  const keys = ['tls.crt', 'tls.key', 'ca.crt'];
  return { info: { metadata, version: '', keys, certificate, authority: certificate }, values: new Map() };
}
