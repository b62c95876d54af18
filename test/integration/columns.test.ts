/** What people see with kubectl. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { waitEnds } from '../status/readers.ts';
import { CASES } from '../status/situations.ts';

const SITE = `
apiVersion: webpool.dev/v1alpha1
kind: WebPool
metadata: {name: blog}
spec: {port: 80, protocol: TCP}
---
apiVersion: webpool.dev/v1alpha1
kind: RoutingRule
metadata: {name: site}
spec: {listener: {protocol: HTTP}, hostnames: [www.example.com], rules: [{name: all, pools: [{name: blog}]}]}
---
apiVersion: webpool.dev/v1alpha1
kind: DatabaseGrant
metadata: {name: app}
spec:
  server: {host: db01.example.com, adminSecretName: admin}
  username: app
  passwordSecret: {name: app, key: password}
  pools: [{name: blog}]
  grants: [{schema: site, privileges: [SELECT]}]
`;

describeWhere('kubectl', await missingPrograms(programsOf({})), () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.installKinds();
    await plane.kubectl(['apply', '-f', '-'], { input: SITE });
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  test.each([
    ['wp', 'webpool.webpool.dev/blog'],
    ['rr', 'routingrule.webpool.dev/site'],
    ['dbg', 'databasegrant.webpool.dev/app'],
    // A category of this name would stand for all kinds, and `kubectl get webpool blog` would ask for a grant called blog.
    ['webpool', 'webpool.webpool.dev/blog'],
    ['webpools', 'webpool.webpool.dev/blog'],
  ])('get %s', async (word, name) => {
    expect(await plane.kubectl(['get', word, '-o', 'name'])).toBe(`${name}\n`);
    expect(await plane.kubectl(['get', word, name.split('/')[1] ?? '', '-o', 'name'])).toBe(`${name}\n`);
  });

  test('get webtier lists objects of every kind that people write', async () => {
    const names = (await plane.kubectl(['get', 'webtier', '-o', 'name'])).trim().split('\n').sort();
    expect(names).toEqual([
      'databasegrant.webpool.dev/app',
      'routingrule.webpool.dev/site',
      'webpool.webpool.dev/blog',
    ]);
  });

  test.each([
    ['webpools', 'spec.protocol', 'TCP', 'HTTP'],
    ['routingrules', 'spec.listener.protocol', 'HTTP', 'TCP'],
    ['databasegrants', 'spec.username', 'app', 'root'],
  ])('get %s can be narrowed down by %s', async (...[kind, field, right, wrong]) => {
    const found = async (value: string) =>
      plane.kubectl(['get', kind, '-o', 'name', `--field-selector=${field}=${value}`]);
    expect((await found(right)).split('\n')).toHaveLength(2);
    expect(await found(wrong)).toBe('');
  });

  test.each<[string, object, readonly [string, string][]]>([
    [
      'webpools/blog',
      { protocol: 'TCP', endpoints: { total: 10, ready: 8, draining: 1, unhealthy: 1, summary: '8/10' } },
      [
        ['ENDPOINTS', '8/10'],
        ['PROTOCOL', 'TCP'],
      ],
    ],
    [
      'routingrules/site',
      { hostnames: 'www.example.com, *.example.org', backends: 'blog' },
      [
        ['HOSTS', 'www.example.com, *.example.org'],
        ['BACKENDS', 'blog'],
      ],
    ],
    [
      'databasegrants/app',
      { accounts: { desired: 3, ready: 2, pending: 1, conflicting: 0, leaving: 0, summary: '2/3' } },
      [
        ['ACCOUNT', 'app'],
        ['ACCOUNTS', '2/3'],
      ],
    ],
  ])('get %s shows at a glance whether it is ready, and why not', async (object, fields, columns) => {
    const condition = { type: 'Ready', status: 'False', reason: 'BelowMinimum', message: '8 of 10 ready.' };
    const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1 }];
    const patch = JSON.stringify({ status: { observedGeneration: 1, conditions, ...fields } });
    await plane.kubectl(['patch', object, '--subresource=status', '--type=merge', '-p', patch]);
    const row = await tableOf(plane, object, []);
    for (const [column, value] of [...columns, ['READY', 'False'], ['REASON', 'BelowMinimum']] as const) {
      expect([column, row.get(column)]).toEqual([column, value]);
    }
    expect((await tableOf(plane, object, ['-o', 'wide'])).get('MESSAGE')).toBe('8 of 10 ready.');
  });

  // The other kinds have the same conditions, and kubectl knows no kinds.
  test.each(CASES.filter(({ kind }) => kind === 'WebPool'))(
    'wait ends when it should: $situation',
    async ({ situation, object }) => {
      const name = situation.toLowerCase();
      const pool = { apiVersion: 'webpool.dev/v1alpha1', kind: 'WebPool', metadata: { name }, spec: { port: 80 } };
      await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(pool) });
      if (object.metadata.generation === 2)
        await plane.kubectl(['patch', 'webpool', name, '--type=merge', '-p', '{"spec":{"port":81}}']);
      const status = JSON.stringify({ status: object.status });
      await plane.kubectl(['patch', 'webpool', name, '--subresource=status', '--type=merge', '-p', status]);
      const wait = plane.kubectl([
        'wait',
        '--for=condition=Ready',
        `webpool/${name}`,
        `--timeout=${waitEnds(object) ? 30 : 1}s`,
      ]);
      expect(
        await wait.then(
          () => true,
          () => false,
        ),
      ).toBe(waitEnds(object));
    },
  );
});

/** The one row of `kubectl get`, by column. */
async function tableOf(
  plane: ControlPlane,
  object: string,
  options: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const [head = '', row = ''] = (await plane.kubectl(['get', object, ...options])).split('\n');
  const starts = [...head.matchAll(/\S+/g)].map(({ index }) => index);
  return new Map(
    starts.map((start, column) => [cell(head, start, starts[column + 1]), cell(row, start, starts[column + 1])]),
  );
}

function cell(line: string, start: number, end: number | undefined): string {
  return line.slice(start, end).trim();
}
