/** What an agent, an operator and a person have in common: a way to the API server, and the rules of the kinds. */
import { createValidator, type Validate } from '../api/validate.ts';
import { openAccess } from '../kube/access.ts';
import { createClient, type Client } from '../kube/client.ts';
import { createTransport } from '../kube/transport.ts';
import { readSchemas } from '../source/schemas.ts';
import type { ClusterMetrics } from '../telemetry/cluster-metrics.ts';
import { version } from './version.ts';

export interface ClusterOptions {
  /** Path; default: what kubectl would use, or the Pod's own identity. */
  readonly kubeconfig?: string;
  /** Default: the kubeconfig's current one. */
  readonly context?: string;
  readonly component: 'agent' | 'operator' | 'explain';
  readonly metrics?: Pick<ClusterMetrics, 'exchange'>;
}

/** Opens the way to the cluster. */
export async function openCluster(
  options: ClusterOptions,
): Promise<{ readonly client: Client; readonly validate: Validate; readonly close: () => Promise<void> }> {
  const transport = createTransport({
    access: await openAccess(options),
    userAgent: `webpool/${await version()} (${options.component})`,
    ...(options.metrics && { onExchange: options.metrics.exchange }),
  });
  const validate = createValidator(await readSchemas());
  return { client: createClient(transport), validate, close: () => transport.close() };
}

/** Resolves at the first signal. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
}
