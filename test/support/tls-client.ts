/** HTTPS as tests need it: one request with a name of its own in the handshake, and what was shown in it. */
import { request as httpsRequest, type Agent } from 'node:https';
import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import { answerOf, type Answer, type Place } from './http-client.ts';

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
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve(answerOf(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks).toString())),
      );
    });
    outgoing.end();
  });
}

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
