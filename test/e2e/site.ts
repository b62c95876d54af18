/** The site of the tests: blog servers as Pods and as VMs, one rule, one account for each. */
import { readFile } from 'node:fs/promises';
import type { Cluster } from '../cluster/node.ts';
import type { Vm } from '../cluster/vm.ts';
import type { DatabaseProcess } from '../support/database-process.ts';

/** Where everything of the site is. */
export const NAMESPACE = 'blog';

const LABELS = { app: 'blog' };

/** Starts the Pods of the blog; each serves on port 8080 and says its name in `X-Server`. */
export async function applyServers(cluster: Cluster, image: string): Promise<void> {
  const server = await readFile(new URL('../cluster/vm-server.ts', import.meta.url), 'utf8');
  const template = { metadata: { labels: LABELS }, spec: serverSpec(image) };
  await apply(cluster, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    object('v1 ConfigMap', 'server', { data: { 'vm-server.ts': server } }),
    object('apps/v1 Deployment', 'blog', { spec: { replicas: 2, selector: { matchLabels: LABELS }, template } }),
  ]);
  await cluster.kubectl(['-n', NAMESPACE, 'rollout', 'status', 'deployment/blog', '--timeout=300s']);
}

/** A Pod that runs `node /server/vm-server.ts <its name> 8080`. */
function serverSpec(image: string): object {
  const container = {
    name: 'web',
    image,
    imagePullPolicy: 'IfNotPresent',
    // Until it is out of every load balancer a leaving server goes on serving.
    command: ['node', '/server/vm-server.ts', '$(NAME)', '8080'],
    env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
    lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
    volumeMounts: [{ name: 'server', mountPath: '/server' }],
  };
  const volumes = [{ name: 'server', configMap: { name: 'server' } }];
  return { terminationGracePeriodSeconds: 6, containers: [container], volumes };
}

/** A server of the blog that asks for its account before it is Ready. */
export function gatedServer(name: string, image: string): object {
  const spec = { ...serverSpec(image), readinessGates: [{ conditionType: 'webpool.dev/blog' }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE, labels: LABELS }, spec };
}

/** The pool of these VMs and the Pods. */
export function pool(vms: readonly Vm[]): object {
  return object('webpool.dev/v1alpha1 WebPool', 'blog', {
    spec: {
      port: 8080,
      selector: { matchLabels: LABELS },
      externalEndpoints: vms.map(({ name, address, port }) => ({ name, address, port })),
      healthCheck: { type: 'HTTP', path: '/health', interval: '1s' },
    },
  });
}

/** The Service of the pool, as an operator makes it. */
export const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'blog', namespace: NAMESPACE, labels: { 'webpool.dev/pool': 'blog' } },
  spec: { clusterIP: 'None', selector: { app: 'blog' }, ports: [{ port: 8080 }] },
};

/** All of port 80 goes to the pool. */
export const RULE = object('webpool.dev/v1alpha1 RoutingRule', 'site', {
  spec: { listener: { protocol: 'HTTP', port: 80 }, rules: [{ name: 'all', pools: [{ name: 'blog' }] }] },
});

/** The same, with answers that say which version of it made them, in `X-Round`. */
export function stamped(round: string): object {
  const filters = { responseHeaders: { set: [{ name: 'X-Round', value: round }] } };
  const rules = [{ name: 'all', pools: [{ name: 'blog' }], filters }];
  return object('webpool.dev/v1alpha1 RoutingRule', 'site', {
    spec: { listener: { protocol: 'HTTP', port: 80 }, rules },
  });
}

/** An account for each server of the pool, and the Secrets that it needs. */
export function grant({ admin, port }: DatabaseProcess, host: string): readonly object[] {
  const server = { host, port, adminSecretName: 'db01-admin' };
  const grants = [{ schema: 'MyWPSite', privileges: ['SELECT', 'INSERT'] }];
  const passwordSecret = { name: 'blog-db', key: 'password' };
  const spec = { server, username: 'blog', passwordSecret, pools: [{ name: 'blog' }], grants };
  return [
    object('v1 Secret', 'db01-admin', { stringData: admin }),
    object('v1 Secret', 'blog-db', { stringData: { password: 'correct-horse-battery-staple' } }),
    object('webpool.dev/v1alpha1 DatabaseGrant', 'blog', { spec }),
  ];
}

/** `kubectl apply`. */
export async function apply(cluster: Cluster, objects: readonly object[]): Promise<void> {
  await cluster.kubectl(['apply', '-f', '-'], { input: objects.map((one) => JSON.stringify(one)).join('\n---\n') });
}

/** An object of the site; `type` is `apiVersion kind`. */
function object(type: string, name: string, parts: object): object {
  const [apiVersion, kind] = type.split(' ');
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, ...parts };
}
