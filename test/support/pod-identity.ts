/** A process that finds the API server as it would in a Pod. */
import type { ControlPlane } from '../cluster/control-plane.ts';

/** What a kubelet gives a Pod to find the API server and to be known there. */
export type PodIdentity = Pick<ControlPlane, 'url' | 'token' | 'caFile'>;

/** Puts the files where a kubelet would, for this process and its children only. */
const AS_IN_POD = `
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cd /run/secrets/kubernetes.io/serviceaccount
printf %s "$1" >token
cp "$2" ca.crt
cd / && shift 2 && exec "$@"`;

/** The command and the environment that run `command` so. Needs root. */
export function asInPod({ url, token, caFile }: PodIdentity, command: readonly string[]) {
  const { hostname, port } = new URL(url);
  return {
    command: ['unshare', '--mount', 'sh', '-ec', AS_IN_POD, 'pod', token, caFile, ...command],
    env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
  };
}
