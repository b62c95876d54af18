/** `webpool run FOLDER`: the whole on one host, from a folder of YAML. */
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startController, type Controller, type Snapshot } from '../controller/controller.ts';
import { createDatabaseRail, type ServerPlace } from '../controller/database-rail.ts';
import { createPortWatch } from '../controller/port-watch.ts';
import { createProxyRail } from '../controller/proxy-rail.ts';
import { claimFolder, type Claim } from '../driver/claim.ts';
import { writeAtomically } from '../driver/files.ts';
import { readSecretFiles } from '../driver/secret-file.ts';
import { createHaproxyDriver } from '../driver/haproxy.ts';
import { createPortInspector } from '../driver/ports.ts';
import { createTlsProbe } from '../driver/tls-probe.ts';
import { createDatabaseServer } from '../driver/mysql-server.ts';
import { createNameResolver } from '../driver/names.ts';
import { createFolderSource } from '../source/folder.ts';
import type { StatusDocument } from '../status/document.ts';
import { figuresOf } from '../status/figures.ts';
import { instanceStatus, type InstanceInfo } from '../status/instance.ts';
import type { AccessLog } from '../haproxy/access-log.ts';
import { socketAddress } from '../haproxy/names.ts';
import type { Peers } from '../haproxy/peers.ts';
import type { Logger } from '../telemetry/log.ts';
import { createRepeats } from '../telemetry/repeats.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { startHttp } from '../telemetry/server.ts';
import { allAddresses, descriptors, logHaproxyLine } from './haproxy-host.ts';
import { readInstance, readJson, removeInstance, writeInstance } from './instance-files.ts';
import { proxyEvents, tenths } from './proxy-events.ts';
import { createStatusLog } from './status-log.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';
import { wordsOf } from './words.ts';

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
  /** TCP ports that are open from the start, ascending. Default: none. */
  readonly tcpPorts?: readonly number[];
  /** Default: Off. */
  readonly accessLog?: AccessLog;
  /** Default: alone. */
  readonly peers?: Peers;
  /** Where this host is. Default: unknown. */
  readonly zone?: string;
  readonly log: Logger;
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Called once everything runs, with the address of the status server. */
  readonly onStarted?: (url: string) => void;
  /** With `once`: called when all is done, or time is up, while the address still answers. */
  readonly onSettled?: (url: string) => Promise<void>;
  /** Gets what looks at everything again, for whoever is asked to. */
  readonly onAsked?: (again: () => void) => void;
}

/** `sun_path` has 108 bytes. */
const LONGEST_SOCKET_PATH = 100;
/** Failed rounds in a row after which we are not healthy. */
const UNHEALTHY = 3;

/** Runs until the signal; returns the exit code: 0, or 1 when `once` left something that is not Ready. Errors: UsageError. */
export async function run(options: RunOptions): Promise<number> {
  const places = placesOf(options);
  const release = await claimPlaces(places);
  const info: InstanceInfo = { version: await version(), pid: process.pid, startedAt: now(), folder: places.folder };
  let controller: Controller | undefined;
  const metrics = createMetrics(() => figures(controller?.snapshot));
  // Before anything is touched: who cannot be asked how it is does not begin.
  const http = await startHttp({
    ...options.http,
    status: () => statusOf(controller?.snapshot, info),
    healthy: () => {
      const { failures = 0 } = controller ?? {};
      return { ok: failures < UNHEALTHY, message: `${failures} failed rounds in a row` };
    },
    ready: () => {
      const ok = controller?.snapshot?.observed.proxy.programmed === true;
      return { ok, message: ok ? 'programmed' : 'the load balancer is not programmed yet' };
    },
    metrics,
  }).catch((error: unknown) => {
    throw new UsageError(
      `cannot listen on ${urlOf(options.http)}: ${wordsOf(error)}. Give another address with --http`,
    );
  });
  const url = urlOf({ ...options.http, port: http.port });
  try {
    return await keep(options, { ...places, metrics, url, onController: (started) => (controller = started) });
  } finally {
    metrics.close();
    await http.close();
    await release();
  }
}

/** Absolute. */
interface Places {
  readonly folder: string;
  readonly statusFolder: string;
  /** Of HAProxy's files and sockets. */
  readonly stateDir: string;
}

