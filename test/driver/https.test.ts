import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { certificateFor, tlsSecret, type Pair } from '../support/certificates.ts';
import {
  handshake,
  http2Get,
  httpsGet,
  resumedGet,
  type HttpsOptions,
  type TlsOptions,
} from '../support/tls-client.ts';
import { echoOf } from '../support/http-client.ts';
import { useWebServers, type WebServer } from '../support/web-server.ts';
import { admitted, type Written } from '../support/admit.ts';

const PORT = 8443;

let proxy: TestProxy;
let one: WebServer;
let two: WebServer;

useWebServers(['one', 'two'], (servers) => {
  [one, two] = servers;
});
beforeAll(async () => {
  proxy = await createTestProxy();
});
afterAll(() => proxy.stop());

const pools = () => [poolOf('one', [one]), poolOf('two', [two])];
const secret = (name: string, pair: Pair) => proxy.secrets.set(`default/${name}`, tlsSecret(pair));
/** `tls` is that of the listener, with the pool that everything goes to. */
const https = (
  name: string,
  hostnames: readonly string[] | undefined,
  { pool = 'one', ...tls }: { readonly pool?: string; readonly secretName: string; readonly [field: string]: string },
): Written => ruleOf(name, { port: PORT, protocol: 'HTTPS', tls, ...(hostnames && { hostnames }) }, [allTo(pool)]);
const get = (sni: string | undefined, options: HttpsOptions = {}) =>
  httpsGet({ address: proxy.address, port: PORT }, '/', { ...(sni === undefined ? {} : { sni }), ...options });
const shown = async (sni: string | undefined, options: TlsOptions = {}) => {
  const seen = await handshake(
    { address: proxy.address, port: PORT },
    { ...(sni === undefined ? {} : { sni }), ...options },
  );
  return seen.certificate.fingerprint256;
};
const fingerprint = (pair: Pair) => new X509Certificate(pair.certificate).fingerprint256;
const refused = async (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'served',
    (error: Error) => /(?:alert|tlsv1|sslv3) (?:alert )?([a-z ]+):/.exec(error.message)?.[1] ?? error.message,
  );

describe('hosts of one HTTPS port', () => {
  const a = certificateFor(['a.example.com']);
  const wild = certificateFor(['*.example.org']);

  beforeAll(async () => {
    secret('a', a);
    secret('wild', wild);
    await proxy.apply([
      ...pools(),
      https('a', ['a.example.com'], { secretName: 'a' }),
      https('wild', ['*.example.org'], { secretName: 'wild', pool: 'two' }),
    ]);
    await proxy.serving();
  });

  it('are served with the certificate that their rule names, over HTTP/1.1 and h2', async () => {
    expect(await get('a.example.com')).toMatchObject({ status: 200, server: 'one' });
    expect(await shown('a.example.com')).toBe(fingerprint(a));
    const { application } = await handshake(
      { address: proxy.address, port: PORT },
      { sni: 'a.example.com', ALPNProtocols: ['h2', 'http/1.1'] },
    );
    expect(application).toBe('h2');
  });

  it('below a wildcard, one label down, as certificates have it', async () => {
    expect(await get('x.example.org')).toMatchObject({ status: 200, server: 'two' });
    expect(await shown('X.Example.Org')).toBe(fingerprint(wild));
    expect(await refused(get('x.y.example.org'))).toBe('unrecognized name');
  });

  it.each([['b.example.com'], [undefined]])('that nobody serves are refused in the handshake: %s', async (sni) => {
    expect(await refused(get(sni, { host: 'a.example.com' }))).toBe('unrecognized name');
  });

  it('cannot be reached over the connection of a host with another certificate', async () => {
    expect(await get('x.example.org', { host: 'a.example.com' })).toMatchObject({ status: 421, reason: 'misdirected' });
    expect(await get('x.example.org', { host: 'y.example.org' })).toMatchObject({ status: 200, server: 'two' });
  });
});

