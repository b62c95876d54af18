/** What the fields of a WebPool ask of each other. */
import type { ExternalEndpoint, HealthCheck, SessionAffinity, WebPoolSpec } from './kinds.gen.ts';
import { canonicalAddress, isHostname, isServerAddress } from './address.ts';
import { bodyProblems } from './body-rules.ts';
import { durationProblems, type DurationBounds } from './duration-rules.ts';
import { problem, shown, type Problem } from './problem.ts';

/** HAProxy counts times in 31 bits of milliseconds. */
const LONGEST = '576h';
const CHECK_INTERVAL: DurationBounds = ['100ms', '1h'];

const CHECK_TYPES = ['TCP', 'HTTP', 'MySQL'] as const;
/** What only one type of check can do. */
const CHECK_FIELDS = {
  TCP: ['send', 'receive'],
  HTTP: ['path', 'method', 'host', 'headers', 'expect'],
  MySQL: ['username'],
} as const satisfies Readonly<Record<(typeof CHECK_TYPES)[number], readonly (keyof HealthCheck)[]>>;
const HASHES_OF_REQUESTS = new Set(['URI', 'Header']);

/** Everything wrong with a WebPool whose fields have the right form. */
export function webPoolProblems(spec: WebPoolSpec): readonly Problem[] {
  return [
    ...endpointProblems(spec),
    ...podProblems(spec),
    ...balanceProblems(spec),
    ...zoneProblems(spec),
    ...checkProblems(spec.healthCheck ?? {}),
    ...timeProblems(spec),
    ...affinityProblems(spec),
    ...pageProblems(spec),
    ...layerProblems(spec),
    ...tlsProblems(spec),
  ];
}

function endpointProblems({ externalEndpoints = [], port }: WebPoolSpec): readonly Problem[] {
  const first = new Map<string, ExternalEndpoint>();
  return externalEndpoints.flatMap((endpoint, index) => {
    const path = `spec.externalEndpoints[${index}]`;
    const own = endpoint.port ?? port;
    const target = `${canonicalHost(endpoint.address)} ${own}`;
    const twin = first.get(target);
    first.set(target, twin ?? endpoint);
    return [
      ...addressProblems(endpoint.address, `${path}.address`),
      ...durationProblems(endpoint.healthCheck?.interval, `${path}.healthCheck.interval`, CHECK_INTERVAL),
      ...(own === undefined ? [problem(path, 'has no port: set spec.port or the port of this endpoint')] : []),
      ...(twin === undefined
        ? []
        : [problem(path, `has the address and port of endpoint ${shown(twin.name)}: remove one of them`)]),
    ];
  });
}

function canonicalHost(address: string): string {
  return canonicalAddress(address) ?? address.toLowerCase().replace(/\.$/, '');
}

function addressProblems(text: string, path: string): Problem[] {
  const address = canonicalAddress(text);
  if (address === undefined) {
    return isHostname(text) ? [] : [problem(path, `${shown(text)} is neither an IPv4 or IPv6 address nor a DNS name`)];
  }
  return isServerAddress(address)
    ? []
    : [problem(path, `${shown(text)} is no address that a server can have: name one host`)];
}

/** Source: Kubernetes, "Labels and Selectors" and RFC 6335 §5.1. */
function podProblems({ selector, port, portName }: WebPoolSpec): readonly Problem[] {
  const needsPort = selector !== undefined && port === undefined && portName === undefined;
  const isPortName = portName === undefined || (/[a-z]/.test(portName) && !portName.includes('--'));
  return [
    ...(needsPort ? [problem('spec.selector', 'needs the port of the Pods: set spec.port or spec.portName')] : []),
    ...(isPortName ? [] : [problem('spec.portName', `${shown(portName)} needs a letter and no "--": it names a port`)]),
    ...Object.keys(selector?.matchLabels ?? {}).flatMap(labelProblems),
  ];
}

const LABEL_KEY =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

