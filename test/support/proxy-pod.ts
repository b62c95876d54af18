/**
 * A proxy Pod without a kubelet: its two containers as processes that share a folder, with the very command of the Deployment for HAProxy. Each
 * is started again when it ends, as a kubelet would.
 */
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readOperatorConfig } from '../../operator/api/operator-config.ts';
import { proxyPod } from '../../operator/cluster/proxy-pod.ts';
import { freePortOn, loopbackAddress } from './address.ts';
import { createContainer, type Container } from './container.ts';
import { withOwnNode } from './own-node.ts';
import { asInPod, type PodIdentity } from './pod-identity.ts';

export interface ProxyPodOptions {
  /** Path of a kubeconfig, or as a Pod has it, which needs root. */
  readonly access: string | PodIdentity;
  /** A Pod of that name has to exist where reports are to have an owner. */
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Where listeners listen. Default: a loopback address of its own. */
  readonly bind?: string;
  /** The program whose agent it is, as it is shipped. Default: these sources. */
  readonly program?: string;
  readonly agentFlags?: readonly string[];
  /** Hard limit of descriptors of both containers, which decides how many connections HAProxy takes. Default: this process's, and 1000 connections. */
  readonly descriptors?: number;
  /** Where the two have their files. Default: a folder of their own, which goes with them. */
  readonly folder?: string;
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

const MAIN = new URL('../../operator/main.ts', import.meta.url).pathname;
/** A large cluster on a busy machine takes its time. */
const READY_LIMIT = 180_000;
const TAIL = 4000;

/** Starts both. */
export async function startProxyPod(options: ProxyPodOptions): Promise<ProxyPod> {
  const { access, pod, bind = loopbackAddress(), program, agentFlags = [], descriptors } = options;
  // As in a cluster, what they log takes no room from what they keep.
  const logs = await mkdtemp(join(tmpdir(), 'webpool-pod-'));
  const folder = options.folder ?? join(logs, 'run');
  await mkdir(folder, { recursive: true });
  const port = await freePortOn('127.0.0.1');
  const log = await open(join(logs, 'agent.log'), 'a');
  const haproxyLog = await open(join(logs, 'haproxy.log'), 'a');
  const limit = descriptors === undefined ? [] : ['prlimit', `--nofile=${descriptors}:${descriptors}`];
  const haproxy = createContainer([...limit, ...haproxyCommand()], { cwd: folder, log: haproxyLog.fd });
  const where = ['--state-dir', folder, '--bind', bind, '--http', `127.0.0.1:${port}`];
  const connections = descriptors === undefined ? ['--max-connections', '1000'] : [];
  const flags = ['--log-format', 'json', ...connections, ...agentFlags];
  const agentCommand = program === undefined ? [process.execPath, MAIN] : [program];
  const own = [...limit, ...agentCommand, 'agent', ...where, ...flags];
  const { command, env: way } =
    typeof access === 'string' ? { command: [...own, '--kubeconfig', access], env: {} } : asInPod(access, own);
  const identity = { POD_NAMESPACE: pod.namespace, POD_NAME: pod.name, POD_UID: pod.uid, POD_IP: bind };
  const agent = createContainer(command, { env: { ...withOwnNode(), ...identity, ...way }, log: log.fd });
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
        if (performance.now() > limit) throw new Error(`the agent is not ready:\n${await tail(logs)}`);
        await delay(20);
      }
    },
    agentLog: () => readFile(join(logs, 'agent.log'), 'utf8'),
    async stop() {
      await agent.end('SIGKILL');
      await haproxy.end('SIGKILL');
      await log.close();
      await haproxyLog.close();
      await rm(logs, { recursive: true, force: true });
    },
  };
}

async function tail(logs: string): Promise<string> {
  const texts = await Promise.all(['haproxy.log', 'agent.log'].map((name) => readFile(join(logs, name), 'utf8')));
  return texts.map((text) => text.slice(-TAIL)).join('\n');
}

function haproxyCommand(): readonly string[] {
  const verdict = readOperatorConfig({ apiVersion: 'webpool.dev/v1alpha1', kind: 'OperatorConfig' });
  if (!('config' in verdict)) throw new Error(JSON.stringify(verdict));
  const { containers } = proxyPod({ namespace: 'default', image: 'webpool', config: verdict.config });
  const command = containers.find(({ name }) => name === 'haproxy')?.command;
  if (command === undefined) throw new Error('the proxy Pod has no container haproxy');
  return command;
}
