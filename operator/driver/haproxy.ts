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
  secretCommands,
  SHOW_LISTS,
  SHOW_PEERS,
  SHOW_ROUTES,
  SHOW_SECRETS,
  SHOW_TABLES,
  showList,
} from '../haproxy/commands.ts';
import { ADMIN_SOCKET, STATE_FILE } from '../haproxy/config.ts';
import type { Key } from '../api/resources.ts';
import { keepValues } from '../api/stable.ts';
import { isListName } from '../haproxy/certificates.ts';
import { CONFIG_FILE, imageFiles, skeletonIn, type Running } from '../haproxy/image.ts';
import { isSecretFile } from '../haproxy/names.ts';
import {
  parseCertificateList,
  parseConnections,
  parseInfo,
  parseLearnt,
  parseMap,
  parseRemembered,
  parseSecretFiles,
  parseServersState,
  sameServersState,
  type WorkerInfo,
} from '../haproxy/parse.ts';
import type { ProxyConfig, ProxyState, SecretFile, ServerState } from '../haproxy/proxy.ts';
import { createStateText } from '../haproxy/state-text.ts';
import { createFolderWriter, readIfThere, writeAtomically } from './files.ts';
import { createHaproxyProcess, ProxyStartError, type HaproxyProcessOptions } from './haproxy-process.ts';
import type { Loadable, ProxyDriver, RefusedChange, ReloadResult, RuntimeChange } from './proxy-driver.ts';
import { createRuntimeSocket, runCommands } from './runtime-socket.ts';
import { secretFileText } from './secret-file.ts';

/**
 * Changes that are sent together. One batch at a time: each `add server` stops HAProxy's other threads, and those that had commands of their
 * own to carry out would wait for one another half of the time.
 */
const BATCH = 100;
/** Of more backends, and of more than this part of them, all are read at once: each command costs HAProxy a turn, and each row costs us. */
const MOST_ASKED = 100;
const MOST_OF_ALL = 1 / 3;
const CANDIDATE = 'candidate';
/** A format and no servers: HAProxy warns of an empty file. */
const NO_STATE = '1\n';

type Servers = ReadonlyMap<string, ServerState>;
type Limits = ReadonlyMap<string, number>;

/** What is known of one worker. */
interface Memory {
  /** Backend → what was read last, and the answer that said so: whoever hears it again has nothing to read. */
  readonly readings: Map<string, { readonly servers: Servers; readonly answer: string }>;
  /** What HAProxy does not tell, as it was last set. Backend → server → connections at a time. */
  readonly limits: Map<string, Map<string, number>>;
  /** File of a Secret → version. */
  readonly versions: Map<string, string>;
}

/** A version of a Secret that was refused, and the one before it; empty when there was none. */
interface Refusal {
  readonly version: string;
  readonly inForce: string;
}

export interface HaproxyDriverOptions extends HaproxyProcessOptions {
  /** The text of one key of a Secret; undefined when it is not there. */
  readonly secretText: (secret: Key, key: string) => string | undefined;
}

