/** An operator on a real control plane, with a real proxy and a real database: what is applied becomes true, and statuses say when. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operator } from '../../operator/commands/operator.ts';
import { createLogger } from '../../operator/telemetry/log.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../cluster/network.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { request } from '../support/http-client.ts';
import { startMariaDb, type MariaDb } from '../support/mariadb.ts';
import { startProxyPod, type ProxyPod } from '../support/proxy-pod.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const CRDS = new URL('../../crds/', import.meta.url).pathname;
const CONTROLLERS = { controllers: true } as const;
const missing = (await missingPrograms(programsOf(CONTROLLERS))) ?? (await missingNetwork());

const INSTALL = await readFile(new URL('../../manifests/install.yaml', import.meta.url), 'utf8');

/** Accounts, roles and policies as users install them, with that namespace as home. */
function rightsIn(namespace: string): string {
  const documents = INSTALL.replaceAll('webpool-system', namespace).split(/^---$/m);
  return documents
    .filter((text) => /^kind: (?:ServiceAccount|\w*Role|\w*Binding|\w*Policy)$/m.test(text))
    .join('---\n');
}

interface Meta {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

describeWhere('an operator', missing, () => {
  let plane: ControlPlane;
  let network: Network;
  let database: MariaDb;
  let proxy: ProxyPod | undefined;
  let running: Promise<number>;
  const ending = new AbortController();
  const servers: WebServer[] = [];

  const apply = (...objects: object[]) =>
    plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
  const ours = (kind: string, name: string, spec: object) => ({
    apiVersion: 'webpool.dev/v1alpha1',
    kind,
    metadata: { name, namespace: 'default' },
    spec,
  });
  const pods = '/api/v1/namespaces/default/pods';
  const makePod = async (name: string, options: { readonly ip: string; readonly gates?: readonly string[] }) => {
    const spec = {
      nodeName: 'node-1',
      readinessGates: (options.gates ?? []).map((conditionType) => ({ conditionType })),
      containers: [{ name: 'web', image: 'web' }],
    };
    await plane.client.ask('POST', pods, {
      body: { metadata: { name, labels: { app: 'blog' } }, spec },
    });
    await setPod(name, { phase: 'Running', podIP: options.ip, podIPs: [{ ip: options.ip }] });
  };
  const setPod = (name: string, status: object) =>
    plane.client.ask('PATCH', `${pods}/${name}/status`, {
      body: { status },
      contentType: 'application/strategic-merge-patch+json',
    });
  const setReady = (name: string) => setPod(name, { conditions: [{ type: 'Ready', status: 'True' }] });
  const accounts = async () =>
    (await database.query("SELECT Host FROM mysql.user WHERE User = 'blog_app' ORDER BY Host")).map(([host]) => host);
  const slices = async () => {
    const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const { items } = await plane.client.ask<{ items: { endpoints: { hostname?: string }[] | null }[] }>('GET', path);
    return items.flatMap(({ endpoints }) => (endpoints ?? []).map(({ hostname }) => hostname));
  };
  const machine = () => servers[0] as WebServer;

  beforeAll(async () => {
    plane = await startControlPlane(CONTROLLERS);
    network = await startNetwork();
    database = await startMariaDb();
    servers.push(await startWebServer({ name: 'web01', address: network.hostAddress }));
    await plane.kubectl(['apply', '-k', CRDS]);
    await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
    await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
    await plane.kubectl(['apply', '-f', '-'], { input: rightsIn('default') });
    const config = join(plane.folder, 'operator.yaml');
    await writeFile(
      config,
      'apiVersion: webpool.dev/v1alpha1\nkind: OperatorConfig\nproxy: {replicas: 1, service: {type: ClusterIP}}\n',
    );
    running = operator({
      // Its own rights, and not one more.
      kubeconfig: await plane.kubeconfigFor({ namespace: 'default', name: 'webpool-operator' }),
      config,
      image: 'webpool',
      http: { host: '127.0.0.1', port: 0 },
      namespace: 'default',
      name: 'operator-1',
      log: createLogger({ level: 'warn' }),
      signal: ending.signal,
    });
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    ending.abort();
    await running;
    await proxy?.stop();
    for (const server of servers) await server.stop();
    await database?.stop();
    await network?.stop();
    await plane?.stop();
  });

  test('makes the proxies, and a Service and slices for a pool', async () => {
    const { username, password } = database.admin;
    const secret = (name: string, stringData: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'default' },
      stringData,
    });
    await apply(
      secret('admin', { username, password }),
      secret('blog-db', { password: 'a long password of the blog' }),
      ours('WebPool', 'blog', {
        port: machine().port,
        selector: { matchLabels: { app: 'blog' } },
        externalEndpoints: [{ name: 'web01', address: network.hostAddress }],
      }),
      ours('RoutingRule', 'site', {
        listener: { protocol: 'HTTP', port: 8080 },
        rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
      }),
    );
    await eventually('the machine is in a slice', async () => (await slices()).includes('web01'));
    for (const name of ['deployment/webpool-proxy', 'service/webpool-proxy', 'service/blog']) {
      await eventually(
        name,
        async () => (await plane.kubectl(['get', name, '-o', 'name', '--ignore-not-found'])) !== '',
      );
    }
  });

  test('says that nothing is programmed while no proxy is ready', async () => {
    await eventually('NoProxies', async () => {
      const reason = `jsonpath={.status.conditions[?(@.type=="Programmed")].reason}`;
      return (await plane.kubectl(['get', 'webpool', 'blog', '-o', reason])) === 'NoProxies';
    });
  });

