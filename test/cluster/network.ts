/**
 * A network of the test's own: a namespace with a bridge, reachable from this host by one link, and VMs as further namespaces
 * on that bridge. EndpointSlices refuse loopback addresses; these are none.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inNetns, run } from './child.ts';
import { takeLock, type Lock } from './lock.ts';
import { startVm, type Vm, type VmOptions } from './vm.ts';

/** A running network. All of 198.18.N.0/24 and fd00:198:18:N::/64 is its own (N differs between networks of this machine). */
export interface Network {
  /** Its namespace: what runs there has all its addresses near. */
  readonly netns: string;
  /** For files of what runs there; gone after `stop`. */
  readonly folder: string;
  /** Of the namespace; VMs and this host reach it. */
  readonly address: string;
  /** Of this host, as seen from there. */
  readonly hostAddress: string;
  /** The numbered host address of it, 1 to 254. 1 and 254 are taken, VMs count up from 10. */
  readonly addressOf: (host: number) => string;
  readonly address6Of: (host: number) => string;
  /** Runs a command in the namespace; what it printed. */
  readonly run: (command: readonly string[]) => Promise<string>;
  /** Starts a VM with an HTTP server in it. */
  readonly startVm: (options?: VmOptions) => Promise<Vm>;
  /** Ends everything that runs in it. */
  readonly stop: () => Promise<void>;
}

const LOCKS = '/run/webpool-test';
const NETWORKS = 200;
const NEEDED = ['ip', 'nsenter', 'setpriv', 'flock'];

/** Says what this machine lacks for a network; undefined = nothing. */
export async function missingNetwork(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux (network namespaces)';
  const found = await Promise.all(NEEDED.map(isProgram));
  const missing = NEEDED.filter((_, index) => !found[index]);
  if (missing.length > 0) return `needs the programs ${missing.join(', ')}`;
  return undefined;
}

/** Takes a network that nobody on this machine uses. */
export async function startNetwork(): Promise<Network> {
  const { number, lock } = await takeNumber();
  const netns = netnsOf(number);
  const addressOf = (host: number): string => `198.18.${number}.${host}`;
  const address6Of = (host: number): string => `fd00:198:18:${number}::${host}`;
  try {
    await run(endCommand(number));
    await mkdir(folderOf(number), { mode: 0o700 });
    await run(['sh', '-ec', setUp({ netns, link: linkOf(number), addressOf, address6Of })]);
  } catch (error) {
    await lock.release();
    throw error;
  }
  let hosts = 9;
  return {
    netns,
    folder: folderOf(number),
    address: addressOf(1),
    hostAddress: addressOf(254),
    addressOf,
    address6Of,
    run: (command) => run(inNetns(netns, command)),
    startVm: (options = {}) => {
      hosts += 1;
      return startVm({ bridge: netns, host: hosts, addressOf, address6Of }, options);
    },
    stop: () => lock.release(),
  };
}

async function takeNumber(): Promise<{ readonly number: number; readonly lock: Lock }> {
  for (let number = 1; number <= NETWORKS; number += 1) {
    const lock = await takeLock(`${LOCKS}/${number}.lock`, { wait: false, atEnd: endCommand(number) });
    if (lock !== undefined) return { number, lock };
  }
  throw new Error(`all ${NETWORKS} networks for tests are in use: see ${LOCKS}`);
}

function netnsOf(number: number): string {
  return `webpool-${number}`;
}

function linkOf(number: number): string {
  return `webpool-${number}`;
}

function folderOf(number: number): string {
  return join(tmpdir(), netnsOf(number));
}

function endCommand(number: number): readonly string[] {
  return ['sh', new URL('end-network.sh', import.meta.url).pathname, netnsOf(number), linkOf(number), folderOf(number)];
}

interface SetUp extends Pick<Network, 'netns' | 'addressOf' | 'address6Of'> {
  readonly link: string;
}

function setUp({ netns, link, addressOf, address6Of }: SetUp): string {
  return `
    ip netns add ${netns}
    ip -n ${netns} link set lo up
    ip -n ${netns} link add bridge type bridge
    ip -n ${netns} addr add ${addressOf(1)}/24 dev bridge
    ip -n ${netns} addr add ${address6Of(1)}/64 dev bridge nodad
    ip -n ${netns} link set bridge up
    ip link add ${link} type veth peer name host netns ${netns}
    ip -n ${netns} link set host master bridge up
    ip addr add ${addressOf(254)}/24 dev ${link}
    ip addr add ${address6Of(254)}/64 dev ${link} nodad
    ip link set ${link} up
    ip -n ${netns} route add default via ${addressOf(254)}
  `;
}

async function isProgram(name: string): Promise<boolean> {
  return run(['sh', '-c', `command -v ${name}`]).then(
    () => true,
    () => false,
  );
}
