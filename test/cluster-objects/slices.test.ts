import { assert, integer, property, uniqueArray } from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { ExternalEndpoint, WebPoolSpec } from '../../operator/api/kinds.gen.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { isExternalSlice, registeredServers } from '../../operator/cluster/external-slices.ts';
import type { EndpointSliceObject } from '../../operator/cluster/object.ts';
import { layoutSlices, MOST_ENDPOINTS, type Layout } from '../../operator/cluster/slice-layout.ts';
import { asApplied, input, machines, pool, slicesOf, type World } from './sample.ts';

const vm = (name: string, address: string, more: Partial<ExternalEndpoint> = {}) => ({ name, address, ...more });

function slices(spec: WebPoolSpec, world: World = {}): readonly EndpointSliceObject[] {
  return slicesOf(clusterObjects(input([pool('blog', { port: 80, ...spec })], world)).objects);
}

/** `<slice> <port> <endpoint>@<address> …`, with `+` for ready and `-` for serving only. */
function told(all: readonly EndpointSliceObject[]): readonly string[] {
  return all.map(({ metadata, ports, endpoints }) => {
    const entries = endpoints.map(({ hostname, addresses, conditions: { ready, serving } }) => {
      const mark = ready ? '+' : serving ? '-' : '';
      return `${hostname}@${addresses[0]}${mark}`;
    });
    return [metadata.name, ports[0]?.port, ...entries].join(' ');
  });
}

const UP = { health: 'Up' } as const;
const DOWN = { health: 'Down' } as const;
const up = (...ids: string[]) => ({ health: new Map([['default/blog', new Map(ids.map((id) => [id, UP]))]]) });

describe('external endpoints', () => {
  it('stand by family and port, each by its name', () => {
    const externalEndpoints = [
      vm('web02', '192.0.2.2'),
      vm('web01', '192.0.2.1'),
      vm('web03', '192.0.2.3', { port: 8080 }),
      vm('web04', '2001:DB8::4'),
      vm('web05', 'web05.example.com'),
    ];
    const names = new Map([['web05.example.com', ['192.0.2.5', '2001:db8::5']]]);
    expect(told(slices({ externalEndpoints }, { names }))).toEqual([
      'blog-vm-ipv4-80-1 80 web01@192.0.2.1 web02@192.0.2.2 web05@192.0.2.5',
      'blog-vm-ipv4-8080-1 8080 web03@192.0.2.3',
      'blog-vm-ipv6-80-1 80 web04@2001:db8::4 web05@2001:db8::5',
    ]);
  });

  it('say the zone that is known', () => {
    const [slice] = slices({ externalEndpoints: [vm('a', '192.0.2.1', { zone: 'eu-1a' }), vm('b', '192.0.2.2')] });
    expect(slice?.endpoints.map(({ zone }) => zone)).toEqual(['eu-1a', undefined]);
  });

  it('are marked as ours, under the Service of the pool, and live as long as the pool', () => {
    const [slice] = slices({ externalEndpoints: machines(1) });
    expect(slice?.metadata).toEqual({
      namespace: 'default',
      name: 'blog-vm-ipv4-80-1',
      labels: {
        'app.kubernetes.io/managed-by': 'webpool',
        'endpointslice.kubernetes.io/managed-by': 'webpool.dev',
        'kubernetes.io/service-name': 'blog',
        'service.kubernetes.io/headless': '',
        'webpool.dev/pool': 'blog',
      },
      ownerReferences: [
        { apiVersion: 'webpool.dev/v1alpha1', kind: 'WebPool', name: 'blog', uid: 'uid-of-blog', controller: true },
      ],
    });
  });

  test.each<[string, Partial<ExternalEndpoint>, boolean | undefined, string]>([
    ['not asked yet', {}, undefined, ''],
    ['in reach', {}, true, '+'],
    ['out of reach', {}, false, ''],
    ['in drain', { state: 'Drain' }, true, '-'],
    ['of weight 0', { weight: 0 }, true, '-'],
    ['in maintenance', { state: 'Maintenance' }, true, ''],
  ])('%s', (...[, more, seen, mark]) => {
    const id = 'a_192.0.2.1:80';
    const health = new Map([['default/blog', new Map(seen === undefined ? [] : [[id, seen ? UP : DOWN]])]]);
    const found = told(slices({ externalEndpoints: [vm('a', '192.0.2.1', more)] }, { health }));
    expect(found).toEqual([`blog-vm-ipv4-80-1 80 a@192.0.2.1${mark}`]);
  });

  it('keep what was seen of them while no proxy says anything, as after a restart of the operator', () => {
    const externalEndpoints = [vm('a', '192.0.2.1'), vm('b', '192.0.2.2')];
    const before = slices({ externalEndpoints }, up('a_192.0.2.1:80'));
    expect(told(slices({ externalEndpoints }, { slices: asApplied(before) }))).toEqual([
      'blog-vm-ipv4-80-1 80 a@192.0.2.1+ b@192.0.2.2',
    ]);
  });

  it('are left out and told where an address is another host to everyone', () => {
    const externalEndpoints = ['127.0.0.1', '169.254.1.1', '::1', 'fe80::1', '192.0.2.1'].map((address, index) =>
      vm(`web${index}`, address),
    );
    const built = clusterObjects(input([pool('blog', { port: 80, externalEndpoints })]));
    expect(told(slicesOf(built.objects))).toEqual(['blog-vm-ipv4-80-1 80 web4@192.0.2.1']);
    expect(built.findings.map(({ reason, path }) => `${reason} ${path}`).sort()).toEqual(
      [0, 1, 2, 3].map((index) => `EndpointIgnored spec.externalEndpoints[${index}].address`),
    );
  });
});

