import {
  bad,
  choice,
  dotted,
  duration,
  letters,
  list,
  required,
  ruled,
  text,
  whole,
  type Bad,
  type Bound,
} from './bounds.ts';
import type { Changes } from './sample.ts';

const GRANT = 'spec.grants[0]';

const NAME = { most: 253, wrong: ['Admin', 'a_b', '-a', 'a-', '../a'], form: 'lower-case letters, digits and "-"' };
const SECRET_NAME = { ...NAME, hidden: true } as const;
const HOST = {
  fill: dotted,
  wrong: [
    '%',
    '_',
    '%.example.com',
    'web_1',
    '192.0.2.%',
    "a'@'b",
    'a`b',
    'a b',
    '-a',
    '192.0.2.0/24',
    '192.0.2.0/255.255.255.0',
  ],
  form: 'an IPv4 address, an IPv6 address or a DNS name alone',
};
const ON_SCHEMAS = 'CREATE TEMPORARY TABLES|LOCK TABLES|CREATE ROUTINE|ALTER ROUTINE|EXECUTE|EVENT'.split('|');
const ON_TABLES = 'DELETE|CREATE|DROP|INDEX|ALTER|CREATE VIEW|SHOW VIEW|TRIGGER'.split('|');
const ON_COLUMNS = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];
/** In the order of the CRD, which is that of the manual. */
const PRIVILEGES =
  'SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|REFERENCES|INDEX|ALTER|CREATE TEMPORARY TABLES|LOCK TABLES|CREATE VIEW|SHOW VIEW|CREATE ROUTINE|ALTER ROUTINE|EXECUTE|EVENT|TRIGGER'.split(
    '|',
  );

/** Bounds of single fields of a DatabaseGrant. */
export const DATABASE_GRANT_BOUNDS: readonly Bound[] = [
  required('spec', ['server', 'username', 'passwordSecret', 'grants']),
  required('spec.server', ['host', 'adminSecretName']),
  text('spec.server.host', { most: 253, ...HOST }),
  whole('spec.server.port', [1, 65_535]),
  choice('spec.server.tls.mode', ['Required', 'Preferred', 'Disabled'], ['Required']),
  text('spec.server.tls.caSecretName', SECRET_NAME),
  text('spec.server.tls.serverName', { most: 253, ...HOST }),
  text('spec.server.adminSecretName', SECRET_NAME),
  text('spec.username', {
    most: 32,
    wrong: ["app'", 'app"', 'app\\', 'app`', 'app@db', 'app user', '%', 'äpp'],
    form: 'letters, digits, "_", ".", "$" and "-"',
  }),
  required('spec.passwordSecret', ['name', 'key']),
  text('spec.passwordSecret.name', SECRET_NAME),
  text('spec.passwordSecret.key', {
    hidden: true,
    most: 253,
    wrong: ['a/b', 'a b', 'ä'],
    form: 'letters, digits, "-", "_" and "."',
  }),
  choice('spec.authPlugin', ['Auto', 'mysql_native_password', 'caching_sha2_password', 'ed25519']),
  list('spec.pools', { most: 16, least: 1, entry: (index) => ({ name: `p${index}` }), type: 'Map' }),
  required('spec.pools[0]', ['name']),
  text('spec.pools[0].name', NAME),
  choice('spec.pools[0].hostAs', ['Address', 'Name', 'Both']),
  choice('spec.pools[0].source', ['PodIP', 'NodeIP', 'Egress'], ['Egress']),
  list('spec.pools[0].egressAddresses', { most: 16, least: 1, entry: (index) => `192.0.2.${index}`, type: 'Set' }),
  {
    bad: [
      bad('spec.pools[0].egressAddresses[0]', '', 'is too short'),
      bad('spec.pools[0].egressAddresses[0]', 'a'.repeat(46), 'is too long'),
      ...['web01', '192.0.2.0/24', '192.0.2.%'].map((address) =>
        bad('spec.pools[0].egressAddresses[0]', address, 'is not an IPv4 or IPv6 address'),
      ),
    ],
    good: ['192.0.2.1', '2001:DB8::1'].map((address) => ({ 'spec.pools[0].egressAddresses[0]': address })),
  },
  list('spec.hosts', { most: 512, least: 1, entry: (index) => `h${index}.example`, type: 'Set' }),
  text('spec.hosts[0]', { most: 60, ...HOST }),
  list('spec.grants', {
    most: 64,
    least: 1,
    entry: (index) => ({ schema: `s${index}`, privileges: ['SELECT'] }),
    type: 'Any',
  }),
  required(GRANT, ['schema', 'privileges']),
  text(`${GRANT}.schema`, { most: 64, fill: (length) => 'ä'.repeat(length) }),
  text(`${GRANT}.table`, { most: 64, fill: (length) => 'ä'.repeat(length) }),
  list(`${GRANT}.columns`, { most: 64, least: 1, entry: (index) => `c${index}`, type: 'Set' }),
  text(`${GRANT}.columns[0]`, { most: 64, fill: (length) => 'ä'.repeat(length) }),
  list(`${GRANT}.privileges`, { most: 24, least: 1, entry: () => 'SELECT', type: 'Set', unreachable: true }),
  choice(`${GRANT}.privileges[0]`, PRIVILEGES, ON_COLUMNS),
  {
    bad: ['ALL', 'ALL PRIVILEGES', 'GRANT OPTION', 'SUPER', 'FILE', 'USAGE', 'select', 'SELECT, INSERT'].map(
      (privilege) => ({
        changes: { [`${GRANT}.privileges[0]`]: privilege },
        path: `${GRANT}.privileges[0]`,
        message: `"${privilege}" is not one of`,
        reason: 'UnsupportedValue',
      }),
    ),
    good: [],
  },
  choice('spec.requireTLS', ['None', 'SSL', 'X509']),
  ...['maxUserConnections', 'maxQueriesPerHour', 'maxUpdatesPerHour', 'maxConnectionsPerHour'].map((limit) =>
    whole(`spec.limits.${limit}`, [0, 1_000_000_000]),
  ),
  choice('spec.rotation.mode', ['Dual', 'Immediate']),
  duration('spec.rotation.discardAfter', ['1s', '8760h'], ['0s', '999ms', '8761h']),
  choice('spec.removal.when', ['ContainersTerminated', 'DeletionStart', 'Deleted']),
  choice('spec.existingAccounts', ['Refuse', 'Adopt']),
  choice('spec.driftPolicy', ['Enforce', 'Report']),
  choice('spec.deletionPolicy', ['Delete', 'Lock', 'Orphan']),
];

