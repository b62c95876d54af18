import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { certificateFor, type Pair } from '../support/certificates.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { OF_ITS_TIME, startTlsServer, type TlsServer, type TlsServerOptions } from '../support/tls-server.ts';
import { unhealthyEndpoints } from '../../operator/status/endpoints.ts';
import { startWebServer } from '../support/web-server.ts';

const PORT = 8080;

describe('TLS to servers', () => {
  const ca = certificateFor([], { commonName: 'Our authority', authority: true });
  const otherCa = certificateFor([], { commonName: 'Another authority', authority: true });
  const modern = certificateFor(['web.example.com'], { issuer: ca });
  const old = certificateFor([], { commonName: 'localhost.localdomain', key: 'rsa:1024', digest: 'sha1' });
  let proxy: TestProxy;

  beforeAll(async () => {
    proxy = await createTestProxy();
    authority('ca', ca);
    authority('other', otherCa);
    authority('pin', old);
  });
  afterAll(() => proxy.stop());

  const authority = (name: string, pair: Pair) =>
    proxy.secrets.set(`default/${name}`, new Map([['ca.crt', pair.certificate]]));
  const start = async (options: TlsServerOptions): Promise<TlsServer> => {
    const server = await startTlsServer(options);
    onTestFinished(() => server.stop());
    return server;
  };
  /** `tls` of the pool, and of its endpoints by name. */
  const site = (servers: readonly TlsServer[], tls: object | undefined, own: Record<string, object> = {}) => [
    poolOf('site', servers, {
      ...(tls && { tls }),
      externalEndpoints: servers.map(({ name, address, port }) => ({
        name,
        address,
        port,
        ...(own[name] && { tls: own[name] }),
      })),
    }),
    ruleOf('site', PORT, [allTo('site')]),
  ];
  const health = async (name: string) =>
    proxy.until(`a verdict on ${name}`, () => {
      const seen = [...(proxy.rail.observed.pools.get('default/site') ?? [])].find(([id]) => id.startsWith(`${name}_`));
      return seen?.[1].health === 'Starting' || seen?.[1].leaving === true ? undefined : seen?.[1].health;
    });

  it('is spoken by authority and name, by checks and requests alike', async () => {
    const web = await start({ name: 'web', pair: modern });
    await proxy.apply(site([web], { caSecretName: 'ca', serverName: 'web.example.com' }));
    await proxy.serving();
    expect(await proxy.get(PORT, '/')).toMatchObject({ status: 200, server: 'web' });
    expect([...web.names]).toEqual(['web.example.com']);
    expect([...web.protocols]).toEqual(['TLSv1.3']);
  });

  it.each([
    ['another authority', { caSecretName: 'other', serverName: 'web.example.com' }],
    ['another name', { caSecretName: 'ca', serverName: 'db.example.com' }],
    ['the authorities of the host', { serverName: 'web.example.com' }],
  ])('never takes a certificate of %s', async (_, tls) => {
    const web = await start({ name: 'web', pair: modern });
    await proxy.apply(site([web], tls));
    expect(await health('web')).toBe('Down');
    expect(await proxy.get(PORT, '/')).toMatchObject({ status: 503, reason: 'no-ready-server' });
    expect(web.requests).toBe(0);
  });

  it('of the time of CentOS 6 (TLS 1.0, SHA-1, 1024 bits) is spoken by profile Legacy, for that server alone', async () => {
    const web = await start({ name: 'web', pair: modern });
    const vm = await start({ name: 'vm', pair: old, ...OF_ITS_TIME });
    const legacy = { vm: { profile: 'Legacy', caSecretName: 'pin' } };
    await proxy.apply(site([web, vm], { caSecretName: 'ca', serverName: 'web.example.com' }, legacy));
    await proxy.serving();
    const servers = new Set<string | undefined>();
    for (let i = 0; i < 8; i++) servers.add((await proxy.get(PORT, '/')).server);
    expect(servers).toEqual(new Set(['web', 'vm']));
    expect([...vm.protocols]).toEqual(['TLSv1']);
    await proxy.rail.flush();
    const file = (await proxy.file('haproxy.cfg')).split('\n').filter((line) => line.includes('SECLEVEL=0'));
    expect(file).toHaveLength(1);
    expect(file[0]).toMatch(/^ {2}server vm_/);
  });

  it('of that time is not spoken without it, and the status says what is too old', async () => {
    const vm = await start({ name: 'vm', pair: old, ...OF_ITS_TIME });
    await proxy.apply(site([vm], { caSecretName: 'pin', serverName: 'localhost.localdomain' }));
    expect(await health('vm')).toBe('Down');
    const pool = proxy.pool('default/site');
    const [server] = pool.servers;
    const why = await proxy.until('the server to be looked at', () => {
      const seen = server && proxy.rail.observed.pools.get('default/site')?.get(server.id);
      return seen?.offer !== undefined && unhealthyEndpoints(pool, new Map([[server?.id ?? '', seen]]), []);
    });
    expect(why).toMatchObject([{ reason: 'HealthCheckFailed' }]);
    expect(why[0]?.message).toMatch(
      /https:\/\/.*; no TLS handshake: it speaks TLSv1\.0 and shows a certificate for CN=localhost\.localdomain, signed by itself, .*: TLSv1\.0, a key of 1024 bits, a signature with SHA-1 is too old for profile Modern.*profile: Legacy/,
    );
  });

  it('of that time that is spoken is told as a risk', async () => {
    const vm = await start({ name: 'vm', pair: old, ...OF_ITS_TIME });
    await proxy.apply(site([vm], { profile: 'Legacy', caSecretName: 'pin' }));
    await proxy.serving();
    expect(proxy.conditions('WebPool', 'site')).toMatchObject({ Ready: 'True', LegacyTLS: 'True' });
    expect(proxy.rail.observed.pools.get('default/site')?.get(proxy.pool('default/site').servers[0]?.id ?? '')).toEqual(
      {
        admin: 'ready',
        health: 'Up',
        leaving: false,
      },
    );
  });

  it('takes another pinned certificate than its own for none, by Legacy too', async () => {
    const vm = await start({ name: 'vm', pair: old, ...OF_ITS_TIME });
    await proxy.apply(site([vm], { profile: 'Legacy', caSecretName: 'other' }));
    expect(await health('vm')).toBe('Down');
  });

  it('is switched on and off, and changes its authority, without a reload', async () => {
    const web = await start({ name: 'web', pair: modern });
    await proxy.apply(site([web], { caSecretName: 'ca', serverName: 'web.example.com' }));
    await proxy.serving();
    const { reloads } = await proxy.processes();
    const plain = await startWebServer({ name: 'plain' });
    onTestFinished(() => plain.stop());
    await proxy.apply([poolOf('site', [plain], { tls: { mode: 'Disabled' } }), ruleOf('site', PORT, [allTo('site')])]);
    await proxy.serving();
    expect(await proxy.get(PORT, '/')).toMatchObject({ server: 'plain' });
    await proxy.apply(site([web], { caSecretName: 'ca', serverName: 'web.example.com' }));
    await proxy.serving();
    expect((await proxy.get(PORT, '/')).status).toBe(200);
    authority('ca', otherCa);
    onTestFinished(() => void authority('ca', ca));
    await proxy.apply(site([web], { caSecretName: 'ca', serverName: 'web.example.com' }));
    await proxy.until('the authority to be another', async () => (await health('web')) === 'Down');
    expect((await proxy.processes()).reloads).toBe(reloads);
  });

  it('whose authority cannot be used leaves that server out and no other', async () => {
    const web = await start({ name: 'web', pair: modern });
    const vm = await start({ name: 'vm', pair: old, ...OF_ITS_TIME });
    proxy.secrets.set('default/bad', new Map([['ca.crt', 'hello']]));
    await proxy.apply(
      site(
        [web, vm],
        { caSecretName: 'ca', serverName: 'web.example.com' },
        { vm: { profile: 'Legacy', caSecretName: 'bad' } },
      ),
    );
    await proxy.serving();
    expect(await proxy.get(PORT, '/')).toMatchObject({ server: 'web' });
    expect(proxy.findings()).toMatchObject([
      {
        object: { kind: 'WebPool', key: 'default/site' },
        reason: 'InvalidCertificateRef',
        path: 'spec.externalEndpoints[1].tls.caSecretName',
      },
    ]);
  });

  it('and what runs survive a reload and a crash', async () => {
    const web = await start({ name: 'web', pair: modern });
    const objects = site([web], { caSecretName: 'ca', serverName: 'web.example.com' });
    await proxy.apply(objects);
    await proxy.serving();
    await proxy.apply([...objects, ruleOf('more', 8081, [allTo('site')])]);
    expect(await proxy.get(8081, '/')).toMatchObject({ status: 200, server: 'web' });
    await proxy.rail.flush();
    const starts = proxy.told.started.length;
    process.kill(await proxy.masterPid(), 'SIGKILL');
    await proxy.until('another HAProxy', () => proxy.told.started.length > starts && proxy.rail.observed.programmed);
    await proxy.serving();
    expect(await proxy.get(PORT, '/')).toMatchObject({ status: 200, server: 'web' });
  });
});