/** Drives the HAProxy whose files and sockets are in `folder`. */
export function createHaproxyDriver(options: HaproxyDriverOptions): ProxyDriver {
  const { folder } = options;
  const process = createHaproxyProcess(options);
  const socketPath = join(folder, ADMIN_SOCKET);
  const socket = createRuntimeSocket(socketPath);
  const writeFiles = createFolderWriter(folder, isSecretFile);
  const textOf = (file: SecretFile) => secretFileText(file, options.secretText);
  const memories = createMemories();
  const lastState = createStateText();
  let lastLists: ProxyState['certificateLists'] = new Map();

  const run = async (commands: readonly string[]) => {
    try {
      return await socket.run(commands);
    } catch (error) {
      process.lost();
      throw error;
    }
  };

  /** Answers of the worker that serves. */
  const ask = async (commands: readonly string[]): Promise<{ worker: WorkerInfo; answers: readonly string[] }> => {
    for (let isSecond = false; ; isSecond = true) {
      const [info = '', ...answers] = await run(['show info', ...commands]);
      const worker = parseInfo(info);
      if (!worker.stopping) return { worker, answers };
      // Somebody else reloaded it, or it ends and may not be kept from it.
      socket.renew();
      if (isSecond) return { worker, answers };
    }
  };

  const readAll = (memory: Memory, answer: string) => {
    memory.readings.clear();
    for (const [name, own] of lastState.all(answer))
      memory.readings.set(name, { servers: withLimits(serversIn(name, own), memory.limits.get(name)), answer: own });
    return new Map([...memory.readings].map(([name, { servers }]) => [name, servers]));
  };

  const readOne = (memory: Memory, name: string, answer: string): Servers => {
    const known = memory.readings.get(name);
    // Of two answers that say the same the earlier one stays: the new one would be garbage that has grown old, 1.5 MB each time all were looked at.
    if (known !== undefined && sameServersState(known.answer, answer)) return known.servers;
    lastState.some(name, answer);
    const servers = keepValues(known?.servers, withLimits(serversIn(name, answer), memory.limits.get(name)));
    memory.readings.set(name, { servers, answer });
    return servers;
  };

  const servers = async (asked?: readonly string[]) => {
    const most = Math.max(MOST_ASKED, memories.last().readings.size * MOST_OF_ALL);
    const backends = asked !== undefined && asked.length > most ? undefined : asked;
    const names = backends?.map((name) => `show servers state ${name}`) ?? ['show servers state'];
    const { worker, answers } = await ask(names);
    const memory = memories.of(worker);
    const found =
      backends === undefined
        ? readAll(memory, answers[0] ?? '')
        : new Map(backends.map((name, index) => [name, readOne(memory, name, answers[index] ?? '')]));
    return { ...worker, backends: found };
  };

  const routing = async () => {
    const { worker, answers: found } = await ask([SHOW_ROUTES, SHOW_LISTS, ...SHOW_SECRETS]);
    const [map = '', lists = '', ...files] = found;
    const { versions } = memories.of(worker);
    const names = lists.split('\n').filter(isListName);
    const answers = await run(names.map(showList));
    const there = files.flatMap(parseSecretFiles).filter(isSecretFile);
    lastLists = new Map(names.map((name, index) => [name, parseCertificateList(answers[index] ?? '')]));
    return {
      epoch: worker.epoch,
      routes: parseMap(map),
      secretFiles: new Map(there.map((name) => [name, versions.get(name) ?? ''])),
      certificateLists: lastLists,
    };
  };

  /** Files of Secrets that HAProxy refused: on disk stays what it has. */
  const refusals = new Map<string, Refusal>();
  /** Texts of files that HAProxy took and that are not on disk yet. */
  const taken = new Map<string, string>();
  const isRefused = (name: string, { version }: SecretFile) => refusals.get(name)?.version === version;

  const secretsOf = async (config: ProxyConfig) => {
    const texts = new Map<string, string>();
    for (const [name, file] of config.secretFiles) {
      const text = isRefused(name, file) ? (taken.get(name) ?? (await readIfThere(join(folder, name)))) : textOf(file);
      texts.set(name, text ?? '');
    }
    return texts;
  };

  const writeImage = async (
    config: ProxyConfig,
    running: Running,
    more: readonly (readonly [string, string])[] = [],
  ) => {
    const texts = await secretsOf(config);
    await writeFiles(new Map([...imageFiles(config, running), ...texts, ...more]));
    for (const [name, text] of taken) if (texts.get(name) === text) taken.delete(name);
  };

  /** The image of servers and routes, and the state that lets a new worker go on where the old one is. */
  const prepareImage = (config: ProxyConfig, running: Running) =>
    writeImage(config, running, [[STATE_FILE, lastState.text() || NO_STATE]]);

  /** What a HAProxy starts from must not change while it does. */
  const alone = createTurns();

  /** What a worker holds that begins from the files of a configuration. */
  const heldBy = (config: ProxyConfig): Memory => {
    const limits = [...config.backends.values()].map(({ name, servers }) => {
      const own = [...servers.values()].map((server) => [server.name, server.maxConnections] as const);
      return [name, new Map(own)] as const;
    });
    const versions = [...config.secretFiles].flatMap(([name, file]): [string, string][] =>
      isRefused(name, file) ? [[name, refusals.get(name)?.inForce ?? '']] : [[name, file.version]],
    );
    return { ...nothingKnown(), limits: new Map(limits), versions: new Map(versions) };
  };

  /** A copy of all files is tried first: what is refused never gets where HAProxy starts from. Undefined when it is good. */
  const checkOf = async ({ config, state }: Loadable): Promise<Refused | undefined> => {
    const candidate = join(folder, CANDIDATE);
    const clear = () => rm(candidate, { recursive: true, force: true });
    await clear();
    const files = [...imageFiles(config, state), ...(await secretsOf(config))];
    const unwritten = await attempt(async () => {
      for (const [name, content] of files) await writeAtomically(join(candidate, name), content);
    });
    const words = unwritten === undefined ? await process.check(candidate) : '';
    await clear();
    return unwritten ?? (words === '' ? undefined : { done: false, reason: 'ConfigRejected', words, mayPass: false });
  };

  const reload = async (newest: () => Loadable): Promise<Refused | undefined> => {
    // The rows of servers whose state the new worker goes on from.
    await servers();
    const { config, state } = newest();
    const unwritten = await attempt(() => prepareImage(config, state));
    if (unwritten !== undefined) return unwritten;
    memories.expect(config.checksum, heldBy(config));
    socket.renew();
    const words = await process.reload();
    return words === undefined ? undefined : { done: false, reason: 'ConfigRejected', words, mayPass: true };
  };

  return {
    async ensure(config) {
      const image = { isNew: true };
      const ensured = await process.ensure(() =>
        alone(async () => {
          const text = lastState.text();
          const backends = text === '' ? new Map() : parseServersState(text.trimEnd());
          const unwritten = await attempt(() => prepareImage(config, { backends, certificateLists: lastLists }));
          image.isNew = unwritten === undefined;
          if (image.isNew) memories.expect(config.checksum, heldBy(config));
          // Where there is no room the image of before serves better than nobody.
          if (unwritten !== undefined && (await skeletonOnDisk(folder)) === '')
            throw new ProxyStartError(unwritten.words);
          // One that somebody else starts may have made its own by now.
          if (options.attached !== true) await rm(socketPath, { force: true });
        }),
      );
      if (ensured === 'running') return { how: ensured };
      if (ensured === 'took-over' || !image.isNew) return { how: 'took-over', skeleton: await skeletonOnDisk(folder) };
      memories.born((await ask([])).worker);
      return { how: ensured, skeleton: config.skeleton };
    },
    async read() {
      const { pid, epoch, checksum, version, backends } = await servers();
      return { ...(await routing()), pid, epoch, checksum, version, backends };
    },
    readRouting: routing,
    readServers: servers,
    async connections(backends) {
      const answers = await run(backends.map((name) => `show servers conn ${name}`));
      return new Map(answers.flatMap((answer) => [...parseConnections(answer)]));
    },
    async apply(changes) {
      const refused: RefusedChange[] = [];
      const applying = { run, memory: memories.last(), refusals, taken, textOf };
      for (const batch of batches(changes)) refused.push(...(await applyBatch(batch, applying)));
      return refused;
    },
    async wouldForget() {
      const [tables = '', peers = ''] = await run([SHOW_TABLES, SHOW_PEERS]);
      return parseRemembered(tables) > 0 && !parseLearnt(peers);
    },
    async reload(newest) {
      const refusal = (await checkOf(newest())) ?? (await alone(() => reload(newest)));
      if (refusal !== undefined) return refusal;
      memories.born(await waitForWorker(socketPath, newest().config.checksum));
      // The line that is held leads to the old one.
      socket.renew();
      return { done: true };
    },
    writeImage: (config, running) => alone(() => writeImage(config, running)),
    stop(graceMs) {
      socket.renew();
      return process.stop(graceMs);
    },
  };
}

