import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Written } from '../support/admit.ts';
import { certificateFor } from '../support/certificates.ts';
import { createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { exchange } from '../support/http-client.ts';
import { handshake, httpsGet } from '../support/tls-client.ts';
import { startTlsServer, type TlsServer } from '../support/tls-server.ts';

const PORT = 8443;
const ANY_PORT = 8444;

describe('TLS that passes through', () => {
  const pair = certificateFor(['site.example.com']);
  let proxy: TestProxy;
  let servers: TlsServer[];

  const rule = (name: string, hostnames: readonly string[] | undefined, rules: readonly object[]) =>
    ruleOf(name, { port: PORT, protocol: 'TLS', ...(hostnames && { hostnames }) }, rules);
  const onAnyPort = ({ spec, ...written }: Written): Written => ({
    ...written,
    spec: { ...(spec as object), listener: { protocol: 'TLS', port: ANY_PORT } },
  });
  const to = (...pools: object[]) => [{ name: 'all', pools }];
  const get = (sni: string | undefined, options: { readonly port?: number; readonly from?: string } = {}) => {
    const { port = PORT, ...rest } = options;
    return httpsGet({ address: proxy.address, port }, '/', { ...(sni === undefined ? {} : { sni }), ...rest });
  };
  const outcome = async (answer: Promise<{ readonly server?: string }>) =>
    answer.then(
      ({ server }) => server,
      () => 'closed',
    );

  beforeAll(async () => {
    proxy = await createTestProxy();
    servers = await Promise.all(['one', 'two', 'three'].map((name) => startTlsServer({ name, pair })));
    const pools = servers.map((server) => poolOf(server.name, [server], { protocol: 'TCP', healthCheck: CHECK }));
    await proxy.apply([
      ...pools,
      rule('exact', ['a.example.com', 'c.example.com'], to({ name: 'one' })),
      rule('wild', ['*.example.com'], to({ name: 'two' })),
      rule(
        'split',
        ['split.example.com'],
        to({ name: 'one', weight: 1 }, { name: 'two', weight: 1 }, { name: 'three', weight: 0 }),
      ),
      rule('missing', ['missing.example.com'], to({ name: 'none' })),
      rule(
        'from',
        ['from.example.com'],
        [{ name: 'near', matches: [{ sourceRanges: ['127.0.0.2/32'] }], pools: [{ name: 'three' }] }],
      ),
      onAnyPort(rule('any', undefined, to({ name: 'three' }))),
      onAnyPort(rule('a', ['a.example.com'], to({ name: 'one' }))),
    ]);
    await proxy.serving();
  });
  afterAll(async () => {
    await proxy.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('shows the certificate of the server, not one of ours', async () => {
    const { certificate } = await handshake({ address: proxy.address, port: PORT }, { sni: 'a.example.com' });
    expect(certificate.fingerprint256).toBe(new X509Certificate(pair.certificate).fingerprint256);
  });

  it.each([
    ['its exact name', 'a.example.com', 'one'],
    ['its exact name in capitals', 'A.EXAMPLE.com', 'one'],
    ['a wildcard', 'b.example.com', 'two'],
    ['a wildcard, two labels down', 'x.b.example.com', 'two'],
    ['no rule', 'a.example.org', 'closed'],
    ['the name above a wildcard', 'example.com', 'closed'],
    ['a pool that is missing', 'missing.example.com', 'closed'],
    ['no name at all', undefined, 'closed'],
  ])('goes by %s', async (_, sni, expected) => {
    expect(await outcome(get(sni))).toBe(expected);
  });

  it.each([
    [undefined, 'three'],
    ['elsewhere.example.net', 'three'],
    ['a.example.com', 'one'],
  ])('%s goes to the rule for every host where there is one', async (sni, expected) => {
    expect(await outcome(get(sni, { port: ANY_PORT }))).toBe(expected);
  });

  it('is shared among pools by weight', async () => {
    const seen = await Promise.all(Array.from({ length: 60 }, () => outcome(get('split.example.com'))));
    expect(new Set(seen)).toEqual(new Set(['one', 'two']));
  });

  it.each([
    ['127.0.0.2', 'three'],
    ['127.0.0.3', 'two'],
  ])('from %s goes by source range, else to the less specific name', async (from, expected) => {
    expect(await outcome(get('from.example.com', { from }))).toBe(expected);
  });

  it('is the only thing that passes', async () => {
    const received = await exchange(
      { address: proxy.address, port: PORT },
      'GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n',
    ).catch(() => '');
    expect(received).toBe('');
  });

  it('takes a new name without a reload', async () => {
    const { reloads } = await proxy.processes();
    const [one] = servers as [TlsServer];
    await proxy.apply([
      ...servers.map((server) => poolOf(server.name, [server], { protocol: 'TCP', healthCheck: CHECK })),
      rule('exact', ['a.example.com', 'new.example.org'], to({ name: 'one' })),
      onAnyPort(rule('any', undefined, to({ name: 'three' }))),
    ]);
    expect(await outcome(get('new.example.org'))).toBe(one.name);
    expect(await outcome(get('b.example.com'))).toBe('closed');
    expect((await proxy.processes()).reloads).toBe(reloads);
  });
});

const CHECK = { interval: '200ms', rise: 1, fall: 2 };
