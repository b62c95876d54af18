import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A way to a MySQL server that ends in the middle of the conversation. */
export interface CuttingProxy {
  readonly port: number;
  /** Statements that came by so far. */
  readonly statements: number;
  /** Whoever connects from now on gets to the server at that port; connections that are open stay where they are. */
  readonly leadTo: (target: number) => void;
  readonly close: () => Promise<void>;
}

export interface Cut {
  /** Statements that pass. */
  readonly after: number;
  /** The next one reaches the server and only its answer is lost, or it is lost itself. */
  readonly lost: 'Answer' | 'Statement';
}

const COM_QUERY = 3;

/** Starts a proxy on 127.0.0.1 before the server at `target`; without `cut` it only counts. */
export async function startCuttingProxy(target: number, cut?: Cut): Promise<CuttingProxy> {
  let statements = 0;
  let to = target;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const upstream = keep(connect({ host: '127.0.0.1', port: to }));
    keep(client);
    upstream.on('data', (data) => client.writable && client.write(data));
    upstream.on('close', () => client.destroy());
    client.on('close', () => {
      // Once the answer is lost the server still gets to finish its work.
      if (statements <= (cut?.after ?? Infinity)) upstream.destroy();
      else upstream.end();
    });
    const packets = packetReader((packet) => {
      if (packet[4] === COM_QUERY && packet[3] === 0) statements += 1;
      const over = statements > (cut?.after ?? Infinity);
      if (!over || cut?.lost === 'Answer') upstream.write(packet);
      if (over) client.destroy();
    });
    client.on('data', (data: Buffer) => packets(data));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get statements() {
      return statements;
    },
    leadTo: (next) => {
      to = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** Calls back with each whole packet of MySQL's protocol: three bytes of length, one of sequence, the body. */
function packetReader(onPacket: (packet: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUIntLE(0, 3);
      if (rest.length < end) return;
      onPacket(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}
