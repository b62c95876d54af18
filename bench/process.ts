/** The program under test as a process, and what it takes of the machine. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Milliseconds that what work left behind takes to be tidied up once it is quiet (operator/commands/tidy.ts): V8 gives back what it has
 * emptied after eight seconds in which little was allocated, or after two or three times that.
 */
export const TIDY = 40_000;

/** Writes to the API server, in the metrics of an operator or agent. */
export const API_WRITES = /^rest_client_requests_total\{[^}]*method="(?:POST|PUT|PATCH|DELETE)"[^}]*\} (\d+)$/gm;

/** The metrics that are told at `url`. */
export async function metricsAt(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** The sum of what a pattern finds in metrics; its first group is the value. */
export function sumOf(metrics: string, pattern: RegExp): number {
  return [...metrics.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
}

let built: Promise<string> | undefined;

/** Builds the program as it is shipped from these sources, once; its path. */
export function builtProgram(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  await promisify(execFile)(process.execPath, [new URL('../scripts/build.ts', import.meta.url).pathname]);
  return new URL('../dist/webpool.mjs', import.meta.url).pathname;
}

/** MB that a process has in memory. */
export function residentMemory(pid: number): Promise<number> {
  return memory(pid, 'VmRSS');
}

/** MB that a worker of HAProxy has in memory; `info` is its answer to `show info`. */
export function workerMemory(info: string): Promise<number> {
  return residentMemory(Number(/^Pid: (\d+)/m.exec(info)?.[1]));
}

/** MB that a process had in memory at most. */
export function peakMemory(pid: number): Promise<number> {
  return memory(pid, 'VmHWM');
}

async function memory(pid: number, line: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1000;
}

/** Seconds that a process has computed. */
export async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14);
  return (Number(user) + Number(system)) / 100;
}
