/** Web servers that speak TLS, of today or of the time of CentOS 6. */
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { loopbackAddress } from './address.ts';
import type { Pair } from './certificates.ts';

export interface TlsServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Requests without those of health checks. */
  readonly requests: number;
  /** What the handshakes of the last requests came to. */
  readonly protocols: ReadonlySet<string | null>;
  /** Names that clients asked for. */
  readonly names: ReadonlySet<string>;
  stop(): Promise<void>;
}

export interface TlsServerOptions extends Pick<ServerOptions, 'minVersion' | 'maxVersion' | 'ciphers'> {
  readonly name: string;
  readonly pair: Pair;
  /** Default: a loopback address of its own. */
  readonly address?: string;
}

/** All that a server of the time knew, at the security level of the time. */
export const OF_ITS_TIME = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;

/** Starts a server that answers every request with its name in the header X-Server. */
export async function startTlsServer(options: TlsServerOptions): Promise<TlsServer> {
  const { name, pair, address = loopbackAddress(), ...tls } = options;
  const sockets = new Set<Socket>();
  const protocols = new Set<string | null>();
  const names = new Set<string>();
  let requests = 0;
  const server = createServer({ cert: pair.certificate, key: pair.key, ...tls }, (request, response) => {
    const socket = request.socket as TLSSocket;
    protocols.add(socket.getProtocol());
    if (typeof socket.servername === 'string') names.add(socket.servername);
    if (request.url?.startsWith('/health') !== true) requests += 1;
    response.writeHead(200, { 'X-Server': name }).end(name);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  return {
    name,
    address,
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    protocols,
    names,
    async stop() {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
