/**
 * Every default of the kinds, in the shape of their specs. The CRD descriptions promise the same values, and a test
 * compares the two.
 * Units: times in milliseconds.
 */
export const DEFAULTS = {
  WebPool: {
    protocol: 'HTTP',
    podWeight: 100,
    externalEndpoints: { weight: 100, state: 'Active', tier: 'Primary' },
    balance: { algorithm: 'RoundRobin' },
    healthCheck: {
      path: '/',
      method: 'GET',
      host: 'localhost',
      expect: { status: ['200-399'] },
      interval: 10_000,
      timeout: 2_000,
      rise: 2,
      fall: 3,
    },
    passiveHealth: { action: 'TakeOut' },
    slowStart: 0,
    drainTimeout: 60_000,
    tls: { mode: 'Enabled', profile: 'Modern' },
    proxyProtocol: 'Disabled',
    /** No limit. */
    maxConnections: 0,
    queueTimeout: 5_000,
    timeouts: { connect: 1_000, server: 60_000, tunnel: 3_600_000 },
    retries: { attempts: 3, when: ['ConnectFailure'] },
    /** 0 = the browser session. */
    sessionAffinity: { cookieName: 'WEBPOOL', maxAge: { Cookie: 0, SourceIP: 1_800_000, Header: 1_800_000 } },
    minReady: 1,
    maintenancePage: { status: 503, contentType: 'text/html' },
    paused: false,
  },
  RoutingRule: {
    listener: { port: { HTTP: 80, HTTPS: 443 }, tls: { minVersion: 'TLSv1.2' } },
    priority: 0,
    rules: {
      matches: { headers: { type: 'Exact' }, queryParams: { type: 'Exact' } },
      pools: { weight: 1 },
      filters: {
        redirect: { statusCode: 302 },
        cors: { allowCredentials: false, allowMethods: [], allowHeaders: [], exposeHeaders: [], maxAge: 5_000 },
      },
      timeouts: { request: 0 },
      rateLimit: { key: 'SourceIP', statusCode: 429 },
      respond: { contentType: 'text/plain', body: '' },
    },
  },
  DatabaseGrant: {
    server: { port: 3306, tls: { mode: 'Preferred' } },
    authPlugin: 'Auto',
    pools: { hostAs: 'Address', source: 'PodIP' },
    grants: { table: '*' },
    requireTLS: 'None',
    /** No limit. */
    limits: { maxUserConnections: 0, maxQueriesPerHour: 0, maxUpdatesPerHour: 0, maxConnectionsPerHour: 0 },
    rotation: { mode: 'Dual', discardAfter: 86_400_000 },
    removal: { when: 'ContainersTerminated', killSessions: true },
    existingAccounts: 'Refuse',
    driftPolicy: 'Enforce',
    deletionPolicy: 'Delete',
  },
} as const;
