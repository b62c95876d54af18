/** One good object of each kind in which every field is set, and the way to change one thing about it. */
import { parsePath, type Step } from '../../operator/api/field-path.ts';
import type { Kind } from '../../operator/api/resources.ts';

/** Field by path, for example `spec.rules[0].name`; undefined removes the field. */
export type Changes = Readonly<Record<string, unknown>>;

type Node = Record<Step, unknown>;

const headerFilter = () => ({
  set: [{ name: 'X-Set', value: '1' }],
  add: [{ name: 'X-Add', value: '1' }],
  remove: ['X-Remove'],
});

export const SAMPLES: Readonly<Record<Kind, unknown>> = {
  WebPool: {
    protocol: 'HTTP',
    port: 80,
    selector: { matchLabels: { app: 'blog' } },
    portName: 'http',
    podWeight: 100,
    externalEndpoints: [
      {
        name: 'web01',
        address: '192.0.2.1',
        port: 8080,
        weight: 100,
        state: 'Active',
        tier: 'Primary',
        zone: 'eu-1a',
        maxConnections: 100,
        healthCheck: { port: 8082, interval: '5s', rise: 1, fall: 2 },
        tls: { mode: 'Enabled', caSecretName: 'web01', serverName: 'web01.example.com', profile: 'Legacy' },
      },
    ],
    balance: { algorithm: 'Header', header: 'X-User' },
    trafficDistribution: 'PreferSameZone',
    healthCheck: {
      type: 'HTTP',
      path: '/health?deep=1',
      method: 'GET',
      host: 'www.example.com:8080',
      headers: [{ name: 'X-Check', value: '1' }],
      expect: { status: ['200-299'], body: 'ok', header: { name: 'X-State', value: 'well' } },
      port: 8081,
      interval: '10s',
      timeout: '2s',
      rise: 2,
      fall: 3,
    },
    passiveHealth: { errors: 10, action: 'TakeOut' },
    slowStart: '30s',
    drainTimeout: '60s',
    maxConnections: 200,
    queueTimeout: '5s',
    timeouts: { connect: '1s', server: '60s', tunnel: '1h' },
    retries: { attempts: 3, when: ['503'] },
    compression: { types: ['text/html'] },
    sessionAffinity: { type: 'Cookie', cookieName: 'SITE', maxAge: '1h30m' },
    tls: { mode: 'Enabled', caSecretName: 'ca', serverName: 'www.example.com', profile: 'Modern' },
    proxyProtocol: 'Disabled',
    minReady: 1,
    maintenancePage: { status: 503, contentType: 'text/html', body: '<p>Back at noon.</p>' },
    paused: false,
  },
  RoutingRule: {
    listener: {
      trustedSources: ['192.0.2.0/28'],
      protocol: 'HTTPS',
      port: 8443,
      proxyProtocol: { trustedSources: ['192.0.2.0/24'] },
      tls: {
        secretName: 'site',
        alternateSecretName: 'site-rsa',
        minVersion: 'TLSv1.2',
        clientCASecretName: 'staff',
      },
    },
    hostnames: ['www.example.com'],
    priority: 0,
    rules: [
      {
        name: 'blog',
        matches: [
          {
            path: { type: 'Prefix', value: '/blog' },
            extensions: ['php'],
            contentTypes: ['image/*'],
            method: 'GET',
            headers: [{ name: 'X-Canary', type: 'Exact', value: '1' }],
            queryParams: [{ name: 'v', type: 'Exact', value: '2' }],
            sourceRanges: ['192.0.2.0/24'],
          },
        ],
        timeouts: { request: '10s' },
        access: { allow: ['192.0.2.0/24'], deny: ['192.0.2.1'] },
        limits: { requestBody: '10Mi' },
        rateLimit: { requests: 1000, per: '1s', burst: 1000, key: { type: 'Header', name: 'X-Key' }, statusCode: 503 },
        filters: {
          requestHeaders: headerFilter(),
          responseHeaders: headerFilter(),
          rewrite: { hostname: 'blog.example.com', path: { type: 'ReplaceFullPath', value: '/' } },
          cors: {
            allowOrigins: ['https://www.example.com'],
            allowCredentials: true,
            allowMethods: ['GET'],
            allowHeaders: ['X-Token'],
            exposeHeaders: ['X-Token'],
            maxAge: '10m',
          },
        },
        pools: [
          { name: 'blog', weight: 1, filters: { requestHeaders: headerFilter(), responseHeaders: headerFilter() } },
        ],
      },
      { name: 'rest', respond: { status: 404, contentType: 'text/plain', body: 'Nothing here.' } },
      {
        name: 'old',
        filters: {
          redirect: {
            scheme: 'https',
            hostname: 'www.example.com',
            port: 8443,
            path: { type: 'ReplaceFullPath', value: '/new' },
            statusCode: 301,
          },
        },
      },
    ],
  },
  DatabaseGrant: {
    server: {
      host: 'db01.example.com',
      port: 3306,
      tls: { mode: 'Required', caSecretName: 'db01-ca', serverName: 'db.example.com' },
      adminSecretName: 'db01-admin',
    },
    username: 'mywpsite_service',
    passwordSecret: { name: 'mywpsite-db', key: 'password' },
    authPlugin: 'Auto',
    pools: [{ name: 'blog', hostAs: 'Address', source: 'Egress', egressAddresses: ['192.0.2.50'] }],
    hosts: ['batch01.example.com'],
    grants: [{ schema: 'MyWPSite', table: 'posts', columns: ['title'], privileges: ['SELECT'] }],
    requireTLS: 'SSL',
    limits: { maxUserConnections: 10, maxQueriesPerHour: 0, maxUpdatesPerHour: 0, maxConnectionsPerHour: 0 },
    rotation: { mode: 'Dual', discardAfter: '24h' },
    removal: { killSessions: true },
    existingAccounts: 'Refuse',
    driftPolicy: 'Enforce',
    deletionPolicy: 'Delete',
  },
};

/** The spec of the sample with these changes. */
export function sampleWith(kind: Kind, changes: Changes): unknown {
  const root = { spec: structuredClone(SAMPLES[kind]) };
  for (const [path, value] of Object.entries(changes)) change(root, parsePath(path), structuredClone(value));
  return root.spec;
}

function change(root: unknown, steps: readonly Step[], value: unknown): void {
  const parent = steps.slice(0, -1).reduce((node, step) => (node as Node)[step], root) as Node;
  const last = steps.at(-1) ?? '';
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}

/** Path and value of every object, list and single value in a spec, by default the sample; the spec first. */
export function partsOf(
  kind: Kind,
  spec: unknown = SAMPLES[kind],
): readonly (readonly [path: string, value: unknown])[] {
  return walk('spec', spec);
}

function walk(path: string, value: unknown): (readonly [string, unknown])[] {
  const own: (readonly [string, unknown])[] = [[path, value]];
  if (typeof value !== 'object' || value === null) return own;
  const step = (name: string) => (Array.isArray(value) ? `[${name}]` : `.${name}`);
  return [...own, ...Object.entries(value).flatMap(([name, part]) => walk(`${path}${step(name)}`, part))];
}
