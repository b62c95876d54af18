/** What the fields of a DatabaseGrant ask of each other, and what no grant may ask for. */
import type { DatabaseGrantSpec, DatabaseServer, Grant, GrantPool } from './kinds.gen.ts';
import { canonicalAddress, isHostname, isServerAddress } from './address.ts';
import { durationProblems } from './duration-rules.ts';
import { problem, shown, type Problem } from './problem.ts';
import { COLUMN_PRIVILEGES, isReservedAccount, isSystemSchema, SCHEMA_ONLY_PRIVILEGES } from './server-owned.ts';

/** Everything wrong with a DatabaseGrant whose fields have the right form. */
export function databaseGrantProblems(spec: DatabaseGrantSpec): readonly Problem[] {
  const { pools = [], hosts = [] } = spec;
  const nobody = pools.length === 0 && hosts.length === 0;
  return [
    ...hostProblems(spec.server.host, 'spec.server.host'),
    ...tlsProblems(spec.server),
    ...accountProblems(spec.username),
    ...(nobody ? [problem('spec', 'names nobody who gets an account: set pools or hosts')] : []),
    ...pools.flatMap((pool, index) => egressProblems(pool, `spec.pools[${index}]`)),
    ...hosts.flatMap((host, index) => hostProblems(host, `spec.hosts[${index}]`)),
    ...durationProblems(spec.rotation?.discardAfter, 'spec.rotation.discardAfter', ['1s', '8760h']),
    ...spec.grants.flatMap((grant, index) => grantProblems(grant, `spec.grants[${index}]`)),
  ];
}

function hostProblems(host: string, path: string): Problem[] {
  const address = canonicalAddress(host);
  if (address === undefined ? isHostname(host) : isServerAddress(address)) return [];
  // MySQL reads % and _ in a host as wildcards.
  return [problem(path, `${shown(host)} is not the address or DNS name of one host; patterns with % or _ are refused`)];
}

function egressProblems({ source, egressAddresses }: GrantPool, path: string): Problem[] {
  if ((source === 'Egress') !== (egressAddresses !== undefined)) {
    return [problem(`${path}.egressAddresses`, 'source: Egress and egressAddresses need each other')];
  }
  return (egressAddresses ?? []).flatMap((text, index) => {
    const address = canonicalAddress(text);
    if (address !== undefined && isServerAddress(address)) return [];
    return [problem(`${path}.egressAddresses[${index}]`, `${shown(text)} is not the address of one host`)];
  });
}

/** A certificate is verified by name, and only where there is one. */
function tlsProblems({ host, tls }: DatabaseServer): Problem[] {
  const { mode, caSecretName, serverName } = tls ?? {};
  const path = 'spec.server.tls';
  const name = serverName ?? host;
  return [
    ...(caSecretName !== undefined && mode !== 'Required'
      ? [problem(`${path}.caSecretName`, 'needs mode: Required, for without it a connection in the clear is accepted')]
      : []),
    ...(serverName !== undefined && caSecretName === undefined
      ? [problem(`${path}.serverName`, 'needs caSecretName: without it the certificate is not verified')]
      : []),
    ...(caSecretName !== undefined && !isHostname(name)
      ? [problem(`${path}.serverName`, `${shown(name)} is no DNS name: set serverName to the name in the certificate`)]
      : []),
  ];
}

function accountProblems(username: string): Problem[] {
  if (!isReservedAccount(username)) return [];
  return [
    problem(
      'spec.username',
      `${shown(username)} belongs to the database server: choose a name of your own`,
      'ReservedAccount',
    ),
  ];
}

function grantProblems(grant: Grant, path: string): readonly Problem[] {
  return [
    ...schemaProblems(grant.schema, `${path}.schema`),
    ...nameProblems(grant, path),
    ...levelProblems(grant, path),
  ];
}

function schemaProblems(schema: string, path: string): Problem[] {
  if (schema === '*') return [problem(path, 'every schema has to be named: * is refused')];
  if (!isSystemSchema(schema)) return [];
  return [problem(path, `schema ${shown(schema)} belongs to the server: no application has any business in it`)];
}

/** Source: MySQL manual, "Schema Object Names": no space at the end, and nothing beyond the Basic Multilingual Plane. */
function nameProblems({ schema, table, columns = [] }: Grant, path: string): readonly Problem[] {
  const names = [
    { at: `${path}.schema`, name: schema },
    ...(table === undefined ? [] : [{ at: `${path}.table`, name: table }]),
    ...columns.map((name, index) => ({ at: `${path}.columns[${index}]`, name })),
  ];
  const wrong = names.filter(({ name }) => name.endsWith(' ') || /[\u{10000}-\u{10ffff}]/u.test(name));
  return wrong.map(({ at, name }) => problem(at, `${shown(name)} cannot be a name in MySQL`));
}

function levelProblems({ table = '*', columns, privileges }: Grant, path: string): readonly Problem[] {
  if (columns !== undefined && table === '*')
    return [problem(`${path}.columns`, 'needs a table: set table to its name')];
  const allowed = (privilege: string) =>
    columns === undefined ? table === '*' || !SCHEMA_ONLY_PRIVILEGES.has(privilege) : COLUMN_PRIVILEGES.has(privilege);
  return privileges.flatMap((privilege, index) => {
    if (allowed(privilege)) return [];
    const way =
      columns === undefined
        ? 'leave table out to grant it on the schema'
        : `columns take ${[...COLUMN_PRIVILEGES].join(', ')}`;
    const level = columns === undefined ? 'a table' : 'columns';
    return [
      problem(
        `${path}.privileges[${index}]`,
        `${privilege} cannot be granted on ${level}: ${way}`,
        'UnsupportedPrivilege',
      ),
    ];
  });
}