describe('a visitor over HTTP/2', () => {
  const at = () => ({ address: proxy.address, port: PORT });
  beforeAll(async () => {
    secret('both', certificateFor(['a.example.com', 'b.example.com']));
    const tls = { secretName: 'both' };
    const hello = { name: 'hello', respond: { status: 200, body: 'hello' } };
    await proxy.apply([
      ...pools(),
      https('a', ['a.example.com'], tls),
      ruleOf('b', { port: PORT, protocol: 'HTTPS', tls, hostnames: ['b.example.com'] }, [hello]),
    ]);
    await proxy.serving();
  });

  it('gets what one over HTTP/1.1 gets, and the server sees no difference', async () => {
    const answer = await http2Get(at(), 'a.example.com', { ':path': '/a%41?b' });
    expect(answer).toMatchObject({ status: 200, server: 'one' });
    expect(echoOf(answer)).toMatchObject({ url: '/a%41?b', headers: { host: 'a.example.com' } });
    expect((await get('a.example.com')).server).toBe('one');
  });

  it('may ask for all hosts of one certificate over one connection, and for no other', async () => {
    const other = (host: string) => http2Get(at(), 'a.example.com', { ':authority': host, ':path': '/' });
    expect(await other('b.example.com')).toMatchObject({ status: 200, body: 'hello' });
    expect(await other('c.example.com')).toMatchObject({ status: 421, reason: 'misdirected' });
  });

  it('cannot name two hosts: the Host header beside the authority is dropped', async () => {
    const answer = await http2Get(at(), 'a.example.com', { ':path': '/', host: 'b.example.com' });
    expect([answer.server, echoOf(answer).headers['host']]).toEqual(['one', 'a.example.com']);
  });

  it('meets the same rule for ambiguous paths', async () => {
    const answer = await http2Get(at(), 'a.example.com', { ':path': '/a%2fb' });
    expect([answer.status, answer.reason]).toEqual([400, 'bad-path']);
  });
});

it('a visitor of http is sent to the same page over https', async () => {
  secret('a', certificateFor(['a.example.com']));
  const toHttps = { name: 'all', filters: { redirect: { scheme: 'https', port: PORT, statusCode: 301 } } };
  await proxy.apply([
    ...pools(),
    https('a', ['a.example.com'], { secretName: 'a' }),
    ruleOf('plain', { port: 8080, hostnames: ['a.example.com'] }, [toHttps]),
  ]);
  await proxy.serving();
  const { status, headers } = await proxy.get(8080, '/a/b?c=d', { host: 'a.example.com' });
  expect([status, headers.location]).toEqual([301, `https://a.example.com:${PORT}/a/b?c=d`]);
  const { pathname, search } = new URL(headers.location ?? '');
  const page = await httpsGet({ address: proxy.address, port: PORT }, pathname + search, { sni: 'a.example.com' });
  expect([page.status, echoOf(page).url]).toEqual([200, '/a/b?c=d']);
});

