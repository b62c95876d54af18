import pino, { type DestinationStream, type Level, type Logger as PinoLogger } from 'pino';

/** Constant sentences with keys: `log.info({ pool, servers }, 'pool applied')`. */
export type Logger = PinoLogger;

/** How to log. */
export interface LogOptions {
  readonly level?: Level | 'silent';
  /** auto: text on a terminal, else json. Default: auto. */
  readonly format?: 'json' | 'text' | 'auto';
  /** Default: standard output. */
  readonly stream?: DestinationStream & { readonly isTTY?: boolean };
}

/** Whatever stands below these keys never reaches a log, one or two levels deep. */
const SECRET_KEYS = ['password', 'passwords', 'secret', 'secretValue', 'stringData', 'authorization', 'token', 'hash'];

/** A logger; json has one object a line, text one short line for a person. */
export function createLogger({ level = 'info', format = 'auto', stream = process.stdout }: LogOptions = {}): Logger {
  const text = format === 'text' || (format === 'auto' && stream.isTTY === true);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[hidden]' },
    },
    text ? { write: (line) => stream.write(humanLine(line)) } : stream,
  );
}

/**
 * A line of the json log for a person: `18:04:05.123 warn  HAProxy reloaded reason="new port"`; below an error its stack.
 * A line that is no json passes as it is.
 */
export function humanLine(line: string): string {
  const entry = parse(line);
  if (entry === undefined) return line;
  const { level, time, msg, err, ...keys } = entry;
  const { message, stack, ...details } = isRecord(err) ? err : {};
  const pairs = Object.entries({ ...keys, ...(message !== undefined && { error: message }), ...pick(details, 'code') });
  const head = `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${printable(typeof msg === 'string' ? msg : '')}`;
  const tail = pairs.map(([key, value]) => ` ${key}=${valueText(value)}`).join('');
  const trace = typeof stack === 'string' && (level === 'error' || level === 'fatal') ? traceText(stack) : '';
  return `${head}${tail}\n${trace}`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isRecord(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pick(record: Record<string, unknown>, key: string): Record<string, unknown> {
  return record[key] === undefined ? {} : { [key]: record[key] };
}

function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@-]+$/.test(value)) return value;
  return printable(JSON.stringify(value) ?? String(value));
}

/** What a log repeats from outside must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

function traceText(stack: string): string {
  const calls = stack.split('\n').filter((call) => call.trimStart().startsWith('at '));
  return calls.map((call) => `    ${printable(call.trim())}\n`).join('');
}
