import { createHash } from 'node:crypto';
import { SOURCE_ANNOTATION, SOURCE_KIND_ANNOTATION } from '../api/object-marks.ts';
import { createSelection } from '../api/groups.ts';
import {
  keyOf,
  type ConfigMapInfo,
  type Key,
  type Resources,
  type SecretInfo,
  type WebPool,
} from '../api/resources.ts';
import { compareText, lastOf } from '../api/stable.ts';
import type { Pool, Topology } from '../topology/topology.ts';
import { namedSecrets } from '../topology/transport.ts';
import { pageConfigMap } from '../topology/page.ts';
import { copyMeta, type MirroredPages, type MirroredSecret } from './object.ts';

/** The version of the original that the copy has. */
export const VERSION_ANNOTATION = 'webpool.dev/source-version';

const LONGEST_NAME = 253;
/** What a certificate is made of; whatever else stands in the Secret stays where it is. */
const KEYS = ['tls.crt', 'tls.key', 'ca.crt'];

/**
 * A function that tells what proxies need the texts of. Shape: each list is the same as before while nothing changes that it may depend on;
 * of the pools only those are looked at again that changed.
 */
export function createMirrored(): (
  topology: Pick<Topology, 'listeners' | 'pools'>,
  resources: Pick<Resources, 'pools' | 'secrets' | 'configMaps'>,
) => { readonly certificates: readonly SecretInfo[]; readonly pages: readonly PageSource[] } {
  const withAuthority = createSelection((pool: Pool) => (authoritiesOf(pool).length === 0 ? undefined : pool));
  const withPage = createSelection((pool: WebPool) => (pageConfigMap(pool) === undefined ? undefined : pool));
  const certificates = lastOf(certificatesOf);
  const pages = lastOf(pagesOf);
  return ({ listeners, pools }, resources) => ({
    certificates: certificates(listeners, withAuthority(pools), resources.secrets),
    pages: pages(withPage(resources.pools), resources.configMaps),
  });
}

/** The Secrets that proxies need the text of, each once, sorted. What is gone again is left out: whoever names it has told already. */
function certificatesOf(
  listeners: Topology['listeners'],
  pools: Topology['pools'],
  secrets: ReadonlyMap<Key, SecretInfo>,
): readonly SecretInfo[] {
  const keys = new Set<Key>();
  for (const { tls } of listeners.flatMap(({ sites = [] }) => sites)) {
    for (const { secret } of [...tls.certificates, ...(tls.clientCA === undefined ? [] : [tls.clientCA])])
      keys.add(secret);
  }
  for (const pool of pools.values()) for (const secret of authoritiesOf(pool)) keys.add(secret);
  return [...keys].sort(compareText).flatMap((key) => secrets.get(key) ?? []);
}

function authoritiesOf({ servers }: Pool): readonly Key[] {
  return servers.flatMap(({ transport }) => transport?.tls?.ca?.secret ?? []);
}

/**
 * Names of copies that stay: what they were copied from is named and there. If it cannot be used, what it held before is known to them alone
 * once an operator has begun anew.
 */
export function heldCopies(resources: Pick<Resources, 'rules' | 'pools' | 'secrets'>): Set<string> {
  const held = namedSecrets(resources).filter((key) => resources.secrets.has(key));
  return new Set(held.map((key) => copyName('copy', key)));
}

/** The copy of a certificate for the proxies, which may read the Secrets of their own namespace only. */
export function mirroredSecret(namespace: string, original: SecretInfo): MirroredSecret {
  const from = keyOf(original.metadata);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      ...copyMeta(namespace, copyName('copy', from)),
      annotations: { [SOURCE_ANNOTATION]: from, [VERSION_ANNOTATION]: original.version },
    },
    copy: { from, keys: KEYS.filter((key) => original.keys.includes(key)) },
  };
}

/** The pages of one ConfigMap that pools name. */
export interface PageSource {
  readonly configMap: Key;
  /** By key, sorted; what is there and can be a page. */
  readonly pages: readonly (readonly [key: string, body: string])[];
}

/** The pages that proxies need the text of, sorted by ConfigMap. */
function pagesOf(pools: ReadonlyMap<Key, WebPool>, configMaps: ReadonlyMap<Key, ConfigMapInfo>): readonly PageSource[] {
  const keys = new Map<Key, Set<string>>();
  for (const pool of pools.values()) {
    const from = pageConfigMap(pool);
    const key = pool.spec.maintenancePage?.configMap?.key;
    if (from === undefined || key === undefined) continue;
    const wanted = keys.get(from);
    if (wanted === undefined) keys.set(from, new Set([key]));
    else wanted.add(key);
  }
  return [...keys]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([configMap, wanted]): readonly PageSource[] => {
      const pages = [...(configMaps.get(configMap)?.pages ?? [])].flatMap(([key, page]) =>
        wanted.has(key) && 'body' in page ? [[key, page.body] as const] : [],
      );
      return pages.length === 0 ? [] : [{ configMap, pages }];
    });
}

/** The copy of pages for the proxies. */
export function mirroredPages(namespace: string, { configMap, pages }: PageSource): MirroredPages {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      ...copyMeta(namespace, copyName('page', configMap)),
      annotations: { [SOURCE_ANNOTATION]: configMap, [SOURCE_KIND_ANNOTATION]: 'ConfigMap' },
    },
    data: Object.fromEntries(pages.map(([key, body]) => [key, Buffer.from(body).toString('base64')])),
  };
}

/** A namespace has no dots, so the parts of the name cannot be mistaken. */
function copyName(what: 'copy' | 'page', key: Key): string {
  const name = `${what}.${key.replace('/', '.')}`;
  if (name.length <= LONGEST_NAME) return name;
  const digest = createHash('sha256').update(key).digest('hex');
  return `${name.slice(0, LONGEST_NAME - digest.length - 1).replace(/[-.]+$/, '')}-${digest}`;
}
