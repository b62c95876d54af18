/** The whole in Kubernetes, as a user has it: install, use, update, break, uninstall. The tests follow one another on one cluster. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingCluster, type Cluster } from '../cluster/node.ts';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import type { Vm } from '../cluster/vm.ts';
import { describeWhere } from '../support/announce.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { request, type Place } from '../support/http-client.ts';
import { startMariaDb } from '../support/mariadb.ts';
import { eventually } from '../support/wait.ts';
import {
  externalAddress,
  imageOfManifest,
  MANIFEST,
  restart,
  rolledOut,
  startClusterWithImage,
  system,
} from './installation.ts';
import { added, inventory } from '../cluster/inventory.ts';
import { underLoad } from './load.ts';
import { apply, applyServers, gatedServer, grant, NAMESPACE, pool, stamped } from './site.ts';

/** Roll-outs let connections end in peace. */
const PATIENCE = 10 * 60_000;
interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

const KINDS = 'webpools,routingrules,databasegrants';

describeWhere('webpool in Kubernetes', await missingCluster(), () => {
  let cluster: Cluster;
  let database: DatabaseProcess;
  let web01: Vm;
  let web02: Vm;
  let before: ReadonlySet<string>;
  let place: Place;

  beforeAll(async () => {
    cluster = await startClusterWithImage();
    const { network } = cluster;
    [database, web01, web02] = await Promise.all([
      startMariaDb({ network, port: 3306 }),
      network.startVm({ name: 'web01', port: 8080, host: 21 }),
      network.startVm({ name: 'web02', port: 8080, host: 22 }),
    ]);
    await database.query('CREATE DATABASE MyWPSite');
    await applyServers(cluster, await imageOfManifest());
    before = await inventory(cluster);
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await database?.stop();
    await cluster?.stop();
  });

  test('is installed by one file', { timeout: PATIENCE }, async () => {
    await cluster.kubectl(['apply', '-f', MANIFEST]);
    await rolledOut(cluster, 'webpool-operator');
    await eventually('the operator made the proxies', () => system(cluster, ['get', 'deployment/webpool-proxy']));
    await rolledOut(cluster, 'webpool-proxy');
    place = { address: await eventually('an address for the proxies', () => externalAddress(cluster)), port: 80 };
  });

  test('changes nothing when it is applied again', { timeout: PATIENCE }, async () => {
    const again = await cluster.kubectl(['apply', '-f', MANIFEST]);
    expect(again.split('\n').filter((line) => line !== '' && !line.endsWith(' unchanged'))).toEqual([]);
  });

  test(
    'answers as the newest version says once the objects are Ready, 50 times of 50',
    { timeout: PATIENCE },
    async () => {
      await apply(cluster, [pool([web01]), ...grant(database, cluster.network.address)]);
      const answers = [];
      for (let round = 1; round <= 50; round += 1) {
        await apply(cluster, [stamped(`${round}`)]);
        await ready();
        const { status, headers } = await request(place, '/');
        answers.push(`${status} ${String(headers['x-round'])}`);
      }
      expect(answers).toEqual(answers.map((_, index) => `200 ${index + 1}`));
    },
  );

  test('serves from Pods and VMs alike', async () => {
    const answers = [];
    for (let count = 0; count < 50; count += 1) answers.push(await request(place, '/'));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(answers.map(({ server }) => server))).toEqual(new Set(['web01', ...(await podNames())]));
  });

  test('has one account for every server, and none for anybody', async () => {
    const addresses = [web01.address, ...(await podAddresses())];
    expect(await accounts()).toEqual(addresses.toSorted());
  });

  test('registers VMs under the Service of their pool', async () => {
    const path = 'jsonpath={.items[*].endpoints[*].addresses[0]}';
    const text = await site(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=blog', '-o', path]);
    expect(text.split(' ').toSorted()).toEqual([web01.address, ...(await podAddresses())].toSorted());
  });

  test('loses no request while the servers are replaced', { timeout: PATIENCE }, async () => {
    await underLoad(place, async () => {
      await site(['rollout', 'restart', 'deployment/blog']);
      await site(['rollout', 'status', 'deployment/blog', '--timeout=300s']);
    });
    await eventually('accounts follow', async () => {
      const wanted = [web01.address, ...(await podAddresses())].toSorted();
      return (await accounts()).join() === wanted.join();
    });
  });

  test('lets a Pod that asks for it be Ready only once its account is there', { timeout: PATIENCE }, async () => {
    await underLoad(place, async () => {
      await database.kill();
      await apply(cluster, [gatedServer('gated', await imageOfManifest())]);
      const waits = async () => {
        const containers = await condition('gated', 'ContainersReady');
        return (
          containers?.status === 'True' && (await condition('gated', 'Ready'))?.reason === 'ReadinessGatesNotReady'
        );
      };
      await eventually('its containers to be ready and nothing else', waits);
      expect((await condition('gated', 'Ready'))?.status).toBe('False');
      await database.restart();
      const isReady = async () => (await condition('gated', 'Ready'))?.status === 'True';
      await eventually('it to be Ready', isReady);
      expect(await accounts()).toContain(await addressOf('gated'));
      await eventually('it to serve', async () => (await request(place, '/')).server === 'gated');
    });
  });

  test('keeps the account of a Pod that goes until its containers have ended', { timeout: PATIENCE }, async () => {
    const address = await addressOf('gated');
    await underLoad(place, async () => {
      await site(['delete', 'pod', 'gated', '--wait=false']);
      await eventually('it to leave', async () => {
        const { deletionTimestamp } = JSON.parse(await site(['get', 'pod', 'gated', '-o', 'jsonpath={.metadata}'])) as {
          readonly deletionTimestamp?: string;
        };
        return deletionTimestamp !== undefined;
      });
      let runs = true;
      let has = true;
      const seen = new Set<string>();
      await eventually('its account to go', async () => {
        // In this order: what runs now ran when the account was last looked for.
        has = (await accounts()).includes(address);
        runs = await cluster.node.run(['pgrep', '-f', '^node /server/vm-server.ts gated']).then(
          () => true,
          () => false,
        );
        seen.add(`${runs ? 'runs' : 'ended'}, ${has ? 'account' : 'no account'}`);
        return !has;
      });
      expect([...seen]).toContain('runs, account');
      expect([...seen]).not.toContain('runs, no account');
    });
  });

  test('serves while the API server is away, and catches up', { timeout: PATIENCE }, async () => {
    await underLoad(place, async (load) => {
      await cluster.apiServer.kill();
      await load.more(500);
      await cluster.apiServer.start();
    });
    await apply(cluster, [pool([web01, web02])]);
    await eventually('web02 serves', async () => (await request(place, '/')).server === 'web02');
    await ready();
  });

  test('loses no request while the proxies are replaced', { timeout: PATIENCE }, async () => {
    await underLoad(place, () => restart(cluster, 'webpool-proxy'));
  });

  test('loses no request while the operator is replaced, and goes on following', { timeout: PATIENCE }, async () => {
    await underLoad(place, async () => {
      await restart(cluster, 'webpool-operator');
      await apply(cluster, [pool([web02])]);
      await eventually('web01 is left alone', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => request(place, '/')));
        return answers.every(({ server }) => server !== 'web01');
      });
    });
  });

  test("follows when the leader's Pod is killed, and has a new leader", { timeout: PATIENCE }, async () => {
    // After an update the Lease may be nobody's for a moment.
    const leader = await eventually('a Pod leads', leaderPod);
    await system(cluster, ['delete', 'pod', leader, '--grace-period=0', '--force']);
    await apply(cluster, [pool([web01, web02])]);
    await eventually('web01 serves again', async () => (await request(place, '/')).server === 'web01');
    await eventually('another Pod leads', async () => (await leaderPod()) !== leader);
    await ready();
  });

  test('leaves nothing behind', { timeout: PATIENCE }, async () => {
    await site(['delete', KINDS, '--all', '--timeout=120s']);
    await eventually('all accounts are gone', async () => {
      return (await database.query("SELECT 1 FROM mysql.user WHERE User = 'blog'")).length === 0;
    });
    await eventually('what belonged to the pools is gone', async () => {
      return (await site(['get', 'services,endpointslices', '-o', 'name'])) === '';
    });
    await site(['delete', 'secret', 'db01-admin', 'blog-db']);
    await cluster.kubectl(['delete', '-f', MANIFEST, '--timeout=180s']);
    await eventually('nothing is left', async () => (await rest()).length === 0).catch(() => {});
    expect(await rest()).toEqual([]);
  });

  async function rest(): Promise<readonly string[]> {
    // Pods that were replaced meanwhile have other names.
    const theirs = /^(Pod|ReplicaSet) blog /;
    return added(before, await inventory(cluster)).filter((line) => !theirs.test(line));
  }

  function site(args: readonly string[]): Promise<string> {
    return cluster.kubectl(['-n', NAMESPACE, ...args]);
  }

  async function ready(): Promise<void> {
    await site(['wait', '--for=condition=Ready', KINDS, '--all', '--timeout=120s']);
  }

  async function leaderPod(): Promise<string> {
    const holder = await system(cluster, ['get', 'leases', '-o', 'jsonpath={.items[0].spec.holderIdentity}']);
    const names = (await system(cluster, ['get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
    const name = names.find((one) => holder.includes(one));
    if (name === undefined) throw new Error(`no Pod holds the Lease: ${holder}`);
    return name;
  }

  async function accounts(): Promise<readonly unknown[]> {
    return (await database.query("SELECT Host FROM mysql.user WHERE User = 'blog' ORDER BY Host")).flat();
  }

  async function addressOf(pod: string): Promise<string> {
    return site(['get', 'pod', pod, '-o', 'jsonpath={.status.podIP}']);
  }

  async function condition(pod: string, type: string): Promise<PodCondition | undefined> {
    const found = await site(['get', 'pod', pod, '-o', 'jsonpath={.status.conditions}']);
    return (JSON.parse(found || '[]') as PodCondition[]).find((one) => one.type === type);
  }

  async function podNames(): Promise<readonly string[]> {
    return (await site(['get', 'pods', '-l', 'app=blog', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  }

  async function podAddresses(): Promise<readonly string[]> {
    return (await site(['get', 'pods', '-l', 'app=blog', '-o', 'jsonpath={.items[*].status.podIP}'])).split(' ');
  }
});