describe('without a reload', () => {
  const rules = [https('a', ['a.example.com'], { secretName: 'a' })];
  let reloads: number;

  beforeAll(async () => {
    secret('a', certificateFor(['a.example.com']));
    await proxy.apply([...pools(), ...rules]);
    await proxy.serving();
    ({ reloads } = await proxy.processes());
  });
  const reloaded = async () => (await proxy.processes()).reloads - reloads;

  it('a certificate is renewed under load and no request fails', async () => {
    const renewed = certificateFor(['a.example.com']);
    let failures = 0;
    const running = { yes: true };
    const client = async () => {
      while (running.yes) await get('a.example.com').catch(() => (failures += 1));
    };
    const clients = Promise.all([client(), client()]);
    secret('a', renewed);
    await proxy.apply([...pools(), ...rules]);
    expect(await shown('a.example.com')).toBe(fingerprint(renewed));
    running.yes = false;
    await clients;
    expect({ failures, reloads: await reloaded() }).toEqual({ failures: 0, reloads: 0 });
  });

  it('a host joins with its certificate, and one leaves with its own', async () => {
    const b = certificateFor(['b.example.com']);
    secret('b', b);
    await proxy.apply([...pools(), ...rules, https('b', ['b.example.com'], { secretName: 'b', pool: 'two' })]);
    expect(await get('b.example.com')).toMatchObject({ status: 200, server: 'two' });
    expect(await shown('b.example.com')).toBe(fingerprint(b));
    await proxy.apply([...pools(), ...rules]);
    expect(await refused(get('b.example.com'))).toBe('unrecognized name');
    expect(await get('a.example.com')).toMatchObject({ status: 200 });
    expect(await proxy.command('show ssl cert')).not.toContain('certificate_default_b');
    expect(await reloaded()).toBe(0);
  });

  it('a host changes its oldest version', async () => {
    await proxy.apply([...pools(), https('a', ['a.example.com'], { secretName: 'a', minVersion: 'TLSv1.3' })]);
    expect(await refused(get('a.example.com', { maxVersion: 'TLSv1.2' }))).toBe('protocol version');
    await proxy.apply([...pools(), ...rules]);
    expect(await get('a.example.com', { maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200 });
    expect(await reloaded()).toBe(0);
  });

  it('what was set stays in force over a reload, a crash and a new program of ours', async () => {
    const last = certificateFor(['a.example.com']);
    secret('a', last);
    await proxy.apply([...pools(), ...rules]);
    await proxy.apply([...pools(), ...rules, ruleOf('plain', 8081, [allTo('one')])]);
    expect(await shown('a.example.com')).toBe(fingerprint(last));
    await proxy.rail.flush();
    process.kill(await proxy.masterPid(), 'SIGKILL');
    await proxy.until('another HAProxy', async () => proxy.told.started.length > 1 && proxy.rail.observed.programmed);
    expect(await shown('a.example.com')).toBe(fingerprint(last));
    const successor = proxy.successor();
    for (const [key, values] of proxy.secrets) successor.secrets.set(key, values);
    await successor.apply([...pools(), ...rules, ruleOf('plain', 8081, [allTo('one')])]);
    expect(successor.told.started).toEqual(['took-over']);
    expect(await shown('a.example.com')).toBe(fingerprint(last));
    expect(await proxy.processes()).toMatchObject({ reloads: 0 });
  });
});

describe('one name with two kinds of keys', () => {
  const rsa = certificateFor(['a.example.com'], { key: 'rsa:2048' });
  const ecdsa = certificateFor(['a.example.com'], { key: 'ec:secp384r1' });

  it.each([
    ['RSA', 'ECDHE-RSA-AES128-GCM-SHA256', rsa],
    ['ECDSA', 'ECDHE-ECDSA-AES128-GCM-SHA256', ecdsa],
  ])('a client that knows %s only gets that one', async (_, ciphers, pair) => {
    secret('rsa', rsa);
    secret('ecdsa', ecdsa);
    await proxy.apply([...pools(), https('a', ['a.example.com'], { secretName: 'rsa', alternateSecretName: 'ecdsa' })]);
    expect(await shown('a.example.com', { maxVersion: 'TLSv1.2', ciphers })).toBe(fingerprint(pair));
  });
});

describe('an old client', () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;

  it('may speak TLS 1.0 with the host that allows it and with no other', async () => {
    secret('old', certificateFor(['old.example.com'], { key: 'rsa:2048' }));
    secret('new', certificateFor(['new.example.com'], { key: 'rsa:2048' }));
    await proxy.apply([
      ...pools(),
      https('old', ['old.example.com'], { secretName: 'old', minVersion: 'TLSv1.0' }),
      https('new', ['new.example.com'], { secretName: 'new' }),
    ]);
    expect(await get('old.example.com', old)).toMatchObject({ status: 200 });
    expect(await refused(get('new.example.com', old))).toBe('protocol version');
  });
});

describe('a rule for every host', () => {
  const any = certificateFor(['any.example.com']);
  const a = certificateFor(['a.example.com']);
  const objects = () => [
    ...pools(),
    https('any', undefined, { secretName: 'any' }),
    https('a', ['a.example.com'], { secretName: 'a', minVersion: 'TLSv1.3', pool: 'two' }),
  ];

  beforeAll(async () => {
    secret('any', any);
    secret('a', a);
    await proxy.apply(objects());
    await proxy.serving();
  });

  it.each([['b.example.com'], ['any.example.com'], [undefined]])('serves %s with its certificate', async (sni) => {
    expect(await shown(sni)).toBe(fingerprint(any));
    expect(await get(sni, { host: 'b.example.com' })).toMatchObject({ status: 200, server: 'one' });
  });

  it('leaves hosts of their own alone', async () => {
    expect(await shown('a.example.com')).toBe(fingerprint(a));
    expect(await get('a.example.com')).toMatchObject({ status: 200, server: 'two' });
    expect(await get(undefined, { host: 'a.example.com' })).toMatchObject({ status: 421, reason: 'misdirected' });
  });

  it('has its certificate renewed without a reload', async () => {
    const { reloads } = await proxy.processes();
    const renewed = certificateFor(['any.example.com']);
    secret('any', renewed);
    await proxy.apply(objects());
    expect(await shown(undefined)).toBe(fingerprint(renewed));
    expect(await shown('b.example.com')).toBe(fingerprint(renewed));
    expect((await proxy.processes()).reloads).toBe(reloads);
  });
});

