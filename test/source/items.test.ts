import { describe, expect, test } from 'vitest';
import { identityOf, itemsOf, type Item } from '../../operator/source/items.ts';
import { validate } from '../support/admit.ts';

const API = 'webpool.dev/v1alpha1';
const POOL = { apiVersion: API, kind: 'WebPool', metadata: { name: 'blog' }, spec: { port: 80 } };

/** Each item in one line. */
function told(document: unknown): readonly string[] {
  return itemsOf(document, validate).map((item) => `${item.base}|${lineOf(item)}`);
}

function lineOf(item: Item): string {
  switch (item.type) {
    case 'Unnamed':
      return `${item.problem.path}: ${item.problem.message}`;
    case 'Ignored':
      return `ignored ${item.apiVersion} ${item.kind}`;
    case 'Object':
      return `${identityOf(item)} ${item.problems.map(({ path }) => path).join(' ')}`.trim();
    case 'Secret':
    case 'ConfigMap':
    case 'EndpointSlice':
      return identityOf(item);
    default:
      return item satisfies never;
  }
}

describe('a document is', () => {
  test.each([
    ['an object of ours', POOL, ['|WebPool default/blog']],
    ['one of ours with mistakes', { ...POOL, spec: { port: 0 } }, ['|WebPool default/blog spec.port']],
    ['one of ours without spec', { ...POOL, spec: undefined }, ['|WebPool default/blog ']],
    ['a Secret', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }, ['|Secret default/a']],
    [
      'an EndpointSlice',
      { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'a' }, addressType: 'IPv4' },
      ['|EndpointSlice default/a'],
    ],
    ['of another kind', { apiVersion: 'apps/v1', kind: 'Deployment' }, ['|ignored apps/v1 Deployment']],
    ['a ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }, ['|ConfigMap default/a']],
    [
      'a ConfigMap for somebody else',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, binaryData: { a: '' }, data: { b: '\0' } },
      ['|ConfigMap default/a'],
    ],
    ['a Secret of another group', { apiVersion: 'a/v1', kind: 'Secret' }, ['|ignored a/v1 Secret']],
    [
      'a List',
      { apiVersion: 'v1', kind: 'List', items: [POOL, POOL] },
      ['items[0]|WebPool default/blog', 'items[1]|WebPool default/blog'],
    ],
    [
      'a List in a List',
      { apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'List', items: [POOL] }] },
      ['items[0].items[0]|WebPool default/blog'],
    ],
    ['an empty List', { apiVersion: 'v1', kind: 'List', items: [] }, []],
    ['a List of nothing', { apiVersion: 'v1', kind: 'List', items: null }, []],
  ])('%s', (_, document, items) => {
    expect(told(document).map((item) => item.trim())).toEqual(items.map((item) => item.trim()));
  });

  test('one whose metadata says more', () => {
    const [item] = itemsOf({ ...POOL, metadata: { name: 'a', annotations: { x: 'y' } } }, validate);
    expect(item).toMatchObject({ metadata: { namespace: 'default', name: 'a', annotations: { x: 'y' } } });
  });
});

describe('a document that cannot be taken for an object says why', () => {
  test.each([
    ['a text', 'text', ': is no object: it needs apiVersion, kind and metadata'],
    ['a list', [POOL], ': is no object: it needs apiVersion, kind and metadata'],
    [
      'no kind',
      { ...POOL, kind: undefined },
      ': field "kind" is missing: our kinds are WebPool, RoutingRule, DatabaseGrant of webpool.dev/v1alpha1',
    ],
    ['no apiVersion', { ...POOL, apiVersion: undefined }, ': field "apiVersion" is missing: our kinds are'],
    ['a kind that is no text', { ...POOL, kind: 7 }, 'kind: must be a text, not 7'],
    ['an apiVersion that is no text', { ...POOL, apiVersion: 1 }, 'apiVersion: must be a text, not 1'],
    [
      'a kind of ours with a slip',
      { ...POOL, kind: 'WebPol' },
      'kind: webpool.dev/v1alpha1 has no kind "WebPol": did you mean WebPool?',
    ],
    [
      'a kind that is not ours',
      { ...POOL, kind: 'Gateway' },
      'kind: webpool.dev/v1alpha1 has no kind "Gateway": there is WebPool, RoutingRule, DatabaseGrant',
    ],
    [
      'another version of ours',
      { ...POOL, apiVersion: 'webpool.dev/v1' },
      'apiVersion: "webpool.dev/v1" has no WebPool: write webpool.dev/v1alpha1',
    ],
    [
      'a kind of ours in another group',
      { ...POOL, apiVersion: 'v1' },
      'apiVersion: "v1" has no WebPool: write webpool.dev/v1alpha1',
    ],
    ['no name', { ...POOL, metadata: {} }, 'metadata: WebPool: has no name: set metadata.name'],
    ['a name that is none', { ...POOL, metadata: { name: 'A' } }, 'metadata.name: WebPool: "A" is no name'],
    [
      'a ConfigMap with a number',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { port: 80 } },
      'data["port"]: ConfigMap default/a: must be a text',
    ],
    ['a Secret without name', { apiVersion: 'v1', kind: 'Secret' }, ': Secret: has no metadata.name'],
    [
      'a Secret with a label that is no text',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', labels: { b: 1 } } },
      'metadata.labels: Secret default/a: "b" must be a text',
    ],
    ['a List of something else', { apiVersion: 'v1', kind: 'List', items: {} }, 'items: List: must be a list'],
    [
      'a List without items',
      { apiVersion: 'v1', kind: 'List', itmes: [POOL] },
      ': List: unknown field "itmes". Did you mean items?',
    ],
  ])('%s', (_, document, message) => {
    expect(told(document)).toEqual([expect.stringContaining(message)]);
  });

  test('in a List it does not touch the others', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [7, POOL, { kind: 'WebPool' }] };
    expect(told(list)).toEqual([
      expect.stringContaining('items[0]|: is no object'),
      'items[1]|WebPool default/blog',
      expect.stringContaining('items[2]|: field "apiVersion" is missing'),
    ]);
  });
});
