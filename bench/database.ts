/**
 * Database rail: making, looking after, rotating and dropping accounts, beside what the same SQL costs by the `mariadb`
 * client (`_share`: the client's time as a share of ours, 1 = as fast as the client), and how long a login waits meanwhile.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabaseServer } from '../operator/driver/mysql-server.ts';
import type { DatabaseRound, DatabaseRoundInput, DatabaseServer } from '../operator/driver/mysql-server.ts';
import type { AccountNeed } from '../operator/topology/topology.ts';
import { startMariaDb } from '../test/support/mariadb.ts';
import type { MariaDb } from '../test/support/mariadb.ts';
import { figure, median, percentile } from './frame.ts';
import type { Figures, Result } from './frame.ts';

export const name = 'database';
export const description =
  'accounts on MariaDB: create, nothing to do, rotate, drop at 100, 1,000 and 10,000, against the client, and stalled logins; at 10,000 a hundred are created, for MariaDB takes five minutes to make them all';
export const method =
  'one life of the accounts warms up, three are measured; at 10,000 15 looks, one rotation and one drop of all are measured';

const NOOP_ROUNDS = 15;
const REPETITIONS = 3;
const STALLS = 5;
const MANY = 10_000;
/** Milliseconds of logins while nothing else happens. */
const IDLE = 1500;

/** Runs the benchmark on a MariaDB of its own. */
export async function run(say: (text: string) => void): Promise<Result> {
  // The set-up writes a lot; a crash of this server would lose nothing that matters.
  const mariadb = await startMariaDb({ options: ['--innodb-flush-log-at-trx-commit=0'] });
  const server = serverOf(mariadb);
  try {
    await mariadb.query("CREATE USER guest@127.0.0.1 IDENTIFIED BY 'x'");
    let figures: Figures = {};
    for (const count of [100, 1000]) {
      say(`${count} accounts`);
      figures = { ...figures, ...(await measureLife(mariadb, count, String(count))) };
    }
    say('10,000 accounts');
    const many = { username: 'many', hosts: hostsOf(MANY), password: 'secret' };
    await makeMany({ mariadb, server }, many);
    figures = { ...figures, ...(await measureNoop({ mariadb, server }, many)) };
    figures = { ...figures, ...(await measureAll({ mariadb, server }, many, say)) };
    say('100 accounts beside 10,000 others, and logins meanwhile');
    await makeMany({ mariadb, server }, many);
    await mariadb.query('DELETE FROM webpool_ledger.accounts');
    figures = { ...figures, ...(await measureStalls({ mariadb, server })) };
    figures = { ...figures, ...(await measureLife(mariadb, 100, '100_at_10000')) };
    return { name, figures };
  } finally {
    await server.close();
    await mariadb.stop();
  }
}

/** The database and our side of it. */
interface World {
  readonly mariadb: MariaDb;
  readonly server: DatabaseServer;
}

function serverOf(mariadb: MariaDb): DatabaseServer {
  return createDatabaseServer({ id: 'bench', host: '127.0.0.1', port: mariadb.port });
}

function hostsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `10.1.${Math.floor(index / 250)}.${index % 250}`);
}

interface Wanted {
  readonly username: string;
  readonly hosts: readonly string[];
  readonly password: string;
}

function inputOf(mariadb: MariaDb, { username, hosts, password }: Wanted): DatabaseRoundInput {
  const need: AccountNeed = {
    grant: `bench/${username}`,
    generation: 1,
    spec: {
      server: { host: '127.0.0.1', port: mariadb.port, adminSecretName: 'admin' },
      username,
      passwordSecret: { name: 'site', key: 'password' },
      grants: [{ schema: 'site_db', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'INDEX', 'CREATE'] }],
    },
    server: {
      id: 'bench',
      host: '127.0.0.1',
      port: mariadb.port,
      adminSecret: 'bench/admin',
      tls: { mode: 'Disabled' },
    },
    password: { secret: 'bench/site', key: 'password', version: password },
    hosts: hosts.map((host) => ({ host, servers: [] })),
  };
  return {
    needs: [need],
    admin: mariadb.admin,
    tls: { mode: 'Disabled' },
    passwords: new Map([['bench/site/password', password]]),
    presentGrants: new Set([need.grant]),
    keepHosts: new Map(),
    allowRemoval: new Map(),
    pictureComplete: true,
  };
}

/** The grant is deleted. */
function nothing(mariadb: MariaDb): DatabaseRoundInput {
  return { ...inputOf(mariadb, { username: 'none', hosts: [], password: 'x' }), needs: [], presentGrants: new Set() };
}