function changed(before: readonly EndpointSliceObject[], after: readonly EndpointSliceObject[]): readonly string[] {
  const old = told(before);
  return told(after).flatMap((line) => (old.includes(line) ? [] : [line.replace(/ .*/, '')]));
}

describe('a slice', () => {
  const blog = (count: number) => pool('blog', { port: 80, externalEndpoints: machines(count) });
  const names = (all: readonly EndpointSliceObject[]) => all.map(({ metadata }) => metadata.name);

  it('holds at most 100 endpoints', () => {
    const sizes = slicesOf(clusterObjects(input([blog(250)])).objects).map(({ endpoints }) => endpoints.length);
    expect(sizes).toEqual([100, 100, 50]);
  });

  it('alone is rewritten when one endpoint goes, and when one comes', () => {
    const of = (endpoints: readonly ExternalEndpoint[], current: readonly EndpointSliceObject[] = []) =>
      slices({ externalEndpoints: endpoints }, { slices: asApplied(current) });
    const all = of(machines(250));
    const fewer = of(machines(250).slice(1), all);
    const more = of([...machines(250), vm('new', '192.0.2.1')], all);
    const held = all.filter(({ endpoints }) => endpoints.some(({ hostname }) => hostname === 'web1'));
    expect(changed(all, fewer)).toEqual(held.map(({ metadata }) => metadata.name));
    expect(changed(all, more)).toEqual(['blog-vm-ipv4-80-3']);
  });

  it('of another with our label is neither used nor taken for ours', () => {
    const [own] = slices({ externalEndpoints: machines(1) });
    const as = (name: string, labels: Readonly<Record<string, string>>) => ({
      ...own!,
      metadata: { namespace: 'default', name, labels },
    });
    const foreign = asApplied([
      as('blog-vm-ipv4-80-1', { 'webpool.dev/pool': 'blog' }),
      as('mine', { 'webpool.dev/pool': 'blog', 'endpointslice.kubernetes.io/managed-by': 'webpool.dev' }),
    ]);
    expect([...foreign.values()].map(isExternalSlice)).toEqual([false, false]);
    expect(names(slicesOf(clusterObjects(input([blog(1)], { slices: foreign })).objects))).toEqual([
      'blog-vm-ipv4-80-2',
    ]);
  });
});

describe('the layout', () => {
  const ids = uniqueArray(integer({ min: 0, max: 400 }).map(String), { maxLength: 400 });
  const numbers = uniqueArray(integer({ min: 1, max: 5 }));

  it('holds everything once, moves nothing and leaves no slice empty, whatever was there', () => {
    assert(
      property(ids, ids, numbers, (first, second, taken) => {
        const before = layoutSlices(first, new Map(), new Set(taken));
        const after = layoutSlices(second, before, new Set(taken));
        expect([...after.values()].flat().sort()).toEqual([...second].sort());
        expect([...after.values()].every((list) => list.length > 0 && list.length <= MOST_ENDPOINTS)).toBe(true);
        expect([...after.keys()].some((number) => taken.includes(number))).toBe(false);
        const stayed = second.filter((id) => first.includes(id));
        expect(stayed.filter((id) => holder(before, id) !== holder(after, id))).toEqual([]);
        expect(layoutSlices(second, after, new Set(taken))).toEqual(after);
      }),
    );
  });
});

function holder(layout: Layout, id: string): number | undefined {
  return [...layout].find(([, list]) => list.includes(id))?.[0];
}

describe('who stands in slices of ours', () => {
  const externalEndpoints = [
    vm('web01', '192.0.2.1'),
    vm('web02', 'web.example.com'),
    vm('web03', 'WEB.example.com.', { port: 8080 }),
    vm('web04', 'gone.example.com'),
  ];
  const names = new Map([['web.example.com', ['192.0.2.5', '2001:db8::5']]]);
  const current = asApplied(slices({ externalEndpoints }, { names }));
  /** Of Pods, or of somebody who only says that it is ours. */
  const strange = (labels: Readonly<Record<string, string>>) =>
    new Map(
      [...current].map(([key, slice]) => [
        key,
        { ...slice, metadata: { ...slice.metadata, labels: { ...slice.metadata.labels, ...labels } } },
      ]),
    );

  it('is told by pool', () => {
    expect([...registeredServers(current)].map(([key, ids]) => [key, [...ids].sort()])).toEqual([
      [
        'default/blog',
        [
          'web01_192.0.2.1:80',
          'web02_192.0.2.5:80',
          'web02_2001:db8::5:80',
          'web03_192.0.2.5:8080',
          'web03_2001:db8::5:8080',
        ],
      ],
    ]);
  });

  it.each([{ 'endpointslice.kubernetes.io/managed-by': 'somebody' }, { 'webpool.dev/pool': 'another' }])(
    'is nobody where somebody else keeps them: %o',
    (labels) => {
      expect(registeredServers(strange(labels)).size).toBe(0);
    },
  );
});