describe('client certificates', () => {
  const authority = certificateFor([], { commonName: 'Staff', authority: true });
  const ada = certificateFor([], { commonName: 'Ada', subject: '/O=Example', issuer: authority });
  const stranger = certificateFor([], { commonName: 'Ada' });
  const asAda = { cert: ada.certificate, key: ada.key };
  const guests = certificateFor([], { commonName: 'Guests', authority: true });
  const guest = certificateFor([], { commonName: 'Ada', issuer: guests });
  const asGuest = { cert: guest.certificate, key: guest.key };

  beforeAll(async () => {
    secret('staff', certificateFor(['staff.example.com']));
    proxy.secrets.set('default/guests', new Map([['ca.crt', guests.certificate]]));
    secret('open', certificateFor(['*.example.com']));
    proxy.secrets.set('default/authority', new Map([['ca.crt', authority.certificate]]));
    await proxy.apply([
      ...pools(),
      https('staff', ['staff.example.com'], { secretName: 'staff', clientCASecretName: 'authority' }),
      https('guests', ['guests.example.com'], { secretName: 'staff', clientCASecretName: 'guests' }),
      https('open', ['*.example.com'], { secretName: 'open', pool: 'two' }),
      ruleOf('plain', 8081, [allTo('one')]),
    ]);
    await proxy.serving();
  });

  it('open the host that asks for them, and the server reads who it is', async () => {
    const answer = await get('staff.example.com', { ...asAda, headers: { 'X-SSL-Client-CN': 'Eve' } });
    expect(answer.status).toBe(200);
    const { fingerprint: sha1, serialNumber } = new X509Certificate(ada.certificate);
    expect(echoOf(answer).headers).toMatchObject({
      'x-ssl-client-cn': 'Ada',
      'x-ssl-client-dn': '/CN=Ada/O=Example',
      'x-ssl-client-sha1': sha1.replaceAll(':', ''),
      'x-ssl-client-serial': serialNumber,
    });
  });

  it.each([
    ['without one', {}],
    ['of another authority', { cert: stranger.certificate, key: stranger.key }],
  ])('%s the host stays closed', async (_, pair) => {
    expect(await refused(get('staff.example.com', { ...pair, maxVersion: 'TLSv1.2' }))).toMatch(
      /handshake failure|unknown ca/,
    );
  });

  it('cannot be avoided by the name of another host', async () => {
    expect(await get('x.example.com', { host: 'staff.example.com' })).toMatchObject({ status: 421 });
  });

  it('cannot be avoided by the session of another host', async () => {
    const at = { address: proxy.address, port: PORT };
    expect(await resumedGet(at, { of: 'x.example.com', at: 'x.example.com' })).toBe('HTTP/1.1 200 OK');
    expect(await resumedGet(at, { of: 'x.example.com', at: 'staff.example.com' })).toBe('');
    expect(await resumedGet(at, { of: 'guests.example.com', at: 'staff.example.com', ...asGuest })).toBe('');
  });

  it('cannot be claimed in a header, over HTTP or HTTPS', async () => {
    // Some servers take the last two for the same as the first.
    const claim = {
      headers: {
        'X-SSL-Client-CN': 'Ada',
        'x-ssl-client-verify': 'SUCCESS',
        X_SSL_Client_DN: '/',
        'X-SSL.Client-CN': 'Ada',
      },
    };
    const answers = [await get('x.example.com', claim), await proxy.get(8081, '/', claim)];
    for (const answer of answers) {
      expect(Object.keys(echoOf(answer).headers).filter((name) => /^x.ssl.client/.test(name))).toEqual([]);
    }
  });

  it('are asked for at all hosts of the rule, also where a more specific host has no route', async () => {
    secret('wild', certificateFor(['*.example.com']));
    await proxy.apply([
      ...pools(),
      https('wild', ['*.example.com'], { secretName: 'wild', clientCASecretName: 'authority' }),
      ruleOf('public', { port: PORT, protocol: 'HTTPS', tls: { secretName: 'open' }, hostnames: ['www.example.com'] }, [
        { name: 'a', matches: [{ path: { type: 'Prefix', value: '/public' } }], pools: [{ name: 'two' }] },
      ]),
    ]);
    expect(await get('www.example.com')).toMatchObject({ status: 404, reason: 'no-matching-rule' });
    expect(await get('x.example.com', asAda)).toMatchObject({ status: 200, server: 'one' });
  });
});

