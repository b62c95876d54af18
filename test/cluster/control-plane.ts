/** A real Kubernetes control plane: etcd and the API server, and on request controllers and scheduler. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePortOn } from '../support/address.ts';
import { ENV, startChild, whenTrue, type Child } from './child.ts';
import { createClient, type Client } from './client.ts';
import type { Network } from './network.ts';
import { programFolder, type ProgramName } from './programs.ts';

export interface ControlPlaneOptions {
  /** Run kube-controller-manager too: service accounts, EndpointSlices of Pods, garbage collection, namespace deletion. */
  readonly controllers?: boolean;
  /** Run kube-scheduler too. */
  readonly scheduler?: boolean;
  /** Run inside this network, at its address. Default: on free ports of 127.0.0.1. */
  readonly network?: Network;
  /** Further options of kube-apiserver, with their dashes. */
  readonly apiServerOptions?: readonly string[];
}

/** A running control plane. */
export interface ControlPlane {
  /** Of the API server. */
  readonly url: string;
  /** Certificate that signs the API server's, as PEM; `caFile` has the same. */
  readonly ca: string;
  readonly caFile: string;
  /** May do everything (group system:masters). */
  readonly token: string;
  /** Path of a kubeconfig file with that token. */
  readonly kubeconfig: string;
  /** The folder of its programs, kubectl among them. */
  readonly programs: string;
  /** Where all files of it are; gone after `stop`. */
  readonly folder: string;
  /** A client that may do everything. */
  readonly client: Client;
  /** Runs kubectl as admin; its output. Throws with kubectl's own words. */
  readonly kubectl: (args: readonly string[], options?: KubectlOptions) => Promise<string>;
  /** Applies our CRDs and waits until the API server takes objects of them. */
  readonly installKinds: () => Promise<void>;
  /** A kubeconfig file for a service account that exists. */
  readonly kubeconfigFor: (account: ServiceAccount) => Promise<string>;
  /** A client for a service account that exists. */
  readonly clientFor: (account: ServiceAccount) => Promise<Client>;
  /** A token for a service account that exists, good for an hour. */
  readonly tokenFor: (account: ServiceAccount) => Promise<string>;
  /** A kubeconfig file for any token. */
  readonly kubeconfigWith: (token: string) => Promise<string>;
  /** A kubeconfig file for a part of the cluster. */
  readonly kubeconfigAs: (name: UserName) => Promise<string>;
  /** To make the API server fail. */
  readonly apiServer: ApiServer;
  readonly stop: () => Promise<void>;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

export interface KubectlOptions {
  /** For `-f -`. */
  readonly input?: string;
  /** Path; default: the admin's. */
  readonly kubeconfig?: string;
}

/** The API server as something that breaks. */
export interface ApiServer {
  /** Ends it as a crash would; objects stay in etcd. */
  readonly kill: () => Promise<void>;
  /** Starts it again at the same address and waits until it is ready. */
  readonly start: () => Promise<void>;
  /** Silence: connections stay open, nothing is answered. */
  readonly freeze: () => void;
  readonly thaw: () => void;
}

/** The parts of a cluster and who they are. */
const USERS = {
  admin: { user: 'admin', group: 'system:masters' },
  controllers: { user: 'webpool-test:controllers', group: 'system:masters' },
  scheduler: { user: 'system:kube-scheduler', group: 'system:authenticated' },
  /** Of the node named `node`. */
  kubelet: { user: 'system:node:node', group: 'system:nodes' },
  proxy: { user: 'system:kube-proxy', group: 'system:authenticated' },
} as const satisfies Record<string, { readonly user: string; readonly group: string }>;

/** A part of a cluster that has an account of its own. */
export type UserName = keyof typeof USERS;

/** For kube-apiserver, which refuses to advertise loopback; on loopback nobody uses it. */
const NOT_USED = '198.18.255.1';
/** Another program may take a port that was free a moment ago. */
const ATTEMPTS = 3;
const CRDS = new URL('../../crds/', import.meta.url).pathname;
const SERVICE_ADDRESSES = '10.0.0.0/16';

/** Which programs these options start. */
export function programsOf({ controllers, scheduler }: ControlPlaneOptions): readonly ProgramName[] {
  return [
    'etcd',
    'kube-apiserver',
    'kubectl',
    ...(controllers === true ? (['kube-controller-manager'] as const) : []),
    ...(scheduler === true ? (['kube-scheduler'] as const) : []),
  ];
}

/** Starts a control plane and waits until it is ready. Building the programs the first time takes minutes (`BUILD_TIMEOUT`). */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const programs = await programFolder(programsOf(options));
  const folder = await mkdtemp(join(options.network?.folder ?? tmpdir(), 'webpool-control-plane-'));
  const plane = await prepare(folder, programs, options);
  try {
    await startServers(plane);
    return await finish(plane);
  } catch (error) {
    await stop(plane);
    throw error;
  }
}