function placesOf(options: RunOptions): Places {
  const folder = resolve(options.folder);
  const statusFolder = join(folder, '.status');
  const stateDir = resolve(options.stateDir ?? join(statusFolder, 'haproxy'));
  if (Buffer.byteLength(join(stateDir, 'master.sock')) > LONGEST_SOCKET_PATH) {
    throw new UsageError(`${stateDir} is too long for a socket path: give a shorter one with --state-dir`);
  }
  return { folder, statusFolder, stateDir };
}

/** Two programs on one folder, or on one HAProxy, would undo each other's work. Returns what lets go of both. */
async function claimPlaces({ folder, statusFolder, stateDir }: Places): Promise<() => Promise<void>> {
  const claims: Claim[] = [];
  const take = async (path: string, otherwise: () => string | Promise<string>) => {
    const claim = await claimFolder(path);
    if (claim === undefined) throw new UsageError(await otherwise());
    claims.push(claim);
  };
  try {
    await take(folder, async () => {
      const { pid } = (await readInstance(statusFolder)) ?? {};
      return `another webpool${pid === undefined ? '' : ` (process ${pid})`} runs on this folder: end it first`;
    });
    await mkdir(statusFolder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await access(stateDir, constants.W_OK);
    await take(stateDir, () => `another webpool has its HAProxy in ${stateDir}: give another folder with --state-dir`);
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`cannot run ${folder}: ${wordsOf(error, folder)}`);
  }
  return async () => void (await Promise.all(claims.map((claim) => claim.release())));
}

/** What goes wrong, and that it is right again. */
const FAILED = {
  source: 'cannot read the folder: trying again',
  make: 'cannot make HAProxy what the folder says: trying again',
  tell: 'cannot write the status: trying again',
} as const;
const WORKS = {
  source: 'the folder can be read again',
  make: 'HAProxy can be had again',
  tell: 'the status is written again',
} as const;