function labelProblems(key: string): Problem[] {
  const name = key.slice(key.indexOf('/') + 1);
  if (LABEL_KEY.test(key) && name.length <= 63 && key.length - name.length <= 254) return [];
  return [problem('spec.selector.matchLabels', `${shown(key)} is no label key such as app or example.com/app`)];
}

function balanceProblems({ balance }: WebPoolSpec): Problem[] {
  if (balance?.algorithm === 'Header' && balance.header === undefined) {
    return [problem('spec.balance', 'algorithm Header needs the field header: the name of the request header')];
  }
  if (balance?.header !== undefined && balance.algorithm !== 'Header') {
    return [
      problem('spec.balance.header', `goes with algorithm Header only, not with ${balance.algorithm}: remove it`),
    ];
  }
  return [];
}

/** HAProxy has two tiers: a server of another zone is in the second. */
function zoneProblems({ trafficDistribution, externalEndpoints = [] }: WebPoolSpec): readonly Problem[] {
  if (trafficDistribution === undefined) return [];
  return externalEndpoints.flatMap(({ tier }, index) =>
    tier === 'Backup'
      ? [
          problem(
            `spec.externalEndpoints[${index}].tier`,
            `Backup does not go with trafficDistribution: ${trafficDistribution}, for servers of other zones take its place: remove one of them`,
          ),
        ]
      : [],
  );
}

function checkProblems(check: HealthCheck): readonly Problem[] {
  const path = 'spec.healthCheck';
  return [
    ...durationProblems(check.interval, `${path}.interval`, CHECK_INTERVAL),
    ...durationProblems(check.timeout, `${path}.timeout`, ['10ms', '1h']),
    ...typeProblems(check, path),
    ...headerProblems(check.headers ?? [], `${path}.headers`),
    ...statusRangeProblems(check.expect?.status ?? [], `${path}.expect.status`),
  ];
}

function typeProblems(check: HealthCheck, path: string): readonly Problem[] {
  const type = check.type ?? (check.path === undefined ? 'TCP' : 'HTTP');
  const misplaced = CHECK_TYPES.filter((other) => other !== type).flatMap((other) =>
    CHECK_FIELDS[other]
      .filter((field) => check[field] !== undefined)
      .map((field) => problem(`${path}.${field}`, `goes with type ${other} only: set type: ${other} or remove it`)),
  );
  if (type !== 'MySQL' || check.username !== undefined) return misplaced;
  return [...misplaced, problem(path, 'type MySQL needs the field username: an account without password')];
}

/** HAProxy refuses a check with two hosts, and with it the configuration of everybody. */
function headerProblems(headers: NonNullable<HealthCheck['headers']>, path: string): readonly Problem[] {
  return headers.flatMap(({ name }, index) =>
    name.toLowerCase() === 'host'
      ? [problem(`${path}[${index}].name`, 'the host has a field of its own: use healthCheck.host')]
      : [],
  );
}

function statusRangeProblems(ranges: readonly string[], path: string): readonly Problem[] {
  return ranges.flatMap((range, index) => {
    const [first = '', last = first] = range.split('-');
    return last < first ? [problem(`${path}[${index}]`, `${shown(range)} is empty: the lower code comes first`)] : [];
  });
}

function timeProblems(spec: WebPoolSpec): readonly Problem[] {
  const { timeouts = {} } = spec;
  const bounds: readonly (readonly [string, string | undefined, DurationBounds])[] = [
    ['slowStart', spec.slowStart, ['0s', '24h']],
    ['drainTimeout', spec.drainTimeout, ['0s', '24h']],
    ['queueTimeout', spec.queueTimeout, ['1ms', '24h']],
    ['timeouts.connect', timeouts.connect, ['1ms', '1h']],
    ['timeouts.server', timeouts.server, ['1ms', '24h']],
    ['timeouts.tunnel', timeouts.tunnel, ['1ms', LONGEST]],
    ['sessionAffinity.maxAge', spec.sessionAffinity?.maxAge, ['1s', LONGEST]],
  ];
  return bounds.flatMap(([field, text, range]) => durationProblems(text, `spec.${field}`, range));
}