/** Runs works one after the other, in the order in which they were given. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

type Refused = Extract<ReloadResult, { done: false }>;

/** What went wrong when files could not be written, as on a full disk: no fault of what they say. */
async function attempt(write: () => Promise<void>): Promise<Refused | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const words = `The files from which HAProxy reloads cannot be written (${why}); the last good ones stay.`;
    return { done: false, reason: 'FilesNotWritten', words, mayPass: true };
  }
}

async function skeletonOnDisk(folder: string): Promise<string> {
  return skeletonIn((await readIfThere(join(folder, CONFIG_FILE))) ?? '');
}

const NO_SERVERS: Servers = new Map();
const NO_LIMITS: Limits = new Map();

function nothingKnown(): Memory {
  return { readings: new Map(), limits: new Map(), versions: new Map() };
}

/** The servers of one backend, of which an answer tells. */
function serversIn(backend: string, answer: string): Servers {
  return parseServersState(answer).get(backend) ?? NO_SERVERS;
}

function withLimits(states: Servers, known = NO_LIMITS): Servers {
  const found = new Map<string, ServerState>();
  for (const [name, state] of states) {
    const maxConnections = known.get(name);
    found.set(name, maxConnections === undefined ? state : { ...state, maxConnections });
  }
  return found;
}

/** The new worker takes over the runtime socket a moment after the master calls it a worker. */
async function waitForWorker(socket: string, checksum: string): Promise<WorkerInfo> {
  for (let attempt = 0; ; attempt++) {
    const worker = await runCommands(socket, ['show info']).then(
      ([info = '']) => parseInfo(info),
      () => undefined,
    );
    if (worker?.checksum === checksum) return worker;
    if (attempt === 500) throw new Error('the new HAProxy worker does not answer on its socket');
    await delay(10);
  }
}

