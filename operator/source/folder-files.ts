/** The YAML files below a folder: a look reads what changed since the last one, and only once its writer has finished. */
import { lstatSync, readFileSync, statSync, type BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { withValues } from '../api/patched-map.ts';
import type { News } from './folder-watch.ts';

/** What a look at the folder found. */
export interface Look {
  /** Path relative to the folder → text. A file that could not be read keeps the text of the last look. */
  readonly files: ReadonlyMap<string, string>;
  /** Path of a file or folder → why it could not be read. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** Every folder, absolute, the root first → a word for what lies there: another one may take its place. */
  readonly folders: ReadonlyMap<string, string>;
  /** The folder itself is not there: look again after a while. */
  readonly lost: boolean;
  /** Something is being written at the moment: look again soon. */
  readonly unfinished: boolean;
  /** A file is not there any more, and nobody can say yet whether that is meant: look again after a while. */
  readonly missing: boolean;
  /** What is missing, or is being written and was never read before. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Looks at a folder again and again. A folder that goes away, or gives way to an empty one, leaves what it held: it may be a mount that
 * was lost, or on its way back. Errors: rejects when the folder cannot be listed and never could.
 */
export interface FolderFiles {
  /**
   * `told` (by absolute path) limits the look to files of which something was heard; `isToldAgain` says whether more was heard by the
   * time that they are read, for then somebody is writing.
   */
  look(told?: ReadonlyMap<string, News>, isToldAgain?: (path: string) => boolean): Promise<Look>;
  /** Whether something else lies at the name of the folder than at the last look: a link that leads elsewhere now tells nobody. */
  isElsewhere(): Promise<boolean>;
}

interface Entry {
  readonly signature: string;
  readonly text?: string;
  readonly problem?: string;
  /** The file is not there, since then (milliseconds); whether that is meant will show. */
  readonly missingSince?: number;
}

/** A file that is being written, and when its last write was (nanoseconds). */
interface Unfinished {
  readonly writtenAt: bigint;
}

const YAML = /\.(?:ya?ml|json)$/;
/** Instructions for kustomize, not objects. */
const NOT_OURS = /(?:^|\/)kustomization\.ya?ml$/;
const LARGEST_FILE = 64 * 1024 * 1024;
const DEEPEST = 32;
const PARALLEL = 32;
/** Milliseconds for which a file must not have been written in place before it is read. */
const SETTLE = 15n;
/**
 * The same for one that lost more than half of its size, for most writers empty a file first, and for one whose writer was seen at it for
 * longer than `SETTLE`: it comes piece by piece, as over a slow network.
 */
const SETTLE_LONG = 500n;
/** In a millisecond. */
const NANOSECONDS = 1_000_000n;
/** Milliseconds that a file has to be gone: Git, for one, removes files before it writes those to which their objects have moved. */
const GONE = 500;
/** Why a folder that came in the place of the one we knew is not believed. */
const EMPTIED = 'an empty folder has taken its place: what it held stays in force until something is written there';

/** Learns of each folder, and of a word for what lies there, before it is listed: who watches it then misses nothing. */
type OnFolder = (folder: string, id: string) => void;

/** The files below `root`, of which none was read yet. */
export function createFolderFiles(root: string, onFolder: OnFolder = () => {}): FolderFiles {
  const entries = new Map<string, Entry>();
  let tree: Tree = { folders: new Map(), files: [], unreadable: new Map() };
  let texts: Texts = { files: new Map(), unreadable: new Map() };
  let unfinished = new Set<string>();
  let missing = new Set<string>();
  /** File that is being written → when that was first seen, as the time of its last write (nanoseconds). */
  const begun = new Map<string, bigint>();
  /** What lay at `root` when it was last read; undefined = it never was. */
  let rootId: string | undefined;
  let gone = new Set<string>();

  // Files are read at once: by threads it would take ten times as long, and a look finds few that changed.
  const refresh = (path: string, news?: News) => {
    const reading = readAgain(path, entries.get(path), { news, begunAt: begun.get(path) });
    if (reading !== 'Gone' && 'writtenAt' in reading) {
      unfinished.add(path);
      begun.set(path, begun.get(path) ?? reading.writtenAt);
      return;
    }
    begun.delete(path);
    if (reading === 'Gone') gone.add(path);
    else entries.set(path, reading);
  };

  const lookAtAll = async () => {
    const found = await walk(root, onFolder);
    const id = found.folders.get(root);
    if (rootId !== undefined && id !== rootId && found.files.length === 0 && entries.size > 0) {
      tree = { ...found, files: tree.files };
      throw new Error(EMPTIED);
    }
    if (id !== rootId) for (const path of missing) miss(path, performance.now());
    [tree, rootId] = [found, id];
    const there = new Set(tree.files);
    for (const path of entries.keys()) if (!there.has(path) && !isBelow(path, tree.unreadable)) gone.add(path);
    await inParallel(tree.files, async (path) => {
      const known = entries.get(path);
      // Thousands that did not change must not hold up everything else.
      const found = known && (await stat(path, { bigint: true }).catch(() => undefined));
      if (found === undefined || signatureOf(found) !== known?.signature) refresh(path);
    });
    forgetGone();
    return textsOf(root, entries, tree);
  };

  const miss = (path: string, missingSince: number) => {
    const { text } = entries.get(path) ?? {};
    if (text === undefined) entries.delete(path);
    else entries.set(path, { signature: '', text, missingSince });
  };

  /** Files are deleted only from a folder that is still there. */
  const forgetGone = () => {
    if (gone.size === 0) return;
    if (idOf(statSync(root, { bigint: true })) !== rootId) throw new Error('another folder has taken its place');
    const now = performance.now();
    for (const path of gone) {
      const { missingSince = now } = entries.get(path) ?? {};
      if (now - missingSince < GONE) miss(path, missingSince);
      else entries.delete(path);
    }
  };

  /** Somebody was writing while we read: what was known stays in force. */
  const takeBack = (path: string, before: Entry | undefined) => {
    unfinished.add(path);
    gone.delete(path);
    if (before === undefined) entries.delete(path);
    else entries.set(path, before);
  };

  /** What `textsOf` would give, at the cost of the files that changed. */
  const lookAt = async (told: ReadonlyMap<string, News>, isToldAgain: (path: string) => boolean): Promise<Texts> => {
    const paths = [...new Set([...told.keys(), ...missing])].filter(isYaml);
    const before = paths.map((path) => entries.get(path));
    for (const path of paths) refresh(path, told.get(path));
    await setImmediate();
    for (const [index, path] of paths.entries()) if (isToldAgain(path)) takeBack(path, before[index]);
    forgetGone();
    const now = paths.map((path) => entries.get(path));
    if (![...before, ...now].every(isPlain)) return textsOf(root, entries, tree);
    const changed = paths.flatMap((path, index): [string, string][] => {
      const text = now[index]?.text;
      return text === undefined || text === before[index]?.text ? [] : [[relative(root, path), text]];
    });
    return { ...texts, files: withValues(texts.files, changed) };
  };

  return {
    async look(told, isToldAgain = () => false) {
      [unfinished, gone] = [new Set(), new Set()];
      try {
        const all = told === undefined || tree.unreadable.has(root);
        texts = all ? await lookAtAll() : await lookAt(told, isToldAgain);
      } catch (error) {
        if (rootId === undefined) throw error;
        tree = { ...tree, unreadable: new Map([[root, (error as Error).message]]) };
        texts = textsOf(root, entries, tree);
      }
      missing = new Set([...missing, ...gone].filter((path) => entries.get(path)?.missingSince !== undefined));
      const unknown = [...unfinished].filter((path) => entries.get(path)?.text === undefined);
      return {
        ...texts,
        folders: tree.folders,
        lost: tree.unreadable.has(root),
        unfinished: unfinished.size > 0,
        missing: missing.size > 0,
        unknown: new Set([...unknown, ...missing].map((path) => relative(root, path))),
      };
    },
    async isElsewhere() {
      if (rootId === undefined || tree.unreadable.has(root)) return false;
      const found = await stat(root, { bigint: true }).catch(() => undefined);
      return found === undefined || idOf(found) !== rootId;
    },
  };
}

interface Heard {
  readonly news: News | undefined;
  readonly begunAt: bigint | undefined;
}

/** The file as it is now; while it is unfinished, what was known stays in force. */
function readAgain(path: string, before: Entry | undefined, { news, begunAt }: Heard): Entry | Unfinished | 'Gone' {
  try {
    const found = statSync(path, { bigint: true });
    const signature = signatureOf(found);
    if (before?.signature === signature) return before;
    if (!found.isFile()) return 'Gone';
    const settle = settleOf(found, before, begunAt);
    if (!wasMovedHere(found, before, news) && isBeingWritten(found, settle)) return { writtenAt: found.mtimeNs };
    return readWhole(path, found);
  } catch (error) {
    const { message } = error as Error;
    if (isGone(error) && !isThere(path)) return 'Gone';
    return { signature: '', problem: message, ...(before?.text && { text: before.text }) };
  }
}

function readWhole(path: string, found: BigIntStats): Entry | Unfinished {
  const signature = signatureOf(found);
  if (found.size > LARGEST_FILE) return { signature, problem: 'is larger than 64 MiB' };
  const text = readFileSync(path, 'utf8');
  const after = statSync(path, { bigint: true });
  return signatureOf(after) === signature ? { signature, text } : { writtenAt: after.mtimeNs };
}

/** Its text is in force, and there is nothing to say about it. */
function isPlain(entry: Entry | undefined): boolean {
  return entry?.text !== undefined && entry.problem === undefined && entry.missingSince === undefined;
}

function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** What lies at a path, as opposed to what lay there before. */
function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** Another file has the name now, and nothing was heard of a write under that name: it was complete when it came. */
function wasMovedHere({ dev, ino, size }: BigIntStats, before: Entry | undefined, news: News | undefined): boolean {
  return news === 'Named' && size > 0n && before?.signature.startsWith(`${dev}:${ino}:`) !== true;
}

/** Milliseconds for which the file must not have been written. */
function settleOf({ size, mtimeNs }: BigIntStats, before: Entry | undefined, begunAt = mtimeNs): bigint {
  const shrunk = size * 2n < BigInt(before?.text?.length ?? 0);
  return shrunk || mtimeNs - begunAt > SETTLE * NANOSECONDS ? SETTLE_LONG : SETTLE;
}

/**
 * Nobody tells when a writer has finished. A file that was moved here after its last write is complete: renaming sets
 * ctime alone. Any other has to be left in peace for a moment.
 */
function isBeingWritten({ mtimeNs, ctimeNs }: BigIntStats, settle: bigint): boolean {
  // Both without fractions: the clock has none, so what was written just now would seem to come from the future.
  const age = BigInt(Date.now()) - mtimeNs / NANOSECONDS;
  return ctimeNs <= mtimeNs && age >= 0n && age < settle;
}

/** Whether the name is that of a file we read. */
export function isYaml(path: string): boolean {
  return YAML.test(path) && !NOT_OURS.test(path);
}

interface Tree {
  readonly folders: Map<string, string>;
  readonly files: string[];
  /** Folder → why it could not be listed. */
  readonly unreadable: Map<string, string>;
}

/** Everything below the folder whose name does not begin with a dot. Links are followed, in circles only once. */
async function walk(root: string, onFolder: OnFolder): Promise<Tree> {
  const tree: Tree = { folders: new Map(), files: [], unreadable: new Map() };
  const seen = new Set<string>();
  const enter = async (folder: string, depth: number): Promise<void> => {
    const id = idOf(await stat(folder, { bigint: true }));
    if (seen.has(id)) return;
    if (depth > DEEPEST) throw new Error(`lies more than ${DEEPEST} folders deep`);
    seen.add(id);
    tree.folders.set(folder, id);
    onFolder(folder, id);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      const enters = entry.isDirectory() || (entry.isSymbolicLink() && isFolder(path));
      if (enters) await enter(path, depth + 1).catch((error: unknown) => note(path, error));
      else if (isYaml(path)) tree.files.push(path);
    }
  };
  const note = (folder: string, error: unknown) => {
    if (!isGone(error)) tree.unreadable.set(folder, (error as Error).message);
  };
  await enter(root, 0);
  return tree;
}

/** Whether a folder is there, also through a link. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Whether there is something, be it a link that leads to nothing. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function isBelow(path: string, folders: ReadonlyMap<string, string>): boolean {
  return [...folders.keys()].some((folder) => path.startsWith(`${folder}${sep}`));
}

type Texts = Pick<Look, 'files' | 'unreadable'>;

function textsOf(root: string, entries: ReadonlyMap<string, Entry>, tree: Tree): Texts {
  const files = new Map<string, string>();
  const unreadable = new Map([...tree.unreadable].map(([folder, reason]) => [relative(root, folder) || '.', reason]));
  for (const path of [...entries.keys()].sort()) {
    const { text, problem, missingSince } = entries.get(path) ?? {};
    const name = relative(root, path);
    if (missingSince !== undefined) continue;
    if (text !== undefined) files.set(name, text);
    if (problem !== undefined) unreadable.set(name, problem);
  }
  return { files, unreadable };
}

/** Calls `work` for each item, a few at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
