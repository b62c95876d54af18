import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import type { Connection, SslOptions } from 'mysql2/promise';
import { dialectOf } from '../mysql/dialect.ts';
import type { Dialect } from '../mysql/dialect.ts';
import { CREATE_LEDGER, LEDGER_EXISTS, ledgerUsers } from '../mysql/ledger.ts';
import { readOnlyExpression } from '../mysql/observation.ts';
import type { PrivilegeColumns } from '../mysql/observation.ts';
import { literal } from '../mysql/quote.ts';
import type { ServerError, ServerPlace } from '../mysql/problem.ts';
import type { Row } from '../mysql/identity.ts';
import type { ServerTls } from '../topology/topology.ts';

/** Name and password of the account that manages accounts. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** How long we wait, in milliseconds. */
export interface SessionTimeouts {
  readonly connect: number;
  readonly query: number;
}

/** How a connection is encrypted; the certificates are in PEM. */
export interface SessionTls extends Pick<ServerTls, 'mode' | 'serverName'> {
  readonly ca?: string;
}

export interface SessionOptions extends ServerPlace {
  readonly admin: Credentials;
  readonly tls: SessionTls;
  readonly cluster: string;
  readonly timeouts: SessionTimeouts;
}

/** One connection, ready for work. */
export interface Session {
  readonly dialect: Dialect;
  readonly columns: PrivilegeColumns;
  /** Users of which this installation already holds accounts. */
  readonly knownUsers: readonly string[];
  /** Runs statements in one round trip; the rows of each, none for those that return none. */
  readonly query: (...statements: readonly string[]) => Promise<readonly (readonly Row[])[]>;
  /** The connection still answers, as far as we know. */
  readonly alive: () => boolean;
  readonly close: () => Promise<void>;
}

/** A server that we can reach but not work with. */
export class UnusableServerError extends Error {
  override readonly name = 'UnusableServerError';
  readonly reason: 'SQLError' | 'ReadOnlyServer';

