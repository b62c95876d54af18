import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What a statement gives: rows, nothing, or an error. */
export type Answer =
  | { readonly rows: readonly (readonly (string | number | null)[])[] }
  | { readonly errno: number; readonly message: string }
  | undefined;

export interface WireServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

const COM_QUIT = 1;
const COM_QUERY = 3;
/** LONG_PASSWORD, LONG_FLAG, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS; as MySQL 5.1 has them. */
const CAPABILITIES = 0x0001 | 0x0004 | 0x0200 | 0x2000 | 0x8000 | 0x10000 | 0x20000;
const MORE_RESULTS = 8;

/**
 * Listens on 127.0.0.1 and speaks MySQL's protocol as a server of 5.1 does; whoever comes is let in.
 * Source: MySQL internals manual, "Text Protocol".
 */
export async function startWireServer(version: string, answer: (sql: string) => Answer): Promise<WireServer> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client.on('error', () => undefined));
    client.write(packet(0, greeting(version)));
    let isKnown = false;
    let rest = Buffer.alloc(0);
    client.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUIntLE(0, 3)) {
        const body = rest.subarray(4, 4 + rest.readUIntLE(0, 3));
        rest = rest.subarray(4 + body.length);
        if (!isKnown) client.write(packet(2, ok(0)));
        else if (body[0] === COM_QUIT) client.end();
        else if (body[0] === COM_QUERY) client.write(results(body.subarray(1).toString('utf8'), answer));
        isKnown = true;
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function greeting(version: string): Buffer {
  const scramble = randomBytes(20).map((byte) => (byte % 90) + 33);
  const numbers = Buffer.alloc(18);
  numbers.writeUInt16LE(CAPABILITIES & 0xffff, 0);
  numbers.writeUInt8(8, 2);
  numbers.writeUInt16LE(2, 3);
  numbers.writeUInt16LE(CAPABILITIES >>> 16, 5);
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${version}\0`),
    Buffer.from([1, 0, 0, 0]),
    scramble.subarray(0, 8),
    Buffer.from([0]),
    numbers,
    scramble.subarray(8),
    Buffer.from([0]),
  ]);
}

function packet(sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  header.writeUInt8(sequence & 0xff, 3);
  return Buffer.concat([header, body]);
}

/** One statement after the other, until one fails. */
function results(text: string, answer: (sql: string) => Answer): Buffer {
  const statements = text.split(';\n');
  const bodies: Buffer[] = [];
  for (const [index, sql] of statements.entries()) {
    const result = answer(sql);
    const status = 2 | (index < statements.length - 1 ? MORE_RESULTS : 0);
    if (result === undefined) bodies.push(ok(status));
    else if ('rows' in result) bodies.push(...resultSet(result.rows, status));
    else {
      bodies.push(failure(result));
      break;
    }
  }
  return Buffer.concat(bodies.map((body, index) => packet(index + 1, body)));
}

function ok(status: number): Buffer {
  return Buffer.from([0, 0, 0, status, 0, 0, 0]);
}

function failure({ errno, message }: { readonly errno: number; readonly message: string }): Buffer {
  return Buffer.concat([Buffer.from([0xff, errno & 0xff, errno >>> 8]), Buffer.from(`#HY000${message}`)]);
}

function eof(status: number): Buffer {
  return Buffer.from([0xfe, 0, 0, status, 0]);
}

function resultSet(rows: readonly (readonly (string | number | null)[])[], status: number): readonly Buffer[] {
  const columns = rows[0] ?? [''];
  const definitions = columns.map((_, index) => definition(`c${index}`));
  const texts = rows.map((row) =>
    Buffer.concat(row.map((cell) => (cell === null ? Buffer.from([0xfb]) : counted(String(cell))))),
  );
  return [Buffer.from([columns.length]), ...definitions, eof(status), ...texts, eof(status)];
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 251) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = Buffer.from([0xfc, bytes.length & 0xff, bytes.length >>> 8]);
  return Buffer.concat([length, bytes]);
}

const VAR_STRING = 0xfd;
const UTF8 = 33;

function definition(name: string): Buffer {
  const names = ['def', '', '', '', name, name].map(counted);
  return Buffer.concat([...names, Buffer.from([0x0c, UTF8, 0, 255, 255, 0, 0, VAR_STRING, 0, 0, 0, 0, 0])]);
}
