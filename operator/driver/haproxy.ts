/**
 * The HAProxy on this host: files, reload, runtime socket. In: ProxyConfig and changes. Out: ProxyState as read back.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  commitRoutes,
  fillRoutes,
  isDone,
  PREPARE_ROUTES,
  preparedVersion,
  runtimeCommands,
  SHOW_ROUTES,
} from '../haproxy/commands.ts';
import { ADMIN_SOCKET, STATE_FILE } from '../haproxy/config.ts';
import { CONFIG_FILE, imageFiles } from '../haproxy/image.ts';
import { parseConnections, parseInfo, parseMap, parseServersState } from '../haproxy/parse.ts';
import type { ProxyConfig, ProxyState, ServerState } from '../haproxy/proxy.ts';
import { createStateText } from '../haproxy/state-text.ts';
import { createFolderWriter, readIfThere, writeAtomically } from './files.ts';
import { createHaproxyProcess, type HaproxyProcessOptions } from './haproxy-process.ts';
import type { ProxyDriver, RefusedChange, RuntimeChange } from './proxy-driver.ts';
import { runCommands } from './runtime-socket.ts';

/** Commands in flight on one connection: each `add server` stops HAProxy's threads for a moment. */
const BATCH = 30;
const CANDIDATE = 'candidate';

type Limits = Map<string, number>;

/** Drives the HAProxy whose files and sockets are in `folder`. */
export function createHaproxyDriver(options: HaproxyProcessOptions): ProxyDriver {
  const { folder } = options;
  const process = createHaproxyProcess(options);
  const socket = join(folder, ADMIN_SOCKET);
  const writeImage = createFolderWriter(folder);
  const limits: { epoch: string; known: Limits } = { epoch: '', known: new Map() };
  const lastState = createStateText();

  const run = (commands: readonly string[]) => runCommands(socket, commands);

  const servers = async (backends?: readonly string[]) => {
    const names = backends?.map((name) => `show servers state ${name}`) ?? ['show servers state'];
    const [info = '', ...answers] = await run(['show info', ...names]);
    const worker = parseInfo(info);
    if (worker.epoch !== limits.epoch) Object.assign(limits, { epoch: worker.epoch, known: new Map() });
    if (backends === undefined) lastState.all(answers[0] ?? '');
    else for (const [index, name] of backends.entries()) lastState.some(name, answers[index] ?? '');
    const found = new Map<string, ReadonlyMap<string, ServerState>>();
    for (const answer of answers) {
      for (const [name, states] of parseServersState(answer)) found.set(name, withLimits(name, states, limits.known));
    }
    return { worker, backends: found };
  };

  const routes = async () => {
    const [info = '', map = ''] = await run(['show info', SHOW_ROUTES]);
    return { epoch: parseInfo(info).epoch, routes: parseMap(map) };
  };

  /** The image of servers and routes, and the state that lets a new worker go on where the old one is. */
  const prepareImage = async (config: ProxyConfig, running: ProxyState['backends']) => {
    await writeImage(imageFiles(config, running));
    await writeAtomically(join(folder, STATE_FILE), lastState.text());
  };

  /** From a file, limits are what the file says. */
  const learnLimits = (config: ProxyConfig, epoch: string) => {
    const all = [...config.backends.values()].flatMap(({ name, servers }) =>
      [...servers.values()].map((server): [string, number] => [`${name}/${server.name}`, server.maxConnections]),
    );
    Object.assign(limits, { epoch, known: new Map(all) });
  };

  return {
    async ensure(config) {
      const ensured = await process.ensure(async () => {
        const text = lastState.text();
        await prepareImage(config, text === '' ? new Map() : parseServersState(text.trimEnd()));
        await rm(socket, { force: true });
      });
      if (ensured === 'running') return { how: ensured };
      if (ensured === 'took-over') return { how: ensured, skeleton: await skeletonOnDisk(folder) };
      learnLimits(config, (await servers()).worker.epoch);
      return { how: ensured, skeleton: config.skeleton };
    },
    async read() {
      const reading = await servers();
      const { pid, epoch, checksum, version } = reading.worker;
      return { pid, epoch, checksum, version, backends: reading.backends, routes: (await routes()).routes };
    },
    readRoutes: routes,
    async readServers(backends) {
      const reading = await servers(backends);
      return { epoch: reading.worker.epoch, backends: reading.backends };
    },
    async connections(backends) {
      const answers = await run(backends.map((name) => `show servers conn ${name}`));
      return new Map(answers.flatMap((answer) => [...parseConnections(answer)]));
    },
    async apply(changes) {
      const refused: RefusedChange[] = [];
      for (const batch of batches(changes)) refused.push(...(await applyBatch(batch, run, limits.known)));
      return refused;
    },
    async reload(config, state) {
      const candidate = join(folder, CANDIDATE);
      await rm(candidate, { recursive: true, force: true });
      const files = imageFiles(config, state.backends);
      for (const [name, content] of files) await writeAtomically(join(candidate, name), content);
      const words = await process.check(candidate);
      await rm(candidate, { recursive: true, force: true });
      if (words !== '') return { done: false, words, mayPass: false };
      await servers();
      await prepareImage(config, state.backends);
      const trouble = await process.reload();
      if (trouble !== undefined) return { done: false, words: trouble, mayPass: true };
      const { worker } = await waitForWorker(servers, config.checksum);
      learnLimits(config, worker.epoch);
      return { done: true };
    },
    writeImage: (config, state) => writeImage(imageFiles(config, state.backends)),
    stop: (graceMs) => process.stop(graceMs),
  };
}