describe('what cannot be used leaves its own hosts unserved and no others', () => {
  const good = certificateFor(['good.example.com']);
  const other = certificateFor(['bad.example.com']);
  const weak = certificateFor(['bad.example.com'], { key: 'rsa:1024' });
  const weakIssuer = certificateFor([], { key: 'rsa:1024', authority: true });
  const ofWeak = certificateFor(['bad.example.com'], { issuer: weakIssuer });
  const edwards = certificateFor(['bad.example.com'], { key: 'rsa:2048' });
  const cases: readonly (readonly [string, ReadonlyMap<string, string> | undefined, RegExp])[] = [
    ['a Secret that is not there', undefined, /does not exist/],
    ['a Secret without a key', new Map([['tls.crt', good.certificate]]), /lacks tls\.crt and tls\.key/],
    ['a key of another certificate', tlsSecret({ ...good, key: other.key }), /does not belong to the first/],
    [
      'the issuer first',
      tlsSecret({ certificate: good.certificate + other.certificate, key: other.key }),
      /certificate of the server first/,
    ],
    ['no PEM', tlsSecret({ certificate: 'hello', key: good.key }), /no certificate in PEM form/],
    [
      'a certificate that was cut',
      tlsSecret({ certificate: good.certificate.replace(/.{40}\n-----END/, '\n-----END'), key: good.key }),
      /cannot be read/,
    ],
    [
      'a key that was cut',
      tlsSecret({ certificate: good.certificate, key: good.key.replace(/.{20}\n-----END/, '\n-----END') }),
      /cannot be read/,
    ],
    [
      'a stray key among the certificates',
      tlsSecret({ certificate: good.certificate + other.key, key: good.key }),
      /private key\. It belongs into tls\.key/,
    ],
    ['two keys', tlsSecret({ certificate: good.certificate, key: good.key + other.key }), /2 private keys/],
    ['a key that is too short', tlsSecret(weak), /1024 bits/],
    [
      'an issuer whose key is too short',
      tlsSecret({ certificate: ofWeak.certificate + weakIssuer.certificate, key: ofWeak.key }),
      /OpenSSL refuses it \(.*key too small\)/,
    ],
    [
      'more than fits',
      tlsSecret({ certificate: edwards.certificate.repeat(14), key: edwards.key }),
      /at most 14000 fit/,
    ],
  ];

  it.each(cases)('%s', async (_, values, words) => {
    secret('good', good);
    proxy.secrets.delete('default/bad');
    if (values !== undefined) proxy.secrets.set('default/bad', values);
    const objects = [
      ...pools(),
      https('good', ['good.example.com'], { secretName: 'good' }),
      https('bad', ['bad.example.com'], { secretName: 'bad' }),
    ];
    await proxy.apply(objects);
    expect(proxy.findings()).toMatchObject([
      { object: { key: 'default/bad' }, condition: 'ResolvedRefs', reason: 'InvalidCertificateRef' },
    ]);
    expect(proxy.findings()[0]?.message).toMatch(words);
    expect(await get('good.example.com')).toMatchObject({ status: 200 });
    expect(await refused(get('bad.example.com'))).toBe('unrecognized name');
    expect(proxy.told.refused).toEqual([]);
  });
});

