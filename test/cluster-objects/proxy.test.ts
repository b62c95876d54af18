import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { clusterObjects } from '../../operator/cluster/build.ts';
import { createMirrored, heldCopies, mirroredPages, mirroredSecret } from '../../operator/cluster/mirrored-secret.ts';
import type { DeploymentObject, ServiceObject } from '../../operator/cluster/object.ts';
import { proxyDeployment, proxyBudget, proxyService } from '../../operator/cluster/proxy-objects.ts';
import { configMapInfo, pagesOf as textsAsPages } from '../../operator/source/config-map.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { byKey, metadata, resources, rule, secret } from '../topology/objects.ts';
import { eventually } from '../support/wait.ts';
import { input, installation, machines, pool } from './sample.ts';

const listener = (protocol: 'HTTP' | 'TCP', port: number) => ({ protocol, port, routes: [] });

function containers({ spec }: DeploymentObject) {
  return Object.fromEntries(spec.template.spec.containers.map((container) => [container.name, container]));
}

describe('the proxy Pod', () => {
  const deployment = proxyDeployment(installation());
  const { haproxy, agent } = containers(deployment);

  it('gives a token to the agent alone', () => {
    const { automountServiceAccountToken, volumes } = deployment.spec.template.spec;
    expect(automountServiceAccountToken).toBe(false);
    expect(JSON.stringify(volumes)).toContain('serviceAccountToken');
    expect(haproxy?.volumeMounts.map(({ name }) => name)).toEqual(['run']);
    expect(agent?.volumeMounts.map(({ name }) => name)).toEqual(['run', 'token']);
  });

  it('is the same whatever listeners and pools there are, since another would replace all proxies', () => {
    const built = (pools: Parameters<typeof input>[0]) => clusterObjects(input(pools)).objects;
    const deployments = [built([]), built([pool('blog', { port: 80 })])].map((objects) =>
      objects.find(({ kind }) => kind === 'Deployment'),
    );
    expect(deployments[0]).toEqual(deployments[1]);
  });

  it('has the time that its drain takes', () => {
    const { spec } = proxyDeployment(installation({ proxy: { drain: { delay: '1500ms', timeout: '5m' } } }));
    expect(spec.template.spec.terminationGracePeriodSeconds).toBe(2 + 300 + 15);
  });

  it('takes what the settings say', () => {
    const proxy = {
      replicas: 3,
      image: 'example.com/proxy:2',
      imagePullPolicy: 'Always',
      imagePullSecrets: ['pull'],
      resources: { haproxy: { limits: { cpu: '2', memory: '1Gi' } } },
      nodeSelector: { edge: 'yes' },
      tolerations: [{ key: 'edge', operator: 'Exists', effect: 'NoSchedule' }],
      priorityClassName: 'important',
      tcpPorts: '20000-20031',
    };
    const made = proxyDeployment(installation({ watchNamespaces: ['shop', 'blog'], proxy }));
    const { haproxy, agent } = containers(made);
    expect(made.spec.replicas).toBe(3);
    expect(made.spec.template.spec).toMatchObject({
      imagePullSecrets: [{ name: 'pull' }],
      nodeSelector: proxy.nodeSelector,
      tolerations: proxy.tolerations,
      priorityClassName: 'important',
    });
    expect(haproxy).toMatchObject({
      image: proxy.image,
      imagePullPolicy: 'Always',
      resources: { requests: { cpu: '100m', memory: '96Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    });
    const flags = ['--watch-namespace', 'blog', '--watch-namespace', 'shop', '--tcp-ports', '20000-20031'];
    expect(agent?.command.slice(-6)).toEqual(flags);
  });

  it.each([
    ['Off', []],
    ['Full', ['--access-log', 'full']],
    ['1/100', ['--access-log', '1/100']],
  ])('logs requests as the settings say: %s', (accessLog, flags) => {
    const { agent } = containers(proxyDeployment(installation({ proxy: { accessLog } })));
    expect(agent?.command.slice(agent.command.indexOf('--state-dir') + 2)).toEqual(flags);
  });
});

let folder = '';

describe('the script around HAProxy', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'webpool-haproxy-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The container's command in our folder, with a program of this kind for HAProxy. */
  async function start(timeout: string, program: string) {
    const { haproxy } = containers(proxyDeployment(installation({ proxy: { drain: { timeout } } })));
    await writeFile(join(folder, 'haproxy'), `#!/bin/sh\necho "run $*" >> log\n${program}\n`);
    await chmod(join(folder, 'haproxy'), 0o755);
    const [shell = '', ...args] = haproxy?.command ?? [];
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const child = spawn(shell, args, { cwd: folder, env, stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    return { child, ended };
  }

  async function lines(): Promise<readonly string[]> {
    return (await readFile(join(folder, 'log'), 'utf8').catch(() => '')).trim().split('\n');
  }

  const run = 'run -W -db -S unix@master.sock -f haproxy.cfg';
  const drains = (seconds: string) => `
    trap 'echo draining >> log; sleep ${seconds} & wait; echo ended >> log; exit 0' USR1
    trap 'echo terminated >> log; exit 143' TERM
    echo waiting >> log
    while :; do sleep 0.05; done`;

  it('waits for a configuration, and ends at once as long as there is none', async () => {
    const { child, ended } = await start('20s', drains('0'));
    child.kill('SIGTERM');
    await ended;
    expect(await lines()).toEqual(['']);
  });

  it('lets connections end', async () => {
    const { child, ended } = await start('20s', drains('0.2'));
    await writeFile(join(folder, 'haproxy.cfg'), '');
    await eventually('HAProxy to run', async () => (await lines()).includes('waiting'));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(await lines()).toEqual([run, 'waiting', 'draining', 'ended']);
  });

  it('ends HAProxy when connections do not end in time', async () => {
    const { child, ended } = await start('1s', drains('20'));
    await writeFile(join(folder, 'haproxy.cfg'), '');
    await eventually('HAProxy to run', async () => (await lines()).includes('waiting'));
    child.kill('SIGTERM');
    expect(await ended).toBe(143);
    expect(await lines()).toEqual([run, 'waiting', 'draining', 'terminated']);
  });

  it('fails as HAProxy fails', async () => {
    const { ended } = await start('20s', 'exit 7');
    await writeFile(join(folder, 'haproxy.cfg'), '');
    expect(await ended).toBe(7);
  });
});

describe('the script around the agent', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'webpool-agent-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('starts an agent that failed again, passes a signal on and ends when the agent has ended well', async () => {
    const [shell = '', option = '', script = ''] = containers(proxyDeployment(installation()))['agent']?.command ?? [];
    const log = join(folder, 'log');
    const agent = join(folder, 'agent');
    const lines = async () => (await readFile(log, 'utf8').catch(() => '')).trim().split('\n');
    await writeFile(
      agent,
      `#!/bin/sh
echo "run $*" >> ${log}
[ "$(wc -l < ${log})" -lt 2 ] && exit 7
trap 'echo draining >> ${log}; sleep 0.2; echo ended >> ${log}; exit 0' TERM
echo waiting >> ${log}
while :; do sleep 0.05; done
`,
    );
    await chmod(agent, 0o755);
    const child = spawn(shell, [option, script, agent, 'agent', '--state-dir', '/run/webpool'], { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    await eventually('the agent to run', async () => (await lines()).includes('waiting'));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const run = 'run agent --state-dir /run/webpool';
    expect(await lines()).toEqual([run, run, 'waiting', 'draining', 'ended']);
  });
});

describe('the Service in front of the proxies', () => {
  it('has the ports of the listeners', () => {
    const { spec } = proxyService(installation(), [listener('HTTP', 80), listener('TCP', 2525)]);
    expect(spec.ports.map(({ name, port, targetPort }) => `${name} ${port} ${targetPort}`)).toEqual([
      'http-80 80 80',
      'tcp-2525 2525 2525',
    ]);
  });

  it('keeps a port, and so its address, while there is no listener', () => {
    expect(proxyService(installation(), []).spec.ports.map(({ port }) => port)).toEqual([80]);
  });

  test.each<[object, Partial<ServiceObject['spec']>]>([
    [{}, { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }],
    [
      { type: 'NodePort', externalTrafficPolicy: 'Cluster' },
      { type: 'NodePort', externalTrafficPolicy: 'Cluster' },
    ],
    // The API refuses these fields for other types.
    [
      { type: 'ClusterIP', loadBalancerClass: 'a/b', loadBalancerSourceRanges: ['192.0.2.0/24'] },
      { type: 'ClusterIP' },
    ],
    [
      { loadBalancerClass: 'a/b', loadBalancerSourceRanges: ['192.0.2.0/24'] },
      {
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        loadBalancerClass: 'a/b',
        loadBalancerSourceRanges: ['192.0.2.0/24'],
      },
    ],
  ])('of settings %j', (service, expected) => {
    const {
      selector: _,
      ports: __,
      ipFamilyPolicy: ___,
      ...spec
    } = proxyService(installation({ proxy: { service } }), []).spec;
    expect(spec).toEqual(expected);
  });

  it('has the annotations of the settings and no other', () => {
    const annotations = { 'cloud.example.com/load-balancer': 'internal' };
    expect(proxyService(installation({ proxy: { service: { annotations } } }), []).metadata.annotations).toEqual(
      annotations,
    );
    expect(proxyService(installation(), []).metadata.annotations).toBeUndefined();
  });
});

test.each([
  [1, undefined],
  [2, 1],
  [5, 1],
])('of %i proxies a node drain may take %s', (replicas, most) => {
  expect(proxyBudget(installation({ proxy: { replicas } }))?.spec.maxUnavailable).toBe(most);
});

test('an autoscaler is not contradicted', () => {
  const scaled = installation({ proxy: { scaling: 'External', replicas: 1 } });
  expect([proxyDeployment(scaled).spec.replicas, proxyBudget(scaled)?.spec.maxUnavailable]).toEqual([undefined, 1]);
});

test('certificates are the Secrets of listeners and of servers, each once', () => {
  const ref = (name: string) => ({ secret: `default/${name}`, version: '1' });
  const site = (certificates: readonly string[]) => ({
    tls: { certificates: certificates.map(ref), minVersion: 'TLSv1.2' as const, clientCA: ref('clients') },
  });
  const plain = buildTopology(
    resources({ pools: [pool('old', { port: 443, externalEndpoints: machines(2) })] }),
    new Map(),
  );
  const pools = new Map(
    [...plain.pools].map(([key, found]) => [
      key,
      {
        ...found,
        servers: found.servers.map((server) => ({
          ...server,
          transport: { tls: { profile: 'Modern' as const, ca: ref('servers') } },
        })),
      },
    ]),
  );
  const sites = [site(['www', 'www-ecdsa']), site(['www']), site(['gone'])];
  const listeners = [listener('HTTP', 80), { ...listener('HTTP', 443), sites }];
  const names = ['www', 'www-ecdsa', 'clients', 'servers', 'other'];
  const secrets = byKey(names.map((name) => secret(name, ['tls.crt'])));
  const { certificates } = createMirrored()({ listeners, pools }, { ...resources({}), secrets });
  expect(certificates.map(({ metadata }) => metadata.name)).toEqual(['clients', 'servers', 'www', 'www-ecdsa']);
});

test('the copy of a Secret that is named and there is never removed, whatever is in it', () => {
  const tls = { secretName: 'www', clientCASecretName: 'gone' };
  const rules = [rule('site', { listener: { protocol: 'HTTPS', tls }, rules: [{ name: 'all' }] })];
  const pools = [pool('old', { port: 443, tls: { caSecretName: 'servers' } })];
  const secrets = ['www', 'servers', 'other'].map((name) => secret(name, ['tls.crt']));
  expect([...heldCopies(resources({ pools, rules, secrets }))]).toEqual(['copy.default.www', 'copy.default.servers']);
});

describe('pages', () => {
  const configMap = (name: string, texts: Readonly<Record<string, string>>) =>
    configMapInfo(metadata(name), textsAsPages(new Map(Object.entries(texts))));
  const closed = (name: string, from: string, key: string) =>
    pool(name, { port: 80, maintenancePage: { configMap: { name: from, key } } });

  it('are the keys of ConfigMaps that pools name, without what cannot be one', () => {
    const pools = [
      closed('a', 'one', 'x'),
      closed('b', 'one', 'y'),
      closed('c', 'one', 'x'),
      closed('d', 'one', 'bad'),
      closed('e', 'gone', 'x'),
      closed('f', 'two', 'bad'),
      pool('g', { port: 80, maintenancePage: { body: 'soon' } }),
    ];
    const configMaps = [configMap('one', { x: '1', y: '2', z: '3', bad: '\0' }), configMap('two', { bad: '' })];
    const found = createMirrored()({ listeners: [], pools: new Map() }, resources({ pools, configMaps }));
    const copies = found.pages.map((pages) => mirroredPages('webpool-system', pages));
    expect(copies.map(({ data }) => data)).toEqual([{ x: 'MQ==', y: 'Mg==' }]);
    expect(copies[0]).toMatchObject({
      kind: 'Secret',
      metadata: {
        namespace: 'webpool-system',
        name: 'page.default.one',
        annotations: { 'webpool.dev/source': 'default/one', 'webpool.dev/source-kind': 'ConfigMap' },
      },
    });
  });
});

describe('the copy of a certificate', () => {
  const original = (name: string, keys = ['tls.crt', 'tls.key', 'note']) => secret(name, keys, '7');

  it('has what makes a certificate, and says where it comes from', () => {
    expect(mirroredSecret('webpool-system', original('www'))).toMatchObject({
      metadata: {
        namespace: 'webpool-system',
        name: 'copy.default.www',
        annotations: { 'webpool.dev/source': 'default/www', 'webpool.dev/source-version': '7' },
      },
      copy: { from: 'default/www', keys: ['tls.crt', 'tls.key'] },
    });
  });

  it('has a name that is valid and its own, however long that of the original is', () => {
    const names = ['a'.repeat(253), `${'a'.repeat(252)}b`].map(
      (name) => mirroredSecret('webpool-system', original(name)).metadata.name,
    );
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
  });
});
