/**
 * Ports that other programs of this host hold. HAProxy could not open them, or, when both sides let the kernel share a port, would get a
 * part of the connections only. Source: proc_net_tcp.txt of the Linux kernel.
 */
import { open, readdir, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { addressBytes } from '../api/address.ts';

/** Port → who holds it, in words. */
export type TakenPorts = ReadonlyMap<number, string>;

export interface PortInspectorOptions {
  /** Addresses that listeners bind to, canonical. */
  readonly bind: readonly string[];
  /** Working directory of our HAProxy: what its processes hold is not taken, also when another folder has the name by now. */
  readonly folder: string;
}

interface Listening {
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

type Holder = { readonly ours: true } | { readonly ours: false; readonly name: string };

/** A function that says which of these ports are taken. It knows sockets again, so asking often costs little. */
export function createPortInspector(
  options: PortInspectorOptions,
): (ports: ReadonlySet<number>) => Promise<TakenPorts> {
  let known: ReadonlyMap<string, Holder> = new Map();
  /** All folders that had that name since we began. */
  const homes = new Set<string>();
  return async (ports) => {
    homes.add(await folderId(options.folder));
    const found = (await listeningSockets()).filter(
      ({ address, port }) => ports.has(port) && options.bind.some((own) => overlaps(own, address)),
    );
    const inodes = found.map(({ inode }) => inode);
    if (!inodes.every((inode) => known.has(inode))) known = await holdersOf(new Set(inodes), homes);
    const byPort = Map.groupBy(found, ({ port }) => port);
    return new Map(
      [...byPort].flatMap(([port, sockets]) => {
        const holders = sockets.map(({ inode }): Holder => known.get(inode) ?? UNKNOWN);
        const [first] = holders;
        if (first === undefined || first.ours || holders.some(({ ours }) => ours)) return [];
        return [[port, first.name] as const];
      }),
    );
  };
}

/** Of another user, or of a container that shares our network. */
const UNKNOWN: Holder = { ours: false, name: 'another program' };

async function listeningSockets(): Promise<readonly Listening[]> {
  return (await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(listeningIn))).flat();
}

/** They come first, so that of many connections hardly one is read. */
async function listeningIn(path: string): Promise<readonly Listening[]> {
  const found: Listening[] = [];
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return found;
  try {
    let header = true;
    for await (const line of file.readLines({ autoClose: false })) {
      const socket = listeningSocket(line);
      if (socket === undefined && !header) break;
      header = false;
      if (socket !== undefined) found.push(socket);
    }
    return found;
  } finally {
    await file.close();
  }
}

const LISTEN = '0A';

/** A line of the table. */
function listeningSocket(line: string): Listening | undefined {
  const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
  const [address = '', port = ''] = local.split(':');
  return state === LISTEN ? { address, port: Number.parseInt(port, 16), inode } : undefined;
}

/** Whether the kernel takes the two for the same place. An IPv6 socket for all may be one for IPv4 as well. */
function overlaps(own: string, other: string): boolean {
  const mine = hexOf(own);
  if (/^0+$/.test(other)) return other.length === 32 || mine.length === 8;
  return mine.length === other.length && (/^0+$/.test(mine) || mine === other);
}

/** An address as the kernel writes it: words of 32 bits, each with its last byte first. */
function hexOf(address: string): string {
  const bytes = addressBytes(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.slice(at * 4, at * 4 + 4).toReversed());
  return words
    .flat()
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}

/** What lies at the path, by whatever name; none where nothing does. */
async function folderId(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => 'none',
  );
}

async function holdersOf(
  inodes: ReadonlySet<string>,
  homes: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Holder>> {
  const holders = new Map<string, Holder>([...inodes].map((inode) => [inode, UNKNOWN]));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    for (const inode of await socketsOf(pid)) {
      if (!inodes.has(inode) || holders.get(inode)?.ours === true) continue;
      holders.set(inode, await holderOf(pid, homes));
    }
  }
  return holders;
}

async function holderOf(pid: string, homes: ReadonlySet<string>): Promise<Holder> {
  const id = await folderId(`/proc/${pid}/cwd`);
  if (id !== 'none' && homes.has(id)) return { ours: true };
  const program = basename(await readlink(`/proc/${pid}/exe`).catch(() => 'a program'));
  return { ours: false, name: `${program} (process ${pid})` };
}

/** Inodes of the sockets of a process; of one that may not be looked into, or has ended, none. */
async function socketsOf(pid: string): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
