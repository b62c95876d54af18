/** The page of a pool that nobody serves: written in the pool, or in a ConfigMap beside it. */
import type { Finding } from '../api/finding.ts';
import { keyOf, type ConfigMapInfo, type Key, type WebPool } from '../api/resources.ts';
import { DEFAULTS } from './defaults.ts';
import type { PoolOptions } from './topology.ts';

/** The page, unless there is none or it cannot be had: then a word about it. */
export interface PageResult {
  readonly page?: NonNullable<PoolOptions['maintenancePage']>;
  readonly findings: readonly Finding[];
}

/** Key of the ConfigMap that a pool names. */
export function pageConfigMap({ metadata: { namespace }, spec }: WebPool): Key | undefined {
  const source = spec.maintenancePage?.configMap;
  return source === undefined ? undefined : keyOf({ namespace, name: source.name });
}

/** The page of a pool; `found` is the ConfigMap that it names. One that cannot be had leaves the short text in its place. */
export function pageOf(pool: WebPool, found: ConfigMapInfo | undefined): PageResult {
  const asked = pool.spec.maintenancePage;
  if (asked === undefined) return { findings: [] };
  const { body, configMap: source, ...answer } = { ...DEFAULTS.WebPool.maintenancePage, ...asked };
  if (source === undefined) return { page: { ...answer, body: body ?? '' }, findings: [] };
  const unresolved = (reason: PageReason, field: 'name' | 'key', what: string): PageResult => {
    const message = `${what} Until it is right, visitors get a short text.`;
    const object = { kind: 'WebPool', key: keyOf(pool.metadata) } as const;
    const path = `spec.maintenancePage.configMap.${field}`;
    return { findings: [{ object, condition: 'ResolvedRefs', reason, path, message }] };
  };
  const { name, key } = source;
  if (found === undefined) return unresolved('ConfigMapNotFound', 'name', `ConfigMap "${name}" does not exist.`);
  const page = found.pages.get(key);
  if (page === undefined) return unresolved('ConfigMapKeyMissing', 'key', `ConfigMap "${name}" has no key "${key}".`);
  if ('problem' in page)
    return unresolved('InvalidConfigMap', 'key', `Key "${key}" of ConfigMap "${name}" ${page.problem}.`);
  return { page: { ...answer, body: page.body }, findings: [] };
}

type PageReason = Extract<Finding['reason'], 'ConfigMapNotFound' | 'ConfigMapKeyMissing' | 'InvalidConfigMap'>;
