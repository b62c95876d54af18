/** Every answer that the load balancer gives itself says why, whoever in it gives the answer. */
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateFor, tlsSecret } from '../support/certificates.ts';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { httpsGet } from '../support/tls-client.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const TLS_PORT = 8443;

let proxy: TestProxy;
let server: WebServer;
/** URLs that came to the server. */
const seen = new Set<string>();

/** A rule of that name for the path `/name`. */
const rule = (name: string, what: object) => ({
  name,
  matches: [{ path: { type: 'Prefix', value: `/${name}` } }],
  pools: [{ name: 'site' }],
  ...what,
});
const answering = (name: string, what: object) => {
  const { pools: _, ...rest } = rule(name, what);
  return rest;
};

beforeAll(async () => {
  proxy = await createTestProxy();
  server = await startWebServer({ name: 'web01' });
  for (const host of ['a', 'b']) proxy.secrets.set(`default/${host}`, tlsSecret(certificateFor([`${host}.x`])));
  const site = (host: string) =>
    ruleOf(host, { port: TLS_PORT, protocol: 'HTTPS', hostnames: [`${host}.x`], tls: { secretName: host } }, [
      allTo('site'),
    ]);
  server.handler = ({ url = '' }, response) => {
    if (url.startsWith('/garbage')) response.socket?.end('garbage\r\n\r\n');
    seen.add(url);
    // Everything else is left without an answer.
  };
  await proxy.apply([
    poolOf('site', [server], { timeouts: { server: '300ms' } }),
    poolOf('patient', [server]),
    poolOf('empty', []),
    poolOf('closed', [], { maintenancePage: { body: 'soon' } }),
    poolOf('open', [], { maintenancePage: { body: 'soon', status: 200 } }),
    ruleOf('rules', PORT, [
      answering('respond', { respond: { status: 418, body: 'teapot' } }),
      answering('quiet', { respond: { status: 204 } }),
      answering('redirect', { filters: { redirect: { path: { type: 'ReplaceFullPath', value: '/' } } } }),
      rule('cors', { filters: { cors: { allowOrigins: ['https://a.x'] } } }),
      rule('denied', { access: { deny: ['127.0.0.0/8'] } }),
      rule('limited', { rateLimit: { requests: 1, per: '1h' } }),
      rule('timed', { timeouts: { request: '200ms' } }),
      rule('small', { limits: { requestBody: '4' } }),
      rule('silent', {}),
      rule('garbage', {}),
      rule('patient', { pools: [{ name: 'patient' }] }),
      rule('missing', { pools: [{ name: 'nowhere' }] }),
      rule('empty', { pools: [{ name: 'empty' }] }),
      rule('closed', { pools: [{ name: 'closed' }] }),
      rule('open', { pools: [{ name: 'open' }] }),
    ]),
    site('a'),
    site('b'),
  ]);
  await proxy.serving();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

const get = (target: string, options = {}) => proxy.get(PORT, target, options);
const preflight = { method: 'OPTIONS', headers: { Origin: 'https://a.x', 'Access-Control-Request-Method': 'PUT' } };

/** A body that goes on as no body does, once a server has its beginning. */
async function brokenBody() {
  const socket = createConnection({ host: proxy.address, port: PORT });
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  socket.write('POST /patient HTTP/1.1\r\nHost: a.x\r\nTransfer-Encoding: chunked\r\n\r\n');
  await eventually('the server has it', () => seen.has('/patient'));
  socket.write('x\r\n');
  await eventually('an answer', () => text.includes('\r\n\r\n'));
  socket.destroy();
  const reason = /^x-webpool-reason: (\S+)/im.exec(text)?.[1];
  return { status: Number(text.split(' ')[1]), ...(reason !== undefined && { reason }) };
}

type Row = readonly [
  what: string,
  told: string,
  ask: () => Promise<{ readonly status: number; readonly reason?: string }>,
];

describe('an answer says why:', () => {
  test.each<Row>([
    ['a rule answers itself', '418 respond', () => get('/respond')],
    ['a rule answers without a body', '204 respond', () => get('/quiet')],
    ['a rule leads elsewhere', '302 redirect', () => get('/redirect')],
    ['a browser asks first', '204 cors-preflight', () => get('/cors', preflight)],
    ['no rule matches', '404 no-matching-rule', () => get('/other')],
    ['the pool is not there', '500 pool-not-found', () => get('/missing')],
    ['the pool has no server', '503 no-ready-server', () => get('/empty')],
    ['the pool is closed', '503 maintenance', () => get('/closed')],
    ['the pool is closed with a status of its own', '200 maintenance', () => get('/open')],
    ['a server says nothing', '504 server-too-slow', () => get('/silent')],
    ['a server says what is no HTTP', '502 bad-answer-of-server', () => get('/garbage')],
    ['time is up', '504 request-timeout', () => get('/timed')],
    ['the client may not', '403 access-denied', () => get('/denied')],
    ['the client may not so often', '429 rate-limited', async () => (await get('/limited'), get('/limited'))],
    ['a body is too large', '413 body-too-large', () => get('/small', { method: 'POST', body: '12345' })],
    [
      'a body may be too large',
      '411 length-required',
      () => get('/small', { method: 'POST', body: '1', headers: { 'Transfer-Encoding': 'chunked' } }),
    ],
    ['a host is none', '400 bad-host', () => get('/', { host: '*' })],
    ['a path may mean two things', '400 bad-path', () => get('/a%2fb')],
    ['a body is not what it says', '400 bad-request', brokenBody],
    [
      'a connection was made for another host',
      '421 misdirected',
      () => httpsGet({ address: proxy.address, port: TLS_PORT }, '/', { sni: 'a.x', host: 'b.x' }),
    ],
  ])('%s', async (_, told, ask) => {
    const { status, reason } = await ask();
    expect(`${status} ${reason}`).toBe(told);
  });
});
