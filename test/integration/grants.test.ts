/** What a DatabaseGrant makes of Pods, on a real control plane with a real database: which hosts, when they go, and how a grant itself goes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { eventually } from '../support/wait.ts';
import { missingOperatorWorld, startOperatorWorld, type OperatorWorld } from './operator-world.ts';

describeWhere('a DatabaseGrant in a cluster', await missingOperatorWorld(), () => {
  let world: OperatorWorld;
  const machine = () => world.network.hostAddress;

  beforeAll(async () => {
    world = await startOperatorWorld();
    await world.startOperator('operator-1');
    await world.apply(...world.site({ grant: true }));
    await world.startProxy();
    await world.ready('webpool/blog', 'databasegrant/blog-db');
  }, BUILD_TIMEOUT);
  afterAll(() => world?.stop());

  const kubectl = (args: readonly string[]) => world.plane.kubectl(args);
  const patch = (spec: object) =>
    kubectl(['patch', 'databasegrant', 'blog-db', '--type=merge', '-p', JSON.stringify({ spec })]);
  /** The accounts of Pods. */
  const accounts = async () => (await world.accounts()).filter((host) => host !== machine());
  const become = (...hosts: readonly string[]) =>
    eventually(`accounts ${hosts.join()}`, async () => (await accounts()).join() === hosts.join());
  const isOpen = async (name: string) => {
    const gate = 'jsonpath={.status.conditions[?(@.type=="webpool.dev/blog-db")].status}';
    return (await kubectl(['get', 'pod', name, '-o', gate])) === 'True';
  };
  /** Its containers go on: no kubelet ends them here. */
  const beginToDelete = (name: string) => kubectl(['delete', 'pod', name, '--wait=false', '--grace-period=300']);
  const isTerminating = async (name: string) =>
    (await kubectl(['get', 'pod', name, '-o', 'jsonpath={.metadata.deletionTimestamp}'])) !== '';

  test('keeps the account of a Pod that ends until its containers have', async () => {
    await world.makePod('a', { ip: '198.18.255.11' });
    await become('198.18.255.11');
    await beginToDelete('a');
    expect(await isTerminating('a')).toBe(true);
    await world.makePod('b', { ip: '198.18.255.12' });
    await become('198.18.255.11', '198.18.255.12');
    await world.setPod('a', { phase: 'Succeeded' });
    await become('198.18.255.12');
    expect(await isTerminating('a')).toBe(true);
    for (const name of ['a', 'b']) await world.removePod(name);
    await become();
  });

  test('DeletionStart: drops it as soon as the Pod is told to go', async () => {
    await patch({ removal: { when: 'DeletionStart' } });
    await world.makePod('c', { ip: '198.18.255.13' });
    await become('198.18.255.13');
    await beginToDelete('c');
    await become();
    expect(await isTerminating('c')).toBe(true);
    await world.removePod('c');
  });

  test('Deleted: keeps it until the Pod is no more', async () => {
    await patch({ removal: { when: 'Deleted' } });
    await world.makePod('d', { ip: '198.18.255.14' });
    await become('198.18.255.14');
    await world.setPod('d', { phase: 'Failed' });
    await world.makePod('e', { ip: '198.18.255.15' });
    await become('198.18.255.14', '198.18.255.15');
    const leaving = 'jsonpath={.status.accounts.leaving}';
    await eventually(
      'it is told',
      async () => (await kubectl(['get', 'databasegrant', 'blog-db', '-o', leaving])) === '1',
    );
    await world.removePod('d');
    await become('198.18.255.15');
    await world.removePod('e');
    await become();
    await patch({ removal: null });
  });

  test('NodeIP: has one account a node, for as long as one of its Pods runs there', async () => {
    await patch({ pools: [{ name: 'blog', source: 'NodeIP' }] });
    await world.makePod('f', { ip: '198.18.255.16', node: '198.18.254.1', gates: ['webpool.dev/blog-db'] });
    await world.makePod('g', { ip: '198.18.255.17', node: '198.18.254.1', gates: ['webpool.dev/blog-db'] });
    await become('198.18.254.1');
    await world.makePod('h', { ip: '198.18.255.18', node: '198.18.254.2' });
    await become('198.18.254.1', '198.18.254.2');
    for (const name of ['f', 'g']) await eventually(`the gate of ${name}`, () => isOpen(name));
    await world.removePod('f');
    await world.removePod('h');
    await become('198.18.254.1');
    await world.removePod('g');
    await become();
  });

  test('Egress: has the accounts of the gateway, which all Pods share', async () => {
    const egressAddresses = ['198.18.253.1', '198.18.253.2'];
    await patch({ pools: [{ name: 'blog', source: 'Egress', egressAddresses }] });
    await world.makePod('i', { ip: '198.18.255.19', gates: ['webpool.dev/blog-db'] });
    await world.makePod('j', { ip: '198.18.255.20' });
    await become(...egressAddresses);
    await eventually('the gate', () => isOpen('i'));
    await world.removePod('i');
    await become(...egressAddresses);
    await world.removePod('j');
    await become();
    await patch({ pools: [{ name: 'blog' }] });
  });

  test('deleted, says what it waits for and the way out', async () => {
    await world.ready('databasegrant/blog-db');
    await world.database.kill();
    await kubectl(['delete', 'databasegrant', 'blog-db', '--wait=false']);
    const ready = await eventually('CleanupBlocked', async () => {
      const found = await world.condition('databasegrant/blog-db', 'Ready');
      return found?.reason === 'CleanupBlocked' && found;
    });
    expect(ready.message).toContain('webpool.dev/abandon-cleanup: "true"');
    expect(await world.condition('databasegrant/blog-db', 'Reconciling')).toMatchObject({
      status: 'True',
      reason: 'Deleting',
    });
    await eventually('an event', async () => {
      const field = '--field-selector=involvedObject.name=blog-db';
      return (await kubectl(['get', 'events', field, '-o', 'jsonpath={.items[*].reason}'])).includes('CleanupBlocked');
    });
    await world.database.restart();
    await kubectl(['wait', '--for=delete', 'databasegrant/blog-db', '--timeout=60s']);
    expect(await world.accounts()).toEqual([]);
  });

  test('deleted, waits also for a server that it named before', async () => {
    const other = await startMariaDb();
    try {
      await world.apply(...world.site({ grant: true }), world.secret('other-admin', other.admin));
      await world.ready('databasegrant/blog-db');
      await world.database.kill();
      await patch({ server: { port: other.port, adminSecretName: 'other-admin' } });
      const isThere = async () => (await other.query("SELECT Host FROM mysql.user WHERE User = 'blog_app'")).length > 0;
      await eventually('its accounts on the other', isThere);
      await kubectl(['delete', 'databasegrant', 'blog-db', '--wait=false']);
      await eventually('none on the other', async () => !(await isThere()));
      await eventually('CleanupBlocked', async () => {
        const found = await world.condition('databasegrant/blog-db', 'Ready');
        return found?.reason === 'CleanupBlocked' && found.message.includes(`127.0.0.1:${world.database.port} `);
      });
      await world.database.restart();
      await kubectl(['wait', '--for=delete', 'databasegrant/blog-db', '--timeout=60s']);
      expect(await world.accounts()).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  test('goes without its accounts when somebody says so', async () => {
    await world.apply(...world.site({ grant: true }));
    await world.ready('databasegrant/blog-db');
    await world.database.kill();
    await kubectl(['delete', 'databasegrant', 'blog-db', '--wait=false']);
    await kubectl(['annotate', 'databasegrant', 'blog-db', 'webpool.dev/abandon-cleanup=true']);
    await kubectl(['wait', '--for=delete', 'databasegrant/blog-db', '--timeout=60s']);
    await world.database.restart();
    expect(await world.accounts()).toEqual([machine()]);
  });
});
