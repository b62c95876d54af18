/** `webpool run` and a Secret that turns bad: its hosts are served with what it held before, whoever ends and begins meanwhile. */
import { X509Certificate } from 'node:crypto';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificateFor, tlsSecret, type Pair } from '../support/certificates.ts';
import { makeRunFolder, type RunFolder, type RunProcess } from '../support/run-process.ts';
import { handshake } from '../support/tls-client.ts';
import { eventually } from '../support/wait.ts';

const PORT = 8443;
const a = certificateFor(['a.x']);
const b = certificateFor(['b.x']);
const renewed = certificateFor(['a.x']);

let folder: RunFolder;
let run: RunProcess;

const ruleText = (host: string) =>
  dump({
    apiVersion: 'webpool.dev/v1alpha1',
    kind: 'RoutingRule',
    metadata: { name: host },
    spec: {
      listener: { protocol: 'HTTPS', port: PORT, tls: { secretName: host } },
      hostnames: [`${host}.x`],
      rules: [{ name: 'all', respond: { status: 200 } }],
    },
  });
const put = (name: string, pair: Pair) =>
  folder.write(
    `secret-${name}.yaml`,
    dump({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData: Object.fromEntries(tlsSecret(pair)),
    }),
  );
const shown = async (host: string) =>
  (await handshake({ address: folder.bind, port: PORT }, { sni: `${host}.x` })).certificate.fingerprint256;
const serves = (host: string, pair: Pair) =>
  eventually(`${host} is served`, async () => {
    const fingerprint = await shown(host).catch(() => undefined);
    return fingerprint === new X509Certificate(pair.certificate).fingerprint256;
  });
const resolved = (host: string, status: string) =>
  eventually(`ResolvedRefs of ${host} is ${status}`, async () => {
    const told = await folder.condition(`routingrule.default.${host}`, 'ResolvedRefs');
    return told?.status === status && told.message;
  });

beforeAll(async () => {
  folder = await makeRunFolder();
  await folder.write('rules.yaml', [ruleText('a'), ruleText('b')].join('---\n'));
  await put('a', a);
  await put('b', b);
  run = await folder.start();
  await Promise.all([serves('a', a), serves('b', b), resolved('a', 'True')]);
});
afterAll(() => folder.remove());

test('serves on with the certificate before it, and says so', async () => {
  await put('a', { ...a, key: b.key });
  expect(await resolved('a', 'False')).toContain('what it held before stays in force');
  await Promise.all([serves('a', a), serves('b', b), resolved('b', 'True')]);
  expect(await run.metrics()).toMatch(/webpool_certificate_end_timestamp_seconds\{[^}]*default\/a/);
});

test('after a new start too, with or without HAProxy', async () => {
  await run.end('SIGKILL');
  run = await folder.start();
  await eventually('it is told', async () => (await run.ask()).proxy?.programmed);
  await Promise.all([serves('a', a), resolved('a', 'False')]);
  await run.end('SIGTERM');
  expect(await folder.haproxy()).toBeUndefined();
  run = await folder.start();
  await Promise.all([serves('a', a), serves('b', b), resolved('a', 'False')]);
});

test('until it is right again', async () => {
  await put('a', renewed);
  await Promise.all([serves('a', renewed), resolved('a', 'True')]);
});