/** The last configuration without its server lines. */
async function skeletonOnDisk(folder: string): Promise<string> {
  const text = (await readIfThere(join(folder, CONFIG_FILE))) ?? '';
  return text.replaceAll(/^ {2}server \S+_\S+ .*\n/gm, '');
}

function withLimits(backend: string, states: ReadonlyMap<string, ServerState>, known: Limits) {
  const found = new Map<string, ServerState>();
  for (const [name, state] of states) {
    const maxConnections = known.get(`${backend}/${name}`);
    found.set(name, maxConnections === undefined ? state : { ...state, maxConnections });
  }
  return found;
}

/** The new worker binds the runtime socket a moment after the master calls it a worker. */
async function waitForWorker<T extends { readonly worker: { readonly checksum: string } }>(
  read: () => Promise<T>,
  checksum: string,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const reading = await read().catch(() => undefined);
    if (reading?.worker.checksum === checksum) return reading;
    if (attempt === 500) throw new Error('the new HAProxy worker does not answer on its socket');
    await delay(10);
  }
}

type Batch =
  readonly Exclude<RuntimeChange, { kind: 'replace-routes' }>[] | Extract<RuntimeChange, { kind: 'replace-routes' }>;

/** The changes in their order, cut so that no connection carries too many commands. */
function batches(changes: readonly RuntimeChange[]): readonly Batch[] {
  const found: Batch[] = [];
  let batch: Exclude<RuntimeChange, { kind: 'replace-routes' }>[] = [];
  const close = () => {
    if (batch.length > 0) found.push(batch);
    batch = [];
  };
  for (const change of changes) {
    if (change.kind === 'replace-routes') {
      close();
      found.push(change);
    } else {
      batch.push(change);
      if (batch.length === BATCH) close();
    }
  }
  close();
  return found;
}

type Run = (commands: readonly string[]) => Promise<readonly string[]>;

async function applyBatch(batch: Batch, run: Run, known: Limits): Promise<readonly RefusedChange[]> {
  if ('kind' in batch) {
    const words = await replaceRoutes(batch.routes, run);
    return words === '' ? [] : [{ change: batch, words }];
  }
  const commands = batch.map((change) => runtimeCommands(change));
  const answers = await run(commands.flat());
  const refused: RefusedChange[] = [];
  let at = 0;
  for (const [i, change] of batch.entries()) {
    const count = commands[i]?.length ?? 0;
    const words = answers.slice(at, at + count).find((answer) => !isDone(answer));
    at += count;
    if (words !== undefined) refused.push({ change, words: words.trim() });
    else if (change.kind === 'add-server')
      known.set(`${change.backend.name}/${change.server.name}`, change.server.maxConnections);
    else if (change.kind === 'set-max-connections')
      known.set(`${change.backend}/${change.server}`, change.maxConnections);
  }
  return refused;
}

/** Empty when it worked, else HAProxy's words. The new routes are in force all at once or not at all. */
async function replaceRoutes(routes: ReadonlyMap<string, string>, run: Run): Promise<string> {
  const [answer = ''] = await run([PREPARE_ROUTES]);
  const version = preparedVersion(answer);
  if (version === undefined) return answer.trim() || 'HAProxy gave no version of the routing map';
  const words = (await run(fillRoutes(routes, version))).find((text) => text.trim() !== '');
  if (words !== undefined) return words.trim();
  return (await run([commitRoutes(version)]))[0]?.trim() ?? '';
}