/** What is known while it starts and runs. */
interface Plane {
  readonly options: ControlPlaneOptions;
  readonly programs: string;
  readonly folder: string;
  readonly host: string;
  readonly tokens: Readonly<Record<UserName, string>>;
  readonly children: Map<ProgramName, Child>;
  ports: { readonly etcd: number; readonly api: number };
  client: Client | undefined;
  /** The client works; when the server starts again, it does so at the same address. */
  wasReady: boolean;
}

async function prepare(folder: string, programs: string, options: ControlPlaneOptions): Promise<Plane> {
  const names = Object.keys(USERS) as UserName[];
  const tokens = Object.fromEntries(names.map((name) => [name, randomBytes(24).toString('hex')]));
  const plane: Plane = {
    options,
    programs,
    folder,
    host: options.network?.address ?? '127.0.0.1',
    tokens: tokens as Record<UserName, string>,
    children: new Map(),
    ports: { etcd: 2379, api: 6443 },
    client: undefined,
    wasReady: false,
  };
  await mkdir(join(folder, 'certificates'));
  const lines = names.map((name) => `${plane.tokens[name]},${USERS[name].user},${name},"${USERS[name].group}"`);
  await writeFile(join(folder, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(folder, 'accounts.key'), privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  return plane;
}

/** etcd and the API server; again on other ports if one was taken meanwhile. */
async function startServers(plane: Plane): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    if (plane.options.network === undefined)
      plane.ports = { etcd: await freePortOn(plane.host), api: await freePortOn(plane.host) };
    try {
      await startEtcd(plane);
      await startApiServer(plane);
      return;
    } catch (error) {
      await endAll(plane);
      if (attempt === ATTEMPTS || !String(error).includes('address already in use')) throw error;
      await rm(join(plane.folder, 'etcd'), { recursive: true, force: true });
    }
  }
}