const NO_ONE_HOST = 'is not the address or DNS name of one host; patterns with % or _ are refused';
const grantOf = (grant: object): Changes => ({ [GRANT]: grant });
const unsupported = (index: number) =>
  ({ path: `${GRANT}.privileges[${index}]`, reason: 'UnsupportedPrivilege' }) as const;

/** What the fields of a DatabaseGrant ask of each other, and what no grant may ask for. */
export const DATABASE_GRANT_RULES: readonly Bad[] = [
  ...['spec.server.host', 'spec.hosts[0]'].flatMap((path) =>
    ['999.1.1.1', '192.0.2', '0.0.0.0', '::', 'a..b', '255.255.255.255', '192.0.2.1:3306', 'ff02::1'].map((host) =>
      ruled({ [path]: host }, NO_ONE_HOST),
    ),
  ),
  ...['PodIP', 'NodeIP', undefined].map((source) =>
    ruled({ 'spec.pools[0].source': source }, 'source: Egress and egressAddresses need each other', {
      path: 'spec.pools[0].egressAddresses',
    }),
  ),
  ruled({ 'spec.pools[0].egressAddresses': undefined }, 'source: Egress and egressAddresses need each other'),
  ...['0.0.0.0', '::', 'ff02::1', '999.1.1.1', 'abc'].map((address) =>
    ruled({ 'spec.pools[0].egressAddresses[0]': address }, 'is not the address of one host'),
  ),
  ...['Preferred', 'Disabled', undefined].map((mode) =>
    ruled({ 'spec.server.tls.mode': mode }, 'needs mode: Required', { path: 'spec.server.tls.caSecretName' }),
  ),
  ruled({ 'spec.server.tls.caSecretName': undefined }, 'needs caSecretName', { path: 'spec.server.tls.serverName' }),
  ruled(
    { 'spec.server.host': '192.0.2.1', 'spec.server.tls.serverName': undefined },
    'is no DNS name: set serverName to the name in the certificate',
    { path: 'spec.server.tls.serverName' },
  ),
  ...['192.0.2.1', '2001:db8::1'].map((name) => ruled({ 'spec.server.tls.serverName': name }, 'is no DNS name')),
  ruled({ 'spec.pools': undefined, 'spec.hosts': undefined }, 'names nobody who gets an account: set pools or hosts', {
    path: 'spec',
  }),
  ...[
    'root',
    'ROOT',
    'mysql',
    'mysql.sys',
    'mysql.session',
    'mysql.infoschema',
    'mariadb.sys',
    'debian-sys-maint',
    'public',
    'PUBLIC',
    'rdsadmin',
    'mariadb-backup',
    'MariaDB.sys',
    'mysql.anything',
    'cloudsqladmin',
    'mariadb-backup',
  ].map((username) =>
    ruled({ 'spec.username': username }, 'belongs to the database server: choose a name of your own', {
      reason: 'ReservedAccount',
    }),
  ),
  ruled({ [`${GRANT}.schema`]: '*' }, 'every schema has to be named: * is refused'),
  ...['mysql', 'MySQL', 'sys', 'information_schema', 'INFORMATION_SCHEMA', 'performance_schema', 'webpool_ledger'].map(
    (schema) => ruled({ [`${GRANT}.schema`]: schema }, `schema "${schema}" belongs to the server`),
  ),
  ...[`${GRANT}.schema`, `${GRANT}.table`, `${GRANT}.columns[0]`].flatMap((path) =>
    ['a ', ' ', 'a😀'].map((name) => ruled({ [path]: name }, 'cannot be a name in MySQL')),
  ),
  ruled({ [`${GRANT}.table`]: undefined }, 'needs a table: set table to its name', { path: `${GRANT}.columns` }),
  ruled({ [`${GRANT}.table`]: '*' }, 'needs a table: set table to its name', { path: `${GRANT}.columns` }),
  ...ON_SCHEMAS.map((privilege) =>
    ruled(
      grantOf({ schema: 's', table: 't', privileges: ['SELECT', privilege] }),
      `${privilege} cannot be granted on a table: leave table out to grant it on the schema`,
      unsupported(1),
    ),
  ),
  ...[...ON_SCHEMAS, ...ON_TABLES].map((privilege) =>
    ruled(
      grantOf({ schema: 's', table: 't', columns: ['c'], privileges: ['SELECT', privilege] }),
      `${privilege} cannot be granted on columns: columns take SELECT, INSERT, UPDATE, REFERENCES`,
      unsupported(1),
    ),
  ),
];

