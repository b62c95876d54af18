/** The Pod of a proxy: HAProxy, which faces the world and has no token, and the agent, which has one and faces nobody. */
import type { OperatorConfig, ProxySettings } from '../api/operator-config.ts';
import { AGENT_PORT, PEERS_PORT } from '../api/agent-port.ts';
import { PROXY_LABELS, type Container, type PodSpec } from './object.ts';

/** Where an operator runs. */
export interface Installation {
  readonly namespace: string;
  /** The operator's own image. */
  readonly image: string;
  readonly config: OperatorConfig;
}

/** Files and sockets that HAProxy and the agent share; HAProxy starts again from them when its container does. */
const SHARED = '/run/webpool';
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Made once by the agent, when everything is in HAProxy for the first time. */
const READY_FILE = 'ready';
const USER = 65_532;
/** Seconds that HAProxy gets beyond its drain before it is killed. */
const MARGIN = 15;

/**
 * The agent writes the first configuration; a container that starts again finds the last one. Until then nothing has to be drained.
 * Kubernetes says SIGTERM, which HAProxy takes as "end now"; SIGUSR1 is "finish your connections, then end". `$1` is how many seconds they get.
 */
const KEEP_HAPROXY = `
trap 'exit 0' TERM
until [ -e haproxy.cfg ]; do sleep 0.1; done
haproxy -W -db -S unix@master.sock -f haproxy.cfg & haproxy=$!
trap 'kill -USR1 "$haproxy"; { sleep "$1"; kill -TERM "$haproxy"; } &' TERM
wait "$haproxy"; code=$?
while kill -0 "$haproxy" 2>/dev/null; do wait "$haproxy"; code=$?; done
exit "$code"`.trim();

const CONFINED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** What a proxy Pod is made of. Listeners are no part of it: a new port must not replace the Pods. */
export function proxyPod(installation: Installation): PodSpec {
  const { nodeSelector, tolerations, priorityClassName, imagePullSecrets, drain } = installation.config.proxy;
  return {
    serviceAccountName: 'webpool-agent',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: seconds(drain.delay) + seconds(drain.timeout) + MARGIN,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
      // Listeners on 80 and 443 without a capability.
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    },
    topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map(spreadOver),
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector }),
    ...(tolerations.length > 0 && { tolerations }),
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...(imagePullSecrets.length > 0 && { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
    containers: [haproxyContainer(installation), agentContainer(installation)],
    volumes: [
      { name: 'run', emptyDir: { sizeLimit: '256Mi' } },
      { name: 'token', projected: { sources: TOKEN_SOURCES } },
    ],
  };
}

const TOKEN_SOURCES = [
  { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
];

function spreadOver(topologyKey: string): object {
  return {
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: PROXY_LABELS },
    // Without it the Pods of the last version would count during a roll-out.
    matchLabelKeys: ['pod-template-hash'],
  };
}

/** What both containers have in common. */
function containerOf({ image, config: { proxy } }: Installation, resources: ProxySettings['resources']['agent']) {
  return {
    image: proxy.image ?? image,
    imagePullPolicy: proxy.imagePullPolicy,
    workingDir: SHARED,
    resources,
    securityContext: CONFINED,
  };
}

/**
 * HAProxy alone decides whether the Pod is ready, so that an agent which starts again takes nobody out of service.
 * A leaving Pod goes on as before for a while: whoever is in front has not noticed yet.
 */
function haproxyContainer(installation: Installation): Container {
  const { drain, resources } = installation.config.proxy;
  return {
    name: 'haproxy',
    ...containerOf(installation, resources.haproxy),
    command: ['sh', '-c', KEEP_HAPROXY, 'haproxy', `${seconds(drain.timeout)}`],
    readinessProbe: {
      exec: { command: ['test', '-S', 'master.sock', '-a', '-e', READY_FILE] },
      periodSeconds: 2,
      timeoutSeconds: 5,
      failureThreshold: 1,
    },
    lifecycle: { preStop: { exec: { command: ['sleep', `${seconds(drain.delay)}`] } } },
    ports: [{ name: 'peers', containerPort: PEERS_PORT, protocol: 'TCP' }],
    volumeMounts: [{ name: 'run', mountPath: SHARED }],
  };
}

function agentContainer(installation: Installation): Container {
  const { watchNamespaces, proxy } = installation.config;
  const options = [
    ...watchNamespaces.flatMap((namespace) => ['--watch-namespace', namespace]),
    ...(proxy.accessLog === 'Off' ? [] : ['--access-log', proxy.accessLog.toLowerCase()]),
    ...(proxy.tcpPorts === undefined ? [] : ['--tcp-ports', proxy.tcpPorts]),
  ];
  return {
    name: 'agent',
    ...containerOf(installation, proxy.resources.agent),
    command: ['sh', '-c', KEEP_RUNNING, 'webpool', 'agent', '--state-dir', SHARED, ...options],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ],
    ports: [{ name: 'metrics', containerPort: AGENT_PORT, protocol: 'TCP' }],
    livenessProbe: {
      httpGet: { path: '/healthz', port: AGENT_PORT, httpHeaders: [{ name: 'Host', value: 'localhost' }] },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    volumeMounts: [
      { name: 'run', mountPath: SHARED },
      { name: 'token', mountPath: TOKEN, readOnly: true },
    ],
  };
}

/**
 * Starts the agent again when it fails. A container that ended would make its Pod not ready, and an agent that cannot run would so take down
 * proxies that serve well without it. A signal goes to the agent, and an agent that ends well ends the container.
 */
const KEEP_RUNNING = `
trap 'asked=1; kill -TERM "$agent" 2>/dev/null' TERM
until [ "$asked" ]; do
  "$0" "$@" & agent=$!
  wait "$agent" && exit
  while kill -0 "$agent" 2>/dev/null; do wait "$agent" && exit; done
  [ "$asked" ] || sleep 1
done`.trim();

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}
