import { describe, expect, it, test } from 'vitest';
import { OPERATOR_CONFIG_SCHEMA, readOperatorConfig, type OperatorConfig } from '../../operator/api/operator-config.ts';

const HEAD = { apiVersion: 'webpool.dev/v1alpha1', kind: 'OperatorConfig' };

function read(fields: object): OperatorConfig | undefined {
  const verdict = readOperatorConfig({ ...HEAD, ...fields });
  return 'config' in verdict ? verdict.config : undefined;
}

function places(document: unknown): readonly (string | undefined)[] {
  const verdict = readOperatorConfig(document);
  return 'problems' in verdict ? verdict.problems.map(({ path }) => path) : [];
}

/** Every field of the settings, some with a value that is not the default. */
const FULL = {
  watchNamespaces: ['blog', 'shop'],
  proxy: {
    replicas: 3,
    scaling: 'External',
    image: 'example.com/proxy:2',
    imagePullPolicy: 'Never',
    imagePullSecrets: ['pull'],
    service: {
      type: 'NodePort',
      annotations: { a: 'b' },
      loadBalancerClass: 'a/b',
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      externalTrafficPolicy: 'Cluster',
    },
    resources: {
      haproxy: { requests: { cpu: '1' }, limits: { memory: '1Gi' } },
      agent: { requests: { memory: '64Mi' }, limits: { cpu: '500m' } },
    },
    nodeSelector: { edge: 'yes' },
    tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 5 }],
    priorityClassName: 'important',
    accessLog: '1/100',
    tcpPorts: '20000-20031',
    drain: { delay: '5s', timeout: '2m' },
  },
};

describe('the settings', () => {
  it('have the defaults that their descriptions promise', () => {
    const { proxy, ...rest } = read({}) ?? { proxy: undefined };
    expect(rest).toEqual({ watchNamespaces: [] });
    expect(proxy).toEqual({
      replicas: 2,
      scaling: 'Fixed',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      service: { type: 'LoadBalancer', annotations: {}, loadBalancerSourceRanges: [], externalTrafficPolicy: 'Local' },
      resources: {
        haproxy: { requests: { cpu: '100m', memory: '96Mi' }, limits: { memory: '512Mi' } },
        agent: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
      },
      nodeSelector: {},
      tolerations: [],
      accessLog: 'Off',
      drain: { delay: 10_000, timeout: 60_000 },
    });
    const text = JSON.stringify(OPERATOR_CONFIG_SCHEMA);
    const promised = [
      'Default: 2.',
      'Default: Fixed.',
      'Default: IfNotPresent.',
      'Default: LoadBalancer.',
      'Default: Local.',
      'Default: 10s.',
      'Default: 60s.',
    ];
    const amounts = ['Default: requests 100m and 96Mi, limit 512Mi.', 'Default: requests 50m and 96Mi, limit 256Mi.'];
    expect([...promised, ...amounts].filter((promise) => !text.includes(promise))).toEqual([]);
  });

  it('are taken as written, times in milliseconds', () => {
    expect(read(FULL)).toEqual({ ...FULL, proxy: { ...FULL.proxy, drain: { delay: 5000, timeout: 120_000 } } });
  });

  it('keep one default when another part is set', () => {
    expect(read({ proxy: { drain: { timeout: '5s' }, service: { type: 'ClusterIP' } } })?.proxy).toMatchObject({
      drain: { delay: 10_000, timeout: 5_000 },
      service: { type: 'ClusterIP', externalTrafficPolicy: 'Local' },
    });
  });

  test.each<[string, unknown]>([
    ['kind', { apiVersion: HEAD.apiVersion }],
    ['apiVersion', { ...HEAD, apiVersion: 'v1' }],
    ['proxi', { ...HEAD, proxi: {} }],
    ['watchNamespaces[1]', { ...HEAD, watchNamespaces: ['a', 'a'] }],
    ['proxy.replicas', { ...HEAD, proxy: { replicas: 0 } }],
    ['proxy.service.type', { ...HEAD, proxy: { service: { type: 'ExternalName' } } }],
    [
      'proxy.resources.haproxy.limits.memory',
      { ...HEAD, proxy: { resources: { haproxy: { limits: { memory: '1 GB' } } } } },
    ],
    ['proxy.accessLog', { ...HEAD, proxy: { accessLog: '1/0' } }],
    ['proxy.tcpPorts', { ...HEAD, proxy: { tcpPorts: '20000-29999' } }],
    ['proxy.tcpPorts', { ...HEAD, proxy: { tcpPorts: '61080-61090' } }],
    ['proxy.drain.delay', { ...HEAD, proxy: { drain: { delay: 'soon' } } }],
    ['proxy.tolerations[0].effect', { ...HEAD, proxy: { tolerations: [{ effect: 'Never' }] } }],
  ])('are refused with the place: %s', (place, document) => {
    expect(places(document).map((path) => path ?? 'kind')).toContain(place);
  });

  it('are refused when there are none', () => {
    expect(places(null)).toHaveLength(1);
  });
});
