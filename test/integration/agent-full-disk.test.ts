/** The disk of a proxy Pod is full: what runs follows the cluster on, what needs the disk waits and is told, and nobody has to help. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProxyReportSpec } from '../../operator/api/kinds.gen.ts';
import { runMasterCommand } from '../../operator/driver/runtime-socket.ts';
import { parseProcesses } from '../../operator/haproxy/parse.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../cluster/network.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { request, startLoad, type Load } from '../support/http-client.ts';
import { startProxyPod, type ProxyPod } from '../support/proxy-pod.ts';
import { makeSmallDisk, missingSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const CRDS = new URL('../../crds/', import.meta.url).pathname;
const UID = '00000000-0000-4000-8000-000000000001';
const DEFAULT = '/apis/webpool.dev/v1alpha1/namespaces/default';
const [PORT, OTHER_PORT] = [8080, 8081];
const missing = (await missingPrograms(programsOf({}))) ?? (await missingNetwork()) ?? (await missingSmallDisk());

describeWhere('an agent whose disk is full', missing, () => {
  let plane: ControlPlane;
  let network: Network;
  let disk: SmallDisk;
  let pod: ProxyPod;
  let load: Load;
  const servers: WebServer[] = [];

  const apply = (object: object) => plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const ours = (kind: string, name: string, spec: object) =>
    apply({ apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { name, namespace: 'default' }, spec });
  const rule = (name: string, port: number) =>
    ours('RoutingRule', name, {
      listener: { protocol: 'HTTP', port },
      rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
    });
  /** The Pod of the pool is this one from now on. */
  const move = ({ address, port }: WebServer) =>
    apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'blog-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'blog' } },
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    });
  const one = (index: number): WebServer => {
    const found = servers[index];
    if (found === undefined) throw new Error(`no server ${index}`);
    return found;
  };
  const visit = (port: number) => request({ address: pod.bind, port }, '/').then(({ server }) => server);
  const answers = (name: string, port = PORT) =>
    eventually(`${name} answers at ${port}`, async () => {
      for (let i = 0; i < 5; i++) if ((await visit(port)) !== name) return false;
      return true;
    });
  const report = async () =>
    (await plane.client.ask<{ spec: ProxyReportSpec }>('GET', `${DEFAULT}/proxyreports/proxy-1`)).spec;
  const image = () => readFile(`${disk.folder}/haproxy.cfg`, 'utf8');
  const metric = async (name: string) => {
    const text = await fetch(`${pod.url}/metrics`).then((answer) => answer.text());
    const line = text.split('\n').find((found) => found.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? 0);
  };
  const failures = () => metric('webpool_image_failures_total');
  const reloads = async () => parseProcesses(await runMasterCommand(`${disk.folder}/master.sock`, 'show proc')).reloads;
  const noVisitorIsLost = async () => {
    await load.more(10);
    expect(load.failures).toEqual([]);
  };

  beforeAll(async () => {
    plane = await startControlPlane({});
    network = await startNetwork();
    disk = await makeSmallDisk(4);
    await plane.kubectl(['apply', '-k', CRDS]);
    await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
    for (const name of ['a', 'b']) servers.push(await startWebServer({ name, address: network.hostAddress }));
    await ours('WebPool', 'blog', { port: 80, selector: { matchLabels: { app: 'blog' } } });
    await rule('site', PORT);
    await move(one(0));
    const identity = { namespace: 'default', name: 'proxy-1', uid: UID };
    pod = await startProxyPod({ access: plane.kubeconfig, pod: identity, folder: disk.folder });
    await pod.ready();
    await answers('a');
    load = startLoad({ address: pod.bind, port: PORT }, { clients: 2, perSecond: 50 });
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await load?.stop();
    await pod?.stop();
    await disk?.stop();
    for (const server of servers) await server.stop();
    await network?.stop();
    await plane?.stop();
  });

  test('follows servers, and counts that the image is not written', async () => {
    const before = await image();
    expect(await failures()).toBe(0);
    disk.fill();
    await move(one(1));
    await answers('b');
    await eventually('it is counted', async () => (await failures()) > 0);
    expect(await image()).toBe(before);
    await noVisitorIsLost();
  });

  test('keeps what it has where a change needs a reload, says why, and follows servers on', async () => {
    const before = await reloads();
    await rule('other', OTHER_PORT);
    const problem = await eventually('it is told', async () => (await report()).problem);
    expect(problem.reason).toBe('FilesNotWritten');
    expect(problem.message).toMatch(/no space left on device/);
    const { metadata } = await plane.client.ask<{ metadata: { resourceVersion: string } }>(
      'GET',
      `${DEFAULT}/routingrules/other`,
    );
    await move(one(0));
    await answers('a');
    expect(Number((await report()).programmed.routingRules)).toBeLessThan(Number(metadata.resourceVersion));
    await expect(visit(OTHER_PORT)).rejects.toThrow('ECONNREFUSED');
    expect(await reloads()).toBe(before);
    await noVisitorIsLost();
    expect([pod.haproxy.starts, pod.agent.starts]).toEqual([1, 1]);
  });

  test('fails no round over it: nothing would be better if a kubelet started it again', async () => {
    const errors = () => metric('controller_runtime_reconcile_total{controller="proxy",result="error"}');
    const [errorsBefore, before] = [await errors(), await failures()];
    await eventually('further tries', async () => (await failures()) > before + 2);
    expect(await errors()).toBe(errorsBefore);
    expect((await fetch(`${pod.url}/healthz`)).status).toBe(200);
    await noVisitorIsLost();
  });

  test('follows servers also when it is started again', async () => {
    await pod.agent.kill();
    await move(one(1));
    await answers('b');
    await eventually('it tells what it does not have yet', async () => {
      const { programmed, problem } = await report();
      return programmed.routingRules === undefined && problem?.reason === 'FilesNotWritten';
    });
    await noVisitorIsLost();
  });

  test('does what had to wait once there is room', async () => {
    await disk.free();
    await answers('b', OTHER_PORT);
    await eventually('nothing is left to tell', async () => (await report()).problem === undefined);
    await noVisitorIsLost();
    await eventually('the image', async () => (await image()).includes(`:${one(1).port} `));
  });

  test('a HAProxy that ends while the disk is full comes back with the last good image, and what is true follows', async () => {
    await load.stop();
    expect(load.failures).toEqual([]);
    disk.fill();
    await move(one(0));
    await answers('a');
    await rule('third', 8082);
    await eventually('it is told', async () => (await report()).problem);
    await pod.haproxy.kill();
    await answers('a');
    await answers('a', OTHER_PORT);
    await disk.free();
    await answers('a', 8082);
    expect(pod.haproxy.starts).toBe(2);
  });
});
