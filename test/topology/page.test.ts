/** The page of a pool: written in it, or in a ConfigMap that may be anything. */
import { describe, expect, test } from 'vitest';
import type { MaintenancePage } from '../../operator/api/kinds.gen.ts';
import { configMapInfo, pagesOf } from '../../operator/source/config-map.ts';
import { buildTopology, createTopologyBuilder, STANDALONE } from '../../operator/topology/build.ts';
import { metadata, NO_NAMES, pool, resources } from './objects.ts';

const configMap = (texts: Readonly<Record<string, string>>, name = 'pages') =>
  configMapInfo(metadata(name), pagesOf(new Map(Object.entries(texts))));
const world = (maintenancePage: MaintenancePage, texts?: Readonly<Record<string, string>>) =>
  resources({
    pools: [pool('blog', { maintenancePage })],
    ...(texts && { configMaps: [configMap(texts)] }),
  });
const result = (...of: Parameters<typeof world>) => {
  const { pools, findings } = buildTopology(world(...of), NO_NAMES);
  const page = pools.get('default/blog')?.options.maintenancePage;
  return { page, findings: findings.map(({ condition, reason, path }) => [condition, reason, path].join(' ')) };
};
const FROM = { configMap: { name: 'pages', key: 'soon.html' } };
const AT = 'spec.maintenancePage.configMap';

describe('the page', () => {
  test.each([
    [
      'in the pool',
      { asked: { body: 'soon' }, texts: {}, page: { status: 503, contentType: 'text/html', body: 'soon' } },
    ],
    [
      'in a ConfigMap',
      { asked: FROM, texts: { 'soon.html': 'soon' }, page: { status: 503, contentType: 'text/html', body: 'soon' } },
    ],
    [
      'in a ConfigMap, with the rest in the pool',
      {
        asked: { ...FROM, status: 200, contentType: 'text/plain' } as const,
        texts: { 'soon.html': 'a\r\n\tb', other: '\0' },
        page: { status: 200, contentType: 'text/plain', body: 'a\r\n\tb' },
      },
    ],
  ])('%s', (_, { asked, texts, page }) => {
    expect(result(asked, texts)).toEqual({ page, findings: [] });
  });

  test.each([
    ['no ConfigMap', undefined, `ConfigMapNotFound ${AT}.name`],
    ['no such key', { other: 'soon' }, `ConfigMapKeyMissing ${AT}.key`],
    ['nothing in it', { 'soon.html': '' }, `InvalidConfigMap ${AT}.key`],
    ['no text in it', { 'soon.html': 'a\0b' }, `InvalidConfigMap ${AT}.key`],
    ['more than HAProxy can send', { 'soon.html': 'ä'.repeat(6145) }, `InvalidConfigMap ${AT}.key`],
  ])('that is not to be had (%s) is told, and leaves the short text', (_, texts, found) => {
    expect(result(FROM, texts)).toEqual({ page: undefined, findings: [`ResolvedRefs ${found}`] });
  });

  test('is looked up again when its ConfigMap changes, and only then', () => {
    const build = createTopologyBuilder(STANDALONE);
    const first = world(FROM, { 'soon.html': 'one' });
    const before = build(first, NO_NAMES);
    const other = new Map([...first.configMaps, ['default/other', configMap({}, 'other')] as const]);
    expect(build({ ...first, configMaps: other }, NO_NAMES)).toBe(before);
    const changed = build({ ...first, configMaps: world(FROM, { 'soon.html': 'two' }).configMaps }, NO_NAMES);
    expect(changed.pools.get('default/blog')?.options.maintenancePage?.body).toBe('two');
    const gone = build({ ...first, configMaps: new Map() }, NO_NAMES);
    expect(gone.pools.get('default/blog')?.options.maintenancePage).toBeUndefined();
  });
});
