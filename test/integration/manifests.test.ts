/** What `kubectl apply -k manifests` gives, on a real API server: it is one file too, least privilege holds, and nothing is left behind. */
import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PEERS_PORT } from '../../operator/api/agent-port.ts';
import { readOperatorConfig } from '../../operator/api/operator-config.ts';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { input, installation, machines, pool } from '../cluster-objects/sample.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { added, inventory } from '../cluster/inventory.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const MANIFESTS = `${ROOT}manifests`;
const SYSTEM = 'webpool-system';
const ACCOUNT = (name: string) => `system:serviceaccount:${SYSTEM}:${name}`;
const OPTIONS = { controllers: true } as const;

interface PolicyPort {
  readonly port: number;
  readonly endPort?: number;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly ingress?: readonly { readonly from?: readonly unknown[]; readonly ports: readonly PolicyPort[] }[];
    readonly template?: {
      readonly spec: { readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[] };
    };
  };
}

const objects = loadAll(readFileSync(`${MANIFESTS}/install.yaml`, 'utf8')) as readonly Manifest[];

describe('install.yaml', () => {
  test('has settings that the operator takes', () => {
    const [map] = objects.filter(({ kind }) => kind === 'ConfigMap');
    const [document] = loadAll(map?.data?.['config.yaml'] ?? '');
    expect(readOperatorConfig(document)).toHaveProperty('config');
  });

  test('lets nobody but proxies reach the port where they talk to each other', () => {
    const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
    const rules = policies.flatMap(({ spec }) => spec?.ingress ?? []);
    const open = (reachable: typeof rules) =>
      [1, 80, 61_081, PEERS_PORT, 61_083, 65_535].filter((wanted) =>
        reachable.some(({ ports }) => ports.some(({ port, endPort = port }) => port <= wanted && wanted <= endPort)),
      );
    expect(open(rules.filter(({ from }) => from === undefined))).toEqual([1, 80, 61_081, 61_083, 65_535]);
    expect(open(rules.filter(({ from }) => from !== undefined))).toEqual([PEERS_PORT]);
  });

  test('has the image of this version', () => {
    const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
    const containers = objects.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    const image = `docker.io/library/webpool:${version}`;
    expect(containers.map(({ image: own, args }) => [own, ...args.slice(-2)])).toEqual([[image, '--image', image]]);
  });
});

const missing = await missingPrograms(programsOf(OPTIONS));

