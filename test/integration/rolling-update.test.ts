/**
 * Rolling updates of a pool of ten as Kubernetes makes them, under load, with a real API server, agent and HAProxy: one Pod more at a time,
 * and the one that leaves is told so, drains and ends. `ROLLS=100` asks for as many.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../cluster/network.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { startLoad } from '../support/http-client.ts';
import { startProxyPod, type ProxyPod } from '../support/proxy-pod.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const missing = (await missingPrograms(programsOf({}))) ?? (await missingNetwork());

const SERVERS = 10;
const ROLLS = Number(process.env['ROLLS'] ?? 3);
const PER_SECOND = 300;
/** Milliseconds from being told to go until a Pod ends, the shortest `preStop` that people write. */
const PRE_STOP = 1000;
/** Milliseconds between two replacements. */
const APART = 150;

describeWhere('a pool of ten under load', missing, () => {
  let plane: ControlPlane;
  let network: Network;
  let proxy: ProxyPod;
  const pods: WebServer[] = [];
  let made = 0;

  /** All Pods share an address here, so each has a port and hence a slice of its own. */
  const writeSlice = async (pod: WebServer, state: 'Ready' | 'Terminating' | 'Gone') => {
    const conditions =
      state === 'Ready'
        ? { ready: true, serving: true, terminating: false }
        : { ready: false, serving: true, terminating: true };
    const body = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: pod.name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'blog' } },
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port: pod.port }],
      endpoints: [{ addresses: [pod.address], conditions, targetRef: { kind: 'Pod', name: pod.name } }],
    };
    if (state === 'Gone') await plane.client.ask('DELETE', `${SLICES}/${pod.name}`);
    else if (state === 'Ready') await plane.client.ask('POST', SLICES, { body });
    else await plane.client.ask('PUT', `${SLICES}/${pod.name}`, { body });
  };
  const join = async () => {
    made += 1;
    const pod = await startWebServer({ name: `blog-${made}`, address: network.hostAddress });
    pods.push(pod);
    await writeSlice(pod, 'Ready');
  };
  const leave = async () => {
    const pod = pods.shift();
    if (pod === undefined) throw new Error('no Pod is left');
    await writeSlice(pod, 'Terminating');
    await delay(PRE_STOP);
    // Like a server that was told to end: it answers what it has begun to.
    await eventually('it has answered everything', () => pod.open === 0);
    await pod.stop();
    await writeSlice(pod, 'Gone');
  };
  const metric = async (name: string) => {
    const text = await (await fetch(`${proxy.url}/metrics`)).text();
    const values = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };

  beforeAll(async () => {
    plane = await startControlPlane({});
    network = await startNetwork();
    await plane.installKinds();
    const ours = (kind: string, name: string, spec: object) => ({
      apiVersion: 'webpool.dev/v1alpha1',
      kind,
      metadata: { name, namespace: 'default' },
      spec,
    });
    const items = [
      ours('WebPool', 'blog', { port: 80, selector: { matchLabels: { app: 'blog' } } }),
      ours('RoutingRule', 'site', {
        listener: { protocol: 'HTTP', port: 8080 },
        rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
      }),
    ];
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await plane.kubectl(['apply', '-f', '-'], { input });
    for (let count = 0; count < SERVERS; count += 1) await join();
    const pod = { namespace: 'default', name: 'proxy-1', uid: '00000000-0000-4000-8000-000000000001' };
    proxy = await startProxyPod({ access: plane, pod });
    await proxy.ready();
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await proxy?.stop();
    for (const pod of pods) await pod.stop();
    await network?.stop();
    await plane?.stop();
  });

  test(`loses no request in ${ROLLS} rolling updates, and reloads nothing`, { timeout: 15 * 60_000 }, async () => {
    const place = { address: proxy.bind, port: 8080 };
    const before = await metric('webpool_reloads_total');
    const load = startLoad(place, { clients: 8, perSecond: PER_SECOND });
    const begun = performance.now();
    const leaving: Promise<void>[] = [];
    await load.more(SERVERS);
    for (let roll = 0; roll < ROLLS; roll += 1) {
      for (let server = 0; server < SERVERS; server += 1) {
        await join();
        leaving.push(leave());
        await delay(APART);
      }
    }
    await Promise.all(leaving);
    await load.more(SERVERS);
    const seconds = (performance.now() - begun) / 1000;
    await load.stop();
    process.stdout.write(
      `${ROLLS} rolls in ${seconds.toFixed(1)} s: ${load.requests} requests, ${load.failures.length} failed\n`,
    );
    const reloads = (await metric('webpool_reloads_total')) - before;
    expect({ reloads, failures: load.failures }).toEqual({ reloads: 0, failures: [] });
    // Every Pod that stays served, and nobody asked one that had gone.
    expect(load.servers.size).toBeGreaterThan(SERVERS * ROLLS);
  });
});
