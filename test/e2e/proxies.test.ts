/** Proxies on a real node with no operator at all: what it would have made is applied by hand, and from then on nobody looks after it. */
import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOperatorConfig } from '../../operator/api/operator-config.ts';
import { peersService, proxyDeployment, proxyService } from '../../operator/cluster/proxy-objects.ts';
import { missingCluster, type Cluster } from '../cluster/node.ts';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { request, type Place } from '../support/http-client.ts';
import { eventually } from '../support/wait.ts';
import {
  externalAddress,
  imageOfManifest,
  MANIFEST,
  restart,
  rolledOut,
  startClusterWithImage,
  system,
  SYSTEM,
} from './installation.ts';
import { underLoad } from './load.ts';
import { apply, applyServers, NAMESPACE, pool, RULE, SERVICE } from './site.ts';

/** Roll-outs let connections end in peace. */
const PATIENCE = 10 * 60_000;

describeWhere('proxies without an operator', await missingCluster(), () => {
  let cluster: Cluster;
  let place: Place;

  beforeAll(async () => {
    cluster = await startClusterWithImage();
    const image = await imageOfManifest();
    const parts = loadAll(await readFile(MANIFEST, 'utf8')) as { readonly kind: string }[];
    const settings = { proxy: { drain: { delay: '3s', timeout: '20s' } } };
    const read = readOperatorConfig({ apiVersion: 'webpool.dev/v1alpha1', kind: 'OperatorConfig', ...settings });
    if (!('config' in read)) throw new Error(JSON.stringify(read.problems));
    const installation = { namespace: SYSTEM, image, config: read.config };
    await apply(
      cluster,
      parts.filter(({ kind }) => kind !== 'Deployment'),
    );
    await applyServers(cluster, image);
    const proxies = [proxyDeployment(installation), proxyService(installation, []), peersService(installation)];
    await apply(cluster, [pool([]), RULE, SERVICE, ...proxies]);
    await rolledOut(cluster, 'webpool-proxy');
    place = { address: await eventually('an address for the proxies', () => externalAddress(cluster)), port: 80 };
    await eventually('the way to the proxies', () => request(place, '/'));
  }, BUILD_TIMEOUT);
  afterAll(() => cluster?.stop());

  test('serve at once what the objects say, since they are Ready only then', async () => {
    const answers = [];
    for (let count = 0; count < 50; count += 1) answers.push(await request(place, '/'));
    expect(new Set(answers.map(({ server }) => server))).toEqual(new Set(await podNames()));
  });

  test('tell what they have programmed', async () => {
    const path = 'jsonpath={range .items[*]}{.metadata.ownerReferences[0].name} {.spec.pools[0].ready}{"\\n"}{end}';
    const ready = async (): Promise<readonly string[]> =>
      (await system(cluster, ['get', 'proxyreports', '-o', path])).trim().split('\n').toSorted();
    const wanted = (await proxyPods()).map((name) => `${name} 2`);
    await eventually('both reports', async () => (await ready()).join() === wanted.join());
  });

  test('follow when servers come and go, and lose no request', { timeout: PATIENCE }, async () => {
    await underLoad(place, async (load) => {
      const old = await podNames();
      await site(['rollout', 'restart', 'deployment/blog']);
      await site(['rollout', 'status', 'deployment/blog', '--timeout=300s']);
      const fresh = (await podNames()).filter((name) => !old.includes(name));
      expect(fresh).toHaveLength(2);
      await eventually('the new ones serve', () => fresh.every((name) => load.servers.has(name)));
    });
  });

  test(
    'lose no request when they are replaced, and remember together whom they saw',
    { timeout: PATIENCE },
    async () => {
      const rule = { name: 'rare', matches: [{ path: { type: 'Prefix', value: '/rare' } }] };
      const rateLimit = { requests: 5, per: '1h', key: { type: 'Header', name: 'X-Key' } };
      const spec = {
        listener: { protocol: 'HTTP', port: 80 },
        rules: [{ ...rule, rateLimit, respond: { status: 200 } }],
      };
      const [one = '', two = '', ...rest] = await proxyAddresses();
      expect(rest).toEqual([]);
      await apply(cluster, [{ ...RULE, metadata: { name: 'rare', namespace: NAMESPACE }, spec }]);
      for (const address of [one, two])
        await eventually('the rule', async () => (await rare(address, 'warm')) !== '404');
      await eventually('the one to count what the other sees', async () => {
        const key = `try-${Math.random()}`;
        for (let count = 0; count < 4; count += 1) await rare(one, key);
        return [await rare(two, key), await rare(two, key)].join() === '200,429';
      });
      for (let count = 0; count < 5; count += 1) expect(await rare(one, 'known')).toBe('200');
      await underLoad(place, () => restart(cluster, 'webpool-proxy'));
      const fresh = await proxyAddresses();
      expect(fresh).toHaveLength(2);
      for (const address of fresh) expect([address, await rare(address, 'known')]).toEqual([address, '429']);
      for (const name of await proxyPods()) {
        const lines = await system(cluster, ['logs', name, '-c', 'agent']);
        expect(lines.split('haproxy reloaded').length - 1).toBeLessThanOrEqual(1);
      }
    },
  );

  test('serve on when an agent is killed, which comes back', async () => {
    const [name = ''] = await proxyPods();
    const log = ['logs', name, '-c', 'agent'];
    const starts = async (): Promise<number> => (await system(cluster, log)).split('webpool agent runs').length;
    const before = await starts();
    await underLoad(place, async () => {
      // Of the container's processes only the agent is Node.
      const kill = 'cd /proc; for pid in [0-9]*; do case $(readlink $pid/exe) in */node) kill -9 $pid; esac; done';
      await system(cluster, ['exec', name, '-c', 'agent', '--', 'sh', '-c', kill]);
      await eventually('it runs again', async () => (await starts()) > before);
    });
    expect(await restartsOf(name)).toEqual(['0', '0']);
  });

  test('start HAProxy again from its files when it crashes', async () => {
    const [name = ''] = await proxyPods();
    await system(cluster, ['exec', name, '-c', 'haproxy', '--', 'sh', '-c', 'kill -9 $(pidof haproxy)']);
    await eventually('the container came back', async () => (await restartsOf(name)).includes('1'));
    await system(cluster, ['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s']);
    const address = await system(cluster, ['get', 'pod', name, '-o', 'jsonpath={.status.podIP}']);
    const answer = await cluster.network.run(['curl', '-s', `http://${address}/`]);
    expect(await podNames()).toContain((JSON.parse(answer) as { server: string }).server);
  });

  test('serve while the API server is away, and then catch up', { timeout: PATIENCE }, async () => {
    await underLoad(place, async (load) => {
      await cluster.apiServer.kill();
      await load.more(500);
      await cluster.apiServer.start();
    });
    await site(['scale', 'deployment/blog', '--replicas=3']);
    await eventually('the third serves', async () => {
      const served = await Promise.all(Array.from({ length: 20 }, () => request(place, '/')));
      return new Set(served.map(({ server }) => server)).size === 3;
    });
  });

  function site(args: readonly string[]): Promise<string> {
    return cluster.kubectl(['-n', NAMESPACE, ...args]);
  }

  async function podNames(): Promise<readonly string[]> {
    const { items } = JSON.parse(await site(['get', 'pods', '-l', 'app=blog', '-o', 'json'])) as Pods;
    return items
      .filter((pod) => pod.metadata.deletionTimestamp === undefined)
      .map((pod) => pod.metadata.name)
      .toSorted();
  }

  async function rare(address: string, key: string): Promise<string> {
    const ask = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', `X-Key: ${key}`];
    return cluster.network.run([...ask, `http://${address}/rare`]);
  }

  /** Of those that do not leave. */
  async function proxyAddresses(): Promise<readonly string[]> {
    const { items } = JSON.parse(await system(cluster, ['get', 'pods', '-o', 'json'])) as ProxyPods;
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ status }) => status.podIP);
  }

  async function proxyPods(): Promise<readonly string[]> {
    const path = 'jsonpath={.items[*].metadata.name}';
    return (await system(cluster, ['get', 'pods', '-o', path])).split(' ').toSorted();
  }

  async function restartsOf(name: string): Promise<readonly string[]> {
    const path = 'jsonpath={.status.containerStatuses[*].restartCount}';
    return (await system(cluster, ['get', 'pod', name, '-o', path])).split(' ');
  }
});

interface ProxyPods {
  readonly items: readonly {
    readonly metadata: { readonly deletionTimestamp?: string };
    readonly status: { readonly podIP: string };
  }[];
}

interface Pods {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string } }[];
}