/** Our own mistake needs the place in the program, the world's only its name. */
function isOurs(error: unknown): boolean {
  return [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
}

interface Surroundings extends Places {
  readonly metrics: Metrics;
  /** Where we answer. */
  readonly url: string;
  readonly onController: (controller: Controller) => void;
}

async function keep(options: RunOptions, surroundings: Surroundings): Promise<number> {
  const { log, signal } = options;
  const { folder, statusFolder, stateDir, metrics, url } = surroundings;
  const bind = options.bind.length === 0 ? allAddresses() : options.bind;
  const inspect = createPortInspector({ bind, folder: stateDir });
  let firstRead = true;
  let programmed = false;
  const repeats = createRepeats();
  const isOver = (what: keyof typeof FAILED) => {
    if (repeats.over(what)) log.info(WORKS[what]);
  };
  let remembering = Promise.resolve();
  const source = await createFolderSource({ folder, log, rememberedSecret: await readSecretFiles(stateDir) });
  const proxy = createProxyRail({
    probe: createTlsProbe(() => controller.wake()),
    wake: () => controller.wake(),
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
      bind,
      ...descriptors(options.maxConnections),
      ...(options.accessLog && { accessLog: options.accessLog }),
      tcpPorts: await openPorts(options, inspect),
      ...(options.peers && { peers: options.peers }),
      zone: options.zone,
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
  const known = await remembered(statusFolder);
  let places = known;
  const remember = (wanted: readonly ServerPlace[]) => {
    places = wanted;
    remembering = remembering
      .then(() => writeAtomically(join(statusFolder, PLACES), JSON.stringify(wanted)))
      .catch((error: unknown) => log.error({ err: error }, 'cannot remember database servers'));
  };
  const introduce = () => writeInstance(statusFolder, { url, pid: process.pid });
  let introduced = false;
  /** What changed; everything when somebody removed `.status`. */
  const toWrite = async (changed: readonly StatusDocument[], all: readonly StatusDocument[]) => {
    if (!introduced || (await readInstance(statusFolder)) !== undefined) return changed;
    await introduce();
    remember(places);
    return all;
  };
  const databases = createDatabaseRail({
    open: ({ id, host, port }) => createDatabaseServer({ id, host, port, log }),
    secretValue: (secret, key) => source.secretValue(secret, key),
    proxy: () => (proxy.known ? proxy.observed : undefined),
    onRound: (id, result, milliseconds) => {
      const { problem, statements } = result;
      const ended = problem === undefined ? 'success' : 'error';
      const changes = { statement: statements };
      metrics.round({ rail: 'database', result: ended, seconds: milliseconds / 1000, changes });
      if (problem === undefined && repeats.over(id)) log.info({ server: id }, 'database is as it should be again');
      if (problem === undefined)
        log.info({ server: id, statements, ms: tenths(milliseconds) }, 'database looked after');
      else if (repeats.isNews(id, problem.message))
        log.warn({ server: id, reason: problem.reason, why: problem.message }, 'database not as it should be');
      controller.wake();
    },
    onError: (id, error) => log.error({ server: id, err: error }, 'database round failed'),
    remembered: known,
    remember,
  });
  const resolver = createNameResolver({ onChange: () => controller.wake() });
  const tellStatuses = createStatusLog(log, ({ kind, key }) => source.statusOf(kind, key));
  const controller = startController({
    source: {
      ...source,
      async writeStatus(changed, all, also) {
        tellStatuses(changed, also.errors);
        await source.writeStatus(await toWrite(changed, all), all, also);
      },
    },
    resolver,
    ports: createPortWatch(inspect),
    proxy,
    databases,
    now,
    onRead: (resources, milliseconds) => {
      isOver('source');
      const { pools, rules, grants, unnamed } = resources;
      const counts = { pools: pools.size, rules: rules.size, grants: grants.size, errors: unnamed.length };
      log[firstRead ? 'info' : 'debug']({ ...counts, ms: tenths(milliseconds) }, 'folder read');
      firstRead = false;
    },
    onRound: (work, result, milliseconds) => {
      if (work === 'make' && result === 'error') metrics.round({ rail: 'proxy', result, seconds: milliseconds / 1000 });
      if (result === 'success') isOver(work);
      if (programmed || !proxy.observed.programmed) return;
      programmed = true;
      log.info({ afterStartMs: tenths(performance.now()) }, 'programmed');
    },
    onError: (error, what) => {
      const why = wordsOf(error);
      if (repeats.isNews(what, why)) log.error(isOurs(error) ? { err: error } : { why }, FAILED[what]);
    },
  });

  surroundings.onController(controller);
  await introduce().catch((error: unknown) =>
    log.warn({ why: wordsOf(error) }, 'cannot tell others where we answer: they have to name it with --url'),
  );
  introduced = true;
  log.info({ folder, status: url }, 'webpool runs');
  options.onStarted?.(url);
  options.onAsked?.(() => {
    log.info('asked to look at everything again');
    source.lookAgain();
  });

  const code = options.once ? await onceReady(controller, options, url) : await untilAborted(signal);
  await controller.stop();
  resolver.close();
  await source.close();
  await remembering;
  await removeInstance(statusFolder).catch((error: unknown) => log.warn({ why: wordsOf(error) }, 'cannot sign off'));
  if (!options.once && !options.leaveProxy) {
    log.info({ grace: options.grace }, 'letting connections end; accounts stay as they are');
    await proxy.stop(options.grace);
  }
  log.info('webpool ended');
  return code;
}

const PLACES = '.databases.json';

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

function urlOf({ host, port }: RunOptions['http']): string {
  return `http://${socketAddress(host, port)}`;
}

/** What another program holds has a frontend of its own once it is free. */
async function openPorts(
  { tcpPorts = [], log }: RunOptions,
  inspect: ReturnType<typeof createPortInspector>,
): Promise<readonly number[]> {
  const taken = tcpPorts.length === 0 ? undefined : await inspect(new Set(tcpPorts));
  for (const [port, holder] of taken ?? [])
    log.warn({ port, holder }, 'a port of --tcp-ports is held by another program');
  return tcpPorts.filter((port) => taken?.has(port) !== true);
}

/** What was damaged counts as absent: the servers of today's grants are known without it. */
async function remembered(statusFolder: string): Promise<readonly ServerPlace[]> {
  const places = await readJson(join(statusFolder, PLACES));
  return Array.isArray(places) ? places.filter(isPlace) : [];
}

function isPlace(value: unknown): value is ServerPlace {
  const { id, host, port, adminSecret, tls } = (value ?? {}) as Partial<ServerPlace>;
  return [id, host, adminSecret, tls?.mode].every((text) => typeof text === 'string') && typeof port === 'number';
}

function figures(snapshot: Snapshot | undefined): ReturnType<typeof figuresOf> {
  if (snapshot === undefined) return { programmed: false, endpoints: [], accounts: [], findings: [], certificates: [] };
  return figuresOf(snapshot);
}

function statusOf(snapshot: Snapshot | undefined, info: InstanceInfo): object {
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
