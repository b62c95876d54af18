/** webpool installed as a user installs it: on a real cluster, from `manifests/install.yaml`, with the image of this checkout. */
import { readFile } from 'node:fs/promises';
import { buildImage, buildImageOfCheckout, BUSYBOX, type Recipe } from '../cluster/images.ts';
import { startCluster, type Cluster } from '../cluster/node.ts';

/** The file that users apply. */
export const MANIFEST = new URL('../../manifests/install.yaml', import.meta.url).pathname;

/** The namespace of the manifest. */
export const SYSTEM = 'webpool-system';

/** The image of the samples. */
const AGNHOST: Recipe = {
  ...BUSYBOX,
  image: 'registry.k8s.io/e2e-test-images/agnhost:2.53',
  dockerfile: new URL('agnhost.Dockerfile', import.meta.url).pathname,
};

/** A cluster with this checkout's image on its node under the name that the manifest uses. */
export async function startClusterWithImage(): Promise<Cluster> {
  const archive = await buildImageOfCheckout(await imageOfManifest());
  const sample = await buildImage(AGNHOST);
  const cluster = await startCluster();
  await cluster.node.importImage(archive);
  await cluster.node.importImage(sample);
  return cluster;
}

/** The one image that the manifest names. */
export async function imageOfManifest(): Promise<string> {
  const text = await readFile(MANIFEST, 'utf8');
  const images = new Set([...text.matchAll(/^\s*(?:- )?image: (\S+)$/gm)].map(([, image = '']) => image));
  const [image, ...others] = images;
  if (image === undefined || others.length > 0)
    throw new Error(`one image expected in ${MANIFEST}: ${[...images].join()}`);
  return image;
}

/** kubectl in the namespace of the installation. */
export function system({ kubectl }: Cluster, args: readonly string[]): Promise<string> {
  return kubectl(['-n', SYSTEM, ...args]);
}

/** Waits until a Deployment of the installation is as it should be. */
export async function rolledOut(cluster: Cluster, name: string): Promise<void> {
  await system(cluster, ['rollout', 'status', `deployment/${name}`, '--timeout=300s']);
}

/** Replaces all Pods of a Deployment of the installation and waits until the old ones are gone. */
export async function restart(cluster: Cluster, name: string): Promise<void> {
  const path = 'jsonpath={.spec.selector.matchLabels}';
  const labels = JSON.parse(await system(cluster, ['get', 'deployment', name, '-o', path])) as Record<string, string>;
  const selector = Object.entries(labels).map((pair) => pair.join('='));
  const old = (await system(cluster, ['get', 'pods', '-l', selector.join(), '-o', 'name'])).trim().split('\n');
  await system(cluster, ['rollout', 'restart', `deployment/${name}`]);
  await rolledOut(cluster, name);
  await system(cluster, ['wait', '--for=delete', ...old, '--timeout=300s']);
}

/** Where the proxies are reached from outside; undefined = no address yet. */
export async function externalAddress(cluster: Cluster): Promise<string | undefined> {
  const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
  return (await system(cluster, ['get', 'service', 'webpool-proxy', '-o', path])) || undefined;
}