  constructor(reason: 'SQLError' | 'ReadOnlyServer', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The parts of an error that the server or the way to it has caused, or undefined when it is our own mistake. */
export function serverErrorOf(error: unknown): ServerError | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const errno = 'errno' in error && typeof error.errno === 'number' && error.errno >= 1000 ? error.errno : undefined;
  return { code: error.code, message: error.message, ...(errno !== undefined && { errno }) };
}

/**
 * Connects and finds out what kind of server it is.
 * Errors: those of the driver; UnusableServerError.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const connection = await connect(options);
  try {
    return await prepare(connection, options);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** The server offers no TLS, or none that we speak. */
const NO_TLS = new Set(['HANDSHAKE_NO_SSL_SUPPORT', 'HANDSHAKE_SSL_ERROR']);

async function connect(options: SessionOptions): Promise<Connection> {
  const { mode, ca } = options.tls;
  if (mode === 'Disabled') return dial(options);
  try {
    return await dial(options, ca === undefined ? { rejectUnauthorized: false } : { ca, verifyIdentity: true });
  } catch (error) {
    if (mode === 'Preferred' && NO_TLS.has(serverErrorOf(error)?.code ?? '')) return dial(options);
    throw error;
  }
}

async function dial(options: SessionOptions, ssl?: SslOptions): Promise<Connection> {
  const socket = connectTcp({ host: options.host, port: options.port, keepAlive: true, noDelay: true });
  let connected = false;
  socket.once('connect', () => {
    connected = true;
  });
  try {
    return await login(options, socket, ssl);
  } catch (error) {
    socket.destroy();
    // The driver says the same of a packet that vanished and of a server that took the connection and kept silent.
    if (connected && serverErrorOf(error)?.code === 'ETIMEDOUT') throw new SilentServerError();
    throw error;
  }
}

/** A server that took the connection and said nothing. */
class SilentServerError extends Error {
  override readonly name = 'SilentServerError';
  readonly code = 'PROTOCOL_CONNECTION_LOST';
}

async function login(
  { host, port, admin, timeouts, tls }: SessionOptions,
  stream: Socket,
  ssl?: SslOptions,
): Promise<Connection> {
  // Loaded by the first who needs it: without grants nobody does. In the bundle a CommonJS package has no names but this one.
  const { default: mysql } = await import('mysql2/promise');
  return mysql.createConnection({
    // The driver verifies the certificate by this name; where the server is, the stream knows.
    host: tls.serverName ?? host,
    port,
    stream,
    ...(ssl && { ssl }),
    user: admin.username,
    password: admin.password,
    charset: 'UTF8MB4_GENERAL_CI',
    connectTimeout: timeouts.connect,
    multipleStatements: true,
    rowsAsArray: true,
    jsonStrings: true,
  });
}

async function prepare(connection: Connection, { cluster, timeouts }: SessionOptions): Promise<Session> {
  let alive = true;
  const lost = (): void => {
    alive = false;
  };
  // Without a listener the end of an idle connection would be an uncaught exception.
  connection.on('error', lost);
  connection.on('end', lost);

  const query: Session['query'] = async (...statements) => {
    try {
      const [result] = await connection.query({ sql: statements.join(';\n'), timeout: timeouts.query });
      return resultSets(result, statements.length);
    } catch (error) {
      // After anything but a plain refusal nobody knows in which state the connection is.
      if (serverErrorOf(error)?.errno === undefined) {
        alive = false;
        connection.destroy();
      }
      throw error;
    }
  };
  const dialect = await findDialect(query);
  await query(sessionSetup(dialect));
  if (dialect.mark === 'Ledger') await ensureLedger(query, dialect);
  const columns = await privilegeColumns(query);
  const users = dialect.mark === 'Ledger' ? ledgerUsers(cluster) : attributeUsers(cluster);
  const knownUsers = ((await query(users))[0] ?? []).map((row) => String(row[0]));
  const close = async (): Promise<void> => {
    lost();
    await connection.end().catch(() => connection.destroy());
  };
  return { dialect, columns, knownUsers, query, alive: () => alive, close };
}

/** One result for one statement, a list of results for several: brought into one form. */
function resultSets(result: unknown, statements: number): readonly (readonly Row[])[] {
  const all = statements === 1 ? [result] : (result as readonly unknown[]);
  return all.map((set) => (Array.isArray(set) ? (set as readonly Row[]) : []));
}

async function findDialect(query: Session['query']): Promise<Dialect> {
  const [basics, revokes] = await query(
    'SELECT VERSION(), @@global.lower_case_table_names',
    "SHOW GLOBAL VARIABLES LIKE 'partial\\_revokes'",
  );
  const [version, names] = basics?.[0] ?? [];
  const dialect = dialectOf(String(version), {
    lowerCaseNames: Number(names) === 1,
    partialRevokes: revokes?.[0]?.[1] === 'ON',
  });
  if ('unsupported' in dialect) throw new UnusableServerError('SQLError', dialect.unsupported);
  return dialect;
}

/** Names and literals as `quote.ts` writes them, and no wait without end. */
function sessionSetup({ grantCreates, lockWaitTimeout, charset }: Dialect): string {
  // Where GRANT makes accounts, it would make one without a password.
  const settings = [`sql_mode = '${grantCreates ? 'NO_AUTO_CREATE_USER' : ''}'`];
  if (lockWaitTimeout) settings.push('lock_wait_timeout = 5');
  return `SET NAMES ${charset}, ${settings.join(', ')}`;
}

async function ensureLedger(query: Session['query'], dialect: Dialect): Promise<void> {
  const [found, readOnly] = await query(LEDGER_EXISTS, `SELECT ${readOnlyExpression(dialect)}`);
  if (Number(found?.[0]?.[0]) > 0) return;
  if (Number(readOnly?.[0]?.[0]) !== 0) {
    throw new UnusableServerError(
      'ReadOnlyServer',
      'the server is read-only: name the one that takes writes in spec.server.host',
    );
  }
  for (const statement of CREATE_LEDGER) await query(statement);
}

async function privilegeColumns(query: Session['query']): Promise<PrivilegeColumns> {
  const [rows] = await query(
    'SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS ' +
      "WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME IN ('db', 'user') AND COLUMN_NAME LIKE '%\\_priv' ORDER BY ORDINAL_POSITION",
  );
  const of = (table: string): readonly string[] =>
    (rows ?? []).filter((row) => row[0] === table).map((row) => String(row[1]));
  return { db: of('db'), user: of('user') };
}

function attributeUsers(cluster: string): string {
  return `SELECT DISTINCT User FROM mysql.user WHERE JSON_VALUE(User_attributes, '$.metadata.webpool.cluster') = ${literal(cluster)}`;
}
