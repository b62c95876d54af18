import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { nativeHash } from '../../operator/driver/password-hash.ts';
import type { DatabaseServer } from '../../operator/driver/mysql-server.ts';
import { dialectOf } from '../../operator/mysql/dialect.ts';
import type { Dialect } from '../../operator/mysql/dialect.ts';
import { entryProblem } from '../../operator/mysql/privileges.ts';
import {
  accountName,
  hostProblem,
  identifier,
  literal,
  schemaPattern,
  userProblem,
} from '../../operator/mysql/quote.ts';
import { need } from '../mysql/needs.ts';
import type { DatabaseProcess } from '../support/database-process.ts';
import { inputOf, reset, serverKinds, serverOf } from './database-world.ts';

// Seconds on a machine of its own; here others work as well.
vi.setConfig({ testTimeout: 300_000 });

/** What breaks out of SQL, what stands for something else in it, and what is cut or folded on the way. */
const NASTY = [
  ...Array.from('\'"`\\%_;#@?.* \0\n\r\u001a\t\u007fäßİK€\u0301\u00a0\u200b\u2028\ufeff\ufffd\uffff😀xX0'),
  '\ud800',
  "\\'",
  '``',
  '\\_',
  '\\%',
  '--',
  '/*',
  '*/',
  ':a',
  '#mysql50#',
  'DROP',
  "' OR 1=1 -- ",
];

/** Short and long, tame and wild. */
const anyText = fc.oneof(
  { weight: 5, arbitrary: fc.array(fc.constantFrom(...NASTY), { maxLength: 12 }).map((parts) => parts.join('')) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 70 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ019-_.$')), minLength: 1, maxLength: 70 }),
  },
);
const hostText = fc.oneof(
  { weight: 1, arbitrary: anyText },
  {
    weight: 2,
    arbitrary: fc.string({ unit: fc.constantFrom(...Array.from('abz09.-:')), minLength: 1, maxLength: 80 }),
  },
  { weight: 1, arbitrary: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()) },
);

const EACH = 2000;

