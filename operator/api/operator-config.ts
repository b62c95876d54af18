/**
 * The settings of an operator in a cluster: one document, mounted from a ConfigMap.
 * In: the parsed document. Out: OperatorConfig with every default, or what is wrong with it. Never: a file.
 */
import type { AnySchemaObject } from 'ajv';
import { parseDuration } from './duration.ts';
import { PORT_RANGE_FORM, portRange } from './port-range.ts';
import { problem, type Problem } from './problem.ts';
import { createDocumentCheck } from './compile-schema.ts';

/** How the operator works and what its proxies are like. Times in milliseconds. */
export interface OperatorConfig {
  /** Namespaces whose objects count, sorted; empty = all. */
  readonly watchNamespaces: readonly string[];
  readonly proxy: ProxySettings;
}

/** What the user may choose about the proxy Pods and what stands in front of them. */
export interface ProxySettings {
  readonly replicas: number;
  /** External: how many there are is the business of an autoscaler, and `replicas` does not count. */
  readonly scaling: 'Fixed' | 'External';
  /** Absent = the operator's own image. */
  readonly image?: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecrets: readonly string[];
  /** Open from the start, so that a TCP rule needs no reload: `first-last`. Absent = none. */
  readonly tcpPorts?: string;
  readonly service: ServiceSettings;
  readonly resources: { readonly haproxy: ResourceSettings; readonly agent: ResourceSettings };
  readonly nodeSelector: Texts;
  readonly tolerations: readonly Toleration[];
  readonly priorityClassName?: string;
  /** Requests that are logged: none, all, or one of so many (`1/100`). */
  readonly accessLog: string;
  /** How long a leaving Pod goes on as if nothing were, and how long its connections then have to end. */
  readonly drain: { readonly delay: number; readonly timeout: number };
}

/** The Service in front of the proxies. */
export interface ServiceSettings {
  readonly type: 'LoadBalancer' | 'NodePort' | 'ClusterIP';
  readonly annotations: Texts;
  readonly loadBalancerClass?: string;
  readonly loadBalancerSourceRanges: readonly string[];
  readonly externalTrafficPolicy: 'Local' | 'Cluster';
}

/** Kubernetes quantities by resource. */
export interface ResourceSettings {
  readonly requests: Texts;
  readonly limits: Texts;
}

/** A toleration as Kubernetes writes it. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  readonly tolerationSeconds?: number;
}

type Texts = Readonly<Record<string, string>>;

/** Settings, or everything that is wrong with them. */
export type ConfigVerdict = { readonly config: OperatorConfig } | { readonly problems: readonly Problem[] };

const text = (description: string, most = 253): AnySchemaObject => ({
  type: 'string',
  minLength: 1,
  maxLength: most,
  pattern: '^[!-~]+$',
  description,
});
const choice = (values: readonly string[], description: string): AnySchemaObject => ({
  type: 'string',
  enum: values,
  description,
});
const duration = (description: string): AnySchemaObject => ({
  type: 'string',
  maxLength: 24,
  pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
  description,
});
const texts = (description: string): AnySchemaObject => ({
  type: 'object',
  maxProperties: 64,
  additionalProperties: { type: 'string', maxLength: 4096 },
  description,
});
const names = (description: string): AnySchemaObject => ({
  type: 'array',
  maxItems: 64,
  'x-kubernetes-list-type': 'set',
  items: text('Name.'),
  description,
});
const object = (description: string, properties: Readonly<Record<string, AnySchemaObject>>): AnySchemaObject => ({
  type: 'object',
  properties,
  description,
});

const QUANTITY = { type: 'string', maxLength: 16, pattern: '^[0-9]+([.][0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$' };
const quantities = (description: string): AnySchemaObject =>
  object(description, { cpu: QUANTITY, memory: QUANTITY, 'ephemeral-storage': QUANTITY });
const resources = (description: string): AnySchemaObject =>
  object(description, { requests: quantities('What is reserved.'), limits: quantities('What is the most.') });

const SERVICE = object('The Service in front of the proxies. Its ports are those of the listeners.', {
  type: choice(['LoadBalancer', 'NodePort', 'ClusterIP'], 'How it is reached. Default: LoadBalancer.'),
  annotations: texts('Annotations, for example for the load balancer of a cloud.'),
  loadBalancerClass: text('Who makes the load balancer. Immutable once set.'),
  loadBalancerSourceRanges: names('CIDRs that the load balancer lets in. Absent: all.'),
  externalTrafficPolicy: choice(
    ['Local', 'Cluster'],
    'Local: proxies see the addresses of clients, which sourceRanges, SourceIP and access rules need. Default: Local.',
  ),
});

const TOLERATION = object('A toleration as Kubernetes writes it.', {
  key: text('Key of the taint.'),
  operator: choice(['Exists', 'Equal'], 'Default: Equal.'),
  value: text('Value of the taint.'),
  effect: choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'Effect of the taint.'),
  tolerationSeconds: { type: 'integer', minimum: 0, description: 'How long a NoExecute taint is tolerated.' },
});

