import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildImageOfCheckout } from '../cluster/images.ts';
import { missingCluster, startCluster, type Cluster } from '../cluster/node.ts';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';

const IMAGE = 'webpool.test/webpool:test';
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

describeWhere('the image on a real node', await missingCluster(), () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const archive = await buildImageOfCheckout(IMAGE);
    cluster = await startCluster();
    await cluster.node.importImage(archive);
    await cluster.kubectl(['create', 'namespace', 'strict']);
    await cluster.kubectl(['label', 'namespace', 'strict', 'pod-security.kubernetes.io/enforce=restricted']);
  }, BUILD_TIMEOUT);
  afterAll(() => cluster?.stop());

  test('is the program by default', async () => {
    expect(await outputOf('help', {})).toMatch(/^Usage: webpool /);
  });

  test('checks a folder: it has the schemas with it', async () => {
    const command = ['sh', '-c', 'webpool check "$(mktemp -d)"; webpool check /nowhere; echo $?'];
    expect(await outputOf('check', { command })).toMatch(/0 objects[^]*2\n$/);
  });

  test('has HAProxy 3.0 or later', async () => {
    const [, major] = /^HAProxy version (\d+)\./.exec(await outputOf('haproxy', { command: ['haproxy', '-v'] })) ?? [];
    expect(Number(major)).toBeGreaterThanOrEqual(3);
  });

  test('is no root, and may be root of nothing', async () => {
    const command = [
      'sh',
      '-c',
      'id -u; grep CapBnd /proc/self/status; touch /opt/webpool/x 2>/dev/null || echo refused',
    ];
    expect(await outputOf('user', { command })).toMatch(/^65532\nCapBnd:\s+0+\n[^]*refused\n$/);
  });

  test('reaches the API server from its Pod', async () => {
    const script = `
      const token = require('node:fs').readFileSync('${ACCOUNT}/token', 'utf8');
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
      fetch(\`https://\${host}:\${port}/version\`, { headers: { authorization: \`Bearer \${token}\` } })
        .then((answer) => answer.json()).then(({ gitVersion }) => console.log(gitVersion));
    `;
    const env = [{ name: 'NODE_EXTRA_CA_CERTS', value: `${ACCOUNT}/ca.crt` }];
    expect(await outputOf('api', { command: ['node', '-e', script], env })).toMatch(/^v1\.\d+\.\d+\n$/);
  });

  /** What a Pod of the restricted kind prints, which has to end well. */
  async function outputOf(name: string, container: object): Promise<string> {
    const securityContext = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    };
    const volumeMounts = [{ name: 'tmp', mountPath: '/tmp' }];
    const main = { name, image: IMAGE, imagePullPolicy: 'Never', securityContext, volumeMounts, ...container };
    const spec = {
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ name: 'tmp', emptyDir: {} }],
      containers: [main],
    };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'strict' }, spec };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
    const phase = ['-n', 'strict', 'get', 'pod', name, '-o', 'jsonpath={.status.phase}'];
    const ended = await eventually(`the end of Pod ${name}`, async () => {
      const now = await cluster.kubectl(phase);
      return ['Succeeded', 'Failed'].includes(now) && now;
    });
    const output = await cluster.kubectl(['-n', 'strict', 'logs', name]);
    expect(`${ended} ${ended === 'Failed' ? output : ''}`).toBe('Succeeded ');
    return output;
  }
});
