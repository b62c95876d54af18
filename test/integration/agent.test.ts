/** An agent and its HAProxy on a real API server: what is written there is served, whoever else is away. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProxyReportSpec } from '../../operator/api/kinds.gen.ts';
import { explainCommand } from '../../operator/commands/explain.ts';
import { runCommands, runMasterCommand } from '../../operator/driver/runtime-socket.ts';
import { parseProcesses, parseServersState } from '../../operator/haproxy/parse.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { missingNetwork, startNetwork, type Network } from '../cluster/network.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { request } from '../support/http-client.ts';
import { startProxyPod, type ProxyPod } from '../support/proxy-pod.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const UID = '00000000-0000-4000-8000-000000000001';
const missing = (await missingPrograms(programsOf({}))) ?? (await missingNetwork());

describeWhere('an agent', missing, () => {
  let plane: ControlPlane;
  let network: Network;
  let pod: ProxyPod;
  const servers = new Map<string, WebServer>();

  const server = (name: string): WebServer => {
    const found = servers.get(name);
    if (found === undefined) throw new Error(`no server ${name}`);
    return found;
  };
  const apply = (object: object) => plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const ours = (kind: string, name: string, spec: object) =>
    apply({ apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { name, namespace: 'default' }, spec });
  const slice = (
    name: string,
    options: { readonly pool: string; readonly of: readonly string[]; readonly vm?: true; readonly zone?: string },
  ) => {
    const labels = {
      'kubernetes.io/service-name': options.pool,
      ...(options.vm === true && {
        'endpointslice.kubernetes.io/managed-by': 'webpool.dev',
        'webpool.dev/pool': options.pool,
      }),
    };
    const [first] = options.of;
    return apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'default', labels },
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port: first === undefined ? 80 : server(first).port }],
      endpoints: options.of.map((one) => ({
        addresses: [server(one).address],
        conditions: { ready: true },
        ...(options.vm === true && { hostname: one }),
        ...(options.zone !== undefined && { zone: options.zone }),
      })),
    });
  };
  const visit = async (path = '/') => {
    const answer = await request({ address: pod.bind, port: 8080 }, path);
    return answer.server ?? String(answer.status);
  };
  /** Everybody gets that answer from now on. */
  const answers = (who: string, path?: string) =>
    eventually(`${who} answers`, async () => {
      for (let i = 0; i < 5; i++) if ((await visit(path)) !== who) return false;
      return true;
    });
  const reloads = async () => {
    const text = await runMasterCommand(`${pod.folder}/master.sock`, 'show proc');
    return parseProcesses(text).reloads;
  };
  const report = async () => {
    const path = '/apis/webpool.dev/v1alpha1/namespaces/default/proxyreports/proxy-1';
    return (await plane.client.ask<{ spec: ProxyReportSpec }>('GET', path)).spec;
  };

  beforeAll(async () => {
    plane = await startControlPlane({});
    network = await startNetwork();
    await plane.installKinds();
    for (const name of ['pod1', 'pod2', 'web01']) {
      servers.set(name, await startWebServer({ name, address: network.hostAddress }));
    }
    pod = await startProxyPod({
      access: plane.kubeconfig,
      pod: { namespace: 'default', name: 'proxy-1', uid: UID },
      agentFlags: ['--access-log', 'full'],
    });
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await pod?.stop();
    for (const one of servers.values()) await one.stop();
    await network?.stop();
    await plane?.stop();
  });

  test('serves what is written, Pods at once and machines after their check', async () => {
    await ours('WebPool', 'blog', { port: 80, selector: { matchLabels: { app: 'blog' } } });
    await ours('RoutingRule', 'site', {
      listener: { protocol: 'HTTP', port: 8080 },
      rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
    });
    await slice('blog-1', { pool: 'blog', of: ['pod1'] });
    await pod.ready();
    await answers('pod1');
    const { port } = server('web01');
    await ours('WebPool', 'machines', {
      externalEndpoints: [{ name: 'web01', address: network.hostAddress, port }],
    });
    await ours('RoutingRule', 'machines', {
      listener: { protocol: 'HTTP', port: 8080 },
      rules: [{ name: 'vm', matches: [{ path: { type: 'Prefix', value: '/vm' } }], pools: [{ name: 'machines' }] }],
    });
    await answers('503', '/vm');
    await slice('machines-1', { pool: 'machines', of: ['web01'], vm: true });
    await answers('web01', '/vm');
  });

  test('reports what it read back: versions, worker, servers', async () => {
    const path = '/apis/webpool.dev/v1alpha1/namespaces/default/webpools';
    const { metadata } = await plane.client.ask<{ metadata: { resourceVersion: string } }>('GET', `${path}/machines`);
    await eventually('it has come so far', async () => {
      const { programmed } = await report();
      return Number(programmed.webPools) >= Number(metadata.resourceVersion);
    });
    const { worker, pools, problem, refused } = await report();
    expect(worker?.pid).toBeGreaterThan(1);
    expect(problem).toBeUndefined();
    expect(refused).toBeUndefined();
    const id = `web01_${network.hostAddress}:${server('web01').port}`;
    await eventually('web01 is ready', async () => (await report()).pools[1]?.ready === 1);
    expect((await report()).pools).toEqual([
      { key: 'default/blog', total: 1, ready: 1 },
      { key: 'default/machines', total: 1, ready: 1, readyExternal: [id] },
    ]);
    expect(pools).toHaveLength(2);
  });

  test('learns its zone from the Service of the proxies, and sends to servers near it first', async () => {
    const zoned = (name: string, zone: string) => slice(name, { pool: 'near', of: [name], zone });
    await ours('WebPool', 'near', {
      port: 80,
      selector: { matchLabels: { app: 'near' } },
      trafficDistribution: 'PreferSameZone',
    });
    await ours('RoutingRule', 'near', {
      listener: { protocol: 'HTTP', port: 8080 },
      rules: [{ name: 'all', matches: [{ path: { type: 'Prefix', value: '/near' } }], pools: [{ name: 'near' }] }],
    });
    await zoned('pod1', 'a');
    await zoned('pod2', 'b');
    const both = async () => new Set(await Promise.all(Array.from({ length: 8 }, () => visit('/near'))));
    await eventually('both to serve as long as nobody knows where it is', async () => {
      const seen = await both();
      return seen.has('pod1') && seen.has('pod2');
    });
    const place = (zone: string) =>
      apply({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: 'proxies-1',
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'webpool-proxy-peers' },
        },
        addressType: 'IPv4',
        ports: [{ name: 'peers', protocol: 'TCP', port: 61_082 }],
        endpoints: [{ addresses: ['192.0.2.1'], zone, targetRef: { kind: 'Pod', name: 'proxy-1', uid: UID } }],
      });
    const before = await reloads();
    await place('b');
    await answers('pod2', '/near');
    await place('a');
    await answers('pod1', '/near');
    // What is not known any more is as it was last.
    await plane.kubectl(['delete', 'endpointslice', 'proxies-1']);
    await slice('pod1', { pool: 'near', of: [] });
    await answers('pod2', '/near');
    await zoned('pod1', 'a');
    await answers('pod1', '/near');
    expect(await reloads()).toBe(before);
    await plane.kubectl(['delete', 'routingrule,webpool', 'near']);
    await plane.kubectl(['delete', 'endpointslice', 'pod1', 'pod2']);
  });

  test('tells a person who asks why a server gets no requests', async () => {
    const { port } = server('web01');
    await ours('WebPool', 'machines', {
      healthCheck: { interval: '300ms', fall: 2 },
      externalEndpoints: [{ name: 'web01', address: network.hostAddress, port }],
    });
    const explained = async () => {
      const texts: string[] = [];
      const asked = { method: 'GET', headers: [], output: 'text', out: (text: string) => texts.push(text) } as const;
      const place = { kubeconfig: plane.kubeconfig, namespaces: [] };
      const code = await explainCommand(place, 'http://a.x:8080/vm', asked);
      return `${code} ${texts.join('')}`;
    };
    await eventually('web01 to be a candidate', async () => /web01 \S+ weight 100\n/.test(await explained()));
    expect(await explained()).toMatch(/^0 [^]*rule +vm of RoutingRule default\/machines\n/);
    await server('web01').stop();
    await eventually('it to be explained', async () =>
      /weight 100: Its health check fails: connect to .* every 300 ms; no connection\./.test(await explained()),
    );
    expect(await explained()).toMatch(/^1 [^]*No server takes new requests: they are answered 503\./);
    await server('web01').start();
    await answers('web01', '/vm');
  });

  test('logs each request with its rule and server, in words', async () => {
    await visit('/vm/logged?x');
    const line = await eventually('the line', async () =>
      (await pod.agentLog()).split('\n').find((text) => text.includes('"url":"/vm/logged?x"')),
    );
    expect(JSON.parse(line)).toMatchObject({
      rule: 'default/machines/vm',
      pool: 'default/machines',
      server: expect.stringContaining('web01') as unknown,
      status: 200,
      end: 'complete',
    });
  });

  test('a heartbeat says that it is still so, and is all that is written', async () => {
    const path = '/apis/webpool.dev/v1alpha1/namespaces/default/proxyreports/proxy-1';
    const read = () => plane.client.ask<{ metadata: { generation: number }; spec: ProxyReportSpec }>('GET', path);
    const heartbeatOf = async (before?: string) =>
      eventually('a heartbeat', async () => {
        const now = await read();
        return now.spec.heartbeatTime === before ? undefined : now;
      });
    const first = await heartbeatOf();
    const before = await heartbeatOf(first.spec.heartbeatTime);
    const after = await heartbeatOf(before.spec.heartbeatTime);
    expect(after.metadata.generation).toBe(before.metadata.generation + 1);
    expect({ ...after.spec, heartbeatTime: '' }).toEqual({ ...before.spec, heartbeatTime: '' });
    const seconds = (Date.parse(after.spec.heartbeatTime) - Date.parse(before.spec.heartbeatTime)) / 1000;
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(15);
  });

  test('undoes what somebody changed in HAProxy, and tells', async () => {
    const socket = `${pod.folder}/admin.sock`;
    const one = async () => {
      const [state = ''] = await runCommands(socket, ['show servers state']);
      const servers = parseServersState(state).get('http_default_blog');
      return [...(servers?.values() ?? [])][0];
    };
    await runCommands(socket, [`set server http_default_blog/${(await one())?.name} weight 3`]);
    await eventually('it is undone', async () => (await one())?.weight === 100);
    await eventually('it is told', async () => (await report()).corrected?.total === 1);
  });

  test('goes on from the image when either container ends, and follows again', async () => {
    await pod.haproxy.kill();
    await answers('pod1');
    await slice('blog-1', { pool: 'blog', of: ['pod2'] });
    await answers('pod2');
    await pod.agent.kill();
    expect(await visit()).toBe('pod2');
    await slice('blog-1', { pool: 'blog', of: ['pod1'] });
    await answers('pod1');
    expect(pod.haproxy.starts).toBe(2);
  });

  test('keeps serving what it knows while the API server is away', async () => {
    await plane.apiServer.kill();
    for (let i = 0; i < 20; i++) expect(await visit()).toBe('pod1');
    await plane.apiServer.start();
    await slice('blog-1', { pool: 'blog', of: ['pod2'] });
    await answers('pod2');
  });

  test('leaves with HAProxy: follows the cluster until HAProxy has ended', async () => {
    const { pid } = pod.agent;
    const ending = pod.agent.end('SIGTERM');
    await slice('blog-1', { pool: 'blog', of: ['pod1'] });
    await answers('pod1');
    expect(pod.agent.pid).toBe(pid);
    await pod.haproxy.end('SIGTERM');
    await ending;
    expect(await pod.agentLog()).toContain('webpool agent ended');
  });
});