/** DatabaseGrants that look odd and are right. */
export const GOOD_DATABASE_GRANTS: readonly Changes[] = [
  { 'spec.pools[0].source': undefined, 'spec.pools[0].egressAddresses': undefined },
  { 'spec.server.tls': { mode: 'Disabled' } },
  { 'spec.server.tls.serverName': undefined },
  { 'spec.pools': undefined },
  { 'spec.hosts': undefined },
  ...['192.0.2.1', '2001:db8::1', 'DB01.Example.com.', 'db', '::ffff:192.0.2.1'].flatMap((host) => [
    { 'spec.server.host': host },
    { 'spec.hosts[0]': host },
  ]),
  grantOf({ schema: 's', privileges: PRIVILEGES }),
  grantOf({ schema: 's', table: '*', privileges: PRIVILEGES }),
  grantOf({ schema: 's', table: 't', privileges: [...ON_COLUMNS, ...ON_TABLES] }),
  grantOf({ schema: 's', table: 't', columns: ['c'], privileges: ON_COLUMNS }),
  ...["it's", 'a`b', 'a"b', 'a\\b', 'a;b', 'a%_b', '100', 'mysql2', '%[env(HOME)]'].map((name) =>
    grantOf({ schema: name, table: name, columns: [name], privileges: ['SELECT'] }),
  ),
  { 'spec.username': `${letters(16)}$` },
];
