/** The labels of EndpointSlices, and whose slice one is. */
import { keyOf, type EndpointSlice, type Key } from './resources.ts';

/** The pool to which a Service or EndpointSlice belongs. Kubernetes copies it from the Service to the slices of its Pods. */
export const POOL_LABEL = 'webpool.dev/pool';
/** Who writes an EndpointSlice. */
export const SLICE_MANAGER_LABEL = 'endpointslice.kubernetes.io/managed-by';
/** The value of that label on slices of ours. */
export const SLICE_MANAGER = 'webpool.dev';
/** The Service to which an EndpointSlice belongs. */
export const SERVICE_LABEL = 'kubernetes.io/service-name';

/** The Service to which a slice belongs; empty when it says none. */
function sliceService({ metadata }: EndpointSlice): string {
  return metadata.labels?.[SERVICE_LABEL] ?? '';
}

/** The pool that an object says it belongs to. */
export function labelledPool({ namespace, labels }: Pick<EndpointSlice['metadata'], 'namespace' | 'labels'>): Key {
  return keyOf({ namespace, name: labels?.[POOL_LABEL] ?? '' });
}

/** The key of that Service, which is the one of its pool. */
export function sliceKey(slice: EndpointSlice): Key {
  return keyOf({ namespace: slice.metadata.namespace, name: sliceService(slice) });
}

/** Whether somebody says that the slice is of our making: then nobody else takes it for the slice of Pods. */
export function claimsToBeOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[SLICE_MANAGER_LABEL] === SLICE_MANAGER;
}

/** Whether an operator of ours keeps the slice: it holds external endpoints, by their names. All that we write names its pool twice. */
export function isOurSlice(slice: EndpointSlice): boolean {
  return claimsToBeOurs(slice) && slice.metadata.labels?.[POOL_LABEL] === sliceService(slice);
}
