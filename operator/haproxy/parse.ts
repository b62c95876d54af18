/**
 * The answers of HAProxy's runtime socket, as data. In: text. Out: parts of ProxyState.
 * Source: HAProxy management guide 9.3, "show info", "show servers state", "show map", "show proc".
 */
import { lineText } from './certificates.ts';
import type { AdminState, CheckFailure, ServerState } from './proxy.ts';

/** An answer that is not what the command gives: never taken for an empty one. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
}

export interface WorkerInfo {
  readonly pid: number;
  readonly epoch: string;
  readonly checksum: string;
  readonly version: string;
  readonly stopping: boolean;
}

/** `show info`. */
export function parseInfo(text: string): WorkerInfo {
  const fields = new Map(text.split('\n').map((line) => splitOnce(line, ': ')));
  const pid = Number(fields.get('Pid'));
  const version = fields.get('Version');
  if (!Number.isInteger(pid) || version === undefined)
    throw new UnexpectedAnswerError(`show info: ${text.slice(0, 200)}`);
  const start = fields.get('Start_time_sec') ?? '';
  return {
    pid,
    epoch: `${pid}@${start}`,
    checksum: fields.get('description') ?? '',
    version,
    stopping: fields.get('Stopping') === '1',
  };
}

function splitOnce(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + separator.length)];
}

const STATE_FORMAT = '1';
/** Format and header. */
const HEAD_LINES = 2;
const FIELDS = 24;

/** The lines of `show servers state`, those of servers apart. */
export function linesOfState(text: string): { readonly head: readonly string[]; readonly rows: readonly string[] } {
  const lines = text.split('\n');
  if (lines[0] !== STATE_FORMAT || lines[1]?.startsWith('# be_id') !== true) {
    throw new UnexpectedAnswerError(`show servers state: ${text.slice(0, 200)}`);
  }
  return { head: lines.slice(0, HEAD_LINES), rows: lines.slice(HEAD_LINES).filter((line) => line !== '') };
}

/** `show servers state`: backend name → servers by name. Backends without servers are not in it. */
export function parseServersState(text: string): Map<string, Map<string, ServerState>> {
  const backends = new Map<string, Map<string, ServerState>>();
  for (const line of linesOfState(text).rows) {
    const field = line.split(' ');
    if (field.length < FIELDS) throw new UnexpectedAnswerError(`show servers state: ${line}`);
    const name = field[1] ?? '';
    let servers = backends.get(name);
    if (servers === undefined) backends.set(name, (servers = new Map<string, ServerState>()));
    const server = serverState(field);
    servers.set(server.name, server);
  }
  return backends;
}

/** Of characters. */
const [SPACE, LINE_BREAK, ZERO, NINE] = [32, 10, 48, 57] as const;
/** `srv_time_since_last_change` */
const TIME_FIELD = 9;

/** Whether two answers of `show servers state` differ in nothing but for how long all has been as it is. */
export function sameServersState(one: string, other: string): boolean {
  let [at, otherAt, field] = [0, 0, 0];
  while (at < one.length && otherAt < other.length) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(otherAt)];
    if (field === TIME_FIELD && (isDigit(a) || isDigit(b))) {
      if (isDigit(a)) at += 1;
      if (isDigit(b)) otherAt += 1;
      continue;
    }
    if (a !== b) return false;
    if (a === SPACE) field += 1;
    else if (a === LINE_BREAK) field = 0;
    at += 1;
    otherAt += 1;
  }
  return at === one.length && otherAt === other.length;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function serverState(field: readonly string[]): ServerState {
  const number = (at: number) => Number(field[at]);
  // Texts of their own: parts of the answer would keep all of it in memory for as long as its server stays as it is.
  const [name = '', address = ''] = `${field[3]} ${field[4]}`.split(' ');
  return {
    name,
    address,
    port: number(18),
    weight: number(7),
    admin: adminState(number(6)),
    health: healthState({ operational: number(5), status: number(10), result: number(11), check: number(13) }),
    ...failureOf(number(10), number(11)),
  };
}

/**
 * 1, 2 and 32 are maintenance, 8 and 16 drain. 4 only tells that the file once said `disabled`, and never goes away.
 * Source: HAProxy include/haproxy/server-t.h, SRV_ADMF_*.
 */
function adminState(bits: number): AdminState {
  if ((bits & 0b10_0011) !== 0) return 'maint';
  return (bits & 0b1_1000) === 0 ? 'ready' : 'drain';
}

/** Statuses of checks that passed. Source: HAProxy include/haproxy/check-t.h, HCHK_STATUS_*: L4OK, L6OK, L7OKD, L7OKCD. */
const PASSED: ReadonlySet<number> = new Set([6, 9, 15, 16]);

/**
 * While a check runs there is no result (0), but the status is still that of the check before. A server that was never checked
 * goes down with its first failure, so one that failed and still runs has passed before, and serves until `fall` in a row fail.
 * Source: HAProxy include/haproxy/check-t.h: state bit 4 = enabled; result 2 = failed, 3 = passed, 4 = passed, wants drain;
 * src/check.c, set_server_check_status.
 */