describeWhere('the manifests on an API server', missing, () => {
  let plane: ControlPlane;
  let before: ReadonlySet<string>;
  beforeAll(async () => {
    plane = await startControlPlane(OPTIONS);
    before = await inventory(plane);
    await plane.kubectl(['apply', '-k', MANIFESTS]);
    await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  const may = async (account: string, ...question: readonly string[]): Promise<boolean> => {
    const answer = await plane
      .kubectl(['auth', 'can-i', ...question, '--as', account])
      .catch((error: unknown) => String(error));
    return answer.startsWith('yes');
  };

  test('install.yaml is what manifests/ says', async () => {
    const rendered = await plane.kubectl(['kustomize', MANIFESTS]);
    expect(loadAll(rendered)).toEqual(objects);
  });

  test('a second time nothing changes, whichever way they are applied', async () => {
    const path = 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.spec}{.rules}{.data}{"\\n"}{end}';
    const contents = () => plane.kubectl(['get', '-k', MANIFESTS, '-o', path]);
    const first = await contents();
    const told = await plane.kubectl(['apply', '-f', `${MANIFESTS}/install.yaml`]);
    expect(told.split('\n').filter((line) => line !== '' && !line.endsWith(' unchanged'))).toEqual([]);
    await plane.kubectl(['apply', '--server-side', '--force-conflicts', '-k', MANIFESTS]);
    expect(await contents()).toBe(first);
  });

  test('what they say of Pods holds in a namespace with restricted Pods', async () => {
    const warnings = await plane.kubectl([
      'label',
      '--dry-run=server',
      '--overwrite',
      'namespace',
      SYSTEM,
      'pod-security.kubernetes.io/enforce=restricted',
    ]);
    expect(warnings).not.toMatch(/[Ww]arning/);
  });

  describe.each<[string, string, readonly string[][], readonly string[][]]>([
    [
      'the agent',
      ACCOUNT('webpool-agent'),
      [
        ['list', 'webpools.webpool.dev', '-A'],
        ['watch', 'routingrules.webpool.dev', '-A'],
        ['watch', 'endpointslices.discovery.k8s.io', '-A'],
        ['get', 'secrets', '-n', SYSTEM],
        ['create', 'proxyreports.webpool.dev', '-n', SYSTEM],
        ['patch', 'proxyreports.webpool.dev', '-n', SYSTEM],
      ],
      [
        ['get', 'secrets', '-n', 'default'],
        ['list', 'databasegrants.webpool.dev', '-A'],
        ['update', 'webpools.webpool.dev', '-n', 'default'],
        ['patch', 'webpools.webpool.dev', '--subresource=status', '-n', 'default'],
        ['create', 'proxyreports.webpool.dev', '-n', 'default'],
        ['get', 'proxyreports.webpool.dev', '-n', SYSTEM],
        ['delete', 'proxyreports.webpool.dev', '-n', SYSTEM],
        ['create', 'secrets', '-n', SYSTEM],
        ['get', 'pods', '-n', SYSTEM],
        ['create', 'pods', '--subresource=exec', '-n', SYSTEM],
        ['get', 'configmaps', '-n', SYSTEM],
        ['patch', 'endpointslices.discovery.k8s.io', '-n', 'default'],
      ],
    ],
    [
      'the operator',
      ACCOUNT('webpool-operator'),
      [
        ['list', 'databasegrants.webpool.dev', '-A'],
        ['patch', 'webpools.webpool.dev', '--subresource=status', '-n', 'default'],
        ['patch', 'databasegrants.webpool.dev', '-n', 'default'],
        ['get', 'secrets', '-n', 'default'],
        ['create', 'services', '-n', 'default'],
        ['delete', 'endpointslices.discovery.k8s.io', '-n', 'default'],
        ['patch', 'pods', '--subresource=status', '-n', 'default'],
        ['create', 'deployments.apps', '-n', SYSTEM],
        ['create', 'poddisruptionbudgets.policy', '-n', SYSTEM],
        ['create', 'secrets', '-n', SYSTEM],
        ['update', 'leases.coordination.k8s.io', '-n', SYSTEM],
        ['create', 'events.events.k8s.io', '-n', 'default'],
      ],
      [
        ['create', 'secrets', '-n', 'default'],
        ['create', 'deployments.apps', '-n', 'default'],
        ['create', 'pods', '-n', SYSTEM],
        ['delete', 'pods', '-n', 'default'],
        ['patch', 'pods', '-n', 'default'],
        ['patch', 'webpools.webpool.dev', '-n', 'default'],
        ['delete', 'databasegrants.webpool.dev', '-n', 'default'],
        ['create', 'proxyreports.webpool.dev', '-n', SYSTEM],
        ['get', 'nodes'],
        ['create', 'clusterrolebindings.rbac.authorization.k8s.io'],
      ],
    ],
  ])('%s', (...[, account, allowed, refused]) => {
    test.each(allowed)('may %s %s %s %s', async (...question) => {
      expect(await may(account, ...question)).toBe(true);
    });
    test.each(refused)('may not %s %s %s %s', async (...question) => {
      expect(await may(account, ...question)).toBe(false);
    });
  });

  test.each([
    ['view', 'get', true],
    ['view', 'create', false],
    ['edit', 'create', true],
    ['edit', 'delete', true],
    ['admin', 'delete', true],
  ])('who may %s a namespace may %s its objects: %s', async (...[role, verb, expected]) => {
    const binding = ['rolebinding', `may-${role}-${verb}`];
    await plane.kubectl(['create', ...binding, `--clusterrole=${role}`, `--user=${role}`]);
    const answer = () => may(role, verb, 'databasegrants.webpool.dev');
    if (expected) await eventually(`${role} may ${verb}`, answer);
    else expect(await answer()).toBe(false);
    await plane.kubectl(['delete', ...binding]);
  });

  test('what the operator makes from there is taken by the API server, strictly, and by its Pod security', async () => {
    const pools = [
      pool('blog', { port: 8080, selector: { matchLabels: { app: 'blog' } }, externalEndpoints: machines(2) }),
      pool('relay', { protocol: 'TCP', portName: 'smtp', selector: { matchLabels: { app: 'relay' } } }),
    ];
    const made = clusterObjects(input(pools, { installation: installation({ watchNamespaces: ['default'] }) })).objects;
    const list = { apiVersion: 'v1', kind: 'List', items: made };
    const options = ['--dry-run=server', '--validate=strict', '-f', '-'];
    const told = await plane.kubectl(['apply', ...options], { input: JSON.stringify(list) });
    expect(told.trim().split('\n')).toHaveLength(made.length);
    expect(told).not.toMatch(/[Ww]arning|violate/);
    const template = made.flatMap((object) => (object.kind === 'Deployment' ? [object.spec.template] : []))[0];
    const body = { apiVersion: 'v1', kind: 'Pod', ...template, metadata: { ...template?.metadata, name: 'proxy' } };
    const { status } = await plane.client.request('POST', `/api/v1/namespaces/${SYSTEM}/pods?dryRun=All`, { body });
    expect(status).toBe(201);
  });

  test('an agent writes the report of its own Pod and no other', async () => {
    const container = {
      name: 'agent',
      image: 'none',
      securityContext: {
        allowPrivilegeEscalation: false,
        runAsNonRoot: true,
        runAsUser: 1,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    };
    const spec = { serviceAccountName: 'webpool-agent', containers: [container] };
    for (const name of ['proxy-a', 'proxy-b']) {
      await plane.client.ask('POST', `/api/v1/namespaces/${SYSTEM}/pods`, { body: { metadata: { name }, spec } });
    }
    const token = await plane.kubectl([
      'create',
      'token',
      'webpool-agent',
      '-n',
      SYSTEM,
      '--bound-object-kind=Pod',
      '--bound-object-name=proxy-a',
    ]);
    const kubeconfig = await plane.kubeconfigWith(token.trim());
    const report = (name: string) => ({
      apiVersion: 'webpool.dev/v1alpha1',
      kind: 'ProxyReport',
      metadata: { name, namespace: SYSTEM },
      spec: { heartbeatTime: '2026-01-01T00:00:00Z', programmed: {}, pools: [] },
    });
    const write = (name: string) =>
      plane.kubectl(['apply', '--server-side', '-f', '-'], { kubeconfig, input: JSON.stringify(report(name)) });
    await eventually('the policy is in force', async () => {
      await expect(write('proxy-b')).rejects.toThrow('an agent writes the report of its own Pod only');
      return true;
    });
    expect(await write('proxy-a')).toContain('proxyreport.webpool.dev/proxy-a serverside-applied');
    const anyone = await plane.kubeconfigFor({ namespace: SYSTEM, name: 'webpool-agent' });
    await expect(
      plane.kubectl(['apply', '--server-side', '-f', '-'], {
        kubeconfig: anyone,
        input: JSON.stringify(report('proxy-a')),
      }),
    ).rejects.toThrow('an agent writes the report of its own Pod only');
  });

  test('the health script comes beside what Argo CD has in its ConfigMap, and goes alone', async () => {
    await plane.kubectl(['create', 'namespace', 'argocd']);
    await plane.kubectl([
      'create',
      'configmap',
      'argocd-cm',
      '-n',
      'argocd',
      '--from-literal=url=https://argocd.example.com',
    ]);
    await plane.kubectl(['apply', '--server-side', '--field-manager=webpool', '-k', `${MANIFESTS}/argocd`]);
    const map = await plane.kubectl(['get', 'configmap', 'argocd-cm', '-n', 'argocd', '-o', 'json']);
    const { data } = JSON.parse(map) as { readonly data: Readonly<Record<string, string>> };
    expect(
      Object.keys(data)
        .map((key) => key.split('_')[1] ?? key)
        .sort(),
    ).toEqual(['DatabaseGrant', 'RoutingRule', 'WebPool', 'url']);
    await plane.kubectl(['delete', 'namespace', 'argocd', '--timeout=60s']);
  });

  test.each([
    ['grafana', /name: webpool-dashboards/],
    ['prometheus', /kind: PrometheusRule/],
  ])('%s can be rendered', async (folder, part) => {
    expect(await plane.kubectl(['kustomize', `${MANIFESTS}/${folder}`])).toMatch(part);
  });

  test('deleted, they leave nothing behind', async () => {
    await plane.kubectl(['delete', '-k', MANIFESTS, '--timeout=120s']);
    await eventually('all is as before', async () => {
      expect(added(before, await inventory(plane))).toEqual([]);
      return true;
    });
  });
});
