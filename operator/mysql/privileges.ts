import type { DatabaseGrant } from '../api/resources.ts';
import { COLUMN_PRIVILEGES, isSystemSchema, SCHEMA_ONLY_PRIVILEGES } from '../api/server-owned.ts';
import { placeKey } from './account.ts';
import type { GrantSet } from './account.ts';
import type { Dialect } from './dialect.ts';
import { identifierProblem, schemaPattern } from './quote.ts';

type GrantEntry = DatabaseGrant['spec']['grants'][number];

const TABLE_PRIVILEGES = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'CREATE',
  'DROP',
  'REFERENCES',
  'INDEX',
  'ALTER',
  'CREATE VIEW',
  'SHOW VIEW',
  'TRIGGER',
]);
const SCHEMA_PRIVILEGES = new Set([...TABLE_PRIVILEGES, ...SCHEMA_ONLY_PRIVILEGES]);

/** Why an entry of `spec.grants` cannot be granted, or undefined. */
export interface EntryProblem {
  readonly reason: 'UnsupportedPrivilege' | 'UnsupportedValue';
  readonly message: string;
}

/** The first thing that is wrong with an entry, or undefined. */
export function entryProblem(entry: GrantEntry, dialect: Dialect): EntryProblem | undefined {
  const name = entryNameProblem(entry, dialect);
  if (name !== undefined) return { reason: 'UnsupportedValue', message: `${name}; correct spec.grants` };
  return privilegeProblem(entry);
}

function entryNameProblem({ schema, table = '*', columns = [] }: GrantEntry, dialect: Dialect): string | undefined {
  if (schema === '*') return 'the schema is *: every schema has to be named';
  if (isSystemSchema(schema)) return `schema ${schema.toLowerCase()} belongs to the server`;
  const problem =
    identifierProblem('schema', schema) ??
    (table === '*' ? undefined : identifierProblem('table', table)) ??
    columns.map((column) => identifierProblem('column', column)).find((found) => found !== undefined);
  if (problem !== undefined) return problem;
  if (table !== '*') return undefined;
  if (columns.length > 0) return 'columns without a table';
  // Escaped, the name has to fit the same 64 characters: a cut one would be another schema.
  return schemaPattern(schema, dialect).length > 64
    ? 'the schema name is too long once its underscores are escaped; grant its tables one by one'
    : undefined;
}

function privilegeProblem({ table = '*', columns = [], privileges }: GrantEntry): EntryProblem | undefined {
  const [level, allowed] = levelOf(table, columns);
  if (privileges.length === 0) return { reason: 'UnsupportedPrivilege', message: 'an entry of spec.grants is empty' };
  const wrong = privileges.filter((privilege) => !allowed.has(privilege));
  if (wrong.length === 0) return undefined;
  return {
    reason: 'UnsupportedPrivilege',
    message: `${wrong.join(', ')} cannot be granted on ${level}; there is ${[...allowed].join(', ')}`,
  };
}

function levelOf(table: string, columns: readonly string[]): readonly [string, ReadonlySet<string>] {
  if (columns.length > 0) return ['columns', COLUMN_PRIVILEGES];
  return table === '*' ? ['a schema', SCHEMA_PRIVILEGES] : ['a table', TABLE_PRIVILEGES];
}

/** The sets that these entries ask for: one a place, sorted, privileges of the same place united. */
export function grantSets(entries: readonly GrantEntry[], dialect: Dialect): readonly GrantSet[] {
  const sets = new Map<string, GrantSet>();
  for (const entry of entries) {
    for (const set of setsOfEntry(entry, dialect)) {
      const key = placeKey(set);
      const privileges = new Set([...(sets.get(key)?.privileges ?? []), ...set.privileges]);
      sets.set(key, { ...set, ...sets.get(key), privileges: [...privileges].sort() });
    }
  }
  return [...sets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set);
}

function setsOfEntry({ schema, table = '*', columns, privileges }: GrantEntry, dialect: Dialect): readonly GrantSet[] {
  const lower = (name: string): string => (dialect.lowerCaseNames ? name.toLowerCase() : name);
  const place = {
    schema: table === '*' ? schemaPattern(lower(schema), dialect) : lower(schema),
    table: lower(table),
    privileges,
  };
  return columns === undefined ? [place] : columns.map((column) => ({ ...place, column }));
}