describe('a certificate that HAProxy refuses though we did not', () => {
  const good = certificateFor(['good.example.com']);
  const bad = certificateFor(['bad.example.com']);
  const objects = (more: readonly Written[] = []) => [
    ...pools(),
    https('good', ['good.example.com'], { secretName: 'good' }),
    https('bad', ['bad.example.com'], { secretName: 'bad' }),
    ...more,
  ];
  /** What we looked at is not what comes to HAProxy. */
  const mistaken = async (more: readonly Written[] = []) => {
    secret('good', good);
    secret('bad', certificateFor(['bad.example.com']));
    const seen = admitted(objects(more), [], { secrets: new Map(proxy.secrets) });
    secret('bad', { ...bad, key: good.key });
    proxy.aim(seen);
    await proxy.until('the refusal to be told', () => {
      const { programmed, refusedSecrets } = proxy.rail.observed;
      return programmed && refusedSecrets !== undefined;
    });
  };

  it('is left out, told, and keeps nobody else waiting', async () => {
    secret('good', good);
    await proxy.apply([...pools(), https('good', ['good.example.com'], { secretName: 'good' })]);
    await mistaken([https('later', ['later.example.com'], { secretName: 'good', pool: 'two' })]);
    await proxy.serving();
    expect(await get('good.example.com')).toMatchObject({ status: 200 });
    expect(await get('later.example.com')).toMatchObject({ server: 'two' });
    expect(await refused(get('bad.example.com'))).toBe('unrecognized name');
    expect(proxy.rail.observed.refusedSecrets?.get('default/bad')).toMatch(/key|private/i);
    expect(proxy.conditions('RoutingRule', 'bad')).toMatchObject({ ResolvedRefs: 'False', Ready: 'False' });
    expect(proxy.conditions('RoutingRule', 'good')).toMatchObject({ Ready: 'True' });
  });

  it('leaves what it had before, also over a reload, until another one comes', async () => {
    secret('good', good);
    secret('bad', bad);
    await proxy.apply(objects());
    await mistaken([ruleOf('more', 8081, [allTo('one')])]);
    expect(await shown('bad.example.com')).toBe(fingerprint(bad));
    expect(proxy.conditions('RoutingRule', 'bad')).toMatchObject({ ResolvedRefs: 'False' });
    const fixed = certificateFor(['bad.example.com']);
    secret('bad', fixed);
    await proxy.apply(objects());
    expect(await shown('bad.example.com')).toBe(fingerprint(fixed));
    expect(proxy.rail.observed.refusedSecrets).toBeUndefined();
  });
});

it('a certificate that has ended is still served, for whoever ignores that, and its neighbours are as before', async () => {
  const [good, ended] = [certificateFor(['good.example.com']), certificateFor(['old.example.com'], { days: -2 })];
  expect(Date.parse(new X509Certificate(ended.certificate).validTo)).toBeLessThan(Date.now());
  secret('good', good);
  secret('old', ended);
  await proxy.apply([
    ...pools(),
    https('good', ['good.example.com'], { secretName: 'good' }),
    https('old', ['old.example.com'], { secretName: 'old' }),
  ]);
  await proxy.serving();
  expect(await get('good.example.com')).toMatchObject({ status: 200 });
  expect([await shown('old.example.com'), proxy.findings()]).toEqual([fingerprint(ended), []]);
});

describe('one host with two certificates', () => {
  const a = certificateFor(['a.example.com']);
  const b = certificateFor(['a.example.com', 'b.example.com']);

  it.each([
    ['the first by precedence keeps it', {}, a],
    ['a higher priority takes it over', { priority: 1 }, b],
  ])('%s', async (_, rest, pair) => {
    secret('a', a);
    secret('b', b);
    const second = ruleOf(
      'second',
      {
        port: PORT,
        protocol: 'HTTPS',
        tls: { secretName: 'b' },
        hostnames: ['a.example.com', 'b.example.com'],
        ...rest,
      },
      [allTo('two')],
    );
    await proxy.apply([...pools(), https('first', ['a.example.com'], { secretName: 'a' }), second]);
    expect(await shown('a.example.com')).toBe(fingerprint(pair));
    expect(await shown('b.example.com')).toBe(fingerprint(b));
    const loser = pair === a ? ['default/second', 'PartiallyInvalid'] : ['default/first', 'Accepted'];
    expect(proxy.findings().map(({ object, condition }) => [object?.key, condition])).toEqual([loser]);
    expect(await get('a.example.com')).toMatchObject({ server: pair === a ? 'one' : 'two' });
  });
});
