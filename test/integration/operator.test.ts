/** An operator on a real control plane, with a real proxy and a real database: what is applied becomes true, and statuses say when. */
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClusterMarks } from '../../operator/driver/cluster-marks.ts';
import { openAccess } from '../../operator/kube/access.ts';
import { createClient } from '../../operator/kube/client.ts';
import { createTransport } from '../../operator/kube/transport.ts';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { certificateFor } from '../support/certificates.ts';
import { request } from '../support/http-client.ts';
import type { ProxyPod } from '../support/proxy-pod.ts';
import { handshake } from '../support/tls-client.ts';
import { eventually } from '../support/wait.ts';
import {
  missingOperatorWorld,
  startOperatorWorld,
  type OperatorProcess,
  type OperatorWorld,
} from './operator-world.ts';

interface Meta {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

describeWhere('an operator', await missingOperatorWorld(), () => {
  let world: OperatorWorld;
  let operator: OperatorProcess;
  let proxy: ProxyPod | undefined;

  const kubectl = (args: readonly string[]) => world.plane.kubectl(args);
  const isThere = async (name: string) => (await kubectl(['get', name, '-o', 'name', '--ignore-not-found'])) !== '';

  beforeAll(async () => {
    world = await startOperatorWorld();
    operator = await world.startOperator('operator-1');
  }, BUILD_TIMEOUT);
  afterAll(() => world?.stop());

  test('makes the proxies, and a Service and slices for a pool', async () => {
    await world.apply(...world.site());
    await eventually('the machine is in a slice', async () => (await world.machines()).includes('web01'));
    for (const name of ['deployment/webpool-proxy', 'service/webpool-proxy', 'service/blog'])
      await eventually(name, () => isThere(name));
  });

  test('says that nothing is programmed while no proxy is ready', async () => {
    await eventually('NoProxies', async () => {
      return (await world.condition('webpool/blog', 'Programmed'))?.reason === 'NoProxies';
    });
  });

  test('Ready comes with the reports of the proxies, and then a visitor is served', async () => {
    proxy = await world.startProxy();
    await world.ready('webpool/blog', 'routingrule/site');
    expect((await request({ address: proxy.bind, port: 8080 }, '/')).server).toBe('web01');
  });

  test('every column says something, and where the proxies are reached', async () => {
    const pool = await kubectl(['get', 'webpool', 'blog', '--no-headers']);
    expect(pool.trim().split(/\s+/)).toEqual(['blog', 'True', '1/1', 'HTTP', 'Ready', expect.any(String)]);
    const address = await kubectl(['get', 'service', 'webpool-proxy', '-o', 'jsonpath={.spec.clusterIP}']);
    const rule = await kubectl(['get', 'routingrule', 'site', '--no-headers', '-o', 'wide']);
    const words = ['site', 'True', '*', 'blog', 'Ready', expect.any(String), address];
    expect(rule.trim().split(/\s+/).slice(0, words.length)).toEqual(words);
  });

  test('a new generation is Ready only once the proxies have it', async () => {
    for (let i = 0; i < 5; i++) {
      await kubectl([
        'patch',
        'routingrule',
        'site',
        '--type=merge',
        '-p',
        JSON.stringify({
          spec: {
            rules: [
              { name: 'all', pools: [{ name: 'blog' }] },
              { name: `n${i}`, matches: [{ path: { type: 'Exact', value: `/n${i}` } }], respond: { status: 418 } },
            ],
          },
        }),
      ]);
      await kubectl(['wait', '--for=condition=Ready', 'routingrule/site', '--timeout=60s']);
      expect((await request({ address: proxy?.bind ?? '', port: 8080 }, `/n${i}`)).status).toBe(418);
    }
  });

  test('a page of a ConfigMap reaches the visitors of a closed pool, and so does a later one', async () => {
    const page = async () => {
      const { status, body } = await request({ address: proxy?.bind ?? '', port: 8080 }, '/closed');
      return `${status} ${body}`;
    };
    const shown = (text: string) => eventually(text, async () => (await page()) === text);
    const put = (text: string) =>
      world.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'pages', namespace: 'default' },
        data: { 'soon.html': text, other: 'x'.repeat(20_000) },
      });
    await world.apply(
      world.ours('WebPool', 'closed', {
        port: 80,
        minReady: 0,
        maintenancePage: { configMap: { name: 'pages', key: 'soon.html' } },
      }),
      world.ours('RoutingRule', 'closed', {
        listener: { protocol: 'HTTP', port: 8080 },
        rules: [{ name: 'all', matches: [{ path: { type: 'Exact', value: '/closed' } }], pools: [{ name: 'closed' }] }],
      }),
    );
    await kubectl(['wait', '--for=condition=ResolvedRefs=False', 'webpool/closed', '--timeout=60s']);
    await shown('503 no-ready-server');
    await put('<h1>soön</h1>');
    await shown('503 <h1>soön</h1>');
    await kubectl(['wait', '--for=condition=Ready', 'webpool/closed', '--timeout=60s']);
    await put('later');
    await shown('503 later');
    await kubectl(['delete', 'webpool,routingrule', 'closed']);
    await eventually('its copy goes', async () => {
      const copy = ['get', 'secret', 'page.default.pages', '-o', 'name', '--ignore-not-found'];
      return (await kubectl(copy)) === '';
    });
  });

  test('a certificate that turns bad stays the one before it in the proxies, and is told', async () => {
    const pair = certificateFor(['www.example.com']);
    const tls = (key: string) =>
      world.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'www', namespace: 'default' },
        stringData: { 'tls.crt': pair.certificate, 'tls.key': key },
      });
    const rule = world.ours('RoutingRule', 'secure', {
      listener: { protocol: 'HTTPS', port: 8443, tls: { secretName: 'www' } },
      hostnames: ['www.example.com'],
      rules: [{ name: 'all', respond: { status: 200 } }],
    });
    const served = async () => {
      const place = { address: proxy?.bind ?? '', port: 8443 };
      const seen = await handshake(place, { sni: 'www.example.com' }).catch(() => undefined);
      return seen?.certificate.fingerprint256 === new X509Certificate(pair.certificate).fingerprint256;
    };
    const copy = () => kubectl(['get', 'secret', 'copy.default.www', '-o', 'jsonpath={.data}']);
    await tls(pair.key);
    await world.apply(rule);
    await eventually('it is served', served);
    const before = await copy();
    await tls(certificateFor(['other.example.com']).key);
    await kubectl(['wait', '--for=condition=ResolvedRefs=False', 'routingrule/secure', '--timeout=60s']);
    const told = () => kubectl(['get', 'routingrule', 'secure', '-o', 'jsonpath={.status.conditions[*].message}']);
    const words = await told();
    expect([await served(), await copy()]).toEqual([true, before]);
    // The next operator has never seen the good one: the copy has.
    await operator.restart();
    await world.apply(world.ours('WebPool', 'closed', { port: 80, minReady: 0 }));
    await world.ready('webpool/closed');
    expect([await served(), await copy(), await told()]).toEqual([true, before, words]);
    await kubectl(['delete', 'webpool', 'closed']);
    await kubectl(['delete', 'routingrule', 'secure']);
    await eventually('its copy goes', async () => {
      return !(await isThere('secret/copy.default.www'));
    });
  });

  test('an account for each server; a Pod that waits for it becomes ready after it', async () => {
    await world.apply(...world.site({ grant: true }));
    const hosts = () => world.accounts();
    await eventually('the account of the machine', async () => (await hosts()).includes(world.network.hostAddress));
    await world.makePod('blog-1', { ip: '198.18.255.10', gates: ['webpool.dev/blog-db'] });
    await eventually('the account of the Pod', async () => (await hosts()).includes('198.18.255.10'));
    await eventually('the gate is open', async () => {
      const gate = 'jsonpath={.status.conditions[?(@.type=="webpool.dev/blog-db")].status}';
      return (await kubectl(['get', 'pod', 'blog-1', '-o', gate])) === 'True';
    });
    await world.ready('databasegrant/blog-db');
  });

  test('the account goes when the Pod has gone', async () => {
    await world.removePod('blog-1');
    await eventually('it is dropped', async () => !(await world.accounts()).includes('198.18.255.10'));
    expect(await world.accounts()).toEqual([world.network.hostAddress]);
  });

  test('a gate is opened of the Pod that was seen, not of one that has its name by now', async () => {
    const gate = 'webpool.dev/nobody';
    const isOpen = async () => {
      const path = `jsonpath={.status.conditions[?(@.type=="${gate}")].status}`;
      return (await kubectl(['get', 'pod', 'web-0', '-o', path])) === 'True';
    };
    const uid = () => kubectl(['get', 'pod', 'web-0', '-o', 'jsonpath={.metadata.uid}']);
    const transport = createTransport({
      access: await openAccess({ kubeconfig: world.plane.kubeconfig }),
      userAgent: 'test',
    });
    const marks = createClusterMarks(createClient(transport));
    const open = async (pod: string) =>
      marks.openGates({ namespace: 'default', name: 'web-0', uid: pod }, [gate], '2026-01-01T00:00:00Z');
    await world.makePod('web-0', { ip: '198.18.255.20', gates: [gate] });
    const first = await uid();
    await world.removePod('web-0');
    await world.makePod('web-0', { ip: '198.18.255.21', gates: [gate] });
    await expect(open(first)).rejects.toThrow('metadata.uid');
    expect(await isOpen()).toBe(false);
    await open(await uid());
    expect(await isOpen()).toBe(true);
    await world.removePod('web-0');
    await transport.close();
  });

  test('writes nothing while nothing changes, but Lease and heartbeats', async () => {
    const versions = async () => {
      const text = await kubectl([
        'get',
        'webpool,routingrule,databasegrant,service,endpointslice,deployment',
        '-A',
        '-o',
        'json',
      ]);
      const { items } = JSON.parse(text) as { items: Meta[] };
      return items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
    };
    const before = await eventually('rest', async () => {
      const first = await versions();
      await new Promise((done) => setTimeout(done, 3000));
      return (await versions()).join() === first.join() ? first : undefined;
    });
    await new Promise((done) => setTimeout(done, 6000));
    expect(await versions()).toEqual(before);
  });

  test('what somebody changed or removed comes back', async () => {
    await kubectl(['delete', 'service', 'blog']);
    await eventually('the Service', () => isThere('service/blog'));
    await kubectl(['delete', 'endpointslice', '-l', 'endpointslice.kubernetes.io/managed-by=webpool.dev']);
    await eventually('the slice', async () => (await world.machines()).includes('web01'));
  });

  test('deleting leaves no object and no account behind', async () => {
    await kubectl(['delete', 'databasegrant,webpool,routingrule', '--all', '--timeout=60s']);
    expect(await world.accounts()).toEqual([]);
    await eventually('the Service of the pool goes with it', async () => !(await isThere('service/blog')));
    await eventually('so do its slices', async () => !(await world.machines()).includes('web01'));
  });
});
