/** `webpool explain` of a cluster, with the rights of whoever asks. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { certificateFor } from '../support/certificates.ts';

const MAIN = new URL('../../operator/main.ts', import.meta.url).pathname;

describeWhere('webpool explain of a cluster', await missingPrograms(programsOf({})), () => {
  let plane: ControlPlane;
  let reader: string;

  const apply = (...objects: readonly object[]) =>
    plane.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
  const ours = (kind: string, [namespace, name]: readonly [string, string], spec: object) => {
    return { apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { namespace, name }, spec };
  };
  const rule = (place: readonly [string, string], listener: object, more: object = {}) =>
    ours('RoutingRule', place, { listener, ...more, rules: [{ name: 'all', pools: [{ name: 'site' }] }] });

  /** As a person calls it: exit code and all that is printed. */
  const explain = (args: readonly string[], kubeconfig = plane.kubeconfig) =>
    new Promise<string>((resolve) => {
      const words = [MAIN, 'explain', ...args];
      const env = { ...process.env, KUBECONFIG: kubeconfig };
      const child = execFile(process.execPath, words, { env }, (_, out, err) =>
        resolve(`${child.exitCode} ${out}${err}`),
      );
    });

  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.installKinds();
    await plane.kubectl(['create', 'namespace', 'shop']);
    const { certificate, key } = certificateFor(['www.example.com']);
    await apply(
      ours('WebPool', ['shop', 'site'], { port: 80, externalEndpoints: [{ name: 'web01', address: '192.0.2.1' }] }),
      rule(['shop', 'site'], { protocol: 'HTTP' }, { hostnames: ['www.example.com'] }),
      rule(
        ['shop', 'secure'],
        { protocol: 'HTTPS', tls: { secretName: 'site-tls' } },
        { hostnames: ['www.example.com'] },
      ),
      rule(['shop', 'bare'], { protocol: 'HTTPS', tls: { secretName: 'absent' } }, { hostnames: ['bare.example.com'] }),
      rule(['default', 'elsewhere'], { protocol: 'HTTP' }, { hostnames: ['elsewhere.example.com'] }),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'site-tls', namespace: 'shop' },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': certificate, 'tls.key': key },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: 'site-1',
          namespace: 'shop',
          labels: {
            'kubernetes.io/service-name': 'site',
            'endpointslice.kubernetes.io/managed-by': 'webpool.dev',
            'webpool.dev/pool': 'site',
          },
        },
        addressType: 'IPv4',
        ports: [{ name: '', protocol: 'TCP', port: 80 }],
        endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true }, hostname: 'web01' }],
      },
    );
    await plane.kubectl(['create', 'serviceaccount', 'reader', '-n', 'shop']);
    const readable = ['webpools.webpool.dev', 'routingrules.webpool.dev', 'endpointslices.discovery.k8s.io'];
    const resources = readable.map((resource) => `--resource=${resource}`);
    await plane.kubectl(['create', 'role', 'reader', '-n', 'shop', '--verb=get,list', ...resources]);
    await plane.kubectl([
      'create',
      'rolebinding',
      'reader',
      '-n',
      'shop',
      '--role=reader',
      '--serviceaccount=shop:reader',
    ]);
    reader = await plane.kubeconfigFor({ namespace: 'shop', name: 'reader' });
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  test.each([
    ['http://www.example.com/a?b', '0', 'rule      all of RoutingRule shop/site'],
    ['http://www.example.com/a?b', '0', 'server  web01 192.0.2.1:80 weight 100\n'],
    ['http://www.example.com/a?b', '0', 'note      No proxy has reported lately, so servers are taken to be well.'],
    ['https://www.example.com/', '0', 'rule      all of RoutingRule shop/secure'],
    ['https://bare.example.com/', '1', '404 no-matching-rule'],
    ['http://elsewhere.example.com/', '1', 'its share is answered 500'],
    ['http://www.example.com:8080/', '1', 'none: there are HTTP port 80, HTTPS port 443'],
  ])('%s', async (url, code, words) => {
    const told = await explain([url]);
    expect([told[0], told]).toEqual([code, expect.stringContaining(words)]);
  });

  test('who may see one namespace only is told what could not be looked at', async () => {
    const told = await explain(['https://www.example.com/', '-n', 'shop'], reader);
    for (const words of [
      'rule      all of RoutingRule shop/secure',
      'note      You may not read ProxyReports, so servers are taken to be well.',
      'note      You may not read all Secrets: certificates among them are taken to be good.',
    ]) {
      expect(told).toContain(words);
    }
    expect(await explain(['https://www.example.com/'], reader)).toMatch(
      /^2 webpool: cannot read the cluster: .*forbidden.*Name the namespaces that you may read by --namespace/,
    );
  });

  test('the context counts, as the kubeconfig does', async () => {
    const [, context = ''] = /current-context"?: ?"?([^"\s]+)/.exec(await readFile(plane.kubeconfig, 'utf8')) ?? [];
    const nowhere = '/nonexistent/kubeconfig';
    const url = 'http://www.example.com/';
    expect(await explain([url, '--kubeconfig', plane.kubeconfig, '--context', context], nowhere)).toMatch(/^0 /);
    expect(await explain([url, '--context', 'other'])).toMatch(
      /^2 webpool: cannot read the cluster: the kubeconfig has no context "other"; there are /,
    );
    expect(await explain(['--context', context, '.', url])).toMatch(/^2 webpool: a folder is no cluster/);
  });
});
