/**
 * A proxy Pod without a kubelet: its two containers as processes that share a folder, with the very command of the Deployment for HAProxy. Each
 * is started again when it ends, as a kubelet would.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readOperatorConfig } from '../../operator/api/operator-config.ts';
import { proxyPod } from '../../operator/cluster/proxy-pod.ts';
import { freePortOn, loopbackAddress } from './address.ts';

export interface ProxyPodOptions {
  readonly kubeconfig: string;
  /** A Pod of that name has to exist where reports are to have an owner. */
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Where listeners listen. Default: a loopback address of its own. */
  readonly bind?: string;
  /** The program whose agent it is. Default: these sources. */
  readonly program?: string;
  readonly agentFlags?: readonly string[];
}

export interface ProxyPod {
  readonly bind: string;
  /** Of the agent. */
  readonly url: string;
  readonly folder: string;
  readonly agent: Container;
  readonly haproxy: Container;
  /** The agent has put everything into HAProxy once. */
  ready(): Promise<void>;
  /** The lines that the agent logged. */
  agentLog(): Promise<string>;
  stop(): Promise<void>;
}

/** A process that is started again. */
export interface Container {
  readonly pid: number;
  readonly starts: number;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Ends it and lets it stay ended. */
  end(signal?: NodeJS.Signals): Promise<void>;
  start(): void;
}

const MAIN = new URL('../../operator/main.ts', import.meta.url).pathname;
const AFTER_CRASH = 50;
/** A large cluster on a busy machine takes its time. */
const READY_LIMIT = 180_000;
const TAIL = 4000;

/** Starts both. */
export async function startProxyPod(options: ProxyPodOptions): Promise<ProxyPod> {
  const { kubeconfig, pod, bind = loopbackAddress(), program = MAIN, agentFlags = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), 'webpool-pod-'));
  const port = await freePortOn('127.0.0.1');
  const log = await open(join(folder, 'agent.log'), 'a');
  const haproxyLog = await open(join(folder, 'haproxy.log'), 'a');
  const haproxy = createContainer(() => launch(haproxyCommand(), { cwd: folder, log: haproxyLog.fd }));
  const agent = createContainer(() => {
    const where = ['--state-dir', folder, '--kubeconfig', kubeconfig, '--bind', bind, '--http', `127.0.0.1:${port}`];
    const flags = ['--log-format', 'json', '--max-connections', '1000', ...agentFlags];
    const env = { ...process.env, POD_NAMESPACE: pod.namespace, POD_NAME: pod.name, POD_UID: pod.uid, POD_IP: bind };
    return launch([process.execPath, program, 'agent', ...where, ...flags], { env, log: log.fd });
  });
  return {
    bind,
    url: `http://127.0.0.1:${port}`,
    folder,
    agent,
    haproxy,
    ready: async () => {
      const limit = performance.now() + READY_LIMIT;
      const isReady = () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      while (!(await isReady())) {
        if (performance.now() > limit) throw new Error(`the agent is not ready:\n${await tail(folder)}`);
        await delay(20);
      }
    },
    agentLog: () => readFile(join(folder, 'agent.log'), 'utf8'),
    async stop() {
      await agent.end('SIGKILL');
      await haproxy.end('SIGKILL');
      await log.close();
      await haproxyLog.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function tail(folder: string): Promise<string> {
  const logs = await Promise.all(['haproxy.log', 'agent.log'].map((name) => readFile(join(folder, name), 'utf8')));
  return logs.map((text) => text.slice(-TAIL)).join('\n');
}

function haproxyCommand(): readonly string[] {
  const verdict = readOperatorConfig({ apiVersion: 'webpool.dev/v1alpha1', kind: 'OperatorConfig' });
  if (!('config' in verdict)) throw new Error(JSON.stringify(verdict));
  const { containers } = proxyPod({ namespace: 'default', image: 'webpool', config: verdict.config });
  const command = containers.find(({ name }) => name === 'haproxy')?.command;
  if (command === undefined) throw new Error('the proxy Pod has no container haproxy');
  return command;
}

/** What runs in a container ends with its first process, and with us, however we end. */
const IN_CONTAINER = 'exec 3<&0; { cat <&3; kill -KILL 0; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';

interface Launch {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Descriptor of the file for both its outputs. */
  readonly log: number;
}

/** Starts the first process of a container: its process group is the container. */
function launch(command: readonly string[], { log, ...options }: Launch): ChildProcess {
  const args = ['-c', IN_CONTAINER, 'container', ...command];
  return spawn('sh', args, { ...options, detached: true, stdio: ['pipe', log, log] });
}

function createContainer(launchFirst: () => ChildProcess): Container {
  let wanted = true;
  let starts = 0;
  let child: ChildProcess;
  const start = () => {
    wanted = true;
    starts += 1;
    child = launchFirst();
    child.once('exit', () => {
      if (wanted) void delay(AFTER_CRASH).then(() => wanted && start());
    });
  };
  start();
  const ended = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // What ends in a container by force takes all that runs in it along.
    if (signal === 'SIGKILL') process.kill(-(child.pid ?? 0), signal);
    else child.kill(signal);
    await gone;
  };
  return {
    get pid() {
      return child.pid ?? 0;
    },
    get starts() {
      return starts;
    },
    kill: () => ended('SIGKILL'),
    async end(signal = 'SIGTERM') {
      wanted = false;
      await ended(signal);
    },
    start,
  };
}
