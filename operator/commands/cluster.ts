/** What an agent and an operator have in common: a way to the API server, and the rules of the kinds. */
import { createValidator, type Validate } from '../api/validate.ts';
import { kubeConfigAccess, loadKubeConfig } from '../kube/access.ts';
import { createClient, type Client } from '../kube/client.ts';
import { createTransport } from '../kube/transport.ts';
import { readCrds } from '../source/crds.ts';
import type { ClusterMetrics } from '../telemetry/cluster-metrics.ts';
import { version } from './version.ts';

export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly component: 'agent' | 'operator';
  readonly metrics: Pick<ClusterMetrics, 'exchange'>;
}

/** Opens the way to the cluster. */
export async function openCluster(
  options: ClusterOptions,
): Promise<{ readonly client: Client; readonly validate: Validate; readonly close: () => Promise<void> }> {
  const transport = createTransport({
    access: kubeConfigAccess(loadKubeConfig(options.kubeconfig)),
    userAgent: `webpool/${await version()} (${options.component})`,
    onExchange: options.metrics.exchange,
  });
  const validate = createValidator(await readCrds());
  return { client: createClient(transport), validate, close: () => transport.close() };
}

/** Resolves at the first signal. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
}
