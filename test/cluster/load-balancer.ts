import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { Network } from './network.ts';

/** What a cloud does for Services of type LoadBalancer. */
export interface LoadBalancer {
  readonly stop: () => Promise<void>;
}

interface Service {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: { readonly type: string };
  readonly status: { readonly loadBalancer: { readonly ingress?: readonly object[] } };
}

/** Addresses that Services get: the last number counts up from here. */
const FIRST = 100;

/** Gives every Service of type LoadBalancer an address of the network; kube-proxy does the rest. */
export function startLoadBalancer(client: Client, network: Network): LoadBalancer {
  const ending = new AbortController();
  let host = FIRST;
  const look = async (): Promise<void> => {
    const { items } = await client.ask<{ items: readonly Service[] }>('GET', '/api/v1/services');
    for (const { metadata, spec, status } of items) {
      if (spec.type !== 'LoadBalancer' || status.loadBalancer.ingress !== undefined) continue;
      const ip = network.addressOf(host);
      host += 1;
      await network.run(['ip', 'addr', 'replace', `${ip}/32`, 'dev', 'bridge']);
      const path = `/api/v1/namespaces/${metadata.namespace}/services/${metadata.name}/status`;
      const body = { status: { loadBalancer: { ingress: [{ ip }] } } };
      await client.ask('PATCH', path, { body, contentType: 'application/merge-patch+json' });
    }
  };
  const done = (async () => {
    while (!ending.signal.aborted) {
      // An API server that is away comes back.
      await look().catch(() => {});
      await delay(100, undefined, { signal: ending.signal }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      ending.abort();
      await done;
    },
  };
}
