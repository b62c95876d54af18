/** The YAML files below a folder: a look reads what changed since the last one, and only once its writer has finished. */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** What a look at the folder found. */
export interface Look {
  /** Path relative to the folder → text. A file that could not be read keeps the text of the last look. */
  readonly files: ReadonlyMap<string, string>;
  /** Path of a file or folder → why it could not be read. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** Every folder, absolute, the root first → a word for what lies there: another one may take its place. */
  readonly folders: ReadonlyMap<string, string>;
  /** Something is being written at the moment: look again soon. */
  readonly unfinished: boolean;
  /** What is being written and was never read before. */
  readonly unknown: ReadonlySet<string>;
}

/** Looks at a folder again and again. Errors: rejects when the folder itself cannot be listed. */
export interface FolderFiles {
  /** `paths` (absolute) limits the look to files that are known to have changed. */
  look(paths?: ReadonlySet<string>): Promise<Look>;
}

interface Entry {
  readonly signature: string;
  readonly text?: string;
  readonly problem?: string;
}

const YAML = /\.(?:ya?ml|json)$/;
/** Instructions for kustomize, not objects. */
const NOT_OURS = /(?:^|\/)kustomization\.ya?ml$/;
const LARGEST_FILE = 64 * 1024 * 1024;
const DEEPEST = 32;
const PARALLEL = 32;
/** Nanoseconds for which a file must not have been written in place before it is read. */
const SETTLE = 15_000_000n;
/** The same for one that lost more than half of its size: most writers empty a file first. */
const SETTLE_SHRUNK = 500_000_000n;

/** Learns of each folder, and of a word for what lies there, before it is listed: who watches it then misses nothing. */
type OnFolder = (folder: string, id: string) => void;

/** The files below `root`, of which none was read yet. */
export function createFolderFiles(root: string, onFolder: OnFolder = () => {}): FolderFiles {
  const entries = new Map<string, Entry>();
  let tree: Tree = { folders: new Map(), files: [], unreadable: new Map() };
  let unfinished = new Set<string>();

  const refresh = async (path: string) => {
    const before = entries.get(path);
    try {
      const found = await stat(path, { bigint: true });
      const signature = signatureOf(found);
      if (before?.signature === signature) return;
      if (!found.isFile()) entries.delete(path);
      else if (isBeingWritten(found, before)) unfinished.add(path);
      else entries.set(path, { signature, ...(await read(path, found)) });
    } catch (error) {
      const { message } = error as Error;
      if (isGone(error) && !(await isThere(path))) entries.delete(path);
      else entries.set(path, { signature: '', problem: message, ...(before?.text && { text: before.text }) });
    }
  };
  /** A writer that began while we read leaves the old text in force. */
  const read = async (path: string, found: BigIntStats): Promise<Pick<Entry, 'text' | 'problem'>> => {
    if (found.size > LARGEST_FILE) return { problem: 'is larger than 64 MiB' };
    const text = await readFile(path, 'utf8');
    const after = await stat(path, { bigint: true });
    if (signatureOf(after) === signatureOf(found)) return { text };
    unfinished.add(path);
    const before = entries.get(path)?.text;
    return before === undefined ? {} : { text: before };
  };

  return {
    async look(paths) {
      unfinished = new Set();
      if (paths === undefined) {
        tree = await walk(root, onFolder);
        const there = new Set(tree.files);
        for (const path of entries.keys())
          if (!there.has(path) && !isBelow(path, tree.unreadable)) entries.delete(path);
      }
      await inParallel(paths === undefined ? tree.files : [...paths].filter(isYaml), refresh);
      const unknown = [...unfinished].filter((path) => entries.get(path)?.text === undefined);
      return {
        ...textsOf(root, entries, tree),
        folders: tree.folders,
        unfinished: unfinished.size > 0,
        unknown: new Set(unknown.map((path) => relative(root, path))),
      };
    },
  };
}

function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/**
 * Nobody tells when a writer has finished. A file that was moved here after its last write is complete: renaming sets
 * ctime alone. Any other has to be left in peace for a moment.
 */
function isBeingWritten({ mtimeNs, ctimeNs, size }: BigIntStats, before: Entry | undefined): boolean {
  const shrunk = size * 2n < BigInt(before?.text?.length ?? 0);
  const age = BigInt(Date.now()) * 1_000_000n - mtimeNs;
  return ctimeNs <= mtimeNs && age >= 0n && age < (shrunk ? SETTLE_SHRUNK : SETTLE);
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
    const { dev, ino } = await stat(folder, { bigint: true });
    if (seen.has(`${dev}:${ino}`)) return;
    if (depth > DEEPEST) throw new Error(`lies more than ${DEEPEST} folders deep`);
    seen.add(`${dev}:${ino}`);
    tree.folders.set(folder, `${dev}:${ino}`);
    onFolder(folder, `${dev}:${ino}`);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      const enters = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path)));
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
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Whether there is something, be it a link that leads to nothing. */
async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function isBelow(path: string, folders: ReadonlyMap<string, string>): boolean {
  return [...folders.keys()].some((folder) => path.startsWith(`${folder}${sep}`));
}

type Texts = Pick<Look, 'files' | 'unreadable'>;

function textsOf(root: string, entries: ReadonlyMap<string, Entry>, tree: Tree): Texts {
  const files = new Map<string, string>();
  const unreadable = new Map([...tree.unreadable].map(([folder, reason]) => [relative(root, folder), reason]));
  for (const path of [...entries.keys()].sort()) {
    const { text, problem } = entries.get(path) ?? {};
    const name = relative(root, path);
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