async function settle(server: DatabaseServer, input: DatabaseRoundInput): Promise<number> {
  const start = performance.now();
  let result: DatabaseRound;
  do {
    result = await server.round(input);
    if (result.problem) throw new Error(result.problem.message);
  } while (!result.settled);
  return (performance.now() - start) / 1000;
}

const PHASES = ['create', 'noop', 'rotate', 'drop'] as const;
type Phase = (typeof PHASES)[number];

function lifeOf(mariadb: MariaDb, count: number): Readonly<Record<Phase, DatabaseRoundInput>> {
  const wanted = { username: 'site', hosts: hostsOf(count), password: 'first' };
  const [first, second] = [inputOf(mariadb, wanted), inputOf(mariadb, { ...wanted, password: 'second' })];
  return { create: first, noop: first, rotate: second, drop: nothing(mariadb) };
}

/** The life of `count` accounts by us and, with the statements that we used, by the client; alternately. */
async function measureLife(mariadb: MariaDb, count: number, label: string): Promise<Figures> {
  const life = lifeOf(mariadb, count);
  const server = serverOf(mariadb);
  // The first life warms up, and tells the statements.
  const scripts = new Map<Phase, string>();
  for (const phase of PHASES) {
    const { script } = await recorded(mariadb, () => settle(server, life[phase]));
    scripts.set(phase, script);
  }
  const times: Record<'ours' | 'client', Record<Phase, number[]>> = { ours: empty(), client: empty() };
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const phase of PHASES) times.ours[phase].push(await settle(server, life[phase]));
    for (const phase of PHASES) times.client[phase].push(await byClient(mariadb, scripts.get(phase) ?? ''));
  }
  await server.close();
  const entries = PHASES.flatMap((phase) => {
    const [ours, client] = [times.ours[phase], times.client[phase]];
    const share = percentile(client, 0.5) / percentile(ours, 0.5);
    return [
      [`${phase}_${label}_s`, median(ours, 's')],
      [`${phase}_${label}_share`, figure(share, 'ratio')],
    ] as const;
  });
  return Object.fromEntries(entries);
}

function empty(): Record<Phase, number[]> {
  return { create: [], noop: [], rotate: [], drop: [] };
}

/** What is sent to the server while `work` runs, as a script. */
async function recorded<T>(
  { query }: MariaDb,
  work: () => Promise<T>,
): Promise<{ readonly script: string; readonly value: T }> {
  await query("SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = ON");
  const value = await work();
  await query('SET GLOBAL general_log = OFF');
  const rows = await query(
    "SELECT argument FROM mysql.general_log WHERE command_type = 'Query' AND thread_id <> CONNECTION_ID()",
  );
  return { script: rows.map(([text]) => `${String(text)};\n`).join(''), value };
}

