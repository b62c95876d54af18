import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';
import { programsOf, startControlPlane, type ControlPlane } from './control-plane.ts';
import { BUILD_TIMEOUT, kubernetesVersion, missingPrograms } from './programs.ts';

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
    await eventually('slice is there', async () => (await plane.kubectl(slices)) !== '');
    await plane.kubectl(['delete', 'service', 'blog']);
    await eventually('slice is gone', async () => (await plane.kubectl(slices)) === '');
  });

  test('keeps its objects and its address when the API server crashes', async () => {
    await plane.kubectl(['create', 'configmap', 'kept']);
    await plane.apiServer.kill();
    await expect(plane.client.request('GET', '/readyz')).rejects.toThrow('ECONNREFUSED');
    await plane.apiServer.start();
    expect(await plane.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).toBe('configmap/kept\n');
  });
});