const PROXY = object('The proxy Pods and what stands in front of them.', {
  replicas: { type: 'integer', minimum: 1, maximum: 100, description: 'Proxy Pods. Default: 2.' },
  scaling: choice(
    ['Fixed', 'External'],
    'External: a HorizontalPodAutoscaler of yours says how many there are; give it at least 2. Default: Fixed.',
  ),
  image: text("Image of the proxy Pods. Default: the operator's.", 512),
  imagePullPolicy: choice(['Always', 'IfNotPresent', 'Never'], 'When it is pulled. Default: IfNotPresent.'),
  imagePullSecrets: names('Secrets to pull it with.'),
  tcpPorts: text(
    'TCP ports that proxies open from the start, for example 20000-20031: a rule on one of them needs no reload. At most 256. Absent: none.',
    11,
  ),
  service: SERVICE,
  resources: object('What the containers get.', {
    haproxy: resources('HAProxy. Default: requests 100m and 96Mi, limit 512Mi.'),
    agent: resources('The agent beside it. Default: requests 50m and 96Mi, limit 256Mi.'),
  }),
  nodeSelector: texts('Labels of the nodes that proxies run on.'),
  tolerations: { type: 'array', maxItems: 32, items: TOLERATION, description: 'Taints that proxies tolerate.' },
  priorityClassName: text('Priority class of the proxy Pods.'),
  accessLog: {
    type: 'string',
    pattern: '^(Off|Full|1/[1-9][0-9]{0,5})$',
    description:
      'A line of JSON in the log of the agent for every request (Full) or for one of N (1/N). Costs a tenth of the requests. Default: Off.',
  },
  drain: object('How a proxy Pod leaves.', {
    delay: duration('How long it goes on as before, until whoever is in front has noticed. Default: 10s.'),
    timeout: duration('How long its connections then have to end. Default: 60s.'),
  }),
});

/** The schema of the settings. */
export const OPERATOR_CONFIG_SCHEMA: AnySchemaObject = {
  ...object('Settings of the operator.', {
    apiVersion: choice(['webpool.dev/v1alpha1'], 'Version of this format.'),
    kind: choice(['OperatorConfig'], 'Kind of this document.'),
    watchNamespaces: names('Namespaces whose objects count. Absent: all.'),
    proxy: PROXY,
  }),
  required: ['apiVersion', 'kind'],
};

type Given<T> = { readonly [K in keyof T]?: T[K] extends readonly unknown[] | Texts ? T[K] : Given<T[K]> };
type Document = Given<Omit<OperatorConfig, 'proxy'>> & { readonly proxy?: GivenProxy };
type GivenProxy = Given<Omit<ProxySettings, 'drain'>> & {
  readonly drain?: { readonly delay?: string; readonly timeout?: string };
};

const USUAL = {
  replicas: 2,
  scaling: 'Fixed',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  nodeSelector: {},
  tolerations: [],
  accessLog: 'Off',
} satisfies Partial<ProxySettings>;
const HAPROXY: ResourceSettings = { requests: { cpu: '100m', memory: '96Mi' }, limits: { memory: '512Mi' } };
const AGENT: ResourceSettings = { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } };
const DRAIN = { delay: 10_000, timeout: 60_000 };

/** The settings that a document gives; `{apiVersion, kind}` alone gives every default. */
export function readOperatorConfig(document: unknown): ConfigVerdict {
  const { problems } = createDocumentCheck(OPERATOR_CONFIG_SCHEMA)(document);
  if (problems.length > 0) return { problems };
  const { watchNamespaces = [], proxy = {} } = document as Document;
  if (proxy.tcpPorts !== undefined && portRange(proxy.tcpPorts) === undefined)
    return { problems: [problem('proxy.tcpPorts', PORT_RANGE_FORM)] };
  return { config: { watchNamespaces: watchNamespaces.toSorted(), proxy: proxySettings(proxy) } };
}

function proxySettings({ service = {}, resources: given, drain = {}, ...rest }: GivenProxy): ProxySettings {
  return {
    ...USUAL,
    ...rest,
    service: serviceSettings(service),
    resources: {
      haproxy: resourceSettings(given?.haproxy, HAPROXY),
      agent: resourceSettings(given?.agent, AGENT),
    },
    drain: { delay: milliseconds(drain.delay, DRAIN.delay), timeout: milliseconds(drain.timeout, DRAIN.timeout) },
  };
}

function serviceSettings(given: Given<ServiceSettings>): ServiceSettings {
  return {
    type: 'LoadBalancer',
    annotations: {},
    loadBalancerSourceRanges: [],
    externalTrafficPolicy: 'Local',
    ...given,
  };
}

function resourceSettings(given: Given<ResourceSettings> | undefined, usual: ResourceSettings): ResourceSettings {
  return { requests: given?.requests ?? usual.requests, limits: given?.limits ?? usual.limits };
}

function milliseconds(text: string | undefined, usual: number): number {
  return text === undefined ? usual : (parseDuration(text) ?? usual);
}