function affinityProblems({ sessionAffinity: affinity }: WebPoolSpec): Problem[] {
  if (affinity === undefined) return [];
  const { type, cookieName, header } = affinity;
  const path = 'spec.sessionAffinity';
  const needs = 'type Header needs the field header: the name of the request header';
  return [
    ...(cookieName === undefined || type === 'Cookie'
      ? []
      : [problem(`${path}.cookieName`, 'goes with type Cookie only: remove it')]),
    ...(header === undefined || type === 'Header'
      ? []
      : [problem(`${path}.header`, 'goes with type Header only: remove it')]),
    ...(type === 'Header' && header === undefined ? [problem(path, needs)] : []),
  ];
}

/** A Legacy server is trusted for its pinned certificate alone, a Modern one for its name as well. */
function tlsProblems({ tls, externalEndpoints = [] }: WebPoolSpec): readonly Problem[] {
  const all = [
    ...(tls === undefined ? [] : [{ path: 'spec.tls', asked: tls, address: undefined }]),
    ...externalEndpoints.flatMap((endpoint, index) =>
      endpoint.tls === undefined
        ? []
        : [
            {
              path: `spec.externalEndpoints[${index}].tls`,
              asked: { ...tls, ...endpoint.tls },
              address: endpoint.address,
            },
          ],
    ),
  ];
  return all.flatMap(({ path, asked, address }): Problem[] => {
    if (asked.mode === 'Disabled') return [];
    if (asked.profile === 'Legacy') {
      const way = 'profile Legacy needs caSecretName: the pinned certificate of the server or of its authority';
      return asked.caSecretName === undefined ? [problem(path, way)] : [];
    }
    if (address === undefined || asked.serverName !== undefined || canonicalAddress(address) === undefined) return [];
    return [problem(path, 'needs serverName, because the endpoint is given by address: the name in its certificate')];
  });
}

/** What only someone who reads HTTP can do. */
function layerProblems(spec: WebPoolSpec): readonly Problem[] {
  if (spec.protocol !== 'TCP') return [];
  return [
    ...visitorProblems(spec.sessionAffinity),
    ...hashProblems(spec),
    ...retryProblems(spec),
    ...requestProblems(spec),
  ];
}

function visitorProblems(affinity: SessionAffinity | undefined): Problem[] {
  if (affinity === undefined || affinity.type === 'SourceIP') return [];
  return [problem('spec.sessionAffinity.type', `${affinity.type} needs an HTTP pool: use SourceIP or protocol: HTTP`)];
}

function hashProblems({ balance }: WebPoolSpec): Problem[] {
  if (balance === undefined || !HASHES_OF_REQUESTS.has(balance.algorithm)) return [];
  return [problem('spec.balance.algorithm', `${balance.algorithm} needs an HTTP pool: use SourceIP or protocol: HTTP`)];
}

function retryProblems({ retries }: WebPoolSpec): readonly Problem[] {
  return (retries?.when ?? []).flatMap((event, index) => {
    if (event === 'ConnectFailure') return [];
    return [
      problem(
        `spec.retries.when[${index}]`,
        `${event} needs an HTTP pool: a TCP connection can only be tried again on ConnectFailure`,
      ),
    ];
  });
}

function pageProblems({ maintenancePage: page }: WebPoolSpec): readonly Problem[] {
  if (page === undefined) return [];
  if ((page.body === undefined) === (page.configMap === undefined))
    return [problem('spec.maintenancePage', 'needs the page: body or configMap, one of them')];
  return bodyProblems(page.body, 'spec.maintenancePage.body');
}

function requestProblems(spec: WebPoolSpec): readonly Problem[] {
  return (['compression', 'maintenancePage'] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field) => problem(`spec.${field}`, 'needs an HTTP pool: remove it or set protocol: HTTP'));
}