type Worker = Pick<WorkerInfo, 'epoch' | 'checksum'>;

/** What is known of the last workers, for while one takes over from another either may answer. */
interface Memories {
  /** The one of a worker, which is spoken to now. */
  of(worker: Worker): Memory;
  /** The one of the worker that was spoken to last. */
  last(): Memory;
  /** A worker with this checksum begins from files of which `held` is known. */
  expect(checksum: string, held: Memory): void;
  /** The expected one is there. */
  born(worker: Worker): void;
}

/** Workers that are remembered: one that ends, and the one after it. */
const MOST_WORKERS = 2;

function createMemories(): Memories {
  const known = new Map<string, Memory>();
  let last = nothingKnown();
  let expected: { readonly checksum: string; readonly held: Memory } | undefined;
  const of = ({ epoch, checksum }: Worker) => {
    const found = known.get(epoch);
    last = found ?? (expected?.checksum === checksum ? expected.held : nothingKnown());
    if (found !== undefined) return last;
    known.set(epoch, last);
    for (const old of [...known.keys()].slice(0, -MOST_WORKERS)) known.delete(old);
    return last;
  };
  return {
    of,
    last: () => last,
    expect(checksum, held) {
      expected = { checksum, held };
    },
    born(worker) {
      of(worker);
      expected = undefined;
    },
  };
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

interface Applying {
  readonly run: Run;
  readonly memory: Memory;
  readonly refusals: Map<string, Refusal>;
  readonly taken: Map<string, string>;
  readonly textOf: (file: SecretFile) => string | undefined;
}

async function applyBatch(batch: Batch, applying: Applying): Promise<readonly RefusedChange[]> {
  const { run, memory, textOf } = applying;
  if ('kind' in batch) {
    const words = await replaceRoutes(batch.routes, run);
    return words === '' ? [] : [{ change: batch, words }];
  }
  const texts = batch.map((change) => (change.kind === 'set-secret' ? (textOf(change.file) ?? '') : ''));
  const commands = batch.map((change, i) =>
    change.kind === 'set-secret' ? secretCommands(change, texts[i] ?? '') : runtimeCommands(change),
  );
  const answers = await run(commands.flat());
  const refused: RefusedChange[] = [];
  let at = 0;
  for (const [i, change] of batch.entries()) {
    const count = commands[i]?.length ?? 0;
    const words = answers.slice(at, at + count).find((answer) => !isDone(answer));
    at += count;
    if (change.kind === 'set-secret') noteSecret(change, words === undefined ? texts[i] : undefined, applying);
    if (words !== undefined) refused.push({ change, words: words.trim() });
    else remember(change, memory);
  }
  return refused;
}

type SecretChange = Extract<RuntimeChange, { kind: 'set-secret' }>;

/** `text`: what HAProxy took; undefined when it did not. */
function noteSecret(
  { name, file }: SecretChange,
  text: string | undefined,
  { memory, refusals, taken }: Applying,
): void {
  if (text === undefined) {
    refusals.set(name, { version: file.version, inForce: memory.versions.get(name) ?? '' });
    return;
  }
  refusals.delete(name);
  taken.set(name, text);
}

function remember(change: RuntimeChange, { limits, readings, versions }: Memory): void {
  // The next answer does not show a limit, so it has to be read even if it is the same.
  const noteLimit = (backend: string, server: string, connections: number) => {
    const own = limits.get(backend) ?? new Map<string, number>();
    limits.set(backend, own.set(server, connections));
    readings.delete(backend);
  };
  if (change.kind === 'add-server') noteLimit(change.backend.name, change.server.name, change.server.maxConnections);
  else if (change.kind === 'set-max-connections') noteLimit(change.backend, change.server, change.maxConnections);
  else if (change.kind === 'delete-server') limits.get(change.backend)?.delete(change.server);
  else if (change.kind === 'set-secret') versions.set(change.name, change.file.version);
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
