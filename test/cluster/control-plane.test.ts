import { afterAll, beforeAll, expect, test } from 'vitest';
import { request } from 'undici';
import { describeWhere } from '../support/announce.ts';
import { waitUntil } from './child.ts';
import { programsOf, startControlPlane, type ControlPlane } from './control-plane.ts';
import { missingNetwork, startNetwork, type Network } from './network.ts';
import { BUILD_TIMEOUT, kubernetesVersion, missingPrograms } from './programs.ts';
import type { Vm } from './vm.ts';

const options = { controllers: true, scheduler: true } as const;
const missing = await missingPrograms(programsOf(options));

describeWhere('a control plane on loopback', missing, () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane(options);
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  test('tells its version', async () => {
    const { gitVersion } = await plane.client.ask<{ gitVersion: string }>('GET', '/version');
    if (process.env['KUBEBUILDER_ASSETS'] === undefined) expect(gitVersion).toBe(await kubernetesVersion());
    expect(await plane.kubectl(['version'])).toContain(`Server Version: ${gitVersion}`);
  });

  test('gives a service account the rights of its roles and no more', async () => {
    await plane.kubectl(['create', 'serviceaccount', 'reader']);
    await plane.kubectl(['create', 'role', 'reader', '--verb=get,list', '--resource=services']);
    await plane.kubectl(['create', 'rolebinding', 'reader', '--role=reader', '--serviceaccount=default:reader']);
    const client = await plane.clientFor({ namespace: 'default', name: 'reader' });
    expect((await client.request('GET', '/api/v1/namespaces/default/services')).status).toBe(200);
    expect((await client.request('GET', '/api/v1/namespaces/default/secrets')).status).toBe(403);
    const kubeconfig = await plane.kubeconfigFor({ namespace: 'default', name: 'reader' });
    await expect(plane.kubectl(['get', 'secrets'], { kubeconfig })).rejects.toThrow('cannot list resource "secrets"');
  });

  test('has controllers: the slice of a Service follows its Pods, what is owned goes with its owner', async () => {
    const manifest = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'blog' },
      spec: { clusterIP: 'None', selector: { app: 'blog' }, ports: [{ port: 80 }] },
    };
    await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
    const slices = ['get', 'endpointslices', '-l', 'kubernetes.io/service-name=blog', '-o', 'name'];
    await waitUntil({ what: 'slice is there', isTrue: async () => (await plane.kubectl(slices)) !== '' });
    await plane.kubectl(['delete', 'service', 'blog']);
    await waitUntil({ what: 'slice is gone', isTrue: async () => (await plane.kubectl(slices)) === '' });
  });

  test('keeps its objects and its address when the API server crashes', async () => {
    await plane.kubectl(['create', 'configmap', 'kept']);
    await plane.apiServer.kill();
    await expect(plane.client.request('GET', '/readyz')).rejects.toThrow('ECONNREFUSED');
    await plane.apiServer.start();
    expect(await plane.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).toBe('configmap/kept\n');
  });
});

describeWhere('a network', await missingNetwork(), () => {
  let network: Network;
  let vm: Vm;
  beforeAll(async () => {
    network = await startNetwork();
    vm = await network.startVm({ name: 'web01' });
  });
  afterAll(() => network?.stop());

  async function ask(host: string): Promise<unknown> {
    const { statusCode, body } = await request(`http://${host}:${vm.port}/a?b=1`, { headersTimeout: 500 });
    return { status: statusCode, ...((await body.json()) as object) };
  }

  test('reaches a VM by both its addresses', async () => {
    const seen = { status: 200, server: 'web01', method: 'GET', url: '/a?b=1' };
    expect(await ask(vm.address)).toMatchObject({ ...seen, remote: network.hostAddress });
    expect(await ask(`[${vm.address6}]`)).toMatchObject({ ...seen, remote: network.address6Of(254) });
    expect(await vm.visits()).toHaveLength(2);
  });

  test('lets VMs reach one another, and a VM change its mind', async () => {
    const other = await network.startVm({ name: 'web02', port: 8080 });
    await other.behave({ status: 503, body: 'closed' });
    const answer = await vm.run(['curl', '-s', '-w', '%{http_code}', `http://${other.address}:8080/`]);
    expect(answer).toBe('closed503');
    await other.stop();
    const again = await network.startVm({ name: 'web02', host: 11 });
    expect(await vm.run(['curl', '-s', `http://${again.address}/`])).toContain('"server":"web02"');
  });

  test('loses a VM in silence when it is unplugged', async () => {
    await vm.unplug();
    await expect(ask(vm.address)).rejects.toThrow();
    await vm.plug();
    await waitUntil({ what: 'VM is back', isTrue: async () => (await ask(vm.address)) !== undefined });
  });
});