  test('Ready comes with the reports of the proxies, and then a visitor is served', async () => {
    const find = () =>
      plane.client.ask<{ items: Meta[] }>('GET', `${pods}?labelSelector=app.kubernetes.io/component=proxy`);
    const pod = await eventually('the Pod of the proxy', async () => (await find()).items[0]);
    const { name, uid } = pod.metadata;
    // The token of the Pod, which may write the report of that Pod.
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`];
    const token = await plane.kubectl(['create', 'token', 'webpool-agent', ...bound]);
    const kubeconfig = await plane.kubeconfigWith(token.trim());
    proxy = await startProxyPod({ kubeconfig, pod: { namespace: 'default', name, uid } });
    await proxy.ready();
    await setPod(name, { phase: 'Running', podIP: '198.18.255.2', podIPs: [{ ip: '198.18.255.2' }] });
    await setReady(name);
    await plane.kubectl(['wait', '--for=condition=Ready', 'webpool/blog', 'routingrule/site', '--timeout=60s']);
    expect((await request({ address: proxy.bind, port: 8080 }, '/')).server).toBe('web01');
  });

  test('a new generation is Ready only once the proxies have it', async () => {
    for (let i = 0; i < 5; i++) {
      await plane.kubectl([
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
      await plane.kubectl(['wait', '--for=condition=Ready', 'routingrule/site', '--timeout=60s']);
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
      apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'pages', namespace: 'default' },
        data: { 'soon.html': text, other: 'x'.repeat(20_000) },
      });
    await apply(
      ours('WebPool', 'closed', {
        port: 80,
        minReady: 0,
        maintenancePage: { configMap: { name: 'pages', key: 'soon.html' } },
      }),
      ours('RoutingRule', 'closed', {
        listener: { protocol: 'HTTP', port: 8080 },
        rules: [{ name: 'all', matches: [{ path: { type: 'Exact', value: '/closed' } }], pools: [{ name: 'closed' }] }],
      }),
    );
    await plane.kubectl(['wait', '--for=condition=ResolvedRefs=False', 'webpool/closed', '--timeout=60s']);
    await shown('503 no-ready-server');
    await put('<h1>soön</h1>');
    await shown('503 <h1>soön</h1>');
    await plane.kubectl(['wait', '--for=condition=Ready', 'webpool/closed', '--timeout=60s']);
    await put('later');
    await shown('503 later');
    await plane.kubectl(['delete', 'webpool,routingrule', 'closed']);
    await eventually('its copy goes', async () => {
      const copy = ['get', 'secret', 'page.default.pages', '-o', 'name', '--ignore-not-found'];
      return (await plane.kubectl(copy)) === '';
    });
  });

  test('an account for each server; a Pod that waits for it becomes ready after it', async () => {
    await apply(
      ours('DatabaseGrant', 'blog-db', {
        server: { host: '127.0.0.1', port: database.port, adminSecretName: 'admin', tls: { mode: 'Disabled' } },
        username: 'blog_app',
        passwordSecret: { name: 'blog-db', key: 'password' },
        pools: [{ name: 'blog' }],
        grants: [{ schema: 'blog', privileges: ['SELECT'] }],
      }),
    );
    await eventually('the account of the machine', async () => (await accounts()).includes(network.hostAddress));
    await makePod('blog-1', { ip: '198.18.255.10', gates: ['webpool.dev/blog-db'] });
    await eventually('the account of the Pod', async () => (await accounts()).includes('198.18.255.10'));
    await eventually('the gate is open', async () => {
      const gate = 'jsonpath={.status.conditions[?(@.type=="webpool.dev/blog-db")].status}';
      return (await plane.kubectl(['get', 'pod', 'blog-1', '-o', gate])) === 'True';
    });
    await plane.kubectl(['wait', '--for=condition=Ready', 'databasegrant/blog-db', '--timeout=60s']);
  });

  test('the account goes when the Pod has gone', async () => {
    await plane.client.ask('DELETE', `${pods}/blog-1`, { body: { gracePeriodSeconds: 0 } });
    await eventually('it is dropped', async () => !(await accounts()).includes('198.18.255.10'));
    expect(await accounts()).toEqual([network.hostAddress]);
  });

  test('writes nothing while nothing changes, but Lease and heartbeats', async () => {
    const versions = async () => {
      const text = await plane.kubectl([
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
    await plane.kubectl(['delete', 'service', 'blog']);
    await eventually(
      'the Service',
      async () => (await plane.kubectl(['get', 'service', 'blog', '-o', 'name', '--ignore-not-found'])) !== '',
    );
    await plane.kubectl(['delete', 'endpointslice', '-l', 'endpointslice.kubernetes.io/managed-by=webpool.dev']);
    await eventually('the slice', async () => (await slices()).includes('web01'));
  });

  test('deleting leaves no object and no account behind', async () => {
    await plane.kubectl(['delete', 'databasegrant,webpool,routingrule', '--all', '--timeout=60s']);
    expect(await accounts()).toEqual([]);
    await eventually(
      'the Service of the pool goes with it',
      async () => (await plane.kubectl(['get', 'service', 'blog', '-o', 'name', '--ignore-not-found'])) === '',
    );
    await eventually('so do its slices', async () => !(await slices()).includes('web01'));
  });
});
