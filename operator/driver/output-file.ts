/**
 * The file that HAProxy prints into. It does so at each change of a server, and waits until it may: of a pipe that nobody reads for a
 * moment, all connections of a thread would have to wait too.
 */
import { constants, open, readFile, stat, truncate, type FileHandle } from 'node:fs/promises';

export interface OutputFile {
  /** Begins it anew: where a program is to print. */
  begin(): Promise<FileHandle>;
  /** Forgets what was printed. */
  forget(): Promise<void>;
  /** The first lines of trouble since then; 50 at most. */
  trouble(): Promise<readonly string[]>;
  /** The last alerts; 50 at most. */
  alerts(): Promise<readonly string[]>;
  /** Does not keep it short any more. */
  close(): void;
}

export interface OutputFileOptions {
  /** Bytes from which on what was printed is forgotten. */
  readonly longest?: number;
  /** Milliseconds between two looks at that. */
  readonly look?: number;
}

const MOST_LINES = 50;
/** A program that goes on printing goes on at the new end. */
const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants;

/** The file at `path`, which need not be there yet. */
export function createOutputFile(
  path: string,
  { longest = 1_000_000, look = 60_000 }: OutputFileOptions = {},
): OutputFile {
  const forget = () => truncate(path).catch(() => undefined);
  const lines = async () => (await readFile(path, 'utf8').catch(() => '')).split('\n');
  const trim = async () => {
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size > longest) await forget();
  };
  const trimming = setInterval(() => void trim(), look).unref();
  return {
    begin: () => open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600),
    forget,
    trouble: async () => (await lines()).filter(isTrouble).slice(0, MOST_LINES),
    alerts: async () => (await lines()).filter(isAlert).slice(-MOST_LINES),
    close() {
      clearInterval(trimming);
    },
  };
}

/** A line of HAProxy that says what keeps it from doing what it was told, or what it does differently. */
export function isTrouble(line: string): boolean {
  return isAlert(line) || line.includes('[WARNING]');
}

/** A line of HAProxy that says what keeps it from doing what it was told. */
export function isAlert(line: string): boolean {
  return line.includes('[ALERT]');
}
