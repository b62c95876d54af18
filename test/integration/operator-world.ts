/**
 * What operators need on a real control plane: kinds and rights as users install them, a database, a machine, and a proxy that plays the
 * Pod of the Deployment. Operators are processes, so that they can be killed and frozen.
 */
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../cluster/network.ts';
import { missingPrograms } from '../cluster/programs.ts';
import { freePortOn } from '../support/address.ts';
import { createContainer, type Container } from '../support/container.ts';
import { startMariaDb, type MariaDb } from '../support/mariadb.ts';
import { startProxyPod, type ProxyPod } from '../support/proxy-pod.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const MAIN = new URL('../../operator/main.ts', import.meta.url).pathname;
const MANIFEST = new URL('../../manifests/install.yaml', import.meta.url);
const CONTROLLERS = { controllers: true };
const PODS = '/api/v1/namespaces/default/pods';
const SETTINGS = `
apiVersion: webpool.dev/v1alpha1
kind: OperatorConfig
proxy: {replicas: 1, service: {type: ClusterIP}}
`;

/** Why there can be no such world here. */
export async function missingOperatorWorld(): Promise<string | undefined> {
  return (await missingPrograms(programsOf(CONTROLLERS))) ?? (await missingNetwork());
}

/** An operator with its own rights, and not one more. */
export interface OperatorProcess extends Container {
  readonly name: string;
  /** False also when it does not answer. */
  leads(): Promise<boolean>;
  /** The lines of its log. */
  log(): Promise<string>;
  /** Value of a metric by its name and labels as they are written there; undefined = not there. */
  metric(name: string): Promise<number | undefined>;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface PodOptions {
  readonly ip: string;
  /** Address of its node. */
  readonly node?: string;
  readonly gates?: readonly string[];
}

/** A namespace `default` with everything in it; the home of the operators too. */
export interface OperatorWorld {
  readonly plane: ControlPlane;
  readonly network: Network;
  readonly database: MariaDb;
  /** A server outside the cluster, `web01`. */
  readonly machine: WebServer;
  apply(...objects: readonly object[]): Promise<string>;
  /** An object of one of our kinds. */
  ours(kind: string, name: string, spec: object): object;
  secret(name: string, stringData: object): object;
  /** The Secrets, the pool `blog` of Pods and machine, the rule `site` on port 8080 and, on request, the grant `blog-db` and other machines. */
  site(parts?: { readonly grant?: true; readonly others?: readonly object[] }): readonly object[];
  makePod(name: string, options: PodOptions): Promise<void>;
  setPod(name: string, status: object): Promise<unknown>;
  setReady(name: string): Promise<unknown>;
  removePod(name: string): Promise<unknown>;
  /** Hosts of the accounts that there are. */
  accounts(): Promise<readonly string[]>;
  /** Names of the machines in EndpointSlices. */
  machines(): Promise<readonly string[]>;
  condition(object: string, type: string): Promise<Condition | undefined>;
  ready(...objects: readonly string[]): Promise<void>;
  startOperator(name: string, flags?: readonly string[]): Promise<OperatorProcess>;
  /** Waits for the Pod of the Deployment and plays it. */
  startProxy(): Promise<ProxyPod>;
  stop(): Promise<void>;
}

/** Accounts, roles and policies as users install them, with `default` as home. */
async function rights(): Promise<string> {
  const documents = (await readFile(MANIFEST, 'utf8')).replaceAll('webpool-system', 'default').split(/^---$/m);
  return documents
    .filter((text) => /^kind: (?:ServiceAccount|\w*Role|\w*Binding|\w*Policy)$/m.test(text))
    .join('---\n');
}

/** Starts everything but operators and proxy. */
export async function startOperatorWorld({ controllers } = CONTROLLERS): Promise<OperatorWorld> {
  const plane = await startControlPlane({ controllers });
  const network = await startNetwork();
  const database = await startMariaDb();
  const machine = await startWebServer({ name: 'web01', address: network.hostAddress });
  const processes: Pick<ProxyPod, 'stop'>[] = [];
  await plane.installKinds();
  await plane.kubectl(['apply', '-f', '-'], { input: await rights() });
  const config = join(plane.folder, 'operator.yaml');
  await writeFile(config, SETTINGS);

  const apply: OperatorWorld['apply'] = (...objects) =>
    plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
  await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
  const metadata = (name: string) => ({ name, namespace: 'default' });
  const ours: OperatorWorld['ours'] = (kind, name, spec) => ({
    apiVersion: 'webpool.dev/v1alpha1',
    kind,
    metadata: metadata(name),
    spec,
  });
  const secret: OperatorWorld['secret'] = (name, stringData) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(name),
    stringData,
  });
  const setPod: OperatorWorld['setPod'] = (name, status) =>
    plane.client.ask('PATCH', `${PODS}/${name}/status`, {
      body: { status },
      contentType: 'application/strategic-merge-patch+json',
    });
  const setReady: OperatorWorld['setReady'] = (name) =>
    setPod(name, { conditions: [{ type: 'Ready', status: 'True' }] });

  const endpoints = async () => {
    interface Slice {
      readonly endpoints: readonly { readonly hostname?: string; readonly addresses: readonly string[] }[] | null;
    }
    const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const { items } = await plane.client.ask<{ items: readonly Slice[] }>('GET', path);
    return items.flatMap((slice) => slice.endpoints ?? []);
  };

  const site: OperatorWorld['site'] = ({ grant, others = [] } = {}) => {
    const { username, password } = database.admin;
    const grants = ours('DatabaseGrant', 'blog-db', {
      server: { host: '127.0.0.1', port: database.port, adminSecretName: 'admin', tls: { mode: 'Disabled' } },
      username: 'blog_app',
      passwordSecret: { name: 'blog-db', key: 'password' },
      pools: [{ name: 'blog' }],
      grants: [{ schema: 'blog', privileges: ['SELECT'] }],
    });
    return [
      secret('admin', { username, password }),
      secret('blog-db', { password: 'a long password of the blog' }),
      ours('WebPool', 'blog', {
        port: machine.port,
        selector: { matchLabels: { app: 'blog' } },
        externalEndpoints: [{ name: 'web01', address: network.hostAddress }, ...others],
      }),
      ours('RoutingRule', 'site', {
        listener: { protocol: 'HTTP', port: 8080 },
        rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
      }),
      ...(grant === true ? [grants] : []),
    ];
  };

  const startOperator: OperatorWorld['startOperator'] = async (name, flags = []) => {
    const kubeconfig = await plane.kubeconfigFor({ namespace: 'default', name: 'webpool-operator' });
    const port = await freePortOn('127.0.0.1');
    const path = join(plane.folder, `${name}.log`);
    const log = await open(path, 'a');
    const where = ['--kubeconfig', kubeconfig, '--config', config, '--http', `127.0.0.1:${port}`];
    const env = { ...process.env, POD_NAMESPACE: 'default', POD_NAME: name };
    const options = ['--image', 'webpool', '--log-format', 'json', ...flags];
    const container = createContainer([process.execPath, MAIN, 'operator', ...where, ...options], { env, log: log.fd });
    processes.push({
      stop: async () => {
        await container.end('SIGKILL');
        await log.close();
      },
    });
    const metric: OperatorProcess['metric'] = async (wanted) => {
      const text = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(2000) }).then(
        (answer) => answer.text(),
        () => '',
      );
      const line = text.split('\n').find((one) => one.startsWith(`${wanted} `));
      return line === undefined ? undefined : Number(line.slice(wanted.length + 1));
    };
    return Object.assign(Object.create(container) as Container, {
      name,
      metric,
      leads: async () => (await metric('leader_election_master_status{name="webpool-operator"}')) === 1,
      log: () => readFile(path, 'utf8'),
    });
  };

  const startProxy: OperatorWorld['startProxy'] = async () => {
    interface Pod {
      readonly metadata: { readonly name: string; readonly uid: string };
    }
    const find = () =>
      plane.client.ask<{ items: Pod[] }>('GET', `${PODS}?labelSelector=app.kubernetes.io/component=proxy`);
    const pod = await eventually('the Pod of the proxy', async () => (await find()).items[0]);
    const { name, uid } = pod.metadata;
    // The token of the Pod, which may write the report of that Pod.
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`];
    const token = await plane.kubectl(['create', 'token', 'webpool-agent', ...bound]);
    const kubeconfig = await plane.kubeconfigWith(token.trim());
    const proxy = await startProxyPod({ access: kubeconfig, pod: { namespace: 'default', name, uid } });
    processes.push(proxy);
    await proxy.ready();
    await setPod(name, { phase: 'Running', podIP: '198.18.255.2', podIPs: [{ ip: '198.18.255.2' }] });
    await setReady(name);
    return proxy;
  };

  return {
    plane,
    network,
    database,
    machine,
    apply,
    ours,
    secret,
    site,
    setPod,
    setReady,
    async makePod(name, { ip, node, gates = [] }) {
      const readinessGates = gates.map((conditionType) => ({ conditionType }));
      const spec = { nodeName: 'node-1', readinessGates, containers: [{ name: 'web', image: 'web' }] };
      await plane.client.ask('POST', PODS, { body: { metadata: { name, labels: { app: 'blog' } }, spec } });
      const host = node === undefined ? {} : { hostIP: node, hostIPs: [{ ip: node }] };
      await setPod(name, { phase: 'Running', podIP: ip, podIPs: [{ ip }], ...host });
    },
    removePod: (name) => plane.client.ask('DELETE', `${PODS}/${name}`, { body: { gracePeriodSeconds: 0 } }),
    accounts: async () =>
      (await database.query("SELECT Host FROM mysql.user WHERE User = 'blog_app' ORDER BY Host")).map(([host]) =>
        String(host),
      ),
    machines: async () => (await endpoints()).flatMap(({ hostname }) => hostname ?? []),
    async condition(object, type) {
      const text = await plane.kubectl(['get', object, '-o', 'jsonpath={.status.conditions}', '--ignore-not-found']);
      return (JSON.parse(text || '[]') as Condition[]).find((one) => one.type === type);
    },
    async ready(...objects) {
      await plane.kubectl(['wait', '--for=condition=Ready', ...objects, '--timeout=60s']);
    },
    startOperator,
    startProxy,
    async stop() {
      for (const one of processes.toReversed()) await one.stop();
      await machine.stop();
      await database.stop();
      await network.stop();
      await plane.stop();
    },
  };
}
