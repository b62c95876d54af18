/** The proxies of a cluster as the EndpointSlices of their own Service tell them. */
import { canonicalAddress } from '../api/address.ts';
import { SERVICE_LABEL } from '../api/slice-labels.ts';
import { compareText } from '../api/stable.ts';
import type { Client } from '../kube/client.ts';
import { startReflector, type ReflectorTiming } from '../kube/reflector.ts';
import type { KubeObject } from '../kube/resource.ts';
import { TYPES } from '../kube/types.ts';
import type { Log } from './source.ts';

export interface ProxyPeersOptions {
  readonly client: Client;
  /** Where the proxies are. */
  readonly namespace: string;
  /** The Service whose endpoints they are, ready or not. */
  readonly service: string;
  readonly log: Log;
  readonly onChange: () => void;
  readonly timing?: ReflectorTiming;
}

/** A Pod that runs a proxy. */
export interface ProxyPlace {
  readonly uid: string;
  /** Canonical. */
  readonly address: string;
  /** Of its node; absent when the node says none. */
  readonly zone?: string;
}

export interface ProxyPeers {
  /** Resolves once all are known. */
  readonly synced: Promise<void>;
  /** Sorted by uid. */
  list(): readonly ProxyPlace[];
  close(): Promise<void>;
}

/** Begins to follow them. */
export function followProxyPeers(options: ProxyPeersOptions): ProxyPeers {
  const { client, namespace, service, log, onChange, timing } = options;
  const { promise: synced, resolve } = Promise.withResolvers<void>();
  const slices = startReflector<readonly ProxyPlace[]>({
    transport: client.transport,
    type: TYPES.EndpointSlice,
    namespace,
    labelSelector: `${SERVICE_LABEL}=${service}`,
    slim: readPlaces,
    onChange,
    onSynced: resolve,
    log,
    ...(timing !== undefined && { timing }),
  });
  return {
    synced,
    list: () => {
      const places = new Map([...slices.store.values()].flat().map((place) => [place.uid, place]));
      return [...places.values()].toSorted((a, b) => compareText(a.uid, b.uid));
    },
    close: () => slices.stop(),
  };
}

interface SliceEndpoints {
  readonly endpoints?:
    | readonly {
        readonly addresses?: readonly string[];
        readonly zone?: string;
        readonly targetRef?: { readonly uid?: string };
      }[]
    | null;
}

function readPlaces(slice: KubeObject): readonly ProxyPlace[] {
  return ((slice as SliceEndpoints).endpoints ?? []).flatMap(({ addresses = [], zone = '', targetRef = {} }) => {
    const address = canonicalAddress(addresses[0] ?? '');
    const { uid } = targetRef;
    return address === undefined || uid === undefined ? [] : [{ uid, address, ...(zone !== '' && { zone }) }];
  });
}
