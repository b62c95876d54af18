import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';
import { run } from './child.ts';
import { BUSYBOX } from './images.ts';
import { missingCluster, startCluster, type Cluster } from './node.ts';
import { BUILD_TIMEOUT } from './programs.ts';

describeWhere('a cluster with a node', await missingCluster(), () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  }, BUILD_TIMEOUT);
  afterAll(() => cluster?.stop());

  test('runs a Deployment whose Service other Pods and VMs reach', async () => {
    const manifest = [deployment('web', 'echo hello >/index.html; exec httpd -f -p 8080'), service('web', 8080)];
    await cluster.kubectl(['apply', '-f', '-'], { input: manifest.map((one) => JSON.stringify(one)).join('\n---\n') });
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=120s']);
    const [pod = ''] = (await cluster.kubectl(['get', 'pods', '-o', 'name'])).split('\n');
    const fromPod = ['exec', pod, '--', 'wget', '-qO-', `http://${await addressOf('web')}/`];
    expect(await eventually('a Pod reaches the Service', () => cluster.kubectl(fromPod))).toBe('hello\n');
    const vm = await cluster.network.startVm({ name: 'web01' });
    expect(await cluster.kubectl(['exec', pod, '--', 'wget', '-qO-', `http://${vm.address}/`])).toContain('web01');
    await cluster.setNames({ 'web01.serverlab.intra': [vm.address6, vm.address] });
    expect(await cluster.kubectl(['exec', pod, '--', 'wget', '-qO-', 'http://web01.serverlab.intra/'])).toContain(
      'web01',
    );
    const lookUp = ['exec', pod, '--', 'nslookup', '-type=aaaa', 'web01.serverlab.intra'];
    expect(await cluster.kubectl(lookUp)).toContain(vm.address6);
    const podAddress = await cluster.kubectl(['get', pod, '-o', 'jsonpath={.status.podIP}']);
    expect(await vm.run(['curl', '-s', `http://${podAddress}:8080/`])).toBe('hello\n');
    const outside = `http://${await eventually('an address for the Service', () => externalAddressOf('web'))}/`;
    expect(await eventually('this host reaches the Service', () => textAt(outside))).toBe('hello\n');
    expect(await vm.run(['curl', '-s', outside])).toBe('hello\n');
    expect((await vm.visits()).map(({ remote }) => remote)).toEqual([podAddress, podAddress]);
  });

  test('lets a Pod ask the API server, as its service account', async () => {
    const ask =
      'wget --no-check-certificate -qO- --header "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" https://$KUBERNETES_SERVICE_HOST/api; sleep 1000';
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'asker' }, spec: podSpec(ask) };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
    const answer = await eventually('its answer', async () => {
      const log = await cluster.kubectl(['logs', 'asker']);
      return log.includes('APIVersions') && log;
    });
    expect(answer).toContain(cluster.network.address);
  });

  test('is gone when its maker crashes, processes, mounts, cgroups and files', async () => {
    const module = new URL('node.ts', import.meta.url).href;
    const script = `const { startCluster } = await import('${module}'); console.log((await startCluster()).network.folder);`;
    const own = ['--input-type=module', '-e', script];
    const maker = spawn(process.execPath, own, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = (await once(maker.stdout, 'data')) as [Buffer];
    const folder = text.toString().trim();
    const traces = async (): Promise<string> => {
      const processes = await run(['pgrep', '-f', `${folder}/`]).catch(() => '');
      const groups = await run(['find', '/sys/fs/cgroup', '-name', basename(folder)]);
      return `${processes}${groups}${[folder, `/run/netns/${basename(folder)}`].filter((path) => existsSync(path)).join()}`;
    };
    expect(await traces()).toContain(folder);
    maker.kill('SIGKILL');
    await eventually('no trace is left', async () => (await traces()) === '');
  }, 180_000);

  async function externalAddressOf(name: string): Promise<string | false> {
    const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
    return (await cluster.kubectl(['get', 'service', name, '-o', path])) || false;
  }

  async function addressOf(name: string): Promise<string> {
    return cluster.kubectl(['get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}']);
  }
});

async function textAt(url: string): Promise<string> {
  return await (await request(url)).body.text();
}

function podSpec(script: string): object {
  const container = { name: 'main', image: BUSYBOX.image, imagePullPolicy: 'Never', command: ['sh', '-c', script] };
  return { terminationGracePeriodSeconds: 0, containers: [container] };
}

function deployment(name: string, script: string): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: podSpec(script) };
  const spec = { replicas: 2, selector: { matchLabels: labels }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

function service(name: string, targetPort: number): object {
  const spec = { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80, targetPort }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
}
