import { inNetns, run } from './child.ts';
import { startHelper } from './helper.ts';
import type { Behaviour, FromServer, ToServer, Visit } from './vm-server.ts';

export interface VmOptions {
  /** What its server calls itself. Default: `vm` and a number. */
  readonly name?: string;
  /** Default: 80. */
  readonly port?: number;
  /** Last number of its addresses, 10 to 253. Default: the next. */
  readonly host?: number;
}

/** A machine with addresses of its own and a web server that tells who it is (see `Visit`). */
export interface Vm {
  readonly name: string;
  readonly address: string;
  readonly address6: string;
  readonly port: number;
  readonly netns: string;
  /** Changes how its server answers from now on. */
  readonly behave: (behaviour: Behaviour) => Promise<void>;
  /** The requests that came since the start, health checks too. */
  readonly visits: () => Promise<readonly Visit[]>;
  /** Pulls the plug: packets vanish, nobody is told. */
  readonly unplug: () => Promise<void>;
  readonly plug: () => Promise<void>;
  /** Runs a command on it; what it printed. */
  readonly run: (command: readonly string[]) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Where a VM is plugged in. */
export interface Place {
  /** The namespace with the bridge. */
  readonly bridge: string;
  /** The next free host number. */
  readonly host: number;
  readonly addressOf: (host: number) => string;
  readonly address6Of: (host: number) => string;
}

/** Starts a VM on the bridge and waits until its server listens. */
export async function startVm(place: Place, options: VmOptions): Promise<Vm> {
  const { host = place.host, port = 80, name = `vm${host}` } = options;
  const { bridge, addressOf, address6Of } = place;
  const netns = `${bridge}-vm${host}`;
  const cable = `vm${host}`;
  // A hardware address that belongs to the address: neighbours remember it when a VM comes again.
  const hardware = `02:00:00:00:00:${host.toString(16).padStart(2, '0')}`;
  const wire = `
    ip netns add ${netns}
    ip link add ${cable} type veth peer name eth0 address ${hardware} netns ${netns}
    ip link set ${cable} master bridge up
    ip -n ${netns} link set lo up
    ip -n ${netns} addr add ${addressOf(host)}/24 dev eth0
    ip -n ${netns} addr add ${address6Of(host)}/64 dev eth0 nodad
    ip -n ${netns} link set eth0 up
    ip -n ${netns} route add default via ${addressOf(1)}
  `;
  await run(inNetns(bridge, ['sh', '-ec', wire]));
  const server = await startHelper<ToServer, FromServer>('vm-server.ts', [name, `${port}`], netns);
  const plug = (state: 'up' | 'down') => async (): Promise<void> => {
    await run(inNetns(bridge, ['ip', 'link', 'set', cable, state]));
  };
  return {
    name,
    address: addressOf(host),
    address6: address6Of(host),
    port,
    netns,
    behave: async (behaviour) => {
      await server.ask({ behave: behaviour });
    },
    visits: async () => (await server.ask({ visits: true })).visits ?? [],
    unplug: plug('down'),
    plug: plug('up'),
    run: (command) => run(inNetns(netns, command)),
    stop: async () => {
      await server.end();
      // The cable first: a namespace takes its end along only some time later.
      await run(inNetns(bridge, ['sh', '-ec', `ip link del ${cable}; ip netns del ${netns}`]));
    },
  };
}
