import { lookupService } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { AccountName } from '../mysql/account.ts';
import { literal } from '../mysql/quote.ts';
import { serverErrorOf } from './mysql-session.ts';
import type { Session } from './mysql-session.ts';

/** Milliseconds that a reverse lookup may take. */
const LOOKUP_TIMEOUT = 1000;
const NO_SUCH_THREAD = 1094;

/**
 * Ends the sessions of accounts that are dropped or locked: neither of the two does so by itself.
 * An account given by address may show up under a name when the server resolves its clients; both are looked for.
 */
export async function killSessions(session: Session, accounts: readonly AccountName[]): Promise<number> {
  const users = [...new Set(accounts.map(({ user }) => user))];
  const [rows] = await session.query(
    `SELECT ID, USER, HOST FROM information_schema.PROCESSLIST WHERE USER IN (${users.map(literal).join(', ')})`,
  );
  const open = (rows ?? []).map((row) => ({ id: Number(row[0]), user: String(row[1]), host: hostOf(String(row[2])) }));
  if (open.length === 0) return 0;
  const names = open.some(({ host }) => isIP(host) === 0) ? await namesOf(accounts.map(({ host }) => host)) : new Map();
  const doomed = new Set(
    accounts.flatMap(({ user, host }) => [`${user}\0${host}`, `${user}\0${names.get(host) ?? host}`]),
  );
  const victims = open.filter(({ user, host }) => doomed.has(`${user}\0${host}`));
  for (const { id } of victims) await kill(session, id);
  return victims.length;
}

/** `192.0.2.1:50312`, `::1:50312` or `web01.example.com:50312` without the port. */
function hostOf(text: string): string {
  return text.replace(/:\d+$/, '').toLowerCase();
}

async function namesOf(hosts: readonly string[]): Promise<Map<string, string>> {
  const addresses = [...new Set(hosts)].filter((host) => isIP(host) !== 0);
  const names = await Promise.all(addresses.map(async (address) => [address, await nameOf(address)] as const));
  return new Map(names.flatMap(([address, name]) => (name === undefined ? [] : [[address, name]])));
}

async function nameOf(address: string): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), LOOKUP_TIMEOUT);
  });
  const name = lookupService(address, 0).then(
    ({ hostname }) => hostname.toLowerCase(),
    () => undefined,
  );
  try {
    return await Promise.race([name, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function kill(session: Session, id: number): Promise<void> {
  try {
    await session.query(`KILL CONNECTION ${id}`);
  } catch (error) {
    if (serverErrorOf(error)?.errno !== NO_SUCH_THREAD) throw error;
  }
}
