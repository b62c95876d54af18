/** A real node: containerd, kubelet and kube-proxy, in namespaces of their own that take everything along when they end. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { run, startChild, whenTrue, type Child } from './child.ts';
import { programsOf, startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
import type { Records } from './dns-server.ts';
import { startHelper } from './helper.ts';
import { BUSYBOX, buildImage, missingForImages } from './images.ts';
import { startLoadBalancer } from './load-balancer.ts';
import { missingNetwork, startNetwork, type Network } from './network.ts';
import { missingPrograms, programFolder } from './programs.ts';

/** A running node named `node`. */
export interface Node {
  /** Gives it an image (path of a docker-archive). */
  readonly importImage: (archive: string) => Promise<void>;
  /** Runs a command among the node's own mounts and processes. */
  readonly run: (command: readonly string[]) => Promise<string>;
}

/** A cluster of one node. A Service of type LoadBalancer gets an address that this host and VMs reach. */
export interface Cluster extends ControlPlane {
  readonly network: Network;
  readonly node: Node;
  /** Says which names Pods can resolve, all of them each time. None at first: those of Services are not there by themselves. */
  readonly setNames: (records: Records) => Promise<void>;
}

/** The programs of a cluster with a node. */
const PROGRAMS = [...programsOf({ controllers: true, scheduler: true }), 'kubelet', 'kube-proxy'] as const;
const NEEDED = ['containerd', 'ctr', 'runc', 'nft', 'conntrack', 'busybox', 'unshare'];
const CNI = '/usr/lib/cni';
const POD_ADDRESSES = '10.244.0.0/24';

/** Says what this machine lacks for a cluster with a node; undefined = nothing. */
export async function missingCluster(): Promise<string | undefined> {
  const missing = (await missingNetwork()) ?? (await missingPrograms(PROGRAMS)) ?? (await missingForImages());
  if (missing !== undefined) return missing;
  for (const name of NEEDED) {
    const found = await run(['sh', '-c', `command -v ${name}`]).catch(() => undefined);
    if (found === undefined) return `needs ${name} (sh scripts/setup-cluster.sh)`;
  }
  return undefined;
}

/** Starts network, control plane and node, and waits until Pods can run. */
export async function startCluster(options: ControlPlaneOptions = {}): Promise<Cluster> {
  const network = await startNetwork();
  let plane: ControlPlane | undefined;
  try {
    const [pause, own] = await Promise.all([
      buildImage(BUSYBOX),
      startControlPlane({ ...options, controllers: true, scheduler: true, network }),
    ]);
    plane = own;
    const parts = await startNode({ plane, network, pause });
    const names = await startHelper<Records, unknown>('dns-server.ts', [network.address], network.netns);
    const balancer = startLoadBalancer(own.client, network);
    const stop = async (): Promise<void> => {
      await balancer.stop();
      await names.end();
      await parts.stop();
      await own.stop();
      await network.stop();
    };
    const setNames = async (records: Records): Promise<void> => {
      await names.ask(records);
    };
    return { ...plane, network, node: parts.node, setNames, stop };
  } catch (error) {
    await plane?.stop();
    await network.stop();
    throw error;
  }
}

interface Parts {
  readonly plane: ControlPlane;
  readonly network: Network;
  /** Archive of the image that every Pod's sandbox runs. */
  readonly pause: string;
}

/** The folders of the node, below that of the control plane. */
interface Place extends Parts {
  readonly folder: string;
  readonly socket: string;
  readonly programs: string;
}

async function startNode(parts: Parts): Promise<{ readonly node: Node; readonly stop: () => Promise<void> }> {
  const folder = join(parts.plane.folder, 'node');
  await mkdir(join(folder, 'cni'), { recursive: true });
  const place = { ...parts, folder, socket: join(folder, 'containerd.sock'), programs: await programFolder(PROGRAMS) };
  await run(['sh', '-ec', CGROUPS, 'sh', parts.network.netns]);
  const init = await startInit(place);
  try {
    const enter = await insideOf(init);
    const node: Node = {
      run: (command) => run([...enter, ...command]),
      importImage: async (archive) => {
        await run([...enter, 'ctr', '--address', place.socket, '--namespace', 'k8s.io', 'images', 'import', archive]);
      },
    };
    const start = startIn(place, enter);
    await startContainerd(place, node, start);
    await Promise.all([startKubelet(place, start), startProxy(place, start)]);
    return { node, stop: () => init.end('SIGKILL') };
  } catch (error) {
    await init.end('SIGKILL');
    throw error;
  }
}

/** A cgroup of the node's own in every hierarchy (version 1) or in the one (version 2); end-network.sh takes it away. */
const CGROUPS = `
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$1"
  else
    for hierarchy in /sys/fs/cgroup/*; do
      [ ! -e "$hierarchy/cgroup.procs" ] || mkdir -p "$hierarchy/$1"
    done
  fi
`;

