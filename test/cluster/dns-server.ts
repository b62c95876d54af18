/** A DNS server: `node dns-server.ts ADDRESS`; its parent tells it all names there are. */
import { createSocket } from 'node:dgram';
import { isIPv4, isIPv6 } from 'node:net';

/** Name, in lower case and without the dot at its end → addresses. */
export type Records = Readonly<Record<string, readonly string[]>>;

const HEADER = 12;
const CLASS_IN = 1;
const NO_SUCH_NAME = 3;
/** Seconds: a name may change at any time. */
const TTL = 0;

/** What a question asks for → which of the addresses it gets, and their bytes. */
const TYPES: Readonly<Record<number, { readonly fits: (address: string) => boolean; readonly bytes: typeof bytes4 }>> =
  {
    1: { fits: isIPv4, bytes: bytes4 },
    28: { fits: isIPv6, bytes: bytes6 },
  };

let records: Records = {};

const [address = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (query, from) => socket.send(answerTo(query), from.port, from.address));
socket.bind(53, address, () => process.send?.('listening'));

process.on('message', (message: Records) => {
  records = message;
  process.send?.('known');
});
process.on('disconnect', () => process.exit(0));

/** The answer to a query with one question, RFC 1035 §4.1. */
function answerTo(query: Buffer): Buffer {
  const { name, end } = nameAt(query);
  const type = query.readUInt16BE(end);
  const known = records[name];
  const kind = TYPES[type];
  const answers = kind === undefined ? [] : (known ?? []).filter((one) => kind.fits(one)).map((one) => kind.bytes(one));
  const header = Buffer.alloc(HEADER);
  query.copy(header, 0, 0, 2);
  // An answer of authority, and recursion as it was asked for and is available.
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100) | (known === undefined ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, query.subarray(HEADER, end + 4), ...answers.map((bytes) => recordOf(type, bytes))]);
}

function nameAt(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function recordOf(type: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // A pointer to the name in the question.
  head.writeUInt16BE(0xc000 | HEADER, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(TTL, 6);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, bytes]);
}

function bytes4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

function bytes6(text: string): Buffer {
  const [left = '', right] = text.split('::');
  const groups = (part: string | undefined): readonly string[] =>
    part === undefined || part === '' ? [] : part.split(':');
  const missing = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array.from({ length: missing }, () => '0'), ...groups(right)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
