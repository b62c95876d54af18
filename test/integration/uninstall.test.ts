/** What belonged to a pool goes with it, also where nobody collects garbage: while the kind itself goes, Kubernetes does not for sure. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';
import {
  missingOperatorWorld,
  startOperatorWorld,
  type OperatorProcess,
  type OperatorWorld,
} from './operator-world.ts';

const POOLS = ['one', 'two', 'three', 'four', 'five'];

describeWhere('without controllers of Kubernetes', await missingOperatorWorld(), () => {
  let world: OperatorWorld;
  let operator: OperatorProcess;

  beforeAll(async () => {
    world = await startOperatorWorld({ controllers: false });
    operator = await world.startOperator('operator-1');
    await world.apply(...POOLS.map(pool));
    await eventually('all are there', async () => (await left()).length === 2 * POOLS.length);
  }, BUILD_TIMEOUT);
  afterAll(() => world?.stop());

  const pool = (name: string, index: number) =>
    world.ours('WebPool', name, {
      port: 80,
      externalEndpoints: [{ name: 'vm', address: `198.18.255.${index + 1}` }],
    });
  const left = async () => {
    const args = ['get', 'services,endpointslices', '-l', 'webpool.dev/pool', '-o', 'name'];
    return (await world.plane.kubectl(args)).split('\n').filter((line) => line !== '');
  };

  test('Service and slices go with their pool', async () => {
    await world.plane.kubectl(['delete', 'webpool', 'one']);
    await eventually('they go', async () => (await left()).length === 2 * (POOLS.length - 1));
    expect((await left()).filter((name) => name.includes('/one'))).toEqual([]);
  });

  test('all go with the kind, and none comes back', async () => {
    await world.plane.kubectl(['delete', 'crd', 'webpools.webpool.dev']);
    await eventually('they go', async () => (await left()).length === 0);
    await eventually(
      'it is told',
      async () => ((await operator.metric('webpool_copy_failures{kind="WebPool"}')) ?? 0) > 0,
    );
    // As if the deletion of one had come last: nobody knows any more whether its pool is there.
    expect(await left()).toEqual([]);
  });

  test('and when it is back, so are they', async () => {
    await world.plane.installKinds();
    await eventually('the API server takes it', async () => {
      await world.apply(pool('one', 0));
      return true;
    });
    await eventually('they are back', async () => (await left()).length === 2);
  });
});
