/** Answers that a pool compresses, as clients get them. */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTo, createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;
const TEXT = 'All work and no play makes Jack a dull boy.\n'.repeat(100);

describe('compression', () => {
  let proxy: TestProxy;
  let server: WebServer;
  let headers: Readonly<Record<string, string>>;

  beforeAll(async () => {
    [proxy, server] = await Promise.all([createTestProxy(), startWebServer({ name: 'one' })]);
    server.handler = (_, response) => void response.writeHead(200, headers).end(TEXT);
    await proxy.apply([
      poolOf('site', [server], { compression: { types: ['text/html', 'application/json'] } }),
      poolOf('plain', [server]),
      ruleOf('site', { port: PORT, hostnames: ['site.x'] }, [allTo('site')]),
      ruleOf('plain', { port: PORT, hostnames: ['plain.x'] }, [allTo('plain')]),
    ]);
    await proxy.serving();
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  });

  const get = async (host: string, accepts = 'gzip') => {
    const asked = { host, headers: { 'Accept-Encoding': accepts }, encoding: 'latin1' } as const;
    const { headers: got, body } = await proxy.get(PORT, '/', asked);
    return { headers: got, bytes: Buffer.from(body, 'latin1') };
  };

  it.each(['text/html', 'text/html; charset=utf-8', 'TEXT/HTML', 'application/json'])('of %s', async (type) => {
    headers = { 'Content-Type': type, ETag: '"one"' };
    const got = await get('site.x');
    expect(got.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding', etag: 'W/"one"' });
    expect(got.bytes.length).toBeLessThan(TEXT.length / 4);
    expect(gunzipSync(got.bytes).toString()).toBe(TEXT);
  });

  it.each<readonly [string, Readonly<Record<string, string>>, string, string]>([
    ['for a client that does not take it', { 'Content-Type': 'text/html' }, 'site.x', 'identity'],
    ['of another type', { 'Content-Type': 'image/png' }, 'site.x', 'gzip'],
    [
      'of an answer that may not be changed',
      { 'Content-Type': 'text/html', 'Cache-Control': 'no-transform' },
      'site.x',
      'gzip',
    ],
    ['in a pool that does not ask for it', { 'Content-Type': 'text/html' }, 'plain.x', 'gzip'],
  ])('is none %s', async (...[, sent, host, accepts]) => {
    headers = sent;
    const got = await get(host, accepts);
    expect(got.headers['content-encoding']).toBeUndefined();
    expect(got.bytes.toString()).toBe(TEXT);
  });

  it('is not done twice', async () => {
    headers = { 'Content-Type': 'text/html', 'Content-Encoding': 'br' };
    const got = await get('site.x', 'br, gzip');
    expect(got.headers['content-encoding']).toBe('br');
    expect(got.bytes.toString()).toBe(TEXT);
  });
});