/** What lies on paths that nobody can choose: the node's own, and gone with it. */
const OWN_FOLDERS = ['/run/containerd', '/var/lib/cni', '/var/lib/kubelet', '/var/log/pods', '/var/log/containers'];

/** The first process of the node's namespaces. All others, containers too, end with it, and so do all mounts. */
async function startInit({ network, folder }: Place): Promise<Child> {
  const script = `
    for folder in ${OWN_FOLDERS.join(' ')}; do mkdir -p $folder; mount -t tmpfs node $folder; done
    mount --make-rshared /
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo ready
    while sleep 1; do :; done
  `;
  const child = await startChild({
    command: 'unshare',
    args: ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-ec', script],
    log: join(folder, 'init.log'),
    netns: network.netns,
  });
  await whenTrue(child, 'the node has its namespaces', async () => (await child.tail()).includes('ready'));
  return child;
}

/** The command line that enters the node. */
async function insideOf(init: Child): Promise<readonly string[]> {
  const children = await readFile(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8');
  return ['nsenter', '--target', children.trim(), '--mount', '--pid', '--net', '--'];
}

type Start = (name: string, args: readonly string[]) => Promise<Child>;

function startIn(place: Place, enter: readonly string[]): Start {
  return (name, args) => {
    const [command = '', ...rest] = enter;
    const log = join(place.folder, `${name}.log`);
    const env = { PATH: `${place.programs}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    return startChild({ command, args: [...rest, name, ...args], log, env });
  };
}

async function startContainerd(place: Place, node: Node, start: Start): Promise<void> {
  const { folder, socket } = place;
  const config = join(folder, 'containerd.toml');
  await writeFile(config, containerdConfig(place));
  const cni = {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        // Every packet is routed, so Services work between Pods of one node without netfilter on a bridge.
        type: 'ptp',
        ipam: { type: 'host-local', ranges: [[{ subnet: POD_ADDRESSES }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
    ],
  };
  await writeFile(join(folder, 'cni', '10-pods.conflist'), JSON.stringify(cni));
  const child = await start('containerd', ['--config', config]);
  const ctr = ['ctr', '--address', socket, 'version'];
  await whenTrue(child, 'containerd is ready', () => node.run(ctr).then(() => true));
  await node.importImage(place.pause);
}

function containerdConfig({ folder, socket }: Place): string {
  const { stringify } = JSON;
  // Without the right to lower oom_score_adj, restrict_oom_score_adj is what lets a sandbox start.
  return `
version = 2
root = ${stringify(join(folder, 'containerd'))}
state = ${stringify(join(folder, 'containerd-state'))}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing"]
[grpc]
address = ${stringify(socket)}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${BUSYBOX.image}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${CNI}"
conf_dir = ${stringify(join(folder, 'cni'))}
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
`;
}

async function startKubelet({ folder, socket, plane, network }: Place, start: Start): Promise<void> {
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${socket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${network.netns}`,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    // Only kubelets from 1.35 on mind.
    failCgroupV1: false,
    resolvConf: '',
    clusterDNS: [network.address],
    clusterDomain: 'cluster.local',
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    volumePluginDir: join(folder, 'plugins'),
    serializeImagePulls: false,
    // A node says soon how it is, and Pods start without waiting for a look-around.
    nodeStatusUpdateFrequency: '2s',
    syncFrequency: '10s',
  };
  const path = join(folder, 'kubelet.json');
  await writeFile(path, JSON.stringify(config));
  const child = await start('kubelet', [
    `--config=${path}`,
    `--kubeconfig=${await plane.kubeconfigAs('kubelet')}`,
    '--hostname-override=node',
    `--node-ip=${network.address}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--cert-dir=${join(folder, 'kubelet-certificates')}`,
  ]);
  await whenTrue(child, 'the node is ready', async () => {
    const answer = await plane.client.request<NodeObject>('GET', '/api/v1/nodes/node');
    if (answer.status !== 200) return false;
    const { spec, status } = answer.body;
    const isReady = status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
    return isReady && (spec.taints ?? []).length === 0;
  });
}

interface NodeObject {
  readonly spec: { readonly taints?: readonly object[] };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

async function startProxy({ folder, plane, network }: Place, start: Start): Promise<void> {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    hostnameOverride: 'node',
    clientConnection: { kubeconfig: await plane.kubeconfigAs('proxy') },
    clusterCIDR: POD_ADDRESSES,
    nftables: { minSyncPeriod: '0s', syncPeriod: '30s' },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  const path = join(folder, 'kube-proxy.json');
  await writeFile(path, JSON.stringify(config));
  const child = await start('kube-proxy', [`--config=${path}`]);
  const health = `http://${network.address}:10256/healthz`;
  await whenTrue(child, 'kube-proxy is ready', async () => {
    const { statusCode, body } = await request(health);
    await body.dump();
    return statusCode === 200;
  });
}