async function byClient({ port, admin }: MariaDb, script: string): Promise<number> {
  const start = performance.now();
  const client = spawn('mariadb', ['--no-defaults', '-h127.0.0.1', `-P${port}`, `-u${admin.username}`, '--batch'], {
    env: { ...process.env, MYSQL_PWD: admin.password },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let words = '';
  client.stderr.on('data', (data: Buffer) => {
    words += data.toString();
  });
  client.stdin.end(script);
  const code = await new Promise((resolve) => {
    client.once('close', resolve);
  });
  if (code !== 0) throw new Error(`the client failed: ${words}`);
  return (performance.now() - start) / 1000;
}

async function measureNoop({ mariadb, server }: World, wanted: Wanted): Promise<Figures> {
  const input = inputOf(mariadb, wanted);
  const times: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < NOOP_ROUNDS; round++) {
    const used = process.cpuUsage();
    const start = performance.now();
    const { settled, statements, grants } = await server.round(input);
    times.push((performance.now() - start) / 1000);
    cpu.push(microseconds(process.cpuUsage(used)) / 1e6);
    const ready = grants.get(`bench/${wanted.username}`)?.accounts.filter(({ state }) => state === 'Ready').length;
    if (!settled || statements > 0 || ready !== MANY) throw new Error('the round was not a no-op');
  }
  const { script } = await recorded(mariadb, () => server.round(input));
  const client: number[] = [];
  for (let round = 0; round < NOOP_ROUNDS; round++) client.push(await byClient(mariadb, script));
  return {
    noop_10000_s: median(times, 's'),
    noop_10000_cpu_s: median(cpu, 's'),
    noop_10000_max_s: figure(Math.max(...times), 's'),
    noop_10000_share: figure(percentile(client, 0.5) / percentile(times, 0.5), 'ratio'),
  };
}

function microseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

/** Rotates and drops all accounts; both sides under the log that tells the statements, so that it costs them the same. */
async function measureAll(world: World, wanted: Wanted, say: (text: string) => void): Promise<Figures> {
  const { mariadb, server } = world;
  const phases = {
    rotate: inputOf(mariadb, { ...wanted, password: 'second' }),
    drop: nothing(mariadb),
  };
  const ours = new Map<Phase, { readonly script: string; readonly value: Watched }>();
  for (const [phase, input] of Object.entries(phases) as [keyof typeof phases, DatabaseRoundInput][]) {
    say(`10,000 accounts: ${phase}`);
    ours.set(phase, await recorded(mariadb, () => watched(mariadb, () => settle(server, input))));
  }
  await makeMany(world, wanted);
  let figures: Figures = {};
  for (const [phase, { script, value }] of ours) {
    say(`10,000 accounts: ${phase} by the client`);
    const client = await recorded(mariadb, () => watched(mariadb, () => byClient(mariadb, script)));
    figures = { ...figures, ...figuresOfAll(phase, value, client.value) };
  }
  return figures;
}

function figuresOfAll(phase: Phase, ours: Watched, client: Watched): Figures {
  return {
    [`${phase}_10000_s`]: figure(ours.seconds, 's'),
    [`${phase}_10000_share`]: figure(client.seconds / ours.seconds, 'ratio'),
    [`login_max_${phase}_10000_ms`]: median(ours.logins, 'ms'),
    [`floor_login_max_${phase}_10000_ms`]: median(client.logins, 'ms'),
  };
}

interface Watched {
  readonly seconds: number;
  /** The longest login of each five seconds meanwhile (milliseconds). */
  readonly logins: readonly number[];
}

/** Does something that tells its seconds, and logs in meanwhile. */
async function watched(mariadb: MariaDb, work: () => Promise<number>): Promise<Watched> {
  const logins = await watchLogins(mariadb);
  const seconds = await work();
  return { seconds, logins: await logins.longest() };
}

/** The longest login while nothing runs, and while 100 accounts beside 10,000 others are made, rotated and dropped. */
async function measureStalls({ mariadb, server }: World): Promise<Figures> {
  const life = lifeOf(mariadb, 100);
  await settle(server, nothing(mariadb));
  const idle = async (): Promise<number> => {
    await delay(IDLE);
    return IDLE / 1000;
  };
  const longest = new Map<string, number[]>();
  for (let repetition = 0; repetition < STALLS; repetition++) {
    const works = [
      ['idle', idle],
      ...PHASES.map((phase) => [phase, () => settle(server, life[phase])] as const),
    ] as const;
    for (const [label, work] of works) {
      const { logins } = await watched(mariadb, work);
      longest.set(label, [...(longest.get(label) ?? []), Math.max(...logins)]);
    }
  }
  // What the machine does now and then is not ours; what we do comes again each time.
  return Object.fromEntries(
    [...longest].map(([label, values]) => [
      label === 'idle' ? 'idle_login_max_ms' : `login_max_${label}_ms`,
      median(values, 'ms'),
    ]),
  );
}

/** Logs in again and again in a process of its own, so that our own work does not count. */
async function watchLogins({ port }: MariaDb): Promise<{ readonly longest: () => Promise<readonly number[]> }> {
  const program = new URL('./login-loop.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    longest: async () => {
      child.stdin.end();
      const { value } = await lines.next();
      return JSON.parse(String(value)) as readonly number[];
    },
  };
}

/** Makes many accounts of ours. */
async function makeMany({ mariadb, server }: World, wanted: Wanted): Promise<void> {
  await settle(server, inputOf(mariadb, { ...wanted, hosts: wanted.hosts.slice(0, 1) }));
  await multiply(mariadb, wanted);
}

/**
 * Makes many accounts of the first one. By the server's own statements that takes minutes, so the set-up (and only the
 * set-up) copies rows of the grant tables and lets the server read them again.
 */
async function multiply({ query }: MariaDb, { username, hosts }: Wanted): Promise<void> {
  const host = `CONCAT('10.1.', seq DIV 250, '.', seq MOD 250)`;
  for (const table of ['mysql.global_priv', 'mysql.db', 'webpool_ledger.accounts']) {
    const [schema = '', name = ''] = table.split('.');
    const columns = await query(
      `SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '${schema}' AND TABLE_NAME = '${name}' ORDER BY ORDINAL_POSITION`,
    );
    const values = columns.map(([column]) => (String(column).toLowerCase() === 'host' ? host : `t.${String(column)}`));
    const seq = `webpool_ledger.seq_1_to_${hosts.length - 1}`;
    await query(
      `INSERT INTO ${table} SELECT ${values.join(', ')} FROM ${table} t JOIN ${seq} WHERE t.User = '${username}' AND t.Host = '${hosts[0]}'`,
    );
  }
  await query('FLUSH PRIVILEGES');
}
