/**
 * Kubernetes objects as far as we write them: plain data, ready to be applied.
 * In: nothing. Out: types, labels, names. Never: a field that somebody else owns.
 */
import { MANAGED } from '../api/object-marks.ts';
import { PROXY_NAME } from '../api/agent-port.ts';
import type { ResourceSettings, Toleration } from '../api/operator-config.ts';
import { keyOf, type Key, type WebPool } from '../api/resources.ts';
import { POOL_LABEL } from '../api/slice-labels.ts';

/** Any object of ours. */
export type KubeObject =
  ServiceObject | EndpointSliceObject | DeploymentObject | PodDisruptionBudgetObject | MirroredSecret | MirroredPages;

export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Texts;
  readonly annotations?: Texts;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: true;
}

export type Texts = Readonly<Record<string, string>>;

export interface ServiceObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Service';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    readonly clusterIP?: 'None';
    readonly publishNotReadyAddresses?: true;
    readonly ipFamilyPolicy?: 'PreferDualStack';
    readonly selector?: Texts;
    readonly ports: readonly ServicePort[];
    readonly externalTrafficPolicy?: 'Local' | 'Cluster';
    readonly loadBalancerClass?: string;
    readonly loadBalancerSourceRanges?: readonly string[];
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly protocol: 'TCP';
  readonly port: number;
  readonly targetPort: number | string;
}

export interface EndpointSliceObject {
  readonly apiVersion: 'discovery.k8s.io/v1';
  readonly kind: 'EndpointSlice';
  readonly metadata: ObjectMeta;
  readonly addressType: 'IPv4' | 'IPv6';
  readonly endpoints: readonly MachineEndpoint[];
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP'; readonly port: number }[];
}

/** A server outside the cluster. */
export interface MachineEndpoint {
  readonly addresses: readonly [string];
  readonly hostname: string;
  readonly zone?: string;
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: false };
}

export interface PodDisruptionBudgetObject {
  readonly apiVersion: 'policy/v1';
  readonly kind: 'PodDisruptionBudget';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly maxUnavailable: number;
    readonly unhealthyPodEvictionPolicy: 'AlwaysAllow';
    readonly selector: { readonly matchLabels: Texts };
  };
}

export interface DeploymentObject {
  readonly apiVersion: 'apps/v1';
  readonly kind: 'Deployment';
  readonly metadata: ObjectMeta;
  readonly spec: {
    /** Absent: somebody else's business. */
    readonly replicas?: number;
    readonly revisionHistoryLimit: number;
    readonly selector: { readonly matchLabels: Texts };
    readonly strategy: {
      readonly type: 'RollingUpdate';
      readonly rollingUpdate: { readonly maxUnavailable: number; readonly maxSurge: number };
    };
    readonly template: { readonly metadata: { readonly labels: Texts }; readonly spec: PodSpec };
  };
}

export interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: false;
  readonly enableServiceLinks: false;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly topologySpreadConstraints: readonly object[];
  readonly nodeSelector?: Texts;
  readonly tolerations?: readonly Toleration[];
  readonly priorityClassName?: string;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly containers: readonly Container[];
  readonly volumes: readonly object[];
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly command: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvironmentVariable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly protocol: 'TCP' }[];
  readonly resources: ResourceSettings;
  readonly securityContext: object;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: true }[];
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
}

export interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: {
    readonly path: string;
    readonly port: number;
    readonly httpHeaders: readonly { readonly name: string; readonly value: string }[];
  };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

/** A Secret whose contents the edge takes from `copy`: no pure room sees them. */
export interface MirroredSecret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly type: 'Opaque';
  readonly metadata: ObjectMeta;
  readonly copy: { readonly from: Key; readonly keys: readonly string[] };
}

/** Pages of a ConfigMap as a Secret: of the namespace of the proxies, that is all they may read. */
export interface MirroredPages {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly type: 'Opaque';
  readonly metadata: ObjectMeta;
  /** Base64. */
  readonly data: Texts;
}

/** Labels of the proxy Pods, by which Service, budget and Deployment find them. */
export const PROXY_LABELS: Texts = { 'app.kubernetes.io/name': 'webpool', 'app.kubernetes.io/component': 'proxy' };

/** Whether an object is one that an operator made. Nothing else is ever changed or removed. */
export function isManaged({ labels = {} }: { readonly labels?: Texts }): boolean {
  return Object.entries(MANAGED).every(([name, value]) => labels[name] === value);
}

/** Metadata of something that stands for all proxies. */
export function proxyMeta(namespace: string): ObjectMeta {
  return { namespace, name: PROXY_NAME, labels: { ...PROXY_LABELS, ...MANAGED } };
}

/** Metadata of a copy of something that stands in another namespace. */
export function copyMeta(namespace: string, name: string): ObjectMeta {
  return { namespace, name, labels: { 'app.kubernetes.io/name': 'webpool', ...MANAGED } };
}

/** Metadata of something that lives as long as its pool. Nothing is copied from the pool: its labels are other people's. */
export function poolMeta({ metadata }: WebPool, name: string, labels: Texts = {}): ObjectMeta {
  const { namespace, uid } = metadata;
  return {
    namespace,
    name,
    labels: { [POOL_LABEL]: metadata.name, ...MANAGED, ...labels },
    ...(uid !== undefined && { ownerReferences: [ownerOf(metadata.name, uid)] }),
  };
}

function ownerOf(name: string, uid: string): OwnerReference {
  return { apiVersion: 'webpool.dev/v1alpha1', kind: 'WebPool', name, uid, controller: true };
}

/** `Kind namespace/name`: unique among the objects that we write. */
export function objectId({ kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>): string {
  return `${kind} ${keyOf(metadata)}`;
}
