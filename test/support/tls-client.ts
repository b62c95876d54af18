/** HTTPS as tests need it: one request with a name of its own in the handshake, and what was shown in it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest, type Agent } from 'node:https';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import { answerOf, readAnswer, type Answer, type Place } from './http-client.ts';

export interface TlsOptions extends Pick<
  ConnectionOptions,
  'cert' | 'key' | 'minVersion' | 'maxVersion' | 'ciphers' | 'ALPNProtocols'
> {
  /** The name that the client asks for; none by default. */
  readonly sni?: string;
}

export interface HttpsOptions extends TlsOptions {
  /** Host header. Default: `sni`. */
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly from?: string;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
}

/** One request. Whoever signed the certificate is trusted. Errors: those of the handshake. */
export async function httpsGet({ address, port }: Place, target: string, options: HttpsOptions): Promise<Answer> {
  const { sni, host = sni, headers = {}, from, ...tls } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest({
      host: address,
      port,
      path: target,
      servername: sni ?? '',
      rejectUnauthorized: false,
      agent: false,
      ...tls,
      headers: { ...(host === undefined ? {} : { Host: host }), ...headers },
      ...(from === undefined ? {} : { localAddress: from }),
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => resolve(readAnswer(incoming)));
    outgoing.end();
  });
}

export interface TlsExchange {
  readonly sni: string;
  /** Address that the client comes from. */
  readonly from: string;
  /** Sent before the handshake, in the clear. */
  readonly before: string;
}

/** As `exchange`, over TLS. */
export async function exchangeTls({ address, port }: Place, text: string, options: TlsExchange): Promise<string> {
  const { sni, from, before } = options;
  const plain = createConnection({ host: address, port, localAddress: from });
  plain.write(before);
  return new Promise((resolve, reject) => {
    let received = '';
    plain.on('error', reject);
    const socket = connect({ socket: plain, servername: sni, rejectUnauthorized: false }, () => socket.write(text));
    socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

/** One request over HTTP/2; `headers` with what begins with a colon. Errors: those of the connection. */
export async function http2Get({ address, port }: Place, sni: string, headers: Http2Headers): Promise<Answer> {
  const session = connectHttp2(`https://${address}:${port}`, { servername: sni, rejectUnauthorized: false });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({ ':authority': sni, ...headers });
      const chunks: Buffer[] = [];
      let answered: IncomingHttpHeaders & { readonly ':status'?: number } = {};
      stream.on('response', (received) => (answered = received as typeof answered));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => resolve(answerOf(answered[':status'] ?? 0, answered, Buffer.concat(chunks).toString())));
      stream.end();
    });
  } finally {
    session.destroy();
  }
}

type Http2Headers = Readonly<Record<string, string>>;

/** What a handshake came to. */
export interface Handshake {
  readonly certificate: PeerCertificate;
  readonly protocol: string | null;
  /** Of ALPN. */
  readonly application: string | false | null;
}

/** A handshake alone. Errors: why it failed. */
export async function handshake({ address, port }: Place, options: TlsOptions): Promise<Handshake> {
  const { sni = '', ...tls } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, servername: sni, rejectUnauthorized: false, ...tls }, () => {
      resolve({
        certificate: socket.getPeerCertificate(),
        protocol: socket.getProtocol(),
        application: socket.alpnProtocol,
      });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

export interface Resumption {
  /** Host that gives the session. */
  readonly of: string;
  /** Host that is asked with it. */
  readonly at: string;
  /** What the client shows to the first; none by default. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The first line of what a host answers over TLS 1.3 to a client that comes with the session of another host; none when the handshake
 * fails. By the openssl program: Node's client takes no session to a host of another name.
 */
export async function resumedGet(place: Place, { of, at, cert, key }: Resumption): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'webpool-session-'));
  const [session, pair] = [join(folder, 'session'), join(folder, 'pair')];
  try {
    await writeFile(pair, `${cert ?? ''}${key ?? ''}`);
    const shown = cert === undefined ? [] : ['-cert', pair];
    await clientOf(place, of, ['-sess_out', session, ...shown]);
    return /^HTTP\/1\.1 .*$/m.exec(await clientOf(place, at, ['-sess_in', session]))?.[0].trim() ?? '';
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function clientOf({ address, port }: Place, host: string, words: readonly string[]): Promise<string> {
  const all = ['s_client', '-connect', `${address}:${port}`, '-servername', host, '-tls1_3', '-ign_eof', ...words];
  return new Promise((resolve) => {
    // A handshake that fails is an answer too.
    const child = execFile('openssl', all, (_, stdout) => resolve(stdout));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}
