/** `webpool run FOLDER`: the whole on one host, from a folder of YAML. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startController, type Controller } from '../controller/controller.ts';
import { createDatabaseRail, type ServerPlace } from '../controller/database-rail.ts';
import { createProxyRail } from '../controller/proxy-rail.ts';
import { readIfThere, writeAtomically } from '../driver/files.ts';
import { createHaproxyDriver } from '../driver/haproxy.ts';
import { createTlsProbe } from '../driver/tls-probe.ts';
import { createDatabaseServer } from '../driver/mysql-server.ts';
import { createNameResolver } from '../driver/names.ts';
import { createFolderSource } from '../source/folder.ts';
import { figuresOf } from '../status/figures.ts';
import { instanceStatus, type InstanceInfo } from '../status/instance.ts';
import type { AccessLog } from '../haproxy/access-log.ts';
import type { Peers } from '../haproxy/config.ts';
import type { Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { startHttp } from '../telemetry/server.ts';
import { allAddresses, descriptors, logHaproxyLine } from './haproxy-host.ts';
import { proxyEvents, tenths } from './proxy-events.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';

export interface RunOptions {
  readonly folder: string;
  readonly haproxy: string;
  /** Empty = every address of this host. */
  readonly bind: readonly string[];
  readonly http: { readonly host: string; readonly port: number };
  /** Where HAProxy's files and sockets are. Default: `.status/haproxy` in the folder. */
  readonly stateDir?: string;
  readonly once: boolean;
  /** Milliseconds: how long `once` waits for everything to be Ready. */
  readonly timeout: number;
  /** Milliseconds that connections get to end after a signal. */
  readonly grace: number;
  /** HAProxy goes on serving after we end. */
  readonly leaveProxy: boolean;
  readonly maxConnections?: number;
  /** Default: Off. */
  readonly accessLog?: AccessLog;
  /** Default: alone. */
  readonly peers?: Peers;
  readonly log: Logger;
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Called once everything runs, with the address of the status server. */
  readonly onStarted?: (url: string) => void;
  /** With `once`: called when all is done, or time is up, while the address still answers. */
  readonly onSettled?: (url: string) => Promise<void>;
}

/** `sun_path` has 108 bytes. */
const LONGEST_SOCKET_PATH = 100;
/** Failed rounds in a row after which we are not healthy. */
const UNHEALTHY = 3;