async function startEtcd(plane: Plane): Promise<void> {
  const url = `http://127.0.0.1:${plane.ports.etcd}`;
  await start(plane, 'etcd', [
    `--data-dir=${join(plane.folder, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
}

async function startApiServer(plane: Plane): Promise<void> {
  const { options, folder, host, ports } = plane;
  const own = options.network?.address;
  const child = await start(plane, 'kube-apiserver', [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--bind-address=${host}`,
    `--secure-port=${ports.api}`,
    `--advertise-address=${own ?? NOT_USED}`,
    ...(own === undefined ? ['--endpoint-reconciler-type=none'] : []),
    `--cert-dir=${join(folder, 'certificates')}`,
    `--service-account-key-file=${join(folder, 'accounts.key')}`,
    `--service-account-signing-key-file=${join(folder, 'accounts.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--authorization-mode=Node,RBAC',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    `--service-cluster-ip-range=${SERVICE_ADDRESSES}`,
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP',
    // Without controllers nobody makes the service account that this plug-in asks for.
    ...(options.controllers === true ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...(options.apiServerOptions ?? []),
  ]);
  await whenTrue(child, 'kube-apiserver is ready', () => isReady(plane));
}

async function isReady(plane: Plane): Promise<boolean> {
  // Written before the server listens.
  const ca = await readFile(certificateOf(plane), 'utf8');
  plane.client ??= createClient({ url: urlOf(plane), ca, token: plane.tokens.admin });
  try {
    const ready = await plane.client.request('GET', '/readyz');
    if (ready.status !== 200) return false;
    // The first namespaces come a moment later.
    plane.wasReady ||= (await plane.client.request('GET', '/api/v1/namespaces/default')).status === 200;
    return plane.wasReady;
  } catch (error) {
    if (plane.wasReady) throw error;
    // The file may have been read while it was being written: its authority stands behind the certificate.
    await plane.client.close();
    plane.client = undefined;
    throw error;
  }
}

function certificateOf({ folder }: Plane): string {
  return join(folder, 'certificates', 'apiserver.crt');
}

function urlOf({ host, ports }: Plane): string {
  return `https://${host}:${ports.api}`;
}

async function start(plane: Plane, name: ProgramName, args: readonly string[]): Promise<Child> {
  const { network } = plane.options;
  const child = await startChild({
    command: join(plane.programs, name),
    args,
    log: join(plane.folder, `${name}.log`),
    ...(network === undefined ? {} : { netns: network.netns }),
  });
  plane.children.set(name, child);
  return child;
}

async function startControllers(plane: Plane): Promise<void> {
  const child = await start(plane, 'kube-controller-manager', [
    `--kubeconfig=${await writeKubeconfig(plane, 'controllers', plane.tokens.controllers)}`,
    `--service-account-private-key-file=${join(plane.folder, 'accounts.key')}`,
    `--root-ca-file=${certificateOf(plane)}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ]);
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  const isTrue = async (): Promise<boolean> => (await plane.client?.request('GET', path))?.status === 200;
  await whenTrue(child, 'kube-controller-manager works', isTrue);
}

async function startScheduler(plane: Plane): Promise<void> {
  await start(plane, 'kube-scheduler', [
    `--kubeconfig=${await writeKubeconfig(plane, 'scheduler', plane.tokens.scheduler)}`,
    '--leader-elect=false',
    '--secure-port=0',
  ]);
}

async function finish(plane: Plane): Promise<ControlPlane> {
  const { options, folder, client } = plane;
  if (client === undefined) throw new Error('no API server');
  await Promise.all([
    options.controllers === true ? startControllers(plane) : undefined,
    options.scheduler === true ? startScheduler(plane) : undefined,
  ]);
  const ca = await readFile(certificateOf(plane), 'utf8');
  const token = plane.tokens.admin;
  const kubeconfig = await writeKubeconfig(plane, 'admin', token);
  const clients: Client[] = [];
  let count = 0;
  const tokenFor: ControlPlane['tokenFor'] = async ({ namespace, name }) => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const answer = await client.ask<{ status: { token: string } }>('POST', path, { body: { spec: {} } });
    return answer.status.token;
  };
  const kubeconfigWith: ControlPlane['kubeconfigWith'] = (own) => {
    count += 1;
    return writeKubeconfig(plane, `token-${count}`, own);
  };
  const asAdmin: ControlPlane['kubectl'] = (args, own = {}) => kubectl(plane, { kubeconfig, ...own }, args);
  return {
    url: urlOf(plane),
    ca,
    caFile: certificateOf(plane),
    token,
    kubeconfig,
    programs: plane.programs,
    folder,
    client,
    kubectl: asAdmin,
    installKinds: async () => {
      await asAdmin(['apply', '-k', CRDS]);
      await asAdmin(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
    },
    tokenFor,
    kubeconfigWith,
    kubeconfigAs: (name) => writeKubeconfig(plane, name, plane.tokens[name]),
    kubeconfigFor: async (account) => kubeconfigWith(await tokenFor(account)),
    clientFor: async (account) => {
      const own = createClient({ url: urlOf(plane), ca, token: await tokenFor(account) });
      clients.push(own);
      return own;
    },
    apiServer: {
      kill: async () => plane.children.get('kube-apiserver')?.end('SIGKILL'),
      start: () => startApiServer(plane),
      freeze: () => plane.children.get('kube-apiserver')?.signal('SIGSTOP'),
      thaw: () => plane.children.get('kube-apiserver')?.signal('SIGCONT'),
    },
    stop: async () => {
      await Promise.all(clients.map((own) => own.close()));
      await stop(plane);
    },
  };
}

/** Writes a kubeconfig file; its path. */
async function writeKubeconfig(plane: Plane, name: string, token: string): Promise<string> {
  const path = join(plane.folder, `${name}.kubeconfig`);
  const cluster = { server: urlOf(plane), 'certificate-authority': certificateOf(plane) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  };
  // JSON is YAML.
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

function kubectl(plane: Plane, options: KubectlOptions, args: readonly string[]): Promise<string> {
  const own = [`--kubeconfig=${options.kubeconfig ?? ''}`, `--cache-dir=${join(plane.folder, 'kubectl')}`];
  return new Promise((resolve, reject) => {
    const limit = { env: ENV, maxBuffer: 1 << 28 };
    const child = execFile(join(plane.programs, 'kubectl'), [...own, ...args], limit, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || error.message}`));
    });
    child.stdin?.end(options.input ?? '');
  });
}

async function stop(plane: Plane): Promise<void> {
  await plane.client?.close();
  await endAll(plane);
  await rm(plane.folder, { recursive: true, force: true });
}

/** All data goes with the folder: nobody has to end in good order. */
async function endAll(plane: Plane): Promise<void> {
  await Promise.all([...plane.children.values()].map((child) => child.end('SIGKILL')));
  plane.children.clear();
  await plane.client?.close();
  plane.client = undefined;
}