function healthState(seen: {
  readonly operational: number;
  readonly status: number;
  readonly result: number;
  readonly check: number;
}): ServerState['health'] {
  if ((seen.check & 4) === 0) return 'Unchecked';
  if (seen.operational === 0) return 'Down';
  const wasChecked = PASSED.has(seen.status) || failures[seen.status] !== undefined;
  return seen.result >= FAILED || (seen.result === 0 && wasChecked) ? 'Up' : 'Starting';
}

const FAILED = 2;

/** Source: HAProxy include/haproxy/check-t.h, HCHK_STATUS_*: SOCKERR and L4CON, L4TOUT, L6TOUT and L6RSP, L7TOUT, L7RSP and L7STS. */
const failures: Readonly<Record<number, CheckFailure>> = {
  5: 'Refused',
  7: 'Unreachable',
  8: 'Refused',
  10: 'Handshake',
  11: 'Handshake',
  12: 'Timeout',
  13: 'Answer',
  17: 'Answer',
};

function failureOf(status: number, result: number): Pick<ServerState, 'failure'> {
  const failure = result === FAILED || result === 0 ? failures[status] : undefined;
  return failure === undefined ? {} : { failure };
}

/** `show map`: key → value; of a repeated key the first, which is the one that HAProxy uses. */
export function parseMap(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, rest] = splitOnce(line, ' ');
    const [key, value] = splitOnce(rest, ' ');
    if (key !== '' && !entries.has(key)) entries.set(key, value);
  }
  return entries;
}

/** `show ssl cert` or `show ssl ca-file`: the names of files. What is being changed has a `*` before it. */
export function parseSecretFiles(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => /^[a-z]/.test(line))
    .map((line) => line.split(' ', 1)[0] ?? '');
}

/** `show ssl crt-list -n LIST`: line in the form of `lineText` → its number. */
export function parseCertificateList(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, file, number, options = '', hosts = ''] = /^([^\s:]+):(\d+)(?: \[(.*?)\])?(?: (.*))?$/.exec(line) ?? [];
    if (file === undefined) continue;
    const pairs = options.match(/\S+ \S+/g) ?? [];
    const names = hosts.split(' ').filter(Boolean);
    lines.set(lineText({ file, options: pairs.toSorted(), hosts: names.toSorted() }), Number(number));
  }
  return lines;
}

/** `show servers conn`: `backend/server` → connections in use. */
export function parseConnections(text: string): Map<string, number> {
  const [header, ...lines] = text.split('\n');
  const at = header?.replace(/^# /, '').split(/\s+/).indexOf('used_cur') ?? -1;
  if (at < 0) throw new UnexpectedAnswerError(`show servers conn: ${text.slice(0, 200)}`);
  const rows = lines.map((line) => line.split(/\s+/)).filter((field) => field.length > at);
  return new Map(rows.map((field) => [field[0] ?? '', Number(field[at])]));
}

export interface Processes {
  readonly reloads: number;
  readonly failed: number;
  /** The worker that serves; undefined while there is none. */
  readonly worker?: number;
  /** Workers of earlier configurations that still finish connections. */
  readonly old: readonly number[];
}

/** `show proc` of the master. */
export function parseProcesses(text: string): Processes {
  const lines = text.split('\n').map((line) => line.trim());
  const master = lines.find((line) => / master /.test(line));
  if (master === undefined) throw new UnexpectedAnswerError(`show proc: ${text.slice(0, 200)}`);
  const oldAt = lines.findIndex((line) => line.startsWith('# old workers'));
  const pids = (from: readonly string[]) =>
    from.filter((line) => / worker /.test(line)).map((line) => Number(line.split(/\s+/)[0]));
  const [worker] = pids(oldAt < 0 ? lines : lines.slice(0, oldAt));
  return {
    reloads: Number(master.split(/\s+/)[2]),
    failed: Number(/failed:\s*(\d+)/.exec(master)?.[1] ?? 0),
    ...(worker === undefined ? {} : { worker }),
    old: oldAt < 0 ? [] : pids(lines.slice(oldAt)),
  };
}

/** `show table`: entries of all stick tables together. */
export function parseRemembered(text: string): number {
  return [...text.matchAll(/^# table: .*, used:(\d+)$/gm)].reduce((sum, [, used]) => sum + Number(used), 0);
}

/** The two bits that say that there is nothing left to learn from the worker before and from other peers. */
const LEARNT = 3;

/** `show peers`: whether HAProxy has learnt what others remember, or has given up waiting for it; also when it has no peers at all. */
export function parseLearnt(text: string): boolean {
  const flags = /^0x\w+: .* flags=(0x[0-9a-f]+) /m.exec(text)?.[1];
  return flags === undefined || (Number(flags) & LEARNT) === LEARNT;
}