function samples(arbitrary: fc.Arbitrary<string>, count = EACH): readonly string[] {
  return [...new Set(fc.sample(arbitrary, { numRuns: count }))];
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** A list for SELECT: by itself a column is named as its text, and the driver takes no `__proto__`. */
function selected(expressions: readonly string[]): string {
  return expressions.map((expression, index) => `${expression} AS c${index}`).join(', ');
}

/** Whether quoting refuses the text; anything else that it throws is a mistake. */
function quoted(quote: (text: string) => string, text: string): string | undefined {
  try {
    return quote(text);
  } catch (error) {
    expect((error as Error).name).toBe('QuoteError');
    return undefined;
  }
}

describe.each(await serverKinds())('10,000 strings on $name', ({ start }) => {
  let db: DatabaseProcess;
  let server: DatabaseServer;
  let dialect: Dialect;

  beforeAll(async () => {
    db = await start();
    const [[version] = []] = await db.query('SELECT VERSION()');
    const found = dialectOf(String(version), { partialRevokes: false, lowerCaseNames: false });
    if ('unsupported' in found) throw new Error(found.unsupported);
    dialect = found;
  });
  afterAll(() => db.stop());
  beforeEach(async () => {
    await reset(db);
    server = serverOf(db);
    // The mode in which our sessions run.
    await db.query("SET SESSION sql_mode = ''");
  });
  afterEach(() => server.close());

  it('come back as they went, as literals', async () => {
    const texts = samples(anyText).filter((text) => quoted(literal, text) !== undefined);
    expect(texts.length).toBeGreaterThan(EACH / 3);
    for (const some of chunks(texts, 200)) {
      const [row] = await db.query(`SELECT ${selected(some.map(literal))}`);
      expect(row).toEqual(some);
    }
  });

  it('come back as user names, or are refused', async () => {
    const users = samples(anyText).filter((user) => userProblem(user, dialect) === undefined);
    expect(users.length).toBeGreaterThan(EACH / 5);
    for (const some of chunks(users, 50)) {
      const names = some.map((user) => accountName({ user, host: '192.0.2.9' }));
      await db.query(`CREATE USER ${names.join(', ')}`);
      const rows = await db.query("SELECT User FROM mysql.user WHERE Host = '192.0.2.9'");
      expect(rows.flat().map(String).sort()).toEqual([...some].sort());
      await db.query(`DROP USER ${names.join(', ')}`);
    }
  });

  it('come back as hosts, or are refused', async () => {
    const hosts = samples(hostText).filter((host) => hostProblem(host, dialect) === undefined);
    expect(hosts.length).toBeGreaterThan(EACH / 5);
    for (const some of chunks(hosts, 50)) {
      const names = some.map((host) => accountName({ user: 'probe', host }));
      await db.query(`CREATE USER ${names.join(', ')}`);
      const rows = await db.query("SELECT Host FROM mysql.user WHERE User = 'probe'");
      expect(rows.flat().map(String).sort()).toEqual([...some].sort());
      expect(some.filter((host) => /[%_/]/.test(host))).toEqual([]);
      await db.query(`DROP USER ${names.join(', ')}`);
    }
  });

  it('come back as schemas and tables of grants, or are refused; and then nothing is left to do', async () => {
    const schemas = samples(anyText).filter(
      (schema) => entryProblem({ schema, privileges: ['SELECT'] }, dialect) === undefined,
    );
    const tables = samples(anyText).filter(
      (table) => table !== '*' && entryProblem({ schema: 's', table, privileges: ['CREATE'] }, dialect) === undefined,
    );
    expect(Math.min(schemas.length, tables.length)).toBeGreaterThan(EACH / 5);
    const pairs = schemas.map((schema, index) => ({ schema, table: tables[index % tables.length] ?? 't' }));
    for (const some of chunks(pairs, 150)) {
      const grants = some.flatMap(({ schema, table }) => [
        { schema, privileges: ['SELECT' as const] },
        // On a table that is not there, only this one can be granted.
        { schema, table, privileges: ['CREATE' as const] },
      ]);
      const input = inputOf(db.admin, [need(['192.0.2.9'], { grants })]);
      expect(await server.round(input)).toMatchObject({ settled: true });
      expect(await server.round(input)).toMatchObject({ settled: true, statements: 0 });
      const patterns = await db.query("SELECT Db FROM mysql.db WHERE User = 'shop'");
      expect(patterns.flat().map(String).sort()).toEqual(
        some.map(({ schema }) => schemaPattern(schema, dialect)).sort(),
      );
      const places = await db.query("SELECT Db, Table_name FROM mysql.tables_priv WHERE User = 'shop'");
      expect(places.map((place) => place.join('\0')).sort()).toEqual(
        some.map(({ schema, table }) => `${schema}\0${table}`).sort(),
      );
    }
  });

  /** Names that differ only in case or accent are one column to the server: it takes the first. */
  const distinct = async (names: readonly string[]): Promise<readonly string[]> => {
    const type = 'VARCHAR(64) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci';
    await db.query(`CREATE TABLE shop.names (n INT, name ${type} PRIMARY KEY)`);
    const values = names.map((name, index) => `(${index}, ${literal(name)})`).join(', ');
    await db.query(`INSERT IGNORE INTO shop.names VALUES ${values}`);
    return (await db.query('SELECT name FROM shop.names ORDER BY n')).map(([name]) => String(name));
  };

  it('come back as columns, or are refused; and then nothing is left to do', async () => {
    const columns = samples(anyText).filter(
      (column) =>
        entryProblem({ schema: 's', table: 't', columns: [column], privileges: ['SELECT'] }, dialect) === undefined,
    );
    expect(columns.length).toBeGreaterThan(EACH / 5);
    for (const some of chunks(columns, 60)) {
      await reset(db);
      await server.close();
      const made = await distinct(some);
      await db.query(`CREATE TABLE shop.wide (${made.map((column) => `${identifier(column)} INT`).join(', ')})`);
      const grants = [{ schema: 'shop', table: 'wide', columns: made, privileges: ['SELECT' as const] }];
      const input = inputOf(db.admin, [need(['192.0.2.9'], { grants })]);
      const round = await server.round(input);
      expect([round.settled, round.grants.get('default/shop')?.problem]).toEqual([true, undefined]);
      expect(await server.round(input)).toMatchObject({ settled: true, statements: 0 });
      const rows = await db.query("SELECT Column_name FROM mysql.columns_priv WHERE User = 'shop'");
      expect(rows.flat().map(String).sort()).toEqual([...made].sort());
    }
  });

  it('are passwords: our hash is the one that the server makes, and lets in', async () => {
    const passwords = samples(anyText.filter((text) => text.isWellFormed() && text !== ''));
    if (db.flavor === 'MariaDB') {
      for (const some of chunks(
        passwords.filter((text) => quoted(literal, text) !== undefined),
        200,
      )) {
        const [row] = await db.query(`SELECT ${selected(some.map((text) => `PASSWORD(${literal(text)})`))}`);
        expect(row).toEqual(some.map(nativeHash));
      }
    }
    // Whatever bytes a Secret holds: each of these really logs in.
    const input = (password: string) =>
      inputOf(
        db.admin,
        [need(['127.0.0.1'], { rotation: { mode: 'Immediate' }, secretVersion: String(passwords.indexOf(password)) })],
        {
          passwords: new Map([['default/shop-db/password', password]]),
        },
      );
    for (const password of passwords.filter((text) => !text.includes('\0')).slice(0, 60)) {
      expect(await server.round(input(password))).toMatchObject({ settled: true });
      await (await db.login({ user: 'shop', password })).end();
    }
  });
});