/** Runs until the signal; returns the exit code: 0, or 1 when `once` left something that is not Ready. */
export async function run(options: RunOptions): Promise<number> {
  const { log, signal } = options;
  const folder = resolve(options.folder);
  const statusFolder = join(folder, '.status');
  const stateDir = resolve(options.stateDir ?? join(statusFolder, 'haproxy'));
  if (Buffer.byteLength(join(stateDir, 'master.sock')) > LONGEST_SOCKET_PATH) {
    throw new UsageError(`${stateDir} is too long for a socket path: give a shorter one with --state-dir`);
  }
  await refuseSecond(statusFolder);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });

  let firstRead = true;
  let programmed = false;
  const info: InstanceInfo = { version: await version(), pid: process.pid, startedAt: now(), folder };
  const source = await createFolderSource({ folder, log });
  const metrics = createMetrics(() => figures(controller));
  const proxy = createProxyRail({
    probe: createTlsProbe(() => controller.wake()),
    driver: createHaproxyDriver({
      binary: options.haproxy,
      folder: stateDir,
      secretText: (secret, key) => source.secretValue(secret, key),
      onLine: (line) => logHaproxyLine(log, line),
      onExit: () => {
        log.error('haproxy ended by itself: starting it again');
        proxy.forget();
        controller.wake();
      },
    }),
    settings: {
      bind: options.bind.length === 0 ? allAddresses() : options.bind,
      ...descriptors(options.maxConnections),
      ...(options.accessLog && { accessLog: options.accessLog }),
      ...(options.peers && { peers: options.peers }),
      router: await readFile(new URL('../haproxy/router.lua', import.meta.url), 'utf8'),
    },
    bind: options.bind.length === 0 ? '*' : options.bind.join(','),
    events: proxyEvents({
      log,
      metrics,
      applied: (changes) => {
        if (changes.some(({ kind }) => kind === 'delete-server')) databases.wake();
      },
    }),
  });
  const databases = createDatabaseRail({
    open: ({ id, host, port }) => createDatabaseServer({ id, host, port, log }),
    secretValue: (secret, key) => source.secretValue(secret, key),
    proxy: () => (proxy.known ? proxy.observed : undefined),
    onRound: (id, result, milliseconds) => {
      const { problem, statements } = result;
      const ended = problem === undefined ? 'success' : 'error';
      const changes = { statement: statements };
      metrics.round({ rail: 'database', result: ended, seconds: milliseconds / 1000, changes });
      if (problem === undefined)
        log.info({ server: id, statements, ms: tenths(milliseconds) }, 'database looked after');
      else log.warn({ server: id, reason: problem.reason, why: problem.message }, 'database not as it should be');
      controller.wake();
    },
    onError: (id, error) => log.error({ server: id, err: error }, 'database round failed'),
    remembered: await remembered(statusFolder),
    remember: (places) => {
      writeAtomically(join(statusFolder, PLACES), JSON.stringify(places)).catch((error: unknown) =>
        log.error({ err: error }, 'cannot remember database servers'),
      );
    },
  });
  const resolver = createNameResolver({ onChange: () => controller.wake() });
  const controller = startController({
    source,
    resolver,
    proxy,
    databases,
    now,
    onRead: (resources, milliseconds) => {
      const { pools, rules, grants, unnamed } = resources;
      const counts = { pools: pools.size, rules: rules.size, grants: grants.size, errors: unnamed.length };
      log[firstRead ? 'info' : 'debug']({ ...counts, ms: tenths(milliseconds) }, 'folder read');
      firstRead = false;
    },
    onRound: (work, result, milliseconds) => {
      if (work === 'make' && result === 'error') metrics.round({ rail: 'proxy', result, seconds: milliseconds / 1000 });
      if (programmed || !proxy.observed.programmed) return;
      programmed = true;
      log.info({ afterStartMs: tenths(performance.now()) }, 'programmed');
    },
    onError: (error, what) => log.error({ err: error, what }, 'round failed: trying again'),
  });

  const http = await startHttp({
    ...options.http,
    status: () => statusOf(controller, info),
    healthy: () => ({ ok: controller.failures < UNHEALTHY, message: `${controller.failures} failed rounds in a row` }),
    ready: () => {
      const ok = controller.snapshot?.observed.proxy.programmed === true;
      return { ok, message: ok ? 'programmed' : 'the load balancer is not programmed yet' };
    },
    metrics,
  });
  const url = `http://${options.http.host}:${http.port}`;
  await writeAtomically(join(statusFolder, INSTANCE), JSON.stringify({ url, pid: process.pid }));
  log.info({ folder, status: url }, 'webpool runs');
  options.onStarted?.(url);

  const code = options.once ? await onceReady(controller, options, url) : await untilAborted(signal);
  await controller.stop();
  resolver.close();
  metrics.close();
  await source.close();
  await http.close();
  await rm(join(statusFolder, INSTANCE), { force: true });
  if (!options.once && !options.leaveProxy) {
    log.info({ grace: options.grace }, 'letting connections end; accounts stay as they are');
    await proxy.stop(options.grace);
  }
  log.info('webpool ended');
  return code;
}

const INSTANCE = 'instance.json';
const PLACES = '.databases.json';

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** Two programs on one folder would undo each other's work. */
async function refuseSecond(statusFolder: string): Promise<void> {
  const text = await readIfThere(join(statusFolder, INSTANCE));
  if (text === undefined) return;
  const { pid } = JSON.parse(text) as { pid: number };
  if (pid === process.pid || !isRunning(pid)) return;
  throw new UsageError(`another webpool (process ${pid}) runs on this folder: end it first`);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function remembered(statusFolder: string): Promise<readonly ServerPlace[]> {
  const text = await readIfThere(join(statusFolder, PLACES));
  return text === undefined ? [] : (JSON.parse(text) as ServerPlace[]);
}

function figures(controller: Controller): ReturnType<typeof figuresOf> {
  const { snapshot } = controller;
  if (snapshot === undefined) return { programmed: false, endpoints: [], accounts: [], findings: [], certificates: [] };
  return figuresOf(snapshot);
}

function statusOf(controller: Controller, info: InstanceInfo): object {
  const { snapshot } = controller;
  return snapshot === undefined ? { instance: info, ready: false } : instanceStatus({ info, ...snapshot });
}

async function untilAborted(signal: AbortSignal): Promise<number> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
  return 0;
}

/** Waits until everything is Ready, or nothing moves any more and time is up. */
async function onceReady(
  controller: Controller,
  { timeout, signal, onSettled }: RunOptions,
  url: string,
): Promise<number> {
  const limit = performance.now() + timeout;
  const isDone = () => controller.settled && isAllReady(controller);
  while (!isDone() && !signal.aborted && performance.now() < limit) await delay(20);
  const code = isDone() ? 0 : 1;
  await onSettled?.(url);
  return code;
}

function isAllReady({ snapshot }: Controller): boolean {
  if (snapshot === undefined) return false;
  const info: InstanceInfo = { version: '', pid: 0, startedAt: '' };
  return instanceStatus({ info, ...snapshot }).ready;
}
